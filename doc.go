// Package sluice is process services with OAuth 2 built in: an authorization
// server, the bearer check and a REST API in one program.
//
//	srv, err := sluice.New(ctx, sluice.DefaultConfig())
//	if err != nil { … }
//	defer srv.Close()
//	http.ListenAndServe("127.0.0.1:8080", srv.Handler())
//
// New opens the database, brings it up to date and builds the rooms; Run does
// that and serves until its context ends. Admin is what the command line uses to
// make users and clients on the same database, beside a running server.
//
// The package wires rooms together and holds no rules of its own.
package sluice
