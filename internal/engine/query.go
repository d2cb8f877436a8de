package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/juel"
	"github.com/sluicehq/sluice/internal/store"
)

// MaxPage is the most rows that a list gives at once.
const MaxPage = 1000

// Page is a part of a list. The zero value is the first 25.
type Page struct {
	Offset int
	Limit  int // 0 means 25; at most MaxPage
}

// State says whether a query means what runs, what has ended, or both.
type State string

// The states.
const (
	Running  State = "" // the zero value
	Ended    State = "ended"
	AnyState State = "all"
)

// Between bounds a time; a zero time is no bound. After and Before are exclusive.
type Between struct{ After, Before time.Time }

// columnOrder is what a list may be sorted by: words to columns.
type columnOrder map[string]string

// query collects the conditions of a list.
type query struct {
	store.Where
	err    error
	narrow bool // hardly more than a page can be meant
}

func (q *query) bad(format string, args ...any) {
	if q.err == nil {
		q.err = fault.New(fault.Invalid, format, args...)
	}
}

// equal adds conditions on columns that must have a text, where one is given.
func (q *query) equal(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Add(pairs[i]+` = ?`, pairs[i+1])
		}
	}
}

// likes compares with a pattern that the caller has made; nothing in it is escaped.
const likes = " LIKE ? ESCAPE '\x01'"

// likesFold is likes for a column in lower case.
const likesFold = " LIKE LOWER(?) ESCAPE '\x01'"

// marks is that many question marks with commas between.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func anys(values []string) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}

// like adds conditions on columns with SQL's wild cards, where a pattern is given. Case
// matters.
func (q *query) like(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Add(pairs[i]+likes, pairs[i+1])
		}
	}
}

// likeFold is like in any case of the letters; beyond ASCII the database says which those are.
func (q *query) likeFold(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Add(`LOWER(`+pairs[i]+`)`+likesFold, pairs[i+1])
		}
	}
}

// contains adds conditions on columns that must hold a text anywhere, in any case.
func (q *query) contains(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Add(`LOWER(`+pairs[i]+`) LIKE ? ESCAPE '!'`, store.Contains(pairs[i+1]))
		}
	}
}

// among adds a condition on a column that must be one of several; none means any.
func (q *query) among(column string, values []string) {
	if len(values) == 0 {
		return
	}
	if len(values) > MaxPage {
		q.bad("A list of %d values is too long; %d are allowed.", len(values), MaxPage)
		return
	}
	store.In(&q.Where, column, values)
}

func (q *query) between(column string, b Between) {
	if !b.After.IsZero() {
		q.Add(column+` > ?`, b.After.UnixMilli())
	}
	if !b.Before.IsZero() {
		q.Add(column+` < ?`, b.Before.UnixMilli())
	}
}

// is adds a condition on a column of truth, where one is given.
func (q *query) is(column string, v *bool) {
	if v != nil {
		q.Add(column+` = ?`, *v)
	}
}

// when adds a condition on a text, where one is given.
func (q *query) when(text, condition string) {
	if text != "" {
		q.Add(condition, text)
	}
}

// state adds the condition on ended_at.
func (q *query) state(prefix string, s State) {
	switch s {
	case Running:
		q.Add(prefix + `ended_at IS NULL`)
	case Ended:
		q.Add(prefix + `ended_at IS NOT NULL`)
	case AnyState:
	default:
		q.bad("The state %q is not known.", shown(string(s)))
	}
}

// Tenant says whose rows are meant; the zero value means everybody's.
type Tenant struct {
	ID   string
	Like string // with SQL's wild cards
	None bool   // those without a tenant
}

func (q *query) tenant(column string, t Tenant) {
	q.equal(column, t.ID)
	q.like(column, t.Like)
	if t.None {
		q.Add(column + ` = ''`)
	}
}

// Order is how a list is sorted. The zero value is the list's own order.
type Order struct {
	By   string // a word that the list knows
	Desc bool
}

// clause is the ORDER BY of a list. ids make it total.
func (o Order) clause(q *query, known columnOrder, otherwise string, id string) string {
	if o.By == "" {
		return ` ORDER BY ` + otherwise
	}
	column, ok := known[o.By]
	if !ok {
		words := sorted(known)
		q.bad("The list cannot be sorted by %q but by %s.", shown(o.By), strings.Join(words, ", "))
		return ""
	}
	direction := ""
	if o.Desc {
		direction = ` DESC`
	}
	if column == id {
		return ` ORDER BY ` + id + direction
	}
	// Rows without a value come last in both directions, on both databases.
	return ` ORDER BY ` + column + direction + ` NULLS LAST, ` + id + direction
}

// list reads a page and counts all, on one snapshot: a page that is not full tells how many
// there are, so that a narrow query is one statement. from begins with FROM.
func list[T any](ctx context.Context, e *Engine, q *query, columns, from, order string, p Page, scan func(store.Row) (T, error)) (all []T, total int, err error) {
	if q.err != nil {
		return nil, 0, q.err
	}
	condition, limit := q.String(), p.Limit
	if limit <= 0 {
		limit = 25
	}
	args := slices.Clone(q.Args)
	offset := max(p.Offset, 0)
	limit = min(limit, MaxPage)
	text := `SELECT ` + columns + ` ` + from + condition + order + q.Page(offset, limit)
	page := func(on store.Querier) (told bool, err error) {
		all = nil
		err = on.Query(ctx, func(row store.Row) error {
			v, err := scan(row)
			all = append(all, v)
			return err
		}, text, q.Args...)
		n := len(all)
		total = offset + n
		return n < limit && (n > 0 || offset == 0), err
	}
	told := false
	if q.narrow {
		told, err = page(e.db)
	}
	if !told && err == nil {
		err = e.db.Read(ctx, func(tx *store.Tx) error {
			if told, err := page(tx); told || err != nil {
				return err
			}
			return tx.QueryRow(ctx, []any{&total}, `SELECT COUNT(*) `+from+condition, args...)
		})
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading a list: %w", err)
	}
	return all, total, nil
}

