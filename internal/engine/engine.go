package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/internal/content"
	"github.com/sluicehq/sluice/internal/dmn"
	"github.com/sluicehq/sluice/internal/juel"
	"github.com/sluicehq/sluice/internal/store"
)

// Config is how processes are run. The zero value of each field means its default.
type Config struct {
	// History is the level of what is kept: none, activity, audit or full. The
	// default is audit. A definition may have a level of its own.
	History string
	// Delegates are what service tasks and listeners run by class or delegate
	// expression; "type:mail" is what those of the type mail run. One that is not here
	// makes a dead job with a message that names it.
	Delegates map[string]Delegate
	// Beans are the objects that expressions and scripts see by name.
	Beans map[string]juel.Object
	// UserByEmail and GroupByName find the people whom models of another server name by
	// the numbers that they have there: APS writes e-mail addresses and names of groups
	// beside. nil means that nobody is found, and the numbers stay.
	UserByEmail, GroupByName Finder
	// MaxSteps bounds the steps of one command; 0 means 100 000.
	MaxSteps int
	// MaxValue bounds the bytes of one variable; 0 means 8 MiB.
	MaxValue int
	// MaxState bounds the bytes of an instance's execution tree; 0 means 8 MiB.
	MaxState int
	// MaxContent bounds the bytes of one uploaded content; 0 means 100 MiB.
	MaxContent int64
	// MaxLoose and MaxLooseBytes bound the contents of one user that belong to nothing yet:
	// how many they are and their bytes together; 0 means 200 and 1 GiB.
	MaxLoose, MaxLooseBytes int64
	// ContentFolder is where the bytes of contents are kept; empty means the database.
	ContentFolder string
	// MaxDepth bounds how many instances may call one another; 0 means 100.
	MaxDepth int
	// Retries is how often a failing job is tried when its activity does not say;
	// 0 means 3.
	Retries int
	// RetryWait is how long a failed job waits before it is tried again, when its
	// activity does not say; 0 means 10 s.
	RetryWait time.Duration
	// Lease is how long a job belongs to the process that runs it, unless that one
	// says that it still does, which it does every third of it; 0 means 30 s.
	Lease time.Duration
	// Workers is how many jobs Run works on at once; 0 means 4.
	Workers int
	// Poll is how often Run looks for jobs that nobody told it of; 0 means 5 s. Processes
	// on one PostgreSQL tell one another of jobs.
	Poll time.Duration
	// Location is the zone of dates without one; nil means UTC.
	Location *time.Location
	// Record writes down what is deployed and what is taken away, and Refused, with the kind
	// of the error, what was refused of that. nil means that nothing is written.
	Record  Recorder
	Refused func(ctx context.Context, r Record, kind string)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log receives failures of jobs; never a variable's value. nil means
	// slog.Default().
	Log *slog.Logger
}

// Limits of what callers send.
const (
	maxName      = 255    // characters of a variable's, task's or instance's name
	maxVariables = 10_000 // variables of one command
	maxText      = 4000   // characters of descriptions and reasons
)

// Engine is the room's door. It is safe for concurrent use.
type Engine struct {
	cfg         Config
	db          *store.DB
	definitions shelf[definition]
	tables      shelf[dmn.Table]
	forms       shelf[DeployedForm]
	submissions reserve
	contents    *content.Store
	id          string // names this process as the owner of leases
	wake        chan struct{}
	tell        chan struct{} // jobs that other processes have not been told of
	telling     sync.Once     // begins the goroutine that tells
	resting     atomic.Int64  // until when Run rests, in milliseconds; 0: it does not
	quit        context.CancelFunc
	ended       context.Context
	running     sync.WaitGroup
}

// New returns the room on a migrated database. It starts nothing: see Run.
func New(db *store.DB, cfg Config) (*Engine, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	contents, err := content.New(db, cfg.ContentFolder)
	if err != nil {
		return nil, err
	}
	ended, quit := context.WithCancel(context.Background())
	return &Engine{contents: contents, forms: newShelf[DeployedForm](), submissions: reserve{name: "submitted_form"},
		cfg: cfg, db: db, id: newID(), wake: make(chan struct{}, 1), tell: make(chan struct{}, 1), ended: ended, quit: quit,
		definitions: newShelf[definition](), tables: newShelf[dmn.Table]()}, nil
}

// Close ends Run and waits for the jobs that are being worked on.
func (e *Engine) Close() error {
	e.quit()
	e.running.Wait()
	return e.contents.Close()
}

// check lists everything that is wrong with the configuration.
func (c Config) check() error {
	var wrong []error
	if c.History != "" && !slices.Contains(historyLevels, c.History) {
		wrong = append(wrong, fmt.Errorf("history level %q is not one of %v", c.History, historyLevels))
	}
	for name, n := range map[string]int64{"steps": int64(c.MaxSteps), "value": int64(c.MaxValue), "state": int64(c.MaxState), "content": c.MaxContent, "loose contents": c.MaxLoose, "loose bytes": c.MaxLooseBytes, "depth": int64(c.MaxDepth), "retries": int64(c.Retries),
		"retry wait": int64(c.RetryWait), "lease": int64(c.Lease), "workers": int64(c.Workers), "poll": int64(c.Poll)} {
		if n < 0 {
			wrong = append(wrong, fmt.Errorf("%s is negative", name))
		}
	}
	for name, d := range c.Delegates {
		if d == nil {
			wrong = append(wrong, fmt.Errorf("delegate %q is nil", name))
		}
	}
	return errors.Join(wrong...)
}

func (c Config) withDefaults() Config {
	c.History = or(c.History, "audit")
	c.MaxSteps = or(c.MaxSteps, 100_000)
	c.MaxValue = or(c.MaxValue, 8<<20)
	c.MaxState = or(c.MaxState, 8<<20)
	c.MaxContent = or(c.MaxContent, 100<<20)
	c.MaxLoose, c.MaxLooseBytes = or(c.MaxLoose, 200), or(c.MaxLooseBytes, 1<<30)
	c.MaxDepth = or(c.MaxDepth, 100)
	c.Retries = or(c.Retries, 3)
	c.RetryWait = or(c.RetryWait, 10*time.Second)
	c.Lease = or(c.Lease, 30*time.Second)
	c.Workers = or(c.Workers, 4)
	c.Poll = or(c.Poll, 5*time.Second)
	c.Location = or(c.Location, time.UTC)
	c.Log = or(c.Log, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// or is the first value that is not zero.
func or[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}

// now is the clock in the resolution that rows have.
func (e *Engine) now() time.Time { return e.cfg.Now().UTC().Truncate(time.Millisecond) }

// MaxValue is the most bytes that a variable's value may have.
func (e *Engine) MaxValue() int { return e.cfg.MaxValue }

// Properties are what an administrator may want to know of the engine, as texts by name: the
// last migration of the schema, the database and the level of history.
func (e *Engine) Properties(ctx context.Context) (map[string]string, error) {
	schema := int64(0)
	if err := e.db.QueryRow(ctx, []any{&schema}, `SELECT MAX(version_id) FROM goose_db_version WHERE is_applied`); err != nil {
		return nil, fmt.Errorf("reading the schema's version: %w", err)
	}
	return map[string]string{"schema.version": strconv.FormatInt(schema, 10), "database.type": e.db.Name(), "history.level": e.cfg.History}, nil
}
