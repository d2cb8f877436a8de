package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/store"
)

// pushedPrefix begins every request_uri of ours (RFC 9126 §2.2).
const pushedPrefix = "urn:ietf:params:oauth:request_uri:"

// asking is an authorization request as it came, before it is checked.
type asking struct {
	Form   form     `json:"form"`
	Signed bool     `json:"signed,omitempty"`
	Once   []onceID `json:"once,omitempty"` // what may lead to one answer only
	Key    string   `json:"jkt,omitempty"`  // thumbprint of the key that was proved when it was pushed

	twice  []string
	pushed bool
}

// onceID is the hash of an id that counts once, until it expires.
type onceID struct {
	Hash  []byte    `json:"hash"`
	Until time.Time `json:"until"`
}

func newOnceID(kind, owner, id string, until time.Time) onceID {
	return onceID{hash(kind + "\x00" + owner + "\x00" + id), until}
}

// use lets the id through the first time.
func (id onceID) use(ctx context.Context, q store.Querier) (first bool, err error) {
	n, err := q.Exec(ctx, `INSERT INTO seen_ids (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`,
		id.Hash, store.Millis(id.Until))
	return n == 1, err
}

// useOnce lets each of the ids through once. It is part of the transaction that
// answers: until then a browser may come back and go on.
func useOnce(ctx context.Context, tx *store.Tx, ids []onceID) error {
	for _, id := range ids {
		first, err := id.use(ctx, tx)
		if err == nil && !first {
			err = finished()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pushRequest is the endpoint of RFC 9126: it checks an authorization request as
// /oauth/authorize would, keeps it, and answers with the request_uri that stands
// for it.
func (s *Service) pushRequest(w http.ResponseWriter, r *http.Request, f form) {
	s.tellNonce(w, r)
	uri, err := s.keepPushed(r, f)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, struct {
		URI       string `json:"request_uri"`
		ExpiresIn int64  `json:"expires_in"`
	}{uri, int64(s.cfg.PushedTTL / time.Second)})
}

func (s *Service) keepPushed(r *http.Request, f form) (uri string, err error) {
	ctx := r.Context()
	client, err := s.known(ctx, r, f)
	if err != nil {
		return "", err
	}
	if f["request_uri"] != "" {
		return "", invalidRequest("request_uri is not allowed here (RFC 9126 §2.1)")
	}
	a := &asking{Form: form{}, pushed: true}
	for name, value := range f {
		switch name {
		case "client_secret", "client_assertion", "client_assertion_type":
		default:
			a.Form[name] = value
		}
	}
	a.Form["client_id"] = client.ID
	if a.Key, err = s.pushedKey(r, client); err != nil {
		return "", err
	}
	if err := s.unfold(ctx, client, a); err != nil {
		return "", err
	}
	req, err := client.beginRequest(a, s.cfg.Audience, s.now())
	if err == nil {
		err = req.complete(client, a)
	}
	if err != nil {
		return "", err
	}
	return s.insertPushed(ctx, client, a)
}

// known authenticates the client of an endpoint where there must be one.
func (s *Service) known(ctx context.Context, r *http.Request, f form) (*Client, error) {
	c, err := s.authenticate(ctx, r, f)
	if err == nil && c == nil {
		err = invalidClient(false)
	}
	return c, err
}

// pushedKey is the key of the DPoP proof that came with the request: the code will
// be bound to it (RFC 9449 §10.1).
func (s *Service) pushedKey(r *http.Request, c *Client) (string, error) {
	if len(r.Header[proofHeader]) == 0 {
		return "", nil
	}
	bound, err := s.proved(r, c)
	if err != nil || bound == nil {
		return "", err
	}
	return bound.JKT, nil
}

func (s *Service) insertPushed(ctx context.Context, c *Client, a *asking) (string, error) {
	uri := pushedPrefix + newSecret("")
	text, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	_, err = s.db.Exec(ctx, `INSERT INTO pushed_requests (hash, client_id, parameters, expires_at) VALUES ($1, $2, $3, $4)`,
		hash(uri), c.ID, string(text), store.Millis(s.now().Add(s.cfg.PushedTTL)))
	return uri, err
}

// pushedRequest reads back what the client has pushed.
func (s *Service) pushedRequest(ctx context.Context, c *Client, uri string) (*asking, error) {
	a := &asking{pushed: true}
	var expires time.Time
	err := s.db.QueryRow(ctx, []any{jsonColumn{a}, store.Time(&expires)},
		`SELECT parameters, expires_at FROM pushed_requests WHERE hash = $1 AND client_id = $2`, hash(uri), c.ID)
	if errors.Is(err, store.ErrNoRow) || (err == nil && !s.now().Before(expires)) {
		return nil, &Failure{Code: "invalid_request_uri", Description: "the request_uri is unknown, expired, or of another client"}
	}
	a.Once = append(a.Once, newOnceID("request_uri", c.ID, uri, expires))
	return a, err
}

// unfold replaces a request that stands for another one by that one: a pushed
// request by what was pushed, a request object by what is in it. Nothing is fetched
// from anywhere (RFC 9700 §4.10 and the dangers that RFC 9101 §10.4 tells of).
func (s *Service) unfold(ctx context.Context, c *Client, a *asking) error {
	uri, object := a.Form["request_uri"], a.Form["request"]
	switch {
	case uri == "" && object == "":
		return nil
	case uri != "" && object != "":
		return invalidRequest("request and request_uri exclude one another")
	case object != "":
		return s.openRequestObject(ctx, c, a, object)
	case !strings.HasPrefix(uri, pushedPrefix):
		return &Failure{Code: "request_uri_not_supported", Description: "this server fetches no request: push it to /oauth/par (RFC 9126)"}
	}
	pushed, err := s.pushedRequest(ctx, c, uri)
	if err == nil {
		*a = *pushed
	}
	return err
}
