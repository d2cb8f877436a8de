-- +goose Up
CREATE INDEX attachments_loose_user ON attachments (user_id, size) WHERE task_id = '' AND instance_id = '';
