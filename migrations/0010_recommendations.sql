-- Up Migration

-- An event that came of a list says of which: when it was made, and what it was made from, beside what it says already.
ALTER TABLE events ADD COLUMN rec_at timestamptz, ADD COLUMN rec_source smallint;
CREATE INDEX events_recommended ON events (rec_at) WHERE rec_at IS NOT NULL;

-- Rows lie in the order in which they came: what a period brought is found by a few kilobytes of index.
CREATE INDEX events_received ON events USING brin (received_at);

-- Lists by the hour in which they were made: how many were given out, and of how many a page has said that they were seen.
ALTER TABLE impressions DROP CONSTRAINT impressions_pkey, DROP COLUMN items;
ALTER TABLE impressions ADD COLUMN source smallint NOT NULL, ADD COLUMN length smallint NOT NULL, ADD COLUMN seen_lists bigint NOT NULL DEFAULT 0,
  ADD PRIMARY KEY (hour, scenario, variant, version, source, bucket, length);

-- Events whose recommendation id told nothing, by why.
CREATE TABLE recommendation_faults (
  hour timestamptz NOT NULL,
  fault text NOT NULL,
  events bigint NOT NULL,
  PRIMARY KEY (hour, fault)
);

-- Down Migration

DROP TABLE recommendation_faults;
DELETE FROM impressions;
ALTER TABLE impressions DROP CONSTRAINT impressions_pkey, DROP COLUMN source, DROP COLUMN length, DROP COLUMN seen_lists;
ALTER TABLE impressions ADD COLUMN items bigint NOT NULL DEFAULT 0, ADD PRIMARY KEY (hour, scenario, variant, version, bucket);
DROP INDEX events_recommended, events_received;
ALTER TABLE events DROP COLUMN rec_at, DROP COLUMN rec_source;
