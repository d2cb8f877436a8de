// Package store opens the database, SQLite or PostgreSQL, and runs reads and
// writes on it.
//
// It owns the connections, the pragmas, the migrations (directory migrations,
// one SQL text for both databases) and the table that turns a driver's error
// into a fault. It owns no query: each room keeps its own SQL, written once
// with $1 placeholders, RETURNING, ON CONFLICT and BIGINT milliseconds.
//
// # SQLite
//
// One goroutine owns the only writing connection. Writes that arrive while a
// commit is on its way to the disk are run together in the next transaction,
// each in its own savepoint, and share one commit (synchronous=FULL). Reads use
// a pool of their own and never wait for a write.
//
// # PostgreSQL
//
// Single reads, and single writes that wait for no row of others (Share), are sent
// together with those that wait at the same time: a batch is one round trip and one
// commit. Every other write is a transaction of its own at READ COMMITTED; BEGIN travels with
// its first statement and COMMIT with its last ones. Single use rests on a guarded UPDATE and
// its row count, never on an isolation level.
//
// It serves no URL and must not know what the rows mean.
package store
