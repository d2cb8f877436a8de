package oauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// A process that was not told of another's new key sees it after these times: it
// signs with what it read signingAge ago at most, and publishes what it read
// publishedAge ago at most.
const (
	signingAge   = 5 * time.Second
	publishedAge = time.Second
	readTimeout  = 2 * time.Second
)

// maxPublished bounds the keys of one algorithm, so that rotating by hand in a
// loop does not make a key set that verifiers refuse to read.
const maxPublished = 40

// keyStore holds the signing keys of the database.
type keyStore struct {
	db      *store.DB
	now     func() time.Time
	log     *slog.Logger
	audit   *audit.Log
	master  *MasterKey // encrypts; nil: the keys lie open
	before  *MasterKey // what encrypted until now; may be nil
	period  time.Duration
	overlap time.Duration

	ring    atomic.Pointer[keyring] // nil in a process that signs nothing
	reading sync.Mutex
	// first is closed when the first RSA key of a new database is there, or could not be
	// made; nil when nobody makes it.
	first chan struct{}
}

func newKeyStore(db *store.DB, cfg Config) *keyStore {
	return &keyStore{db: db, now: cfg.Now, log: cfg.Log, audit: cfg.Audit, master: cfg.Key, before: cfg.PreviousKey, period: cfg.KeyRotation, overlap: cfg.KeyOverlap}
}

// keep is how long a retired key stays published: while a token that it signed
// may live, and the clocks' and caches' share.
func (k *keyStore) keep() time.Duration { return maxTokenTTL + k.overlap }

// start reads the keys of a process that signs, makes what is missing and
// encrypts what is not encrypted by the configured key. The first RSA key takes as long
// as all the rest of a first start, and is made meanwhile: what needs it waits for it.
func (k *keyStore) start(ctx context.Context) error {
	if err := k.load(ctx); err != nil {
		return err
	}
	if k.ring.Load().newest(string(jose.RS256)) == nil {
		k.first = make(chan struct{})
		go k.makeFirst(context.WithoutCancel(ctx), k.now())
	}
	if err := k.rotateDue(ctx); err != nil {
		return err
	}
	if k.master == nil {
		k.log.WarnContext(ctx, "the signing keys are not encrypted in the database: set sluice.key or sluice.key-file to 32 random bytes in base64")
		return nil
	}
	n, err := k.reencrypt(ctx)
	if n > 0 {
		k.log.InfoContext(ctx, "signing keys encrypted", "keys", n, "by", k.master)
	}
	return err
}

// makeFirst makes the first RSA key. When it cannot, the next rotation tries again.
func (k *keyStore) makeFirst(ctx context.Context, now time.Time) {
	defer close(k.first)
	err := k.make(ctx, string(jose.RS256), 1, now)
	if err == nil {
		err = k.load(ctx)
	}
	if err != nil {
		k.log.ErrorContext(ctx, "making the first signing key of RS256; it is tried again within a minute", "error", err)
	}
}

// wait waits for the first RSA key, if it is being made.
func (k *keyStore) wait() {
	if k.first != nil {
		<-k.first
	}
}

// making reports whether the first RSA key is being made.
func (k *keyStore) making() bool {
	select {
	case <-k.first:
		return false
	default:
		return k.first != nil
	}
}

// load reads every key anew, after who reads at this moment: his are older.
func (k *keyStore) load(ctx context.Context) error {
	k.reading.Lock()
	defer k.reading.Unlock()
	ring, err := k.readRing(ctx)
	if err == nil {
		k.ring.Store(ring)
	}
	return err
}

// current is the ring, read again when it is older than age. One caller reads;
// the others, and all of them while the database does not answer, go on with what
// they have.
func (k *keyStore) current(age time.Duration) *keyring {
	ring := k.ring.Load()
	if ring == nil {
		return &keyring{}
	}
	if since := k.now().Sub(ring.read); (since >= 0 && since < age) || !k.reading.TryLock() {
		return ring
	}
	defer k.reading.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	fresh, err := k.readRing(ctx)
	if err != nil {
		k.log.ErrorContext(ctx, "reading the signing keys again; those read before stay in use", "error", err)
		fresh = &keyring{keys: ring.keys, read: k.now()}
	}
	k.ring.Store(fresh)
	return fresh
}

