-- Up Migration

ALTER TABLE imports DROP CONSTRAINT imports_state_check;
ALTER TABLE imports
  -- `interrupted`: its process ended before it did; it can go on from `last_line`.
  ADD CONSTRAINT imports_state_check CHECK (state IN ('running', 'done', 'failed', 'cancelled', 'interrupted', 'undone')),
  ADD COLUMN kind text NOT NULL DEFAULT 'events' CHECK (kind IN ('events', 'items', 'users')),
  -- What was found out about the file, for whoever looks: columns, delimiter, encoding, dates.
  ADD COLUMN layout jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN code text,
  ADD COLUMN rows_quarantined bigint NOT NULL DEFAULT 0,
  -- 0 to 1, by bytes of the file.
  ADD COLUMN progress real NOT NULL DEFAULT 0,
  ADD COLUMN cancel_requested boolean NOT NULL DEFAULT false,
  -- Its events have numbers from here to there: undoing looks at no others.
  ADD COLUMN first_event_no bigint,
  ADD COLUMN last_event_no bigint;

-- Down Migration

UPDATE imports SET state = 'failed' WHERE state = 'interrupted';
ALTER TABLE imports
  DROP COLUMN last_event_no, DROP COLUMN first_event_no, DROP COLUMN cancel_requested, DROP COLUMN progress, DROP COLUMN rows_quarantined, DROP COLUMN code, DROP COLUMN layout, DROP COLUMN kind,
  DROP CONSTRAINT imports_state_check,
  ADD CONSTRAINT imports_state_check CHECK (state IN ('running', 'done', 'failed', 'cancelled', 'undone'));
