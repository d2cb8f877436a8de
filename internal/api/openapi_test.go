package api

import (
	"encoding/json"
	"strings"
	"testing"
)

// The description holds what is built, all of it and nothing else, and each name that
// it uses.
func TestOpenAPIIsWhatIsBuilt(t *testing.T) {
	t.Parallel()
	a := bare()
	text, err := json.Marshal(a.OpenAPI("1", "https://sluice.example"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			Parameters  []struct{ Name, In string }
			Responses   map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	described := 0
	for _, methods := range doc.Paths {
		described += len(methods)
	}
	built := map[string]bool{}
	for _, o := range Surface() {
		if !a.Built(o) {
			continue
		}
		built[o.key()] = true
		one, ok := doc.Paths[o.Path][strings.ToLower(o.Method)]
		if !ok || one.OperationID == "" || one.Responses["200"] == nil || one.Responses["default"] == nil {
			t.Errorf("%s %s: %+v", o.Method, o.Path, one)
		}
		if want := strings.Count(o.Path, "{") + len(o.Query); len(one.Parameters) != want {
			t.Errorf("%s %s: %d parameters, want %d", o.Method, o.Path, len(one.Parameters), want)
		}
	}
	if described != len(built) {
		t.Errorf("%d operations are described, %d are built", described, len(built))
	}
	for _, rest := range strings.Split(string(text), "#/components/schemas/")[1:] {
		name, _, _ := strings.Cut(rest, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("no schema %s", name)
		}
	}
	user, _ := doc.Components.Schemas["User"].(map[string]any)
	members, _ := user["properties"].(map[string]any)
	if members["email"] == nil || members["tenantName"] == nil || members["password"] != nil {
		t.Errorf("a user: %v", members)
	}
}
