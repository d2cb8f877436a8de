-- +goose Up
-- Whose candidate groups somebody manages is asked for with every list of tasks.
CREATE INDEX user_groups_manager ON user_groups (manager_id) WHERE manager_id IS NOT NULL;
