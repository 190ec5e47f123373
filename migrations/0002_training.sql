-- Up Migration

-- A run ends as `needs-approval` where its model waits for somebody's word, and as `lost` where its process or its lock's connection died.
ALTER TABLE training_runs DROP CONSTRAINT training_runs_state_check;
UPDATE training_runs SET state = 'lost' WHERE state = 'failed' AND code = 'interrupted';
ALTER TABLE training_runs
  ADD CONSTRAINT training_runs_state_check CHECK (state IN ('running', 'published', 'needs-approval', 'rejected', 'skipped', 'cancelled', 'failed', 'lost')),
  -- Curve points and search trials so far, for whoever follows the run.
  ADD COLUMN detail jsonb,
  -- pg_snapshot_xmin when it began, meaningful in the cluster `system_identifier` alone: events with xid >= watermark are new to this run's successors.
  ADD COLUMN watermark xid8,
  ADD COLUMN system_identifier text;
CREATE INDEX training_runs_version ON training_runs (version) WHERE version IS NOT NULL;

-- Down Migration

DROP INDEX training_runs_version;
ALTER TABLE training_runs DROP COLUMN system_identifier, DROP COLUMN watermark, DROP COLUMN detail, DROP CONSTRAINT training_runs_state_check;
UPDATE training_runs SET state = 'failed', code = 'interrupted' WHERE state = 'lost';
UPDATE training_runs SET state = 'rejected' WHERE state = 'needs-approval';
ALTER TABLE training_runs ADD CONSTRAINT training_runs_state_check CHECK (state IN ('running', 'published', 'rejected', 'skipped', 'cancelled', 'failed'));
