package api

import (
	"context"
	"strconv"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// AppReaders returns who may see an app, as the engine knows them. Somebody whom nobody
// here is keeps his name: the app is not for others because of that.
func AppReaders(ctx context.Context, users *identity.Service, a *app.App) ([]engine.Reader, error) {
	named, err := a.Readers()
	if err != nil {
		return nil, err
	}
	readers := make([]engine.Reader, 0, len(named))
	for _, one := range named {
		r := engine.Reader{UserID: one.Login, GroupID: one.Group}
		if one.Login != "" {
			u, err := users.ByEmail(ctx, one.Login)
			switch {
			case err == nil:
				r.UserID = strconv.FormatInt(u.ID, 10)
			case !fault.Is(err, fault.NotFound):
				return nil, err
			}
		}
		readers = append(readers, r)
	}
	return readers, nil
}
