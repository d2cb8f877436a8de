package store_test

import (
	"fmt"
	"testing"

	"github.com/sluicehq/sluice/internal/store"
)

func TestWhereNumbersItsArguments(t *testing.T) {
	var w store.Where
	if w.String() != "" {
		t.Errorf("without conditions it says %q", w.String())
	}
	w.Add(`a = ?`, 1)
	w.Add(`b IS NULL`)
	w.Add(`(c = ? OR d = ?)`, 2)
	w.Add(`(e, f) > (?, ?)`, 3, 4)
	if got, want := w.String(), " WHERE a = $1 AND b IS NULL AND (c = $2 OR d = $2) AND (e, f) > ($3, $4)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := w.Page(20, 10), " LIMIT $5 OFFSET $6"; got != want || fmt.Sprint(w.Args) != "[1 2 3 4 10 20]" {
		t.Errorf("%s with %v, want %s", got, w.Args, want)
	}
}
