package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// quota checks that an upload was refused because of a limit.
func (w *world) quota(name string, err error, limit int64) {
	w.t.Helper()
	var over *engine.OverQuota
	if !fault.Is(err, fault.TooLarge) || !errors.As(err, &over) || over.Quota != limit {
		w.t.Errorf("%s: %v, want that %d is over", name, err, limit)
	}
}

// Everybody has room for so many uploads that belong to nothing yet, and for so many bytes.
func TestLooseContentsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{MaxLoose: 3, MaxLooseBytes: 100, MaxContent: 80})
	ctx := context.Background()
	w.deploy(process(taskThenEnd))
	task := w.taskOf(w.start("p", nil))
	add := func(who engine.Actor, task string, size int) (*engine.Attachment, error) {
		return w.e.AddAttachment(ctx, who, engine.Attachment{Name: "x", TaskID: task}, bytes.NewReader(make([]byte, size)))
	}
	w.quota("larger than any may be", second2(add(kermit, "", 81)), 80)
	first, err := add(kermit, "", 50)
	w.must(err)
	w.quota("larger than what is left", second2(add(kermit, "", 51)), 100)
	w.must(second2(add(kermit, "", 50)))
	w.quota("nothing is left", second2(add(kermit, "", 1)), 100)
	w.must(second2(add(gonzo, "", 80)))
	w.must(second2(add(kermit, task.ID, 80)))
	w.must(w.e.DeleteAttachment(ctx, kermit, first.ID))
	w.must(second2(add(kermit, "", 1)))
	w.must(second2(w.e.AddAttachment(ctx, kermit, engine.Attachment{Name: "link", URL: "https://sluice.example/"}, nil)))
	w.quota("too many", second2(add(kermit, "", 1)), 3)
	w.quota("a link is one too", second2(w.e.AddAttachment(ctx, kermit, engine.Attachment{Name: "link", URL: "https://sluice.example/"}, nil)), 3)
	w.now = w.now.Add(8 * 24 * time.Hour)
	if n, err := w.e.SweepUploads(ctx, 100); n != 4 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	w.must(second2(add(kermit, "", 80)))
}

// Uploads that come at once count one another.
func TestLooseContentsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{MaxLoose: 10, MaxLooseBytes: 100})
	var all sync.WaitGroup
	begun := make(chan struct{})
	errs := make([]error, 4)
	var ready sync.WaitGroup
	ready.Add(len(errs))
	for i := range errs {
		all.Go(func() {
			// Everyone has seen that there is room when the first byte is asked for.
			r := io.MultiReader(&gate{arrived: ready.Done, open: begun}, strings.NewReader(strings.Repeat("x", 40)))
			_, errs[i] = w.e.AddAttachment(context.Background(), kermit, engine.Attachment{Name: "x"}, r)
		})
	}
	ready.Wait()
	close(begun)
	all.Wait()
	refused := 0
	for _, err := range errs {
		if err != nil {
			w.quota("at once", err, 100)
			refused++
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM attachments`); refused != 2 || n != 2 {
		t.Errorf("%d refused, %v are left", refused, n)
	}
	// Those that are still coming are counted too.
	w = newWorld(t, engine.Config{MaxLoose: 1})
	begun = make(chan struct{})
	arrived := make(chan struct{})
	all.Go(func() {
		r := io.MultiReader(&gate{arrived: func() { close(arrived) }, open: begun}, strings.NewReader("x"))
		w.must(second2(w.e.AddAttachment(context.Background(), kermit, engine.Attachment{Name: "x"}, r)))
	})
	<-arrived
	w.quota("beside one that comes", second2(w.e.AddAttachment(context.Background(), kermit, engine.Attachment{Name: "y"}, strings.NewReader("y"))), 1)
	close(begun)
	all.Wait()
}

// gate is a reader that says that it is asked, waits, and has nothing.
type gate struct {
	arrived func()
	open    chan struct{}
}

func (g *gate) Read([]byte) (int, error) {
	g.arrived()
	<-g.open
	return 0, io.EOF
}
