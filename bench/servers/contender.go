package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
)

// contender is a server that can be measured.
type contender struct {
	name  string // as -only says it
	title string
	// keeps says what has happened to a token before it is answered.
	keeps string
	// durable: a start on storage that is there already is another thing.
	durable bool
	// lacks are scenarios that it is not asked for, with the reason.
	lacks map[string]string
	// build returns the program, or why it cannot be had here.
	build func(ctx context.Context, s *site) (program string, err error)
	// launch makes fresh storage below dir and says how to start on it.
	launch func(ctx context.Context, s *site, program, dir string, port int) (launch, error)
	// ready is the path that answers 200 once the server works.
	ready string
	// settle registers the clients and the user, and says how to ask.
	settle func(ctx context.Context, l launch) (door, error)
}

// launch is how to start a server.
type launch struct {
	program   string
	args, env []string
	dir       string
	base      string // http://host:port
	admin     string // a second address of it, if it has one
	database  string // URL of its database at PostgreSQL
}

const discovery = "/.well-known/openid-configuration"

// contenders in the order of the tables.
var contenders = []contender{
	{name: "sluice-sqlite", title: "Sluice, SQLite", keeps: "committed and flushed", durable: true, ready: discovery,
		build: buildSluice, launch: launchSluice, settle: settleSluice},
	{name: "sluice-postgres", title: "Sluice, PostgreSQL", keeps: "committed and flushed", durable: true, ready: discovery,
		build: buildSluice, launch: launchSluicePostgres, settle: settleSluice},
	{name: "hydra-sqlite", title: "Hydra 2.3, SQLite", keeps: "committed and flushed", durable: true, ready: discovery,
		build: buildHydra, launch: launchHydraSQLite, settle: settleHydra,
		lacks: map[string]string{"code": "it answers 500, or not at all, when flows overlap"}},
	{name: "hydra-postgres", title: "Hydra 2.3, PostgreSQL", keeps: "committed and flushed", durable: true, ready: discovery,
		build: buildHydra, launch: launchHydraPostgres, settle: settleHydra},
	{name: "zitadel", title: "zitadel/oidc 3.51", keeps: "in memory", ready: discovery,
		build: buildModule("zitadel"), launch: launchPlain, settle: settleZitadel},
	{name: "luikyv", title: "luikyv/go-oidc 0.25", keeps: "in memory", ready: discovery,
		build: buildModule("luikyv"), launch: launchPlain, settle: settleLuikyv},
	{name: "oidc-provider", title: "oidc-provider 9.13 (Node.js)", keeps: "in memory", ready: discovery,
		build: buildNode, launch: launchNode, settle: settleNode},
	{name: "bare", title: "bare net/http, a map", keeps: "in memory", ready: "/health",
		build: buildModule("bare"), launch: launchPlain, settle: settleBare},
}

var (
	user = credential{"kermit@example.com", "green"}
	// plain and elliptic are the clients of the servers that are told theirs in
	// their source.
	plain    = credential{"load", "load-secret"}
	elliptic = credential{"es256", "load-secret"}
)

func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// buildModule builds one of the programs beside this one.
func buildModule(name string) func(context.Context, *site) (string, error) {
	return func(ctx context.Context, s *site) (string, error) {
		out := filepath.Join(s.dir, name)
		_, err := execute(ctx, filepath.Join("servers", name), nil, "go", "build", "-o", out, ".")
		return out, err
	}
}

// launchPlain starts a program that keeps nothing.
func launchPlain(_ context.Context, _ *site, program, dir string, port int) (launch, error) {
	return launch{program: program, args: []string{"-addr", address(port)}, dir: dir, base: "http://" + address(port)}, nil
}

func settleBare(_ context.Context, l launch) (door, error) {
	return door{base: l.base, token: "/token", introspect: "/introspect", authorize: "/authorize", user: user,
		client: plain, es256: elliptic, service: plain, resource: plain}, nil
}

