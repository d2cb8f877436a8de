package form_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/form"
	"github.com/sluicehq/sluice/internal/juel"
)

func loan(t testing.TB) *form.Form {
	t.Helper()
	data, err := os.ReadFile("testdata/loan.json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := form.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func values(t testing.TB, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

const valid = `"name":"Anna","amount":50,"agreed":true,"country":{"id":"de","name":"Deutschland"}`

func TestParse(t *testing.T) {
	t.Parallel()
	f := loan(t)
	var ids []string
	for _, field := range f.Fields {
		ids = append(ids, field.ID)
	}
	if got := fmt.Sprint(ids); got != "[name notes amount price whole agreed born at country colour city extra reason who team files one rows link shown fixed pulse]" {
		t.Error(got)
	}
	name, extra, reason := f.Field("NAME"), f.Field("extra"), f.Field("reason")
	if f.Name != "Loan" || !name.Required || name.MinLength != 2 || name.MaxLength != 5 || name.Within[0].ID != "c1" {
		t.Errorf("%+v", name)
	}
	if extra.Within[0].Type != form.Group || reason.Tab != "t1" || extra.Tab != "" || f.Field("none") != nil {
		t.Errorf("%+v %+v", extra, reason)
	}
	if c := f.Field("country"); len(c.Options) != 3 || c.Options[1] != (form.Option{ID: "de", Name: "Germany"}) || !c.HasEmpty {
		t.Errorf("%+v", c)
	}
	if s := f.Field("shown"); s.Source != "name" || !f.Field("files").Multiple || f.Field("city").IDs != "id" || len(f.Field("rows").Columns) != 3 {
		t.Errorf("%+v", s)
	}
	if len(f.Outcomes) != 2 || f.Outcomes[1].ID != "r" || f.Variables[0].Value != 5000.0 || len(f.Warnings) != 0 {
		t.Errorf("%+v", f)
	}
}

func TestParseOtherShapes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"Activiti's own": `{"key":"k","name":"N","fields":[{"id":"a","type":"text","options":[]}]}`,
		"an answer":      `{"name":"N","formDefinition":{"fields":[{"id":"a","type":"text"}]}}`,
		"a list":         `{"name":"N","editorJson":{"fields":[{"type":"container","fields":[{"id":"a","type":"text"}]}]}}`,
		"nulls":          "\xef\xbb\xbf" + `{"name":"N","editorJson":{"tabs":null,"outcomes":null,"fields":[{"id":"a","type":"text","minLength":null,"maxLength":"7","minValue":null,"options":null,"params":"x","fields":null,"visibilityCondition":null}]}}`,
	} {
		f, err := form.Parse([]byte(text))
		if err != nil || len(f.Fields) != 1 || f.Fields[0].ID != "a" || f.Name != "N" {
			t.Errorf("%s: %+v %v", name, f, err)
		}
	}
	f, err := form.Parse([]byte(`{"fields":[{"id":"a","type":"text","regexPattern":"(?=x)y"}]}`))
	if err != nil || len(f.Warnings) != 1 || f.Fields[0].Pattern != nil {
		t.Errorf("%+v %v", f, err)
	}
	deep := strings.Repeat(`{"type":"container","fields":[`, 30) + strings.Repeat(`]}`, 30)
	for name, text := range map[string]string{
		"no JSON": "{", "not UTF-8": "\"\xff\"", "large": `"` + strings.Repeat("x", 3<<20) + `"`, "a list": "[]", "no id": `{"fields":[{"type":"text"}]}`,
		"twice": `{"fields":[{"id":"a","type":"text"},{"id":"A","type":"text"}]}`, "deep": `{"fields":[` + deep + `]}`,
		"length": `{"fields":[{"id":"a","type":"text","minLength":-1}]}`, "id": `{"fields":[{"id":{},"type":"text"}]}`,
		"many": `{"fields":[` + strings.TrimSuffix(strings.Repeat(`{"type":"container"},`, 3), ",") + manyFields() + `]}`,
	} {
		if f, err := form.Parse([]byte(text)); !fault.Is(err, fault.Invalid) || f != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func manyFields() string {
	var b strings.Builder
	for i := range 2001 {
		fmt.Fprintf(&b, `,{"id":"f%d","type":"text"}`, i)
	}
	return b.String()
}

// Each value alone, with the variable that comes of it or what is wrong with it.
func TestValues(t *testing.T) {
	t.Parallel()
	f := loan(t)
	day := time.Date(2001, 2, 3, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		field, value string
		want         any // an error's part when it is a problem
	}{
		{"name", `"Anna"`, "Anna"},
		{"name", `"A"`, problem("must have at least 2 characters")},
		{"name", `"Annabel"`, problem("must have at most 5 characters")},
		{"name", `"Ännä"`, problem("has not the form that is asked for")},
		{"name", `""`, problem("is required")},
		{"name", `null`, problem("is required")},
		{"name", `["x"]`, problem("must be a text")},
		{"notes", `"<b>${x}</b>"`, "<b>${x}</b>"},
		{"notes", `5`, "5"},
		{"notes", `""`, nil},
		{"amount", `10`, int64(10)},
		{"amount", `"20000"`, int64(20000)},
		{"amount", `9`, problem("must be at least 10")},
		{"amount", `20001`, problem("must be at most 20000")},
		{"amount", `10.5`, problem("must be a whole number")},
		{"amount", `"1e3"`, problem("must be a number")},
		{"amount", `"ten"`, problem("must be a number")},
		{"amount", `true`, problem("must be a number")},
		{"amount", `"99999999999999999999"`, problem("is too large")},
		{"price", `10.25`, 10.25},
		{"price", `"-3.5"`, -3.5},
		{"price", `10.255`, problem("at most 2 decimals")},
		{"whole", `7`, 7.0},
		{"whole", `7.5`, problem("must be a whole number")},
		{"agreed", `true`, true},
		{"agreed", `"true"`, true},
		{"agreed", `false`, problem("is required")},
		{"agreed", `"false"`, problem("is required")},
		{"agreed", `1`, problem("must be true or false")},
		{"born", `"2001-02-03"`, day},
		{"born", `"2001-02-03T00:00:00.000Z"`, day},
		{"born", `"2001-02-03T13:14:15.000+0000"`, day},
		{"born", `"03.02.2001"`, day},
		{"born", `"3-2-2001"`, day},
		{"born", `"2021-01-01"`, problem("must not be after 2020-12-31")},
		{"born", `"1899-12-31"`, problem("must not be before 1-1-1900")},
		{"born", `"2001-02-30"`, problem("must be a date")},
		{"born", `5`, problem("must be a date")},
		{"at", `"2001-02-03T04:05:06.000Z"`, time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)},
		{"at", `"2001-02-03T04:05:06+02:00"`, time.Date(2001, 2, 3, 2, 5, 6, 0, time.UTC)},
		{"at", `"3-2-2001 04:05 PM"`, time.Date(2001, 2, 3, 16, 5, 0, 0, time.UTC)},
		{"country", `{"id":"fr","name":"x"}`, "fr"},
		{"country", `"fr"`, "fr"},
		{"country", `"France"`, "fr"},
		{"country", `{"id":"xx"}`, problem("must be one of the choices")},
		{"country", `{"id":"empty","name":"Choose"}`, problem("is required")},
		{"country", `{"id":null,"name":null}`, problem("is required")},
		{"country", `["de"]`, problem("takes one choice only")},
		{"colour", `"option_2"`, "option_2"},
		{"colour", `"Green"`, problem("must be one of the choices")},
		{"city", `{"id":"77","name":"Paris"}`, "77"},
		{"who", `{"id":1001,"firstName":"K"}`, "1001"},
		{"who", `"1001"`, "1001"},
		{"who", `{"email":"x"}`, problem("must name a user or a group")},
		{"team", `[{"id":1},{"id":2}]`, "1,2"},
		{"files", `"4,5"`, "4,5"},
		{"files", `[{"id":4},{"id":5}]`, "4,5"},
		{"files", `["../x"]`, problem("must name uploaded contents")},
		{"one", `"4,5"`, problem("takes one file only")},
		{"one", `4`, "4"},
		{"rows", `[{"item":"a","n":1,"d":"2001-02-03"}]`, juel.JSON(`[{"d":"2001-02-03","item":"a","n":1}]`)},
		{"rows", `[{"item":"a"},{"n":"x"}]`, problem("row 2, Item: is required")},
		{"rows", `["x"]`, problem("row 1: must be an object")},
		{"rows", `"x"`, problem("must be a list")},
		{"pulse", `{"beats":[1,2]}`, juel.JSON(`{"beats":[1,2]}`)},
		{"pulse", `72`, int64(72)},
		{"pulse", `7.5`, 7.5},
	} {
		v := values(t, "{"+valid+`,"reason":"r","extra":"e"}`)
		maps.Copy(v, values(t, fmt.Sprintf(`{%q:%s}`, test.field, test.value)))
		sub, problems := f.Check(v, "", nil)
		if want, ok := test.want.(problem); ok {
			if i := slices.IndexFunc(problems, func(p form.Problem) bool { return p.Field == test.field && strings.Contains(p.Message, string(want)) }); i < 0 || sub != nil {
				t.Errorf("%s %s: %v, want %s", test.field, test.value, problems, want)
			}
			continue
		}
		if len(problems) > 0 {
			t.Errorf("%s %s: %v", test.field, test.value, problems)
			continue
		}
		if got := sub.Variables[test.field]; fmt.Sprintf("%T %[1]v", got) != fmt.Sprintf("%T %[1]v", test.want) {
			t.Errorf("%s %s: %T %[3]v, want %T %[4]v", test.field, test.value, got, test.want)
		}
	}
}

type problem string

func TestLabelsAndOutcome(t *testing.T) {
	t.Parallel()
	f := loan(t)
	sub, problems := f.Check(values(t, `{`+valid+`,"fixed":"changed","shown":"x","link":"x","nothing":1,"city":{"id":"7","name":"Nice"}}`), "Approve", nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if sub.Variables["country_LABEL"] != "Germany" || sub.Variables["city_LABEL"] != "Nice" || sub.Outcome != "Approve" {
		t.Errorf("%+v", sub)
	}
	for _, name := range []string{"fixed", "shown", "link", "nothing", "notes"} {
		if _, ok := sub.Variables[name]; ok {
			t.Errorf("%s is a variable", name)
		}
		if _, ok := sub.Values[name]; ok {
			t.Errorf("%s is kept", name)
		}
	}
	if form.OutcomeVariable("10012") != "form10012outcome" {
		t.Error(form.OutcomeVariable("10012"))
	}
	for outcome, vars := range map[string]map[string]any{"Reject": {"strict": "yes"}, "r": {"strict": "yes"}} {
		if sub, problems := f.Check(values(t, "{"+valid+"}"), outcome, vars); len(problems) > 0 || sub.Outcome != "Reject" {
			t.Errorf("%s: %v", outcome, problems)
		}
	}
	for _, outcome := range []string{"Reject", "complete", "<b>"} {
		if _, problems := f.Check(values(t, "{"+valid+"}"), outcome, nil); len(problems) != 1 || problems[0].Field != "" {
			t.Errorf("%s: %v", outcome, problems)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, problems := loan(t).Check(map[string]any{"price": "x"}, "?", nil)
	err := problems.Err()
	if !fault.Is(err, fault.Invalid) {
		t.Fatal(err)
	}
	for _, part := range []string{"Name (name) is required", "Amount (amount) is required", "Agreed (agreed) is required", "Country (country) is required", "Price (price) must be a number", `"?" is not an outcome`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if form.Problems(nil).Err() != nil {
		t.Error("no problems are an error")
	}
}

// What cannot be seen is not required, and its value does not pass.
func TestInvisible(t *testing.T) {
	t.Parallel()
	f := loan(t)
	for name, test := range map[string]struct {
		more     string
		missing  string // required fields that are visible
		dropped  string
		provided string
	}{
		"nothing":         {``, "", "extra", `,"extra":"x","reason":"y"`},
		"a tab":           {`,"amount":1001`, "[reason]", "extra", `,"extra":"x","reason":"y"`},
		"a group":         {`,"amount":500,"country":"fr"`, "[extra]", "reason", `,"extra":"x","reason":"y"`},
		"half the chain":  {`,"amount":50,"country":"fr"`, "", "extra", `,"extra":"x"`},
		"both":            {`,"amount":5000,"country":"fr"`, "[extra reason]", "", `,"extra":"x","reason":"y"`},
		"a text is more?": {`,"amount":"1001"`, "[reason]", "extra", `,"reason":"y","extra":"x"`},
	} {
		_, problems := f.Check(values(t, "{"+valid+test.more+"}"), "", nil)
		var ids []string
		for _, p := range problems {
			ids = append(ids, p.Field)
		}
		if got := fmt.Sprint(ids); got != test.missing && (test.missing != "" || len(ids) > 0) {
			t.Errorf("%s: %v, want %s", name, got, test.missing)
		}
		sub, problems := f.Check(values(t, "{"+valid+test.more+test.provided+"}"), "", nil)
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
			continue
		}
		if _, ok := sub.Variables[test.dropped]; ok {
			t.Errorf("%s: %s passed", name, test.dropped)
		}
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	vars := map[string]any{"v": "x", "n": int64(5), "yes": true, "when": time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), "list": juel.JSON(`["a","b"]`)}
	left := func(name, op, right string) string {
		return fmt.Sprintf(`{"leftRestResponseId":%q,"operator":%q,"rightValue":%s`, name, op, right)
	}
	chain := func(terms ...string) string { // term, link, term, link …
		text := terms[len(terms)-1] + "}"
		for i := len(terms) - 3; i >= 0; i -= 2 {
			text = fmt.Sprintf(`%s,"nextConditionOperator":%q,"nextCondition":%s}`, terms[i], terms[i+1], text)
		}
		return text
	}
	yes, no := left("v", "==", `"x"`), left("v", "==", `"y"`)
	for condition, want := range map[string]bool{
		chain(yes): true, chain(no): false,
		chain(left("v", "!=", `"y"`)): true,
		chain(left("n", ">", `4`)):    true, chain(left("n", "<", `"10"`)): true, chain(left("n", ">=", `5`)): true, chain(left("n", "<=", `4`)): false,
		chain(left("v", "<", `"y"`)): true, chain(left("v", ">", `5`)): false,
		chain(left("yes", "==", `true`)): true, chain(left("yes", "==", `"true"`)): true,
		chain(left("none", "empty", `null`)): true, chain(left("v", "empty", `null`)): false, chain(left("v", "!empty", `null`)): true,
		chain(left("when", "==", `"2020-01-02"`)): true, chain(left("when", ">", `"2020-01-01"`)): true,
		chain(left("list", "contains", `["a"]`)): true, chain(left("list", "contains", `["a","z"]`)): false, chain(left("list", "!contains", `["z"]`)): true,
		chain(left("v", "contains", `"x"`)): false,
		chain(left("v", "~", `"x"`)):        false,
		chain(yes, "and", no):               false, chain(no, "or", yes): true,
		chain(yes, "and-not", no): true, chain(no, "or-not", no): true, chain(no, "or-not", yes): false,
		chain(yes, "or", yes, "and", no): true, chain(no, "and", yes, "or", yes): true, chain(no, "and", yes, "or", no): false,
		`{"leftType":"variable","leftValue":"v","operator":"==","rightType":"variable","rightValue":"v"}`: true,
		`{"leftRestResponseId":"own","operator":"==","rightValue":7}`:                                     true,
		`{}`: true,
		`{"leftFormFieldId":"other","operator":"==","rightFormFieldId":"same"}`:          true,
		`{"leftFormFieldId":"v","operator":"==","rightValue":"x"}`:                       true,
		`{"leftFormFieldId":"other","operator":"==","rightRestResponseId":"v"}`:          false,
		`{"leftFormFieldId":"OTHER","operator":"==","rightType":"value","rightValue":3}`: true,
	} {
		f, err := form.Parse([]byte(`{"fields":[{"id":"a","type":"text","visibilityCondition":` + condition + `},{"id":"other","type":"integer"},{"id":"same","type":"text"}],"variables":[{"name":"own","value":7}]}`))
		if err != nil {
			t.Fatal(condition, err)
		}
		sub, problems := f.Check(map[string]any{"a": "1", "other": 3.0, "same": "3"}, "", vars)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if _, got := sub.Variables["a"]; got != want {
			t.Errorf("%s: %v, want %v", condition, got, want)
		}
	}
	long := chain(slices.Repeat([]string{yes, "and"}, 101)[:201]...)
	if _, err := form.Parse([]byte(`{"fields":[{"id":"a","type":"text","visibilityCondition":` + long + `}]}`)); !fault.Is(err, fault.Invalid) {
		t.Errorf("101 terms: %v", err)
	}
}

// The forms of real exports, where they are at hand.
func TestRealForms(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../shared/aps/apps/*/form-models/*.json")
	if err != nil || len(files) == 0 {
		t.Skip("the exports are not here")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := form.Parse(data)
		if err != nil || len(f.Fields)+len(f.Outcomes) == 0 {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if strings.Contains(file, "Start Form-10011") {
			_, problems := f.Check(map[string]any{"opportunityname": "Big"}, "", nil)
			if len(problems) != 2 || problems[0].Field != "accountname" || problems[1].Field != "discountrequested" {
				t.Errorf("%s: %v", file, problems)
			}
		}
	}
}

func FuzzForm(f *testing.F) {
	data, err := os.ReadFile("testdata/loan.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, []byte("{"+valid+"}"), "Approve")
	f.Add([]byte(`{"fields":[{"id":"a","type":"date","dateDisplayFormat":"D"}]}`), []byte(`{"a":"1"}`), "")
	f.Add([]byte(`{"fields":[{"id":"a","type":"text","regexPattern":"a*"}]}`), []byte(`{"a":null}`), "x")
	f.Fuzz(func(t *testing.T, data, submitted []byte, outcome string) {
		parsed, err := form.Parse(data)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%v", err)
			}
			return
		}
		var v map[string]any
		if json.Unmarshal(submitted, &v) != nil {
			return
		}
		sub, problems := parsed.Check(v, outcome, v)
		if (sub == nil) == (len(problems) == 0) {
			t.Errorf("%v %v", sub, problems)
		}
		if sub != nil {
			for name := range sub.Values {
				if field := parsed.Field(name); field == nil || field.ReadOnly {
					t.Errorf("%q passed", name)
				}
			}
		}
	})
}
