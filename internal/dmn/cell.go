package dmn

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/juel"
)

// Names that cells are rewritten to; no variable of a modeller has a $ in it.
const (
	inputName     = "dmn$input" // the value of the cell's column
	functionsName = "dmn$fn"    // the functions
)

// test is what an input cell asks: one of its alternatives, or none when negated.
type test struct {
	not          bool
	free         bool // an expression of the modeller's: it may also give a value to be equal to
	alternatives []*juel.Expression
}

// compileTest makes a test of an input cell, nil when it matches everything.
func compileTest(text string, kind Type) (*test, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "-" {
		return nil, nil
	}
	if len(text) > MaxText {
		return nil, fmt.Errorf("the cell has more than %d bytes", MaxText)
	}
	if isExpression(text) {
		e, err := compile(rewrite(text))
		return &test{free: true, alternatives: []*juel.Expression{e}}, err
	}
	t := &test{}
	if inner, ok := negated(text); ok {
		t.not, text = true, inner
	}
	parts := []string{text}
	if !listed.MatchString(text) {
		parts = split(text)
	}
	for _, part := range parts {
		condition, err := condition(strings.TrimSpace(part), kind)
		if err != nil {
			return nil, err
		}
		e, err := compile("${" + condition + "}")
		if err != nil {
			return nil, err
		}
		t.alternatives = append(t.alternatives, e)
	}
	return t, nil
}

// compileValue makes an expression of an output cell or of a value in a list, nil
// when it is empty.
func compileValue(text string, kind Type) (*juel.Expression, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "" || text == "-":
		return nil, nil
	case len(text) > MaxText:
		return nil, fmt.Errorf("the cell has more than %d bytes", MaxText)
	case isExpression(text):
		return compile(rewrite(text))
	}
	return compile("${" + operand(text, kind) + "}")
}

// compileInput makes an expression of what a column looks at.
func compileInput(text string) (*juel.Expression, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, errors.New("the column has no expression; name the variable that it looks at")
	case len(text) > MaxText:
		return nil, fmt.Errorf("the expression has more than %d bytes", MaxText)
	case isExpression(text):
		return compile(rewrite(text))
	}
	return compile("${" + rewrite(text) + "}")
}

func compile(text string) (*juel.Expression, error) {
	e, err := juel.Parse(text)
	var syntax *juel.SyntaxError
	if errors.As(err, &syntax) {
		return nil, errors.New(readable(syntax.Message))
	}
	return e, err
}

// readable takes the names that only this package knows out of a message.
func readable(message string) string {
	return strings.NewReplacer(functionsName+".", "", inputName, "the input").Replace(message)
}

func isExpression(text string) bool {
	return strings.HasPrefix(text, "${") || strings.HasPrefix(text, "#{")
}

// negated is what stands in not(…), when that is all of the text.
func negated(text string) (string, bool) {
	rest := strings.TrimSpace(strings.TrimPrefix(text, "not"))
	if !strings.HasPrefix(text, "not") || !strings.HasPrefix(rest, "(") || matching(rest) != len(rest)-1 {
		return "", false
	}
	return rest[1 : len(rest)-1], true
}

// listed are the operators that take a list, with contains. What they stand for:
// IN: the value is one of the list. ANY OF, ALL OF, NONE OF: the value, which may be
// a list itself, has any, all, none of them.
var listed = regexp.MustCompile(`^(?i:(is\s+)?(not\s+)?(in|contains|any\s+of|all\s+of|none\s+of))([\s(\["'].*|$)`)

// operators are those that compare, the longer ones first; = is S-FEEL's.
var operators = []string{"==", "!=", "<=", ">=", "<", ">", "="}

// condition makes an expression of one alternative.
func condition(text string, kind Type) (string, error) {
	if text == "" {
		return "", errors.New("a value is missing beside a comma")
	}
	if strings.HasPrefix(text, ".") && !strings.HasPrefix(text, "..") {
		return inputName + rewrite(text), nil
	}
	if found := listed.FindStringSubmatch(text); found != nil {
		return listCondition(found, kind)
	}
	if from, to, ok := rangeOf(text); ok {
		return rangeCondition(text, from, to, kind), nil
	}
	for _, operator := range operators {
		if rest, ok := strings.CutPrefix(text, operator); ok {
			return comparison(operator, strings.TrimSpace(rest), kind)
		}
	}
	return comparison("==", text, kind)
}

func comparison(operator, value string, kind Type) (string, error) {
	if operator == "=" {
		operator = "=="
	}
	switch {
	case value == "":
		return "", errors.New("there is no value behind the operator")
	case value == "empty" && operator == "==":
		return "empty " + inputName, nil
	case value == "empty" && operator == "!=":
		return "not empty " + inputName, nil
	}
	if operator == "!=" && !strings.ContainsAny(value, "&|?") {
		// what cannot be compared is different
		return "not " + functionsName + ".same(" + inputName + ", " + operand(value, kind) + ")", nil
	}
	return inputName + " " + operator + " " + operand(value, kind), nil
}

