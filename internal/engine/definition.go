package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// remembered is how many compiled definitions, and how many decision tables, are kept in
// memory.
const remembered = 500

// definition is a definition, compiled. It does not change; whether it is suspended is
// asked of its row.
type definition struct {
	Definition
	process *bpmn.Process
	level   int // of history
	scripts scripts
}

// shelf keeps what has been compiled, by id. What is kept under an id never changes.
type shelf[T any] struct {
	lock *sync.RWMutex
	byID map[string]*T
}

func newShelf[T any]() shelf[T] { return shelf[T]{lock: &sync.RWMutex{}, byID: map[string]*T{}} }

func (s *shelf[T]) get(id string) *T {
	s.lock.RLock()
	defer s.lock.RUnlock()
	return s.byID[id]
}

// put keeps one more; when there are too many, any other one makes room.
func (s *shelf[T]) put(id string, one *T) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if len(s.byID) >= remembered {
		for other := range s.byID {
			delete(s.byID, other)
			break
		}
	}
	s.byID[id] = one
}

// keeps reports whether history of that level is kept.
func (d *definition) keeps(level string) bool {
	return d.level >= slices.Index(historyLevels, level)
}

// definition returns a compiled definition.
func (e *Engine) definition(ctx context.Context, q store.Querier, id string) (*definition, error) {
	if def := e.definitions.get(id); def != nil {
		return def, nil
	}
	var d Definition
	var source []byte
	err := q.QueryRow(ctx, append(d.fields(), &source), `SELECT `+of("d", definitionColumns)+`, r.bytes FROM definitions d
		JOIN resources r ON r.deployment_id = d.deployment_id AND r.name = d.resource WHERE d.id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "There is no process definition %q.", shown(id))
	}
	if err != nil {
		return nil, err
	}
	doc, err := bpmn.Parse(source, d.Resource)
	if err != nil {
		return nil, fmt.Errorf("compiling definition %s: %w", d.ID, err)
	}
	for _, p := range doc.Processes {
		if p.ID == d.Key {
			def := e.compiled(d, p)
			e.definitions.put(def.ID, def)
			return def, nil
		}
	}
	return nil, fmt.Errorf("compiling definition %s: its file has no process %q", d.ID, d.Key)
}

func (e *Engine) compiled(d Definition, p *bpmn.Process) *definition {
	return &definition{Definition: d, process: p, level: slices.Index(historyLevels, or(d.History, e.cfg.History)), scripts: newScripts()}
}

// newest returns the row of the latest version of a key; NotFound when there is none.
func newest(ctx context.Context, q store.Querier, tenant, key string) (Definition, error) {
	var d Definition
	err := q.QueryRow(ctx, d.fields(), `SELECT `+definitionColumns+` FROM definitions WHERE tenant_id = $1 AND key = $2 ORDER BY version DESC LIMIT 1`, tenant, key)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "There is no process definition with the key %q.", shown(key))
	}
	return d, err
}

// row returns the row of a definition as it is now.
func row(ctx context.Context, q store.Querier, id string) (Definition, error) {
	var d Definition
	err := q.QueryRow(ctx, d.fields(), `SELECT `+definitionColumns+` FROM definitions WHERE id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "There is no process definition %q.", shown(id))
	}
	return d, err
}
