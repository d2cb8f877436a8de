# make check runs what CI runs for Go; .ci/run runs everything.
GO ?= go
LINT = $(GO) tool -modfile=tools/go.mod

.PHONY: check test race lint bench servers build
check: lint test race

build:
	$(GO) build -o sluice ./cmd/sluice

test:
	$(GO) test ./...

race:
	$(GO) test -race ./...

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) vet -C bench ./...
	$(LINT) golangci-lint run ./...

bench:
	$(GO) test -C bench -run xxx -bench . -benchmem

servers:
	$(GO) run -C bench ./servers
