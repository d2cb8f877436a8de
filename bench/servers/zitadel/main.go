// Command zitadel is an authorization server made of zitadel/oidc and the storage in
// memory of its example, for comparison. Its login says yes without asking.
package main

import (
	"crypto/rand"
	"flag"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const callback = "http://127.0.0.1:5999/callback"

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	handler, err := newServer("http://" + *addr)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: *addr, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func newServer(issuer string) (http.Handler, error) {
	storage.RegisterClients(storage.WebClient("load", "load-secret", callback))
	kept := storage.NewStorage(storage.NewUserStore(issuer))
	config := &op.Config{CodeMethodS256: true, GrantTypeRefreshToken: true}
	_, _ = rand.Read(config.CryptoKey[:]) // never fails
	provider, err := op.NewProvider(config, kept, op.StaticIssuer(issuer), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", provider)
	back, withIssuer := op.AuthCallbackURL(provider), op.NewIssuerInterceptor(provider.IssuerFromRequest)
	mux.HandleFunc("GET /login/username", withIssuer.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("authRequestID")
		if err := kept.CheckUsernamePassword("test-user@127.0.0.1", "verysecure", id); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, back(r.Context(), id), http.StatusFound)
	}))
	return mux, nil
}
