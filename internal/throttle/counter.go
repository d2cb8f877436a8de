package throttle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/origin"
	"github.com/sluicehq/sluice/internal/store"
)

// counter is a row of attempts, as far as one attempt has to do with it.
type counter struct {
	key, owner []byte
	rule       rule
	state      state     // as it was read, and as begin has left it
	until      time.Time // when it stops to be a known network's
}

// digest names a row: the parts cannot be read from it, and no two lists of parts
// give the same.
func digest(parts ...string) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

func owner(kind Kind, name string) []byte { return digest(string(kind), name) }

// tally is what one attempt counts for.
type tally struct {
	account *counter // nil for what belongs to nobody
	network *counter // nil when it is not counted
}

func (t *tally) list() []*counter {
	var all []*counter
	for _, c := range []*counter{t.account, t.network} { // locked in this order
		if c != nil {
			all = append(all, c)
		}
	}
	return all
}

// tally finds what the attempt counts for: the account, by the network's own counter
// when it is a known one, and the network. A delay of one of them is a TooMany fault.
func (g *Guard) tally(ctx context.Context, a Attempt) (*tally, error) {
	address := origin.From(ctx)
	place := origin.Network(address)
	var t tally
	if a.Kind != UserCode {
		t.account = g.general(a)
	}
	if (place != "" || a.Kind == UserCode) && !origin.Contains(g.cfg.Exempt, address) {
		t.network = g.network(a.Kind, place)
	}
	known := g.known(a, place)
	if err := g.read(ctx, append(t.list(), known)...); err != nil {
		return nil, err
	}
	if t.account != nil && known.until.After(g.now()) {
		t.account = known
	}
	return &t, g.refuse(&t)
}

// general is an account's counter for everybody whose network is not known.
func (g *Guard) general(a Attempt) *counter {
	own := owner(a.Kind, a.Name)
	return &counter{key: own, owner: own, rule: g.account}
}

// known is an account's counter for one network.
func (g *Guard) known(a Attempt, place string) *counter {
	return &counter{key: digest(string(a.Kind), a.Name, place), owner: owner(a.Kind, a.Name), rule: g.account}
}

// network is the counter of everything that comes from one.
func (g *Guard) network(kind Kind, place string) *counter {
	c := &counter{key: digest("address", place), rule: g.address}
	if kind == UserCode {
		c = &counter{key: digest(string(kind), place), rule: g.account}
	}
	c.owner = c.key
	return c
}

// refuse returns a TooMany fault when one of the counters has a delay.
func (g *Guard) refuse(t *tally) error {
	var wait time.Duration
	for _, c := range t.list() {
		wait = max(wait, c.rule.wait(c.state, g.now()))
	}
	if wait == 0 {
		return nil
	}
	return fault.Later(wait, "There were too many attempts. Please try again in %s.", inWords(wait))
}

// columns scans next_at, clear_at and known_until into c.
func (c *counter) columns() []any {
	return []any{store.Time(&c.state.next), store.Time(&c.state.clear), store.Time(&c.until)}
}

// read fills counters in; those without a row stay empty.
func (g *Guard) read(ctx context.Context, counters ...*counter) error {
	args := make([]any, 3)
	for i := range args {
		args[i] = counters[min(i, len(counters)-1)].key
	}
	return g.db.Query(ctx, func(r store.Row) error {
		var found counter
		if err := r.Scan(append([]any{&found.key}, found.columns()...)...); err != nil {
			return err
		}
		for _, c := range counters {
			if bytes.Equal(c.key, found.key) {
				c.state, c.until = found.state, found.until
			}
		}
		return nil
	}, `SELECT key, next_at, clear_at, known_until FROM attempts WHERE key IN ($1, $2, $3)`, args...)
}

