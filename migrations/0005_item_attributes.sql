-- Up Migration

-- Attributes of the shop's own, each of the type that its first value had: a filter must know what it compares.
CREATE TABLE item_attributes (
  name text COLLATE "C" PRIMARY KEY,
  type text NOT NULL CHECK (type IN ('number', 'string', 'boolean', 'array', 'object')),
  first_seen_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO item_attributes (name, type)
  SELECT DISTINCT ON (key) key, jsonb_typeof(value) FROM items, jsonb_each(attributes) WHERE jsonb_typeof(value) <> 'null' ORDER BY key, item_no;

-- Down Migration

DROP TABLE item_attributes;
