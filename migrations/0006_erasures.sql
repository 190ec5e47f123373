-- Up Migration

-- Events of this user dated before are refused: they were erased at that moment, and an old file may bring them again.
ALTER TABLE users ADD COLUMN refuse_before timestamptz;

-- A user who left: erased (with the keyed hash of the id) or merged into another (without). The number is nobody's from then on; whoever keeps something under it drops it.
ALTER TABLE erasures ALTER COLUMN user_hash DROP NOT NULL, ADD COLUMN user_no integer;
CREATE INDEX erasures_user_hash ON erasures (user_hash) WHERE user_hash IS NOT NULL;
CREATE INDEX erasures_erased_at ON erasures (erased_at);

-- The key of the hashes, made here once: without it the hashes say nothing of the ids.
CREATE TABLE secrets (
  name text PRIMARY KEY,
  value bytea NOT NULL
);
INSERT INTO secrets (name, value) VALUES ('erasures', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

-- Down Migration

DROP TABLE secrets;
DROP INDEX erasures_erased_at, erasures_user_hash;
DELETE FROM erasures WHERE user_hash IS NULL;
ALTER TABLE erasures DROP COLUMN user_no, ALTER COLUMN user_hash SET NOT NULL;
ALTER TABLE users DROP COLUMN refuse_before;
