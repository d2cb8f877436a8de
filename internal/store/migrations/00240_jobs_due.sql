-- +goose Up
-- Jobs that are due are found in their order, and those set aside by their queue. An index
-- on all queues tempted SQLite to sort every waiting job for each handful that was taken.
DROP INDEX jobs_queue;
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (due_at, id) WHERE queue IN ('ready', 'timer');
CREATE INDEX jobs_aside ON jobs (queue, id) WHERE queue IN ('suspended', 'dead');
