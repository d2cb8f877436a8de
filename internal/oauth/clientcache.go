package oauth

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// clientCache remembers clients between requests, for the endpoints that are called
// most. A remembered client may be out of date, because another process has changed
// it: whatever is done for it asks for its version in the very statement that does
// it, and nothing is done when that has grown; a refusal is looked at twice. So a
// change counts with the next request, everywhere, and costs nobody a statement.
type clientCache struct {
	mu      sync.RWMutex
	clients map[string]*Client // nobody changes what is in here
}

// rememberedClients bounds the memory; over it the cache starts anew.
const rememberedClients = 10_000

// errChanged says that a remembered client is not what it was.
var errChanged = fault.New(fault.Unavailable, "the client was changed at this very moment")

func newClientCache() *clientCache { return &clientCache{clients: map[string]*Client{}} }

func (cc *clientCache) get(id string) *Client {
	cc.mu.RLock()
	defer cc.mu.RUnlock()
	return cc.clients[id]
}

func (cc *clientCache) put(c *Client) {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	if len(cc.clients) >= rememberedClients {
		clear(cc.clients)
	}
	cc.clients[c.ID] = c
}

func (cc *clientCache) forget(id string) {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	delete(cc.clients, id)
}

// remembered is Client for callers that have its version checked later. They must
// not change what they get.
func (s *Service) remembered(ctx context.Context, id string) (*Client, error) {
	if c := s.clients.get(id); c != nil {
		return c, nil
	}
	c, err := s.Client(ctx, id)
	if err == nil {
		s.clients.put(c)
	}
	return c, err
}

// unchanged gives errChanged when the client is not what it was.
func unchanged(ctx context.Context, q store.Querier, c *Client) error {
	var version int64
	err := q.QueryRow(ctx, []any{&version}, `SELECT version FROM clients WHERE id = $1`, c.ID)
	if errors.Is(err, store.ErrNoRow) || (err == nil && version != c.version) {
		return errChanged
	}
	return err
}

// finder looks a client up.
type finder func(ctx context.Context, id string) (*Client, error)

// withRemembered runs a request for a remembered client, and once more when that has
// changed meanwhile. A request with a proof that counts once cannot run twice, so that
// its client is not a remembered one.
func (s *Service) withRemembered(r *http.Request, f form, run func(finder) error) error {
	if f["client_assertion"] != "" || len(r.Header[proofHeader]) > 0 {
		return run(s.Client)
	}
	var found *Client
	find := func(ctx context.Context, id string) (c *Client, err error) {
		found, err = s.remembered(ctx, id)
		return found, err
	}
	err := run(find)
	if err == nil || found == nil {
		return err
	}
	if !errors.Is(err, errChanged) { // a refusal may rest on what is not so any more
		switch changed := unchanged(r.Context(), s.db, found); {
		case changed == nil:
			return err
		case !errors.Is(changed, errChanged):
			return changed
		}
	}
	s.clients.forget(found.ID)
	return run(find)
}
