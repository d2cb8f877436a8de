package store

import (
	"fmt"
	"strings"
)

// Where collects the conditions of a statement with their arguments. The zero value
// has none.
type Where struct {
	// Args are the arguments so far; the next parameter is the one after them.
	Args       []any
	conditions []string
}

// Add adds a condition in which each ? stands for the next of the arguments; when there
// is one argument, every ? stands for it.
func (w *Where) Add(condition string, args ...any) {
	w.conditions = append(w.conditions, w.Text(condition, args...))
}

// Text is a text of a statement before its conditions, with ? as Add has it: its arguments
// are added, and their parameters numbered.
func (w *Where) Text(text string, args ...any) string {
	first := len(w.Args)
	w.Args = append(w.Args, args...)
	var b strings.Builder
	for n := 0; ; n++ {
		before, after, more := strings.Cut(text, "?")
		b.WriteString(before)
		if !more {
			break
		}
		fmt.Fprintf(&b, "$%d", first+1+min(n, len(args)-1))
		text = after
	}
	return b.String()
}

// In adds the condition that a column is one of the values, of which there is at least one.
func In[T any](w *Where, column string, values []T) {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	w.Add(column+` IN (`+strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")+`)`, args...)
}

// String is the clause with a space before it; empty without conditions.
func (w *Where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// Page adds the arguments of a page, and returns its clause with a space before it.
func (w *Where) Page(offset, limit int) string {
	w.Args = append(w.Args, limit, offset)
	return fmt.Sprintf(" LIMIT $%d OFFSET $%d", len(w.Args)-1, len(w.Args))
}
