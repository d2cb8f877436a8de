-- +goose Up
-- The numbers by which APS's clients name forms. Apps, models and forms are numbered
-- together, so that a number means one thing only.
ALTER TABLE forms ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
INSERT INTO sequences (name, value) SELECT 'model', 0 WHERE EXISTS (SELECT 1 FROM forms) ON CONFLICT (name) DO NOTHING;
UPDATE forms SET number = (SELECT value FROM sequences WHERE name = 'model') + (SELECT COUNT(*) FROM forms f WHERE f.id <= forms.id);
UPDATE sequences SET value = value + (SELECT COUNT(*) FROM forms) WHERE name = 'model';
CREATE UNIQUE INDEX forms_number ON forms (number);
CREATE INDEX submitted_forms_form ON submitted_forms (form_id, at);
