-- +goose Up
-- By which door a session came in: page, the sign-in page's, or app, that of APS's
-- own clients, whose cookie opens nothing else.
ALTER TABLE sessions ADD COLUMN kind TEXT NOT NULL DEFAULT 'page';