// keyRow is a key as the database has it.
type keyRow struct {
	signingKey
	stored []byte
}

func (k *keyStore) rows(ctx context.Context, q store.Querier) ([]*keyRow, error) {
	var list []*keyRow
	err := q.Query(ctx, func(r store.Row) error {
		var x keyRow
		list = append(list, &x)
		return r.Scan(&x.id, &x.algorithm, &x.generation, &x.sealedBy, &x.stored, store.Time(&x.created), store.Time(&x.active))
	}, `SELECT id, algorithm, generation, sealed_by, private_key, created_at, active_at FROM signing_keys`)
	if err != nil {
		return nil, fmt.Errorf("reading the signing keys: %w", err)
	}
	return list, nil
}

// readRing opens the keys that it has not opened before.
func (k *keyStore) readRing(ctx context.Context) (*keyring, error) {
	now := k.now()
	rows, err := k.rows(ctx, k.db)
	if err != nil {
		return nil, err
	}
	old := k.ring.Load()
	var keys []*signingKey
	for _, x := range rows {
		if old != nil {
			if known := old.find(x.id); known != nil {
				x.pair = known.pair
			}
		}
		if x.pair == nil {
			if x.pair, err = k.open(x); err != nil {
				return nil, err
			}
		}
		keys = append(keys, &x.signingKey)
	}
	return newKeyring(keys, now), nil
}

// plain returns a key's PKCS #8 form.
func (k *keyStore) plain(x *keyRow) ([]byte, error) {
	if x.sealedBy == "" {
		return x.stored, nil
	}
	for _, m := range []*MasterKey{k.master, k.before} {
		if m.Fingerprint() == x.sealedBy {
			return m.open(x.id, x.algorithm, x.stored)
		}
	}
	if k.master == nil {
		return nil, fmt.Errorf("it is encrypted by key %s: set sluice.key or sluice.key-file to that key", x.sealedBy)
	}
	return nil, fmt.Errorf("it is encrypted by key %s, but sluice.key is %s: set sluice.key-previous to the older key, or sluice.key back to it", x.sealedBy, k.master)
}

