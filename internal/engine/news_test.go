package engine_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
)

// running begins the jobs of an engine that looks for them once an hour, and ends it with
// the test. What its delegate "tell" is run for comes from the channel.
func running(t *testing.T, w *world) <-chan string {
	t.Helper()
	done := make(chan string, 10)
	e, err := engine.New(w.db, engine.Config{Poll: time.Hour, Log: slog.New(slog.DiscardHandler), Delegates: map[string]engine.Delegate{
		"tell": engine.DelegateFunc(func(_ context.Context, x *engine.Execution) error {
			done <- x.Instance().ID
			return nil
		})}})
	w.must(err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.Run(context.Background())
	}()
	t.Cleanup(func() {
		w.must(e.Close())
		<-ended
	})
	w.e, w.now = e, time.Now()
	return done
}

func (w *world) awaits(done <-chan string, id string) {
	w.t.Helper()
	select {
	case got := <-done:
		if got != id {
			w.t.Errorf("the job of %s ran, want %s", got, id)
		}
	case <-time.After(20 * time.Second):
		w.t.Fatal("the job has not been run")
	}
}

// A job that one process makes wakes another one, which looks only once an hour by itself;
// also when the connection on which it listens was lost.
func TestOtherProcessesAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	if w.db.Name() != "postgres" {
		t.Skip("needs PostgreSQL: SLUICE_TEST_POSTGRES")
	}
	w.deploy(process(`<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="x"/><serviceTask id="x" activiti:async="true" activiti:class="tell"/>`))
	maker := w.e
	done := running(t, w)
	w.e = maker
	for range 10 {
		w.awaits(done, w.start("p", nil))
	}
	n := 0
	w.must(w.db.QueryRow(context.Background(), []any{&n}, `SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`))
	if n != 1 {
		t.Fatalf("%d connections listen", n)
	}
	for range 3 {
		w.awaits(done, w.start("p", nil))
	}
}

// A timer that is due before Run would look again is not late.
func TestATimerThatIsDueSoonWakesRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(`<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="soon"/>
		<intermediateCatchEvent id="soon"><timerEventDefinition><timeDuration>PT0.05S</timeDuration></timerEventDefinition></intermediateCatchEvent>
		<sequenceFlow id="f2" sourceRef="soon" targetRef="x"/><serviceTask id="x" activiti:class="tell"/>`))
	done := running(t, w)
	for range 5 {
		w.awaits(done, w.start("p", nil))
	}
}