// scanInto makes a scan function of a record's fields.
func scanInto[T any](fields func(*T) []any) func(store.Row) (T, error) {
	return func(row store.Row) (T, error) {
		var v T
		err := row.Scan(fields(&v)...)
		return v, err
	}
}

// VariableFilter asks for a value of a variable.
type VariableFilter struct {
	Name  string // empty with Op equals: any
	Op    string // equals, notEquals, equalsIgnoreCase, notEqualsIgnoreCase, like, lessThan, greaterThan, lessThanOrEquals, greaterThanOrEquals
	Value any
}

var comparisons = map[string]string{"equals": "=", "notEquals": "<>", "lessThan": "<", "greaterThan": ">", "lessThanOrEquals": "<=", "greaterThanOrEquals": ">="}

// condition is what a row v of variables must meet, with ? for its arguments.
func (f VariableFilter) condition(q *query) (string, []any) {
	value, err := canonical(f.Value)
	if err != nil {
		q.bad("The variable %q has a value that cannot be asked for.", shown(f.Name))
		return "", nil
	}
	s, err := columns(value)
	if err != nil || s.kind == "json" || s.kind == "list" || s.kind == "map" || s.kind == "bytes" {
		q.bad("The variable %q cannot be compared with a value of that type.", shown(f.Name))
		return "", nil
	}
	text, isText := value.(string)
	switch {
	case isText && len(text) > indexed:
		q.bad("A text of more than %d bytes cannot be asked for.", indexed)
		return "", nil
	case isText && (f.Op == "equalsIgnoreCase" || f.Op == "notEqualsIgnoreCase"):
		op := map[bool]string{true: "=", false: "<>"}[f.Op == "equalsIgnoreCase"]
		return `v.type = 'string' AND LOWER(v.text) ` + op + ` LOWER(?)`, []any{text}
	case isText && f.Op == "like":
		return `v.type = 'string' AND v.text` + likes, []any{text}
	case isText && f.Op == "likeIgnoreCase":
		return `v.type = 'string' AND LOWER(v.text)` + likesFold, []any{text}
	}
	op, ok := comparisons[f.Op]
	if !ok {
		q.bad("A variable cannot be compared by %q.", shown(f.Op))
		return "", nil
	}
	switch {
	case s.kind == "null":
		if op == "<>" {
			return `v.type <> 'null'`, nil
		}
		return `v.type = 'null'`, nil
	case isText:
		return `v.type = 'string' AND v.text ` + op + ` ?`, []any{text}
	case s.fraction != nil:
		return `v.type = 'double' AND v.fraction ` + op + ` ?`, []any{*s.fraction}
	case s.kind == "boolean" || s.kind == "date":
		return `v.type = '` + s.kind + `' AND v.number ` + op + ` ?`, []any{*s.number}
	}
	return `v.type IN ('short', 'integer', 'long') AND v.number ` + op + ` ?`, []any{*s.number}
}

// variables adds conditions on variables of the rows that scope picks: a condition between
// v and the row asked for.
func (q *query) variables(scope string, filters []VariableFilter) {
	if len(filters) > 20 {
		q.bad("A query may ask for 20 variables at most.")
		return
	}
	for _, f := range filters {
		if f.Name == "" && f.Op != "equals" {
			q.bad("A variable is asked for without a name.")
			return
		}
		condition, args := f.condition(q)
		if q.err != nil {
			return
		}
		if f.Name != "" {
			condition, args = `v.name = ? AND `+condition, append([]any{f.Name}, args...)
		}
		// Add takes one argument for every ? and several in their order.
		q.Add(`EXISTS (SELECT 1 FROM variables v WHERE `+scope+` AND `+condition+`)`, args...)
	}
}

// linked is a SELECT of the ids that an actor has to do with by links, his own and his
// groups', each once: a column of links, named id, of the given kinds or of all.
func linked(a Actor, column string, kinds ...string) (string, []any) {
	kind, args := "", []any{}
	if len(kinds) > 0 {
		kind = ` AND kind IN ('` + strings.Join(kinds, `', '`) + `')`
	}
	var parts []string
	if a.UserID != "" {
		parts = append(parts, `SELECT DISTINCT `+column+` AS id FROM links WHERE user_id = ? AND user_id <> '' AND `+column+` <> ''`+kind)
		args = append(args, a.UserID)
	}
	if len(a.Groups) > 0 {
		parts = append(parts, `SELECT DISTINCT `+column+` AS id FROM links WHERE group_id IN (`+marks(len(a.Groups))+`) AND group_id <> '' AND `+column+` <> ''`+kind)
		args = append(args, anys(a.Groups)...)
	}
	if len(parts) == 0 {
		return `SELECT '' AS id WHERE 1 = 0`, nil
	}
	return strings.Join(parts, ` UNION `), args
}

// InstanceOf returns the id of the instance that an execution belongs to, by the
// execution's id.
func InstanceOf(execution string) string { return instanceOf(execution) }

// JSON is a JSON variable, as expressions know it.
type JSON = juel.JSON
