module github.com/sluicehq/sluice/bench/servers/luikyv

go 1.26.0

toolchain go1.26.11

require github.com/luikyv/go-oidc v0.25.0

require (
	github.com/go-jose/go-jose/v4 v4.1.4 // indirect
	github.com/google/uuid v1.6.0 // indirect
)
