package store

// SharesWaiting is how many statements wait for a batch on PostgreSQL.
func SharesWaiting(db *DB) int { return len(db.backend.(*postgresDB).shares.jobs) }
