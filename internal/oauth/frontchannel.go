package oauth

import (
	"context"
	"net/url"
	"slices"

	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/store"
)

// LogoutFrames are the pages of applications that the browser loads when it is signed
// out, each in a frame, so that they forget the user there (OpenID Connect Front-Channel
// Logout §2): those of the clients that this session signed in at by OpenID Connect. Each
// gets the issuer and the session's id, so that nobody else can have it sign out.
func (s *Service) LogoutFrames(ctx context.Context, session *identity.Session) (frames []string, err error) {
	err = s.db.Query(ctx, func(r store.Row) error {
		var m Metadata
		if err := r.Scan(jsonColumn{&m}); err != nil || m.FrontchannelLogoutURI == "" {
			return err
		}
		frames = append(frames, withQuery(m.FrontchannelLogoutURI, url.Values{"iss": {s.cfg.Issuer}, "sid": {session.State()}}))
		return nil
	}, `SELECT metadata FROM clients WHERE status = '`+clientActive+`' AND id IN
		(SELECT client_id FROM grants WHERE session_id = $1 AND ' ' || scope || ' ' LIKE '% openid %') ORDER BY id`, session.State())
	return frames, err
}

// frontchannelProblem says what is wrong with where a client is framed: it must be of the
// site of one of its redirect URIs (Front-Channel Logout §2).
func (c *Client) frontchannelProblem() string {
	own := originOf(c.FrontchannelLogoutURI)
	switch {
	case c.FrontchannelLogoutURI == "":
		return ""
	case !webAddress(c.FrontchannelLogoutURI):
		return "frontchannel_logout_uri must be an https address (http to this machine only)"
	case !slices.ContainsFunc(c.RedirectURIs, func(u string) bool { return originOf(u) == own }):
		return "frontchannel_logout_uri must have scheme, host and port of one of the redirect URIs"
	}
	return ""
}
