-- Up Migration

-- Live experiments: of a shop's own making, and the guard of a version that went live. `definition` holds the variants in order; the first is what the others are compared with. While an experiment runs, its
-- variants have the numbers first_variant_no … in recommendation ids and impressions. `looks` is what was seen at each look of the sequential test, `result` how it ended.
ALTER TABLE experiments
  ADD COLUMN kind text NOT NULL DEFAULT 'shop' CHECK (kind IN ('shop', 'guard')),
  ADD COLUMN first_variant_no smallint,
  ADD COLUMN looks jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN next_look_at timestamptz;
CREATE INDEX experiments_running ON experiments (next_look_at) WHERE state = 'running';

-- Down Migration

DROP INDEX experiments_running;
ALTER TABLE experiments DROP COLUMN kind, DROP COLUMN first_variant_no, DROP COLUMN looks, DROP COLUMN next_look_at;
DELETE FROM experiments;