func settleZitadel(_ context.Context, l launch) (door, error) {
	return door{base: l.base, token: "/oauth/token", introspect: "/oauth/introspect", authorize: "/authorize", user: user, scope: "openid",
		client: plain, service: credential{"sid1", "verysecret"}, resource: plain}, nil
}

func settleLuikyv(_ context.Context, l launch) (door, error) {
	return door{base: l.base, token: "/token", introspect: "/introspect", authorize: "/authorize", user: user, scope: "read",
		client: plain, es256: elliptic, service: plain, resource: plain}, nil
}

// buildNode installs the package that clients/foreign tests with.
func buildNode(ctx context.Context, _ *site) (string, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat("../clients/foreign/node_modules/oidc-provider"); err == nil {
		return node, nil
	}
	_, err = execute(ctx, "../clients/foreign", nil, "npm", "ci", "--ignore-scripts")
	return node, err
}

func launchNode(_ context.Context, _ *site, program, dir string, port int) (launch, error) {
	script, err := filepath.Abs("servers/node/server.mjs")
	return launch{program: program, args: []string{script, strconv.Itoa(port)}, dir: dir, base: "http://" + address(port)}, err
}

func settleNode(_ context.Context, l launch) (door, error) {
	return door{base: l.base, token: "/token", introspect: "/token/introspection", authorize: "/auth", user: user,
		client: plain, es256: elliptic, service: plain, resource: plain}, nil
}

func buildSluice(ctx context.Context, s *site) (string, error) {
	out := filepath.Join(s.dir, "sluice")
	_, err := execute(ctx, "..", nil, "go", "build", "-o", out, "./cmd/sluice")
	return out, err
}

func launchSluice(_ context.Context, s *site, program, dir string, port int) (launch, error) {
	args := []string{"serve", "--addr", address(port), "--data", filepath.Join(dir, "data"), "--set", "sluice.issuer=http://" + address(port)}
	for _, setting := range s.settings {
		args = append(args, "--set", setting)
	}
	return launch{program: program, dir: dir, base: "http://" + address(port), args: args}, nil
}

func launchSluicePostgres(ctx context.Context, s *site, program, dir string, port int) (launch, error) {
	l, err := launchSluice(ctx, s, program, dir, port)
	if err != nil {
		return l, err
	}
	l.database, err = s.postgres.database(ctx)
	l.env = []string{"SLUICE_DATABASE=" + l.database}
	return l, err
}

// settleSluice uses the command line as an operator does, while the server runs.
func settleSluice(ctx context.Context, l launch) (door, error) {
	sluice := func(args ...string) ([]byte, error) {
		return execute(ctx, l.dir, append(l.env, "SLUICE_DATA="+filepath.Join(l.dir, "data")), l.program, args...)
	}
	d := door{base: l.base, token: "/oauth/token", introspect: "/oauth/introspect", authorize: "/oauth/authorize", user: user}
	for i := range 4 * runtime.NumCPU() {
		d.people = append(d.people, credential{fmt.Sprintf("user-%d@example.com", i), "green"})
	}
	for _, u := range append(d.people, user) {
		if _, err := sluice("user", "create", "--email", u.id, "--password", u.secret); err != nil {
			return d, err
		}
	}
	client := func(id string, more ...string) (credential, error) {
		out, err := sluice(append([]string{"client", "create", "--json", "--id", id}, more...)...)
		if err != nil {
			return credential{}, err
		}
		var made struct {
			Secret string `json:"client_secret"`
		}
		if err := json.Unmarshal(out, &made); err != nil || made.Secret == "" {
			return credential{}, fmt.Errorf("sluice client create printed no secret: %w", err)
		}
		return credential{id, made.Secret}, nil
	}
	var err error
	app := []string{"--grant", "authorization_code,client_credentials,password", "--scope", "openid read", "--redirect-uri", callback, "--skip-consent"}
	if d.client, err = client("load", app...); err != nil {
		return d, err
	}
	if d.es256, err = client("es256", append(app, "--member", "id_token_signed_response_alg=ES256")...); err != nil {
		return d, err
	}
	d.service = d.client
	d.resource, err = client("resource", "--grant", "client_credentials", "--introspect")
	return d, err
}
