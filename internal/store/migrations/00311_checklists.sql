-- +goose Up
-- Where tasks stand on the checklists that somebody has put in an order.
CREATE TABLE checklist_places (
    task_id  TEXT    PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
    position INTEGER NOT NULL
);
