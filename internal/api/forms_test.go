package api_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// loanFields are fields of every kind that is checked, in two columns.
const loanFields = `{"1":[
 {"id":"name","name":"Name","type":"text","required":true,"minLength":2,"maxLength":5,"regexPattern":"[A-Z].*"},
 {"id":"amount","name":"Amount","type":"integer","minValue":"10","maxValue":"20000"},
 {"id":"price","name":"Price","type":"amount","enableFractions":true},
 {"id":"born","name":"Born","type":"date","minValue":"1-1-1900","maxValue":"2020-12-31"},
 {"id":"agreed","name":"Agreed","type":"boolean"},
 {"id":"country","name":"Country","type":"dropdown","options":[{"id":"de","name":"Germany"},{"id":"fr","name":"France"}]}],
"2":[
 {"id":"colour","name":"Colour","type":"radio-buttons","options":[{"id":"option_1","name":"Red"},{"id":"option_2","name":"Blue"}]},
 {"id":"why","name":"Why","type":"text","required":true,"visibilityCondition":{"leftFormFieldId":"amount","operator":">","rightValue":1000}},
 {"id":"who","name":"Who","type":"people"},{"id":"team","name":"Team","type":"functional-group"},
 {"id":"papers","name":"Papers","type":"upload","params":{"multiple":true}},
 {"id":"city","name":"City","type":"typeahead","optionType":"rest","restUrl":"SERVICE/cities?of=${country}","restResponsePath":"data.list","restIdProperty":"code","restLabelProperty":"label"},
 {"id":"rows","name":"Rows","type":"dynamic-table","columnDefinitions":[{"id":"item","name":"Item","type":"String","required":true},{"id":"kind","name":"Kind","type":"Dropdown","optionType":"rest","restUrl":"SERVICE/kinds"}]},
 {"id":"shown","name":"Shown","type":"readonly","params":{"field":{"id":"country","name":"Country","type":"dropdown"}}},
 {"id":"hello","name":"Hello","type":"readonly-text","value":"Dear ${name}, ${nobody}"}]}`

const loanForm = `{"name":"Loan","description":"d","editorJson":{"tabs":[],"outcomes":[{"id":null,"name":"Approve"},{"id":null,"name":"Reject"}],"variables":[{"name":"limit","type":"integer","value":5}],
 "fields":[{"fieldType":"ContainerRepresentation","id":"c1","type":"container","name":"Label","numberOfColumns":2,"fields":` + loanFields + `}]}}`

