package sluice

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// gate is a writer that waits until it is let through.
type gate struct {
	open   chan struct{}
	begun  chan struct{}
	mu     sync.Mutex
	text   bytes.Buffer
	writes int
	err    error
}

func (g *gate) Write(b []byte) (int, error) {
	g.begun <- struct{}{}
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes++
	g.text.Write(b)
	return len(b), g.err
}

// Lines that come while one is being written share the next write, in their order;
// flush waits for all.
func TestLinesShareAWrite(t *testing.T) {
	g := &gate{open: make(chan struct{}, 2), begun: make(chan struct{}, 2)}
	w := newLogWriter(g)
	write := func(line string) {
		if _, err := w.Write([]byte(line)); err != nil {
			t.Error(err)
		}
	}
	write("first\n")
	<-g.begun // it is being written
	var want strings.Builder
	want.WriteString("first\n")
	for i := range 1000 {
		line := fmt.Sprintf("line %d\n", i)
		write(line)
		want.WriteString(line)
	}
	g.open <- struct{}{}
	g.open <- struct{}{}
	w.flush()
	if g.writes != 2 || g.text.String() != want.String() {
		t.Errorf("%d writes of %d bytes, want 2 of %d", g.writes, g.text.Len(), want.Len())
	}
}

// Those who log faster than can be written wait; nothing is lost.
func TestLogIsBounded(t *testing.T) {
	g := &gate{open: make(chan struct{}), begun: make(chan struct{}, 100)}
	w := newLogWriter(g)
	line := bytes.Repeat([]byte("x"), maxLogPending)
	_, _ = w.Write(line)
	<-g.begun
	var ended atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		for range 3 {
			_, _ = w.Write(line)
		}
		ended.Store(true)
	})
	waiting := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.pending)
	}
	for waiting() < 2*len(line) { // the first is being written, two wait
		runtime.Gosched()
	}
	if ended.Load() {
		t.Error("it takes more than it may")
	}
	close(g.open)
	all.Wait()
	w.flush()
	if g.text.Len() != 4*len(line) {
		t.Errorf("%d bytes, want %d", g.text.Len(), 4*len(line))
	}
}

func TestLogTellsOfTrouble(t *testing.T) {
	g := &gate{open: make(chan struct{}), begun: make(chan struct{}, 2), err: errors.New("full")}
	close(g.open)
	w := newLogWriter(g)
	if _, err := w.Write([]byte("x\n")); err != nil {
		t.Error(err)
	}
	w.flush()
	if _, err := w.Write([]byte("y\n")); !errors.Is(err, g.err) {
		t.Errorf("%v", err)
	}
	w.flush()
}