// begin counts the attempt as a failure. Each row is locked by the statement that
// reads it, until the transaction ends: of a hundred attempts at once, each sees
// what those before it have counted.
func (g *Guard) begin(ctx context.Context, t *tally) error {
	return g.db.Write(ctx, func(tx *store.Tx) error {
		for _, c := range t.list() {
			if err := c.lock(ctx, tx); err != nil {
				return err
			}
		}
		if err := g.refuse(t); err != nil {
			return err
		}
		for _, c := range t.list() {
			c.state = c.rule.count(c.state, g.now())
			if err := c.save(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// giveBack takes the count of begin back from every counter.
func (g *Guard) giveBack(ctx context.Context, t *tally) error {
	return g.db.Write(ctx, func(tx *store.Tx) error {
		for _, c := range t.list() {
			if err := g.undo(ctx, tx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

func (g *Guard) undo(ctx context.Context, tx *store.Tx, c *counter) error {
	counted := c.state
	if err := c.lock(ctx, tx); err != nil {
		return err
	}
	c.state = c.rule.undo(c.state, counted, g.now())
	return c.save(ctx, tx)
}

// settle is for what was right: the account begins anew, and the network is known
// from now on. Of a network's failures only this attempt is taken back, or its owner
// could guess at others by proving himself in between.
func (g *Guard) settle(ctx context.Context, a Attempt, t *tally) error {
	place := origin.Network(origin.From(ctx))
	return g.db.Write(ctx, func(tx *store.Tx) error {
		if t.account != nil {
			if err := g.clear(ctx, tx, a, place); err != nil {
				return err
			}
		}
		if t.network == nil {
			return nil
		}
		return g.undo(ctx, tx, t.network)
	})
}

// clear forgets an account's failures, and remembers where it was proved from. The
// counter for everybody else stays when the network had one of its own: who guesses
// from elsewhere must not gain by the owner's coming in.
func (g *Guard) clear(ctx context.Context, tx *store.Tx, a Attempt, place string) error {
	general, known := g.general(a), g.known(a, place)
	if place == "" {
		_, err := tx.Exec(ctx, `DELETE FROM attempts WHERE key = $1`, general.key)
		return err
	}
	if err := known.lock(ctx, tx); err != nil {
		return err
	}
	before := known.until
	known.state, known.until = state{}, g.now().Add(knownFor)
	if err := known.save(ctx, tx); err != nil || before.After(g.now()) {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM attempts WHERE key = $1`, general.key)
	return err
}

// lock makes the row when there is none, and reads it. The row is this transaction's
// from then on.
func (c *counter) lock(ctx context.Context, tx *store.Tx) error {
	return tx.QueryRow(ctx, c.columns(), `INSERT INTO attempts (key, owner, next_at, clear_at, known_until, expires_at) VALUES ($1, $2, 0, 0, 0, 0)
		ON CONFLICT (key) DO UPDATE SET owner = excluded.owner RETURNING next_at, clear_at, known_until`, c.key, c.owner)
}

func (c *counter) save(ctx context.Context, tx *store.Tx) error {
	expires := c.state.next
	for _, t := range []time.Time{c.state.clear, c.until} {
		if t.After(expires) {
			expires = t
		}
	}
	_, err := tx.Exec(ctx, `UPDATE attempts SET next_at = $1, clear_at = $2, known_until = $3, expires_at = $4 WHERE key = $5`,
		millis(c.state.next), millis(c.state.clear), millis(c.until), millis(expires), c.key)
	return err
}

// millis is a time as columns hold it; the zero time is long ago.
func millis(t time.Time) int64 { return max(t.UnixMilli(), 0) }

// Standing is how an account stands with those who try to prove it.
type Standing struct {
	Known    bool      // from one of the networks that it was proved from; else from everywhere else
	Failures int       // not forgotten yet; no more are counted than matter
	Until    time.Time // nothing is checked before; zero: at once
}

// Standings returns an account's counters that have failures or a delay, the one for
// unknown networks first.
func (g *Guard) Standings(ctx context.Context, kind Kind, name string) ([]Standing, error) {
	var list []Standing
	now, own := g.now(), owner(kind, name)
	err := g.db.Query(ctx, func(r store.Row) error {
		var c counter
		if err := r.Scan(append([]any{&c.key}, c.columns()...)...); err != nil {
			return err
		}
		s := Standing{Known: !bytes.Equal(c.key, own), Failures: g.account.failures(c.state, now)}
		if g.account.wait(c.state, now) > 0 {
			s.Until = c.state.next
		}
		if s.Failures > 0 || !s.Until.IsZero() {
			list = append(list, s)
		}
		return nil
	}, `SELECT key, next_at, clear_at, known_until FROM attempts WHERE owner = $1 ORDER BY CASE WHEN key = owner THEN 0 ELSE 1 END, next_at DESC LIMIT 100`, own)
	return list, err
}

// Unlock forgets an account's failures and ends its delays, for every network.
func (g *Guard) Unlock(ctx context.Context, kind Kind, name string) error {
	_, err := g.db.Exec(ctx, `UPDATE attempts SET next_at = 0, clear_at = 0, expires_at = known_until WHERE owner = $1`, owner(kind, name))
	return err
}

// UnlockAddress forgets the failures from an address, or from the /64 of it.
func (g *Guard) UnlockAddress(ctx context.Context, address netip.Addr) error {
	place := origin.Network(address.Unmap().WithZone(""))
	for _, kind := range []Kind{User, UserCode} {
		if _, err := g.db.Exec(ctx, `DELETE FROM attempts WHERE key = $1`, g.network(kind, place).key); err != nil {
			return err
		}
	}
	return nil
}

// Sweep drops at most limit rows that nothing depends on any more and returns how
// many went.
func (g *Guard) Sweep(ctx context.Context, limit int) (int64, error) {
	return g.db.Exec(ctx, `DELETE FROM attempts WHERE key IN (SELECT key FROM attempts WHERE expires_at < $1 LIMIT $2)`, millis(g.now()), limit)
}