func (k *keyStore) open(x *keyRow) (*pair, error) {
	der, err := k.plain(x)
	if err != nil {
		return nil, fmt.Errorf("opening signing key %s: %w", x.id, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("opening signing key %s: it is no PKCS #8 key", x.id)
	}
	signer, ok := private.(crypto.Signer)
	if !ok || !slices.Contains(signingAlgorithms, x.algorithm) {
		return nil, fmt.Errorf("opening signing key %s: it is no key for %s", x.id, x.algorithm)
	}
	return newPair(x.id, x.algorithm, signer), nil
}

// rotateDue makes the successor of each key whose time has come, so that it is
// published for the overlap before it signs, and deletes the keys that are gone.
func (k *keyStore) rotateDue(ctx context.Context) error {
	ring := k.ring.Load()
	if ring == nil {
		return nil
	}
	made := false
	for _, algorithm := range signingAlgorithms {
		now, newest := k.now(), ring.newest(algorithm)
		var err error
		switch {
		case newest == nil && algorithm == string(jose.RS256) && k.making():
			continue
		case newest == nil:
			err = k.make(ctx, algorithm, 1, now)
		case k.period > 0 && !now.Before(newest.active.Add(k.period-k.overlap)):
			err = k.make(ctx, algorithm, newest.generation+1, now.Add(k.overlap))
		default:
			continue
		}
		if err != nil {
			return err
		}
		made = true
	}
	for _, old := range ring.keys {
		if old.state(k.now(), k.keep()) == keyGone {
			if _, err := k.change(ctx, "key.delete", old.id, `DELETE FROM signing_keys WHERE id = $1`, old.id); err != nil {
				return fmt.Errorf("deleting signing key %s: %w", old.id, err)
			}
			made = true
		}
	}
	if !made {
		return nil
	}
	return k.load(ctx)
}

// change runs the statement of one key's change and writes it down, when it changed
// anything. It returns how many rows it changed.
func (k *keyStore) change(ctx context.Context, event, id, statement string, args ...any) (n int64, err error) {
	err = k.db.Write(ctx, func(tx *store.Tx) error {
		if n, err = tx.Exec(ctx, statement, args...); err != nil || n == 0 {
			return err
		}
		return k.audit.Write(ctx, tx, audit.Event{Name: event, Subject: "key:" + id})
	})
	return n, err
}

// make adds the algorithm's key of that generation unless another process has
// done so: the unique index lets one through, and both go on with it.
func (k *keyStore) make(ctx context.Context, algorithm string, generation int64, active time.Time) error {
	var private crypto.Signer
	var err error
	if algorithm == string(jose.ES256) {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return fmt.Errorf("making a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("making a signing key: %w", err)
	}
	raw := make([]byte, 12)
	_, _ = rand.Read(raw) // never fails
	id := base64.RawURLEncoding.EncodeToString(raw)
	if k.master != nil {
		der = k.master.seal(id, algorithm, der)
	}
	n, err := k.change(ctx, "key.create", id, `INSERT INTO signing_keys (id, algorithm, generation, sealed_by, private_key, created_at, active_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (algorithm, generation) DO NOTHING`,
		id, algorithm, generation, k.master.Fingerprint(), der, store.Millis(k.now()), store.Millis(active))
	if err != nil {
		return fmt.Errorf("keeping a signing key: %w", err)
	}
	if n > 0 {
		k.log.InfoContext(ctx, "signing key made", "kid", id, "algorithm", algorithm, "signs_from", active.UTC())
	}
	return nil
}

// reencrypt encrypts by the configured key what is not, and returns how many keys
// that was.
func (k *keyStore) reencrypt(ctx context.Context) (int, error) {
	if k.master == nil {
		return 0, fault.New(fault.Invalid, "there is no key to encrypt by: set sluice.key or sluice.key-file")
	}
	rows, err := k.rows(ctx, k.db)
	if err != nil {
		return 0, err
	}
	done := 0
	for _, x := range rows {
		if x.sealedBy == k.master.Fingerprint() {
			continue
		}
		der, err := k.plain(x)
		if err != nil {
			return done, fmt.Errorf("encrypting signing key %s: %w", x.id, err)
		}
		n, err := k.change(ctx, "key.encrypt", x.id, `UPDATE signing_keys SET private_key = $1, sealed_by = $2 WHERE id = $3 AND sealed_by = $4`,
			k.master.seal(x.id, x.algorithm, der), k.master.Fingerprint(), x.id, x.sealedBy)
		if err != nil {
			return done, fmt.Errorf("encrypting signing key %s: %w", x.id, err)
		}
		done += int(n)
	}
	return done, nil
}

// rotate makes the successors of the algorithms' keys, which sign after the
// overlap, or at once. One that waits already is not made twice.
func (k *keyStore) rotate(ctx context.Context, algorithms []string, atOnce bool) error {
	ring, err := k.list(ctx)
	if err != nil {
		return err
	}
	for _, algorithm := range algorithms {
		if !slices.Contains(signingAlgorithms, algorithm) {
			return fault.New(fault.Invalid, "this server does not sign with %q", algorithm)
		}
		if err := k.mayMake(ring); err != nil {
			return err
		}
		active, generation := k.now().Add(k.overlap), int64(1)
		if atOnce {
			active = k.now()
		}
		if newest := ring.newest(algorithm); newest != nil {
			if k.now().Before(newest.active) {
				if err := k.hasten(ctx, newest.id, active); err != nil {
					return err
				}
				continue
			}
			generation = newest.generation + 1
		}
		if published := len(ring.of(algorithm)); published >= maxPublished {
			return fault.New(fault.Conflict, "there are %d keys of %s already: wait until the oldest is gone", published, algorithm)
		}
		if err := k.make(ctx, algorithm, generation, active); err != nil {
			return err
		}
	}
	return k.refresh(ctx)
}

// mayMake refuses to lay a key open beside encrypted ones.
func (k *keyStore) mayMake(ring *keyring) error {
	for _, x := range ring.keys {
		if x.sealedBy != "" && k.master == nil {
			return fault.New(fault.Invalid, "the signing keys are encrypted by key %s: set sluice.key or sluice.key-file to make another", x.sealedBy)
		}
	}
	return nil
}

// hasten lets a key that waits begin at the given time, if that is sooner.
func (k *keyStore) hasten(ctx context.Context, id string, at time.Time) error {
	_, err := k.change(ctx, "key.hasten", id, `UPDATE signing_keys SET active_at = $1 WHERE id = $2 AND active_at > $1`, store.Millis(at), id)
	return err
}

// revoke ends a key at once: it is not published any more, and what it signed is
// refused wherever signatures are checked. Its successor begins now.
func (k *keyStore) revoke(ctx context.Context, id string) error {
	ring, err := k.list(ctx)
	if err != nil {
		return err
	}
	key := ring.find(id)
	if key == nil {
		return fault.New(fault.NotFound, "there is no signing key %q", id)
	}
	if k.now().Before(key.retired) || key.retired.IsZero() {
		if err := k.succeed(ctx, ring, key); err != nil {
			return err
		}
	}
	if _, err := k.change(ctx, "key.revoke", id, `DELETE FROM signing_keys WHERE id = $1`, id); err != nil {
		return err
	}
	return k.refresh(ctx)
}

// succeed lets another key of the algorithm sign from now on.
func (k *keyStore) succeed(ctx context.Context, ring *keyring, key *signingKey) error {
	if newest := ring.newest(key.algorithm); newest.id != key.id {
		return k.hasten(ctx, newest.id, k.now())
	}
	if err := k.mayMake(ring); err != nil {
		return err
	}
	return k.make(ctx, key.algorithm, key.generation+1, k.now())
}

// list reads the keys without opening them.
func (k *keyStore) list(ctx context.Context) (*keyring, error) {
	k.wait()
	rows, err := k.rows(ctx, k.db)
	if err != nil {
		return nil, err
	}
	keys := make([]*signingKey, len(rows))
	for i, x := range rows {
		keys[i] = &x.signingKey
	}
	return newKeyring(keys, k.now()), nil
}

// refresh lets this process see a change of its own at once.
func (k *keyStore) refresh(ctx context.Context) error {
	if k.ring.Load() == nil {
		return nil
	}
	return k.load(ctx)
}

// KeyInfo is what may be told of a signing key.
type KeyInfo struct {
	ID        string    // the kid
	Algorithm string    // RS256 or ES256
	State     KeyState  // next, active or retired
	SealedBy  string    // fingerprint of the key it is encrypted by; empty: it is not
	Created   time.Time // in UTC, as the others
	Active    time.Time // when it begins, or began, to sign
	Retired   time.Time // when it stops, or stopped; zero: its successor does not exist
	Gone      time.Time // when it is not published any more; zero as Retired
}

// SigningKeys lists the keys, the newest of each algorithm first.
func (s *Service) SigningKeys(ctx context.Context) ([]KeyInfo, error) {
	ring, err := s.keys.list(ctx)
	if err != nil {
		return nil, err
	}
	list := []KeyInfo{}
	for _, x := range ring.keys {
		info := KeyInfo{ID: x.id, Algorithm: x.algorithm, State: x.state(s.now(), s.keys.keep()), SealedBy: x.sealedBy,
			Created: x.created, Active: x.active, Retired: x.retired}
		if !x.retired.IsZero() {
			info.Gone = x.retired.Add(s.keys.keep())
		}
		if info.State != keyGone {
			list = append(list, info)
		}
	}
	return list, nil
}

// RotateKeys makes the successors of the given algorithms' keys, of all when there
// is none. They are published at once and sign after the overlap; with atOnce,
// they sign at once.
func (s *Service) RotateKeys(ctx context.Context, atOnce bool, algorithms ...string) error {
	if len(algorithms) == 0 {
		algorithms = signingAlgorithms
	}
	return s.keys.rotate(ctx, algorithms, atOnce)
}

// RevokeKey ends a signing key at once; JWTs that it signed are refused wherever
// signatures are checked. It is for a key that others may have.
func (s *Service) RevokeKey(ctx context.Context, id string) error { return s.keys.revoke(ctx, id) }

// ReencryptKeys encrypts every signing key by the configured key and returns how
// many were not.
func (s *Service) ReencryptKeys(ctx context.Context) (int, error) { return s.keys.reencrypt(ctx) }

// RotateDue makes the keys whose time has come and drops those that are gone. The
// server calls it now and then.
func (s *Service) RotateDue(ctx context.Context) error {
	if s.keys.ring.Load() == nil {
		return nil
	}
	s.keys.wait()
	if err := s.keys.load(ctx); err != nil {
		return err
	}
	return s.keys.rotateDue(ctx)
}
