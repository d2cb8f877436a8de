package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The directories of an APS export.
const (
	processes = "bpmn-models"
	forms     = "form-models"
	decisions = "decision-table-models"
	stencils  = "stencils"
)

var known = map[string]bool{
	processes: true, forms: true, decisions: true, stencils: true,
	"data-models": true, "document-templates": true,
}

func hasEnd(name string, ends ...string) bool {
	name = strings.ToLower(name)
	for _, end := range ends {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

func isBPMN(name string) bool { return hasEnd(name, ".bpmn20.xml", ".bpmn") }
func isDMN(name string) bool  { return hasEnd(name, ".dmn", ".dmn.xml") }

// sort puts each file where it belongs.
func (a *App) sort(files []File, p *problems) {
	for _, f := range files {
		dir := path.Dir(f.Name)
		switch {
		case isBPMN(f.Name) || (dir == processes && hasEnd(f.Name, ".xml")):
			a.Processes = append(a.Processes, f)
		case isDMN(f.Name):
			a.Decisions = append(a.Decisions, Decision{File: f, ID: number(f.Name), Name: title(f.Name)})
		case dir == decisions && hasEnd(f.Name, ".json"):
			a.addDecision(f, p)
		case dir == forms && hasEnd(f.Name, ".json"), hasEnd(f.Name, ".form"):
			a.addForm(f, p)
		case dir == stencils && hasEnd(f.Name, ".json"):
			a.Stencils = append(a.Stencils, f)
		default:
			if dir == "." && hasEnd(f.Name, ".json") && a.describe(f, p) {
				a.Own = f.Name
			}
			a.Others = append(a.Others, f)
		}
	}
	a.check(p)
}

// ReadOwn reads an app's own file alone: the answer has no files. Errors: Invalid.
func ReadOwn(f File) (*App, error) {
	a, p := &App{}, &problems{}
	if !a.describe(f, p) {
		p.add(f.Name, "does not describe an app")
	}
	return a, p.err(f.Name)
}

// definition is what an app's own file says of the app.
type definition struct {
	Models *[]Model
	Theme  string
	Icon   string
	Access json.RawMessage `json:"publishIdentityInfo"`
}

// describe reads the app's own file; false when f is none. APS 1.5 writes the definition
// alone, later ones put it into a member.
func (a *App) describe(f File, p *problems) bool {
	var about struct {
		Name        string
		Description string
		Definition  *definition
		definition
	}
	if err := decode(f.Bytes, &about); err != nil {
		p.add(f.Name, "is not JSON that can be read: %v", err)
		return false
	}
	d := about.Definition
	if d == nil {
		d = &about.definition
	}
	if d.Models == nil {
		return false
	}
	if a.Own != "" {
		p.add(f.Name, "describes the app, and %s does so too", a.Own)
		return false
	}
	if a.Name = about.Name; a.Name == "" {
		a.Name = title(f.Name)
	}
	a.Description, a.Models = about.Description, *d.Models
	a.Theme, a.Icon, a.Access = d.Theme, d.Icon, d.Access
	return true
}

func (a *App) addForm(f File, p *problems) {
	var about struct {
		Key, Name, Description string
		ReferenceID            *int64
	}
	if err := decode(f.Bytes, &about); err != nil {
		p.add(f.Name, "is not JSON that can be read: %v", err)
		return
	}
	form := Form{File: f, ID: number(f.Name), Key: about.Key, Name: about.Name, Description: about.Description}
	if about.ReferenceID != nil {
		form.ReferenceID = *about.ReferenceID
	}
	if form.ID != 0 && path.Dir(f.Name) == forms {
		form.Key = strconv.FormatInt(form.ID, 10)
	}
	if form.Name == "" {
		form.Name = title(f.Name)
	}
	if form.Key == "" {
		p.add(f.Name, "has no key: its name must end in a hyphen, the model's number and .json")
		return
	}
	for _, other := range a.Forms {
		if other.Key == form.Key {
			p.add(f.Name, "has the key %s, as %s has", form.Key, other.File.Name)
			return
		}
	}
	a.Forms = append(a.Forms, form)
}

func (a *App) addDecision(f File, p *problems) {
	var about struct {
		Name   string
		Editor *struct{ Key, Name string } `json:"editorJson"`
	}
	if err := decode(f.Bytes, &about); err != nil {
		p.add(f.Name, "is not JSON that can be read: %v", err)
		return
	}
	d := Decision{File: f, ID: number(f.Name), Name: about.Name, JSON: true}
	if about.Editor != nil {
		d.Key = about.Editor.Key
	}
	if d.Key == "" {
		p.add(f.Name, "is no decision table: it has no editorJson with a key")
		return
	}
	if d.Name == "" {
		d.Name = title(f.Name)
	}
	a.Decisions = append(a.Decisions, d)
}

// check looks for what is missing.
func (a *App) check(p *problems) {
	have := map[string]bool{}
	for _, f := range a.Processes {
		have[baseName(f.Name)] = true
	}
	for _, f := range a.Others {
		if path.Dir(f.Name) != processes || !hasEnd(f.Name, ".json") {
			continue
		}
		if base := strings.TrimSuffix(path.Base(f.Name), path.Ext(f.Name)); !have[base] {
			p.add(f.Name, "there is the editor's JSON only; the process itself, %s/%s.bpmn20.xml, is missing. Export the app from APS 1.5 or later, which adds it",
				processes, base)
		}
	}
	if len(p.list) == 0 && len(a.Processes) == 0 && len(a.Decisions) == 0 && len(a.Forms) == 0 {
		p.add("", "there is no process, decision table or form in it")
	}
}

// decode reads JSON, behind a byte order mark too.
func decode(data []byte, v any) error {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return errNotUTF8
	}
	return json.Unmarshal(data, v)
}

var errNotUTF8 = errors.New("it is not in UTF-8")

// number is the model's number at the end of a file's name: 8 in "Visit form-8.json".
func number(name string) int64 {
	base := baseName(strings.TrimSuffix(path.Base(name), ".json"))
	i := strings.LastIndexByte(base, '-')
	if i < 0 {
		return 0
	}
	n, err := strconv.ParseInt(base[i+1:], 10, 64)
	if err != nil || n < 1 || base[i+1] == '+' {
		return 0
	}
	return n
}

// title is a file's name as people read it: without directory, number and kind.
func title(name string) string {
	base := baseName(strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".json"), ".form"))
	if n := number(name); n != 0 {
		base = strings.TrimSuffix(base, "-"+strconv.FormatInt(n, 10))
	}
	return base
}
