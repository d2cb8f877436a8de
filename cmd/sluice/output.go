package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
)

// output is how a command shows its answer.
type output struct {
	JSON bool `name:"json" help:"Print JSON instead of a table."`
}

// tabular has a form for people.
type tabular interface {
	table() (head []string, rows [][]string)
}

// show prints the answer: value as JSON, or people's table.
func (o *output) show(env *environment, value any, people tabular) error {
	if o.JSON {
		e := json.NewEncoder(env.out)
		e.SetIndent("", "  ")
		return e.Encode(value)
	}
	w := tabwriter.NewWriter(env.out, 0, 4, 2, ' ', 0)
	head, rows := people.table()
	for _, row := range append([][]string{head}, rows...) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}
