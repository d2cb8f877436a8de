-- +goose Up
-- Who did what, and how it ended. A line is written by the transaction of the change
-- that it tells of, and is never changed.
CREATE TABLE audit_events (
    at         BIGINT NOT NULL,
    id         TEXT   NOT NULL,
    event      TEXT   NOT NULL,           -- such as user.create
    outcome    TEXT   NOT NULL,           -- success | failure | throttled | denied
    actor      TEXT   NOT NULL,           -- user:1001 | client:web | cli | program | system | empty: nobody is known
    actor_name TEXT   NOT NULL,           -- what people call the actor, at that time
    client_id  TEXT   NOT NULL,           -- the application that was used; empty: none
    subject    TEXT   NOT NULL,           -- what it was done to, in the form of actor
    address    TEXT   NOT NULL,           -- where the request came from; empty: no request
    request    TEXT   NOT NULL,           -- its id in the log
    details    TEXT   NOT NULL,           -- JSON; no secret
    PRIMARY KEY (at, id)
);
CREATE INDEX audit_events_actor ON audit_events (actor, at);
