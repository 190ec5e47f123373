-- Up Migration

-- What came last was found by reading a fifth of the table: until an autovacuum came round, ranges of the BRIN index had no summary, and nine looks at an hour each (the watch) read all of them.
ALTER INDEX events_received SET (autosummarize = on);

-- Down Migration

ALTER INDEX events_received RESET (autosummarize);
