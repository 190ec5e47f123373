-- Up Migration

-- The tail goes by (xid, event_no). With xid alone the events of one transaction were sorted for every page of it, and a restored database is one transaction.
CREATE INDEX events_xid_no ON events (xid, event_no);
DROP INDEX events_xid;

-- Down Migration

CREATE INDEX events_xid ON events (xid);
DROP INDEX events_xid_no;
