package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"sync"
)

// base is the context path of APS, below which everything here stands.
const base = "/activiti-app"

// Operation is an operation of APS's REST API, as js-api 10.0.0 knows it.
type Operation struct {
	Method     string   `json:"method"`
	Path       string   `json:"path"`       // below /activiti-app
	Client     string   `json:"client"`     // js-api's class and function
	Area       string   `json:"area"`       // what it is about
	Ring       int      `json:"ring"`       // 1 is needed most; 0: it is not planned
	Callers    string   `json:"callers"`    // A: a component of ADF 9, a: a service of ADF alone, D: Android's app, I: iOS's
	Documented bool     `json:"documented"` // it stands in APS's published guide
	Summary    string   `json:"summary"`
	Query      []string `json:"query"`   // parameters, as name:type; name!:type must be there
	Numbers    []string `json:"numbers"` // the parameters of the path that are numbers; the others are text
}

//go:embed surface.json
var surfaceText []byte

// Surface returns all operations of APS's API, built or not. Two functions of js-api
// that call the same address are two of them.
var Surface = sync.OnceValue(func() []Operation {
	var list []Operation
	if err := json.Unmarshal(surfaceText, &list); err != nil {
		panic("surface.json: " + err.Error()) // a test reads it
	}
	return list
})

// key names the operation by its address.
func (o *Operation) key() string { return keyOf(o.Method, o.Path) }

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// keyOf is a method and a path without the names of its parameters.
func keyOf(method, path string) string {
	return method + " " + parameter.ReplaceAllString(path, "{}")
}

// Built reports whether the operation is one that this server carries out.
func (a *API) Built(o Operation) bool { return a.routes[o.key()] != nil }

// registerUnbuilt lets the rest of APS's operations say that they are not there, so
// that nobody takes them for a wrong address.
func (a *API) registerUnbuilt() {
	seen := map[string]bool{}
	for _, o := range Surface() {
		if a.Built(o) || seen[o.key()] {
			continue
		}
		seen[o.key()] = true
		a.mux.HandleFunc(o.Method+" "+base+o.Path, func(w http.ResponseWriter, _ *http.Request) {
			WriteError(w, http.StatusNotImplemented, o.unbuilt())
		})
	}
}

// unbuilt says that the operation is APS's and not ours, and how near it is.
func (o *Operation) unbuilt() string {
	when := "it is not planned"
	if o.Ring > 0 {
		when = fmt.Sprintf("it is of ring %d", o.Ring)
	}
	return fmt.Sprintf("Sluice does not have this operation of APS (%s): %s. See docs/aps-compatibility.md.", o.Client, when)
}
