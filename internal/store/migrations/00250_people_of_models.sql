-- +goose Up
-- Whom a model of another server means: the number that it has there, and who that is here.
CREATE TABLE definition_people (
    definition_id TEXT NOT NULL REFERENCES definitions (id) ON DELETE CASCADE,
    kind          TEXT NOT NULL,           -- user | group
    named         TEXT NOT NULL,           -- as the model has it
    id            TEXT NOT NULL,           -- as it is here
    PRIMARY KEY (definition_id, kind, named)
);
