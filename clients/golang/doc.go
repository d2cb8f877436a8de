// Package golang drives Sluice by the libraries that Go programs use as clients:
// golang.org/x/oauth2 and coreos/go-oidc, at the versions in go.mod. It holds
// tests only.
package golang