const loanProcess = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="t"><process id="loan" name="Loan process" isExecutable="true">
 <startEvent id="s" activiti:formKey="5"/><sequenceFlow id="a" sourceRef="s" targetRef="check"/><userTask id="check" name="Check" activiti:assignee="$INITIATOR" activiti:formKey="5"/>
 <sequenceFlow id="b" sourceRef="check" targetRef="e"/><endEvent id="e"/></process></definitions>`

// bank is a world with the loan deployed, whose fields ask a service.
type bank struct {
	world
	definition string
	asked      *[]string // what the service was asked
}

// archive makes a zip of names and texts.
func archive(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		f, err := z.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write([]byte(files[i+1]))
	}
	_ = z.Close()
	return b.String()
}

func newBank(t *testing.T, options ...sluicetest.Option) bank {
	t.Helper()
	asked := []string{}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		switch r.URL.Path {
		case "/cities":
			_, _ = w.Write([]byte(`{"data":{"list":[{"code":1,"label":"Berlin"},{"code":"hh","label":"Hamburg"}]}}`))
		case "/kinds":
			_, _ = w.Write([]byte(`["small","large"]`))
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(service.Close)
	w := setup(t, append([]sluicetest.Option{sluicetest.User("fozzie@example.com", "x"), sluicetest.Config(func(c *sluice.Config) {
		c.RestCall.Allow, c.RestCall.Private = []string{service.URL}, []string{"127.0.0.0/8"}
		c.Process.MaxContent = 64 << 10
	})}, options...)...)
	expect(t, "deploy", w.sendFile(t, w.admin, "repository/deployments", "loan.zip", archive(t, "form-models/Loan-5.json", strings.ReplaceAll(loanForm, "SERVICE", service.URL),
		"bpmn-models/loan-4.bpmn20.xml", loanProcess)), 201, nil)
	def := first(t, w.own(t, w.user, "GET", "repository/process-definitions?key=loan&latest=true", nil))
	return bank{w, fmt.Sprint(def["id"]), &asked}
}

// begin starts an instance with variables, and returns its id and its task's.
func (b bank) begin(t *testing.T, variables ...map[string]any) (instance, task string) {
	t.Helper()
	a := b.own(t, b.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "loan", "variables": variables})
	expect(t, "start", a, 201, nil)
	return a.Text("id"), fmt.Sprint(first(t, b.own(t, b.user, "GET", "runtime/tasks?processInstanceId="+a.Text("id"), nil))["id"])
}

// fieldsOf are the fields of a form that was answered, by id.
func fieldsOf(t *testing.T, form map[string]any) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, container := range form["fields"].([]any) {
		for _, column := range container.(map[string]any)["fields"].(map[string]any) {
			for _, f := range column.([]any) {
				field := f.(map[string]any)
				all[fmt.Sprint(field["id"])] = field
			}
		}
	}
	return all
}

func shape(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

func TestTaskForm(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	group := b.make(t, b.admin, "admin/groups", map[string]any{"name": "Clerks", "type": 1})
	_, task := b.begin(t, map[string]any{"name": "name", "value": "Rowlf"}, map[string]any{"name": "country", "value": "de"}, map[string]any{"name": "country_LABEL", "value": "Germany"},
		map[string]any{"name": "who", "value": "1002"}, map[string]any{"name": "born", "type": "date", "value": "1999-12-31T00:00:00Z"}, map[string]any{"name": "team", "value": group})
	a := b.Call(t, b.user, "GET", "task-forms/"+task, nil)
	expect(t, "the form", a, 200, map[string]any{"name": "Loan", "taskId": task, "taskName": "Check", "taskDefinitionKey": "check", "processDefinitionId": b.definition,
		"processDefinitionKey": "loan", "processDefinitionName": "Loan process", "selectedOutcome": nil, "globalDateFormat": "D-M-YYYY", "tabs": "[]", "gridsterForm": false, "javascriptEvents": "[]"})
	if id, ok := a.JSON["id"].(float64); !ok || id < 1 || len(a.JSON["outcomes"].([]any)) != 2 || shape(a.JSON["variables"]) != `[{"name":"limit","type":"integer","value":5}]` {
		t.Errorf("%s", a.Body)
	}
	fields := fieldsOf(t, a.JSON)
	for id, want := range map[string]string{"name": `"Rowlf"`, "country": `"de"`, "shown": `"Germany"`, "hello": `"Dear Rowlf, ${nobody}"`, "born": `"1999-12-31T00:00:00.000Z"`, "amount": `null`,
		"team": `{"externalId":null,"groups":[],"id":` + group + `,"name":"Clerks","status":"active"}`} {
		if got := shape(fields[id]["value"]); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	if who, _ := fields["who"]["value"].(map[string]any); who["id"] != 1002.0 || who["email"] != "fozzie@example.com" {
		t.Errorf("who: %v", fields["who"]["value"])
	}
	if fields["name"]["maxLength"] != 5.0 || fields["name"]["required"] != true {
		t.Errorf("%v", fields["name"])
	}
	// What is saved is shown, and only that.
	empty(t, "save", b.Call(t, b.user, "POST", "task-forms/"+task+"/save-form", map[string]any{"values": map[string]any{"name": "lower", "country": map[string]any{"id": "fr", "name": "France"}, "rows": []any{map[string]any{"item": "x"}}}, "unknown": 1}))
	fields = fieldsOf(t, b.Call(t, b.user, "GET", "task-forms/"+task, nil).JSON)
	if fields["name"]["value"] != "lower" || fields["country"]["value"] != "fr" || fields["shown"]["value"] != "France" || shape(fields["rows"]["value"]) != `[{"item":"x"}]` {
		t.Errorf("saved: %v %v %v", fields["name"], fields["country"], fields["shown"])
	}
	// The variables are those of the process.
	v := b.Call(t, b.user, "GET", "task-forms/"+task+"/variables", nil)
	var variables []map[string]any
	if err := json.Unmarshal([]byte(v.Body), &variables); err != nil || v.Status != 200 {
		t.Fatal(v.Status, v.Body)
	}
	if i := slices.IndexFunc(variables, func(m map[string]any) bool { return m["id"] == "born" }); i < 0 || variables[i]["type"] != "date" || variables[i]["value"] != "1999-12-31T00:00:00.000+0000" {
		t.Errorf("%v", variables)
	}
	if i := slices.IndexFunc(variables, func(m map[string]any) bool { return m["id"] == "name" }); i < 0 || variables[i]["value"] != "Rowlf" || variables[i]["type"] != "string" {
		t.Errorf("%v", variables)
	}
	fozzie := b.Token(t, "app", "secret", url.Values{"grant_type": {"password"}, "username": {"fozzie@example.com"}, "password": {"x"}})
	for _, op := range []string{"GET task-forms/" + task, "POST task-forms/" + task, "POST task-forms/" + task + "/save-form", "GET task-forms/" + task + "/variables", "GET task-forms/" + task + "/form-values/city",
		"PUT tasks/" + task + "/action/attach-form", "DELETE tasks/" + task + "/action/remove-form", "GET task-submitted-form/" + task} {
		method, path, _ := strings.Cut(op, " ")
		body := any(nil)
		if method != "GET" && method != "DELETE" {
			body = map[string]any{"values": map[string]any{}, "formId": 1}
		}
		refused(t, op, b.Call(t, fozzie, method, path, body), 403, "GENERAL.ERROR.FORBIDDEN")
		refused(t, op, b.Call(t, b.user, method, strings.Replace(path, task, "none", 1), body), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	for name, body := range map[string]any{"a list": []int{}, "values of a wrong type": map[string]any{"values": 5}, "an outcome of a wrong type": map[string]any{"outcome": 5}} {
		refused(t, name, b.Call(t, b.user, "POST", "task-forms/"+task, body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "too large", b.Call(t, b.user, "POST", "task-forms/"+task, map[string]any{"values": map[string]any{"name": strings.Repeat("x", 5<<20)}}), 413, "GENERAL.ERROR.UPLOAD-LIMIT-EXCEEDED")
}

// Every rule refuses what breaks it and takes what keeps it.
func TestFormRules(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	for rule, test := range map[string]struct {
		bad, good map[string]any
		want      string
	}{
		"required":            {map[string]any{"name": nil}, nil, "Name (name) is required"},
		"required and empty":  {map[string]any{"name": ""}, nil, "Name (name) is required"},
		"text":                {map[string]any{"name": []any{}}, map[string]any{"name": "Ab"}, "Name (name) is required"},
		"least length":        {map[string]any{"name": "A"}, map[string]any{"name": "AB"}, "must have at least 2 characters"},
		"most length":         {map[string]any{"name": "ABCDEF"}, map[string]any{"name": "ABCDE"}, "must have at most 5 characters"},
		"pattern":             {map[string]any{"name": "abc"}, map[string]any{"name": "Abc"}, "has not the form that is asked for"},
		"number":              {map[string]any{"amount": "many"}, map[string]any{"amount": "12"}, "Amount (amount) must be a number"},
		"whole number":        {map[string]any{"amount": 12.5}, map[string]any{"amount": 12}, "must be a whole number"},
		"least":               {map[string]any{"amount": 9}, map[string]any{"amount": 10}, "must be at least 10"},
		"most":                {map[string]any{"amount": 20001, "why": "x"}, map[string]any{"amount": 20000, "why": "x"}, "must be at most 20000"},
		"decimals":            {map[string]any{"price": 1.234}, map[string]any{"price": 1.23}, "must have at most 2 decimals"},
		"boolean":             {map[string]any{"agreed": "perhaps"}, map[string]any{"agreed": true}, "must be true or false"},
		"date":                {map[string]any{"born": "soon"}, map[string]any{"born": "2000-02-29"}, "must be a date"},
		"earliest":            {map[string]any{"born": "1899-12-31"}, map[string]any{"born": "1900-01-01"}, "must not be before 1-1-1900"},
		"latest":              {map[string]any{"born": "2021-01-01T00:00:00.000Z"}, map[string]any{"born": "31-12-2020"}, "must not be after 2020-12-31"},
		"option":              {map[string]any{"country": map[string]any{"id": "xx", "name": "Nowhere"}}, map[string]any{"country": map[string]any{"id": "fr", "name": "France"}}, "must be one of the choices"},
		"radio":               {map[string]any{"colour": "Green"}, map[string]any{"colour": "option_2"}, "must be one of the choices"},
		"one choice":          {map[string]any{"country": []any{"de", "fr"}}, map[string]any{"country": "de"}, "takes one choice only"},
		"visible then needed": {map[string]any{"amount": 1001}, map[string]any{"amount": 1001, "why": "because"}, "Why (why) is required"},
		"not visible":         {map[string]any{"name": ""}, map[string]any{"amount": 1000}, "Name (name) is required"},
		"people":              {map[string]any{"who": []any{true}}, map[string]any{"who": map[string]any{"id": 1001}}, "must name a user or a group"},
		"table":               {map[string]any{"rows": []any{map[string]any{"item": ""}}}, map[string]any{"rows": []any{map[string]any{"item": "x"}}}, "row 1, Item: is required"},
		"contents":            {map[string]any{"papers": "x"}, map[string]any{"papers": nil}, "must name uploaded contents"},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			_, task := b.begin(t)
			submit := func(values map[string]any, outcome string) sluicetest.Answer {
				all := map[string]any{"name": "Abc"}
				for name, v := range values {
					all[name] = v
				}
				return b.Call(t, b.user, "POST", "task-forms/"+task, map[string]any{"values": all, "outcome": outcome})
			}
			a := submit(test.bad, "Approve")
			refused(t, "bad", a, 400, "GENERAL.ERROR.BAD-REQUEST")
			if !strings.Contains(a.Text("message"), test.want) {
				t.Errorf("%s, want %s", a.Text("message"), test.want)
			}
			// Which field it is stands there for programs too.
			fields, _ := object(a.JSON, "customData")["fields"].([]any)
			if len(fields) != 1 || fields[0].(map[string]any)["id"] == nil || fields[0].(map[string]any)["name"] == nil || !strings.Contains(a.Text("message"), fmt.Sprint(fields[0].(map[string]any)["message"])) {
				t.Errorf("%s", a.Body)
			}
			refused(t, "an outcome that is none", submit(test.good, "Perhaps"), 400, "GENERAL.ERROR.BAD-REQUEST")
			empty(t, "good", submit(test.good, "Approve"))
			refused(t, "twice", submit(test.good, "Approve"), 404, "GENERAL.ERROR.NOT-FOUND")
		})
	}
}

func TestCompletedForm(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	instance, task := b.begin(t)
	// What the form only shows is shown when it has been completed too.
	if a := b.Call(t, b.user, "PUT", "process-instances/"+instance+"/variables", []any{map[string]any{"name": "nobody", "value": "Sir", "type": "string"}}); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	// A number stays as it was written, and what is not of the form is left out.
	empty(t, "complete", b.Call(t, b.user, "POST", "task-forms/"+task, map[string]any{"outcome": "Reject", "values": map[string]any{"name": "Abc", "amount": 500, "price": 1.5, "why": "hidden", "evil": "x", "shown": "x"}}))
	a := b.Call(t, b.user, "GET", "task-forms/"+task, nil)
	fields := fieldsOf(t, a.JSON)
	if a.Text("selectedOutcome") != "Reject" || fields["name"]["value"] != "Abc" || fields["amount"]["value"] != 500.0 || fields["why"]["value"] != nil || fields["hello"]["value"] != "Dear Abc, Sir" {
		t.Errorf("%s", a.Body)
	}
	values := map[string]any{}
	for _, v := range b.own(t, b.user, "GET", "history/historic-variable-instances?processInstanceId="+instance+"&size=100", nil).JSON["data"].([]any) {
		one, _ := v.(map[string]any)["variable"].(map[string]any)
		values[fmt.Sprint(one["name"])] = one["value"]
	}
	if values["amount"] != 500.0 || values["price"] != 1.5 || values["form5outcome"] != "Reject" || values["evil"] != nil || values["why"] != nil {
		t.Errorf("%v", values)
	}
	if v := b.Call(t, b.user, "GET", "task-forms/"+task+"/variables", nil); v.Status != 200 || !strings.Contains(v.Body, `{"id":"amount","type":"long","value":500}`) {
		t.Errorf("%d %s", v.Status, v.Body)
	}
	for _, path := range []string{"tasks/" + task + "/audit", "process-instances/" + instance + "/audit-log"} {
		if v := b.Call(t, b.user, "GET", path, nil); v.Status != 200 || !strings.Contains(v.Body, `{"fieldId":"amount","fieldName":"Amount","value":"500"}`) || !strings.Contains(v.Body, `"selectedOutcome":"Reject"`) {
			t.Errorf("%s: %d %s", path, v.Status, v.Body)
		}
	}
	number := fmt.Sprint(a.JSON["id"])
	s := b.Call(t, b.user, "GET", "task-submitted-form/"+task, nil)
	expect(t, "of the task", s, 200, map[string]any{"name": "Loan", "formId": number, "taskId": task, "processId": instance})
	by, _ := s.JSON["submittedBy"].(map[string]any)
	form, _ := s.JSON["form"].(map[string]any)
	if by["id"] != 1001.0 || !apsDate.MatchString(s.Text("submitted")) || form["selectedOutcome"] != "Reject" || fieldsOf(t, form)["name"]["value"] != "Abc" {
		t.Errorf("%s", s.Body)
	}
	expect(t, "that one", b.Call(t, b.user, "GET", "submitted-forms/"+fmt.Sprint(s.JSON["id"]), nil), 200, map[string]any{"taskId": task})
	for path, want := range map[string]float64{"process-submitted-forms/" + instance: 1, "form-submitted-forms/" + number: 1, "form-submitted-forms/" + number + "?submittedBy=1001&size=5": 1, "form-submitted-forms/" + number + "?submittedBy=1002": 0} {
		if a := b.Call(t, b.user, "GET", path, nil); a.JSON["total"] != want || a.JSON["size"] != want || a.JSON["start"] != 0.0 {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	fozzie := b.Token(t, "app", "secret", url.Values{"grant_type": {"password"}, "username": {"fozzie@example.com"}, "password": {"x"}})
	refused(t, "a stranger", b.Call(t, fozzie, "GET", "submitted-forms/"+fmt.Sprint(s.JSON["id"]), nil), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "a stranger to the instance", b.Call(t, fozzie, "GET", "process-submitted-forms/"+instance, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	if a := b.Call(t, fozzie, "GET", "form-submitted-forms/"+number, nil); a.JSON["total"] != 0.0 {
		t.Errorf("a stranger's list: %s", a.Body)
	}
	if a := b.Call(t, b.admin, "GET", "form-submitted-forms/"+number, nil); a.JSON["total"] != 1.0 {
		t.Errorf("an administrator's list: %s", a.Body)
	}
	for _, path := range []string{"submitted-forms/999999", "form-submitted-forms/999999", "process-submitted-forms/none"} {
		refused(t, path, b.Call(t, b.user, "GET", path, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	refused(t, "no number", b.Call(t, b.user, "GET", "submitted-forms/x", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
}

func TestStartForms(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	definition := "process-definitions/" + url.PathEscape(b.definition)
	a := b.Call(t, b.user, "GET", definition+"/start-form", nil)
	expect(t, "start form", a, 200, map[string]any{"name": "Loan", "processDefinitionId": b.definition, "processDefinitionKey": "loan", "taskId": nil})
	instance, _ := b.begin(t, map[string]any{"name": "name", "value": "Rowlf"})
	if fields := fieldsOf(t, b.Call(t, b.user, "GET", "process-instances/"+instance+"/start-form", nil).JSON); fields["name"]["value"] != "Rowlf" {
		t.Errorf("%v", fields["name"])
	}
	refused(t, "no definition", b.Call(t, b.user, "GET", "process-definitions/none/start-form", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "no instance", b.Call(t, b.user, "GET", "process-instances/none/start-form", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	fozzie := b.Token(t, "app", "secret", url.Values{"grant_type": {"password"}, "username": {"fozzie@example.com"}, "password": {"x"}})
	refused(t, "a stranger", b.Call(t, fozzie, "GET", "process-instances/"+instance+"/start-form", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	// The choices of its fields.
	if a := b.Call(t, b.user, "GET", definition+"/start-form-values/city", nil); a.Status != 200 || strings.TrimSpace(a.Body) != `[{"id":"1","name":"Berlin"},{"id":"hh","name":"Hamburg"}]` {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := b.Call(t, b.user, "GET", definition+"/start-form-values/rows/kind", nil); a.Status != 200 || strings.TrimSpace(a.Body) != `[{"id":"small","name":"small"},{"id":"large","name":"large"}]` {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	// One without a form has none.
	expect(t, "deploy", b.sendFile(t, b.admin, "repository/deployments", "review.bpmn20.xml", review), 201, nil)
	def := first(t, b.own(t, b.user, "GET", "repository/process-definitions?key=review&latest=true", nil))
	refused(t, "no form", b.Call(t, b.user, "GET", "process-definitions/"+url.PathEscape(fmt.Sprint(def["id"]))+"/start-form", nil), 404, "GENERAL.ERROR.NOT-FOUND")
}

func TestFieldsThatAsk(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	_, task := b.begin(t, map[string]any{"name": "country", "value": "d e&x=1/../"})
	if a := b.Call(t, b.user, "GET", "task-forms/"+task+"/form-values/city", nil); a.Status != 200 || strings.TrimSpace(a.Body) != `[{"id":"1","name":"Berlin"},{"id":"hh","name":"Hamburg"}]` {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := b.Call(t, b.user, "GET", "task-forms/"+task+"/form-values/rows/kind", nil); a.Status != 200 || !strings.Contains(a.Body, `"large"`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	// A value cannot lead elsewhere.
	if got := strings.Join(*b.asked, " "); got != "/cities?of=d+e%26x%3D1%2F..%2F /kinds" {
		t.Errorf("asked: %s", got)
	}
	for _, path := range []string{"name", "none", "rows/item", "rows/none", "name/x"} {
		refused(t, path, b.Call(t, b.user, "GET", "task-forms/"+task+"/form-values/"+path, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	}
}

// A field asks no service that the operator has not allowed, and tells of one that fails.
func TestFieldsMayNotAskAnybody(t *testing.T) {
	t.Parallel()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(broken.Close)
	for name, test := range map[string]struct {
		address string
		private []string
		status  int
		key     string
	}{
		"not allowed":       {"http://other.example/", nil, 400, "GENERAL.ERROR.BAD-REQUEST"},
		"a file":            {"file:///etc/passwd", nil, 400, "GENERAL.ERROR.BAD-REQUEST"},
		"a private address": {broken.URL, nil, 503, "GENERAL.ERROR.SERVICE-UNAVAILABLE"},
		"one that fails":    {broken.URL, []string{"127.0.0.0/8"}, 503, "GENERAL.ERROR.SERVICE-UNAVAILABLE"},
	} {
		w := setup(t, sluicetest.Config(func(c *sluice.Config) { c.RestCall.Allow, c.RestCall.Private = []string{broken.URL}, test.private }))
		expect(t, "deploy", w.sendFile(t, w.admin, "repository/deployments", "loan.zip", archive(t, "form-models/Loan-5.json", strings.ReplaceAll(loanForm, "SERVICE/kinds", test.address),
			"bpmn-models/loan-4.bpmn20.xml", loanProcess)), 201, nil)
		_, task := bank{world: w}.begin(t)
		refused(t, name, w.Call(t, w.user, "GET", "task-forms/"+task+"/form-values/rows/kind", nil), test.status, test.key)
	}
}

func TestDeployedForms(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	a := b.Call(t, b.user, "GET", "forms?nameLike=loa&sort=name&order=desc&size=5", nil)
	one := first(t, a)
	if a.JSON["total"] != 1.0 || one["name"] != "Loan" || one["modelId"] != 5.0 || one["tenantId"] != 1.0 {
		t.Errorf("%s", a.Body)
	}
	if a := b.Call(t, b.user, "GET", "process-definitions/"+url.PathEscape(b.definition)+"/forms", nil); first(t, a)["id"] != one["id"] {
		t.Errorf("%s", a.Body)
	}
	for _, query := range []string{"?nameLike=none", "?appId=77", "?tenantId=2"} {
		if a := b.Call(t, b.user, "GET", "forms"+query, nil); a.Status != 200 || a.JSON["total"] != 0.0 {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
	refused(t, "a word that is none", b.Call(t, b.user, "GET", "forms?sort=colour", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	number := fmt.Sprint(one["id"])
	if a := b.Call(t, b.user, "GET", "forms/"+number+"/editorJson", nil); fieldsOf(t, a.JSON)["hello"]["value"] != "Dear ${name}, ${nobody}" {
		t.Errorf("%s", a.Body)
	}
	refused(t, "none", b.Call(t, b.user, "GET", "forms/999999/editorJson", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	// Attached to a task and taken away again.
	_, task := b.begin(t)
	empty(t, "remove", b.Call(t, b.user, "DELETE", "tasks/"+task+"/action/remove-form", nil))
	refused(t, "removed", b.Call(t, b.user, "GET", "task-forms/"+task, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	empty(t, "attach", b.Call(t, b.user, "PUT", "tasks/"+task+"/action/attach-form", map[string]any{"formId": number}))
	expect(t, "attached", b.Call(t, b.user, "GET", "task-forms/"+task, nil), 200, map[string]any{"name": "Loan", "id": number})
	refused(t, "none to attach", b.Call(t, b.user, "PUT", "tasks/"+task+"/action/attach-form", map[string]any{"formId": 999999}), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "nothing to attach", b.Call(t, b.user, "PUT", "tasks/"+task+"/action/attach-form", map[string]any{"formId": nil}), 400, "GENERAL.ERROR.BAD-REQUEST")
	// A task without a form takes what is submitted as variables.
	empty(t, "remove", b.Call(t, b.user, "DELETE", "tasks/"+task+"/action/remove-form", nil))
	empty(t, "complete", b.Call(t, b.user, "POST", "task-forms/"+task, map[string]any{"values": map[string]any{"free": 7}}))
}