// listCondition makes a call of one of the functions about lists.
func listCondition(found []string, kind Type) (string, error) {
	not, operator, list := found[2] != "", strings.ToLower(strings.Join(strings.Fields(found[3]), " ")), strings.TrimSpace(found[4])
	if open := strings.IndexAny(list, "(["); open == 0 && matching(list) == len(list)-1 {
		list = list[1 : len(list)-1]
	}
	if strings.TrimSpace(list) == "" {
		return "", errors.New("there is no value behind the operator")
	}
	function := map[string]string{"in": "in", "contains": "contains", "any of": "anyOf", "all of": "allOf", "none of": "noneOf"}[operator]
	call := functionsName + "." + function + "(" + inputName
	for _, item := range split(list) {
		item = strings.TrimSpace(item)
		if item == "" {
			return "", errors.New("a value is missing beside a comma")
		}
		call += ", " + operand(item, kind)
	}
	if not {
		call = "not " + call
	}
	return call + ")", nil
}

// rangeOf finds S-FEEL's ranges: [1..5], (1..5), ]1..5[.
func rangeOf(text string) (from, to string, ok bool) {
	if len(text) < 5 || !strings.ContainsRune("[(]", rune(text[0])) || !strings.ContainsRune("])[", rune(text[len(text)-1])) {
		return "", "", false
	}
	from, to, ok = strings.Cut(text[1:len(text)-1], "..")
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	return from, to, ok && from != "" && to != ""
}

func rangeCondition(text, from, to string, kind Type) string {
	lower, upper := " > ", " < "
	if text[0] == '[' {
		lower = " >= "
	}
	if text[len(text)-1] == ']' {
		upper = " <= "
	}
	return inputName + lower + operand(from, kind) + " && " + inputName + upper + operand(to, kind)
}

// bareDates are dates without quotes, as old editors wrote them.
var bareDates = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2}|\d{2}-\d{2}-\d{4})$`)

// quotedDates are dates in quotes.
var quotedDates = regexp.MustCompile(`^(?:"([^"\\]*)"|'([^'\\]*)')$`)

// operand makes an expression of a value: in a column of dates a text is a date.
func operand(text string, kind Type) string {
	if kind == Date {
		if bareDates.MatchString(text) {
			return functionsName + ".date('" + text + "')"
		}
		if quotedDates.MatchString(text) {
			return functionsName + ".date(" + text + ")"
		}
	}
	return rewrite(text)
}

// split cuts at the commas that stand in no string and no parentheses.
func split(text string) []string {
	var parts []string
	begin, depth := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"', '\'':
			i = stringEnd(text, i)
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case ',':
			if depth <= 0 {
				parts = append(parts, text[begin:i])
				begin = i + 1
			}
		}
	}
	return append(parts, text[begin:])
}

// matching returns where the bracket at the beginning of the text is closed, -1 when
// nowhere.
func matching(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"', '\'':
			i = stringEnd(text, i)
		case '(', '[':
			depth++
		case ')', ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// stringEnd returns where the string that begins at i ends, the end of the text when
// it does not.
func stringEnd(text string, i int) int {
	quote := text[i]
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return len(text)
}

// functions are what cells may call, with the names of Activiti, Flowable and FEEL.
var functions = map[string]string{
	"fn_date": "date", "fn_addDate": "addDate", "fn_subtractDate": "subtractDate", "fn_now": "now",
	"date:toDate": "date", "date:addDate": "addDate", "date:subtractDate": "subtractDate", "date:now": "now",
	"date": "date", "today": "now",
}

// word is a name, perhaps with a prefix.
var word = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*(:[A-Za-z_][A-Za-z0-9_]*)?`)

// rewrite turns what MVEL, Flowable and FEEL have beyond JUEL into JUEL: calls of
// functions, and nil.
func rewrite(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		end := i + 1
		name := ""
		switch c := text[i]; {
		case c == '"' || c == '\'':
			end = min(stringEnd(text, i)+1, len(text))
			out.WriteString(unescape(text[i:end]))
			i = end
			continue
		case i == 0 || !isWord(text[i-1]) && text[i-1] != '.':
			name = word.FindString(text[i:])
		}
		call := strings.HasPrefix(strings.TrimSpace(text[i+len(name):]), "(")
		function, known := functions[name]
		switch {
		case known && call:
			out.WriteString(functionsName + "." + function)
			end = i + len(name)
		case name == "nil":
			out.WriteString("null")
			end = i + len(name)
		default:
			out.WriteString(text[i:end])
		}
		i = end
	}
	return out.String()
}

// escapes are what a backslash makes of a letter in MVEL and not in JUEL.
var escapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'b': "\b", 'f': "\f"}

// unescape turns a string with MVEL's escapes into one with JUEL's, which knows those
// of the quote and the backslash only.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		if plain, ok := escapes[text[i]]; ok {
			out.WriteString(plain)
			continue
		}
		if r, ok := unicodeEscape(text[i:]); ok {
			out.WriteString(r)
			i += 4
			continue
		}
		switch text[i] {
		case '\\', text[0]:
			out.WriteByte('\\')
		case '"', '\'': // the other quote needs no backslash in JUEL
		default:
			out.WriteString(`\\`) // as in a regular expression: the backslash stays
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// unicodeEscape reads u and four digits behind a backslash. What would be a quote or
// a backslash is left to stand as it is written.
func unicodeEscape(text string) (string, bool) {
	if len(text) < 5 || text[0] != 'u' {
		return "", false
	}
	code, err := strconv.ParseUint(text[1:5], 16, 16)
	if err != nil || code == '"' || code == '\'' || code == '\\' {
		return "", false
	}
	return string(rune(code)), true
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c == ':' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
}
