package sluice

import (
	"maps"
	"net/http"
	"testing"
)

// A path that a page's mux has for any method is asked for there first: its protection
// must not be gone around.
func TestUnshared(t *testing.T) {
	t.Parallel()
	open, protected := http.NewServeMux(), http.NewServeMux()
	open.Handle("GET /shown", http.NotFoundHandler())
	protected.Handle("POST /asked", http.NotFoundHandler())
	protected.Handle("DELETE /below/{name}", http.NotFoundHandler())
	got := unshared([]string{"/alone", "/shown", "/asked", "/below/x", "/below"}, open, protected)
	if want := map[string]bool{"/alone": true, "/shown": false, "/asked": false, "/below/x": false, "/below": true}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
