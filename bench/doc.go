// Package bench measures Sluice. It is a module of its own, so that what it
// compares with does not become a dependency of the program.
//
//	go test -C bench -bench . -benchtime 3s
//
// runs on SQLite; with SLUICE_TEST_POSTGRES=postgres://… on that server. Nothing
// here is a timed test: figures are for people, ratios side by side in one run.
package bench
