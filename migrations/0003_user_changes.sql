-- Up Migration

-- Goes up whenever a user's number stops to be theirs. Processes keep numbers of ids in memory; a transaction that stores events compares this first.
CREATE SEQUENCE user_changes AS bigint;

-- Down Migration

DROP SEQUENCE user_changes;
