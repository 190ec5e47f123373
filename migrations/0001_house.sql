-- Up Migration

-- Everything is derived from `events`; see ARCHITECTURE.md, "The tables". `id` is the shop's string, `no` is our compact integer (gaps are normal).

CREATE TABLE users (
  user_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL UNIQUE,
  first_seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE items (
  item_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  item_id text COLLATE "C" NOT NULL UNIQUE,
  title text,
  url text,
  image_url text,
  price real,
  categories text[] NOT NULL DEFAULT '{}',
  attributes jsonb NOT NULL DEFAULT '{}',
  available boolean NOT NULL DEFAULT true,
  published_at timestamptz,
  expires_at timestamptz,
  -- Taken out of the catalogue by DELETE. The row stays, because events point at it and still train.
  deleted_at timestamptz,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- The transaction that changed the row last: replicas ask for what is newer, as they do for events.
  xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX items_xid ON items (xid);

CREATE TABLE event_types (
  type_no smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  weight real NOT NULL,
  mode text NOT NULL CHECK (mode IN ('latest', 'sum')),
  half_life_days real CHECK (half_life_days > 0),
  threshold real,
  use_value boolean NOT NULL DEFAULT false,
  -- How long an item with such an event stays out of the shopper's answers; null: for ever.
  hides_days real DEFAULT 0 CHECK (hides_days >= 0)
);
INSERT INTO event_types (name, weight, mode, threshold, hides_days) VALUES
  ('view', 1, 'sum', NULL, 0),
  ('cart', 3, 'sum', NULL, 0),
  ('purchase', 6, 'sum', NULL, 90),
  ('rating', 4, 'latest', 3.5, NULL);

CREATE TABLE imports (
  import_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'cancelled', 'undone')),
  source text NOT NULL,
  format text NOT NULL,
  options jsonb NOT NULL DEFAULT '{}',
  rows_read bigint NOT NULL DEFAULT 0,
  rows_imported bigint NOT NULL DEFAULT 0,
  rows_duplicate bigint NOT NULL DEFAULT 0,
  skipped jsonb NOT NULL DEFAULT '{}',
  -- The last line whose chunk is committed; written in that chunk's transaction.
  last_line bigint NOT NULL DEFAULT 0,
  message text,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);

CREATE TABLE import_errors (
  import_no integer NOT NULL REFERENCES imports ON DELETE CASCADE,
  line bigint NOT NULL,
  code text NOT NULL,
  message text NOT NULL,
  raw text NOT NULL,
  PRIMARY KEY (import_no, line)
);

-- Append-only. No foreign keys: they would cost a look-up and a row lock per event on the widest road in; the writer makes users and items in the same
-- transaction, and nothing deletes them while events point at them.
CREATE TABLE events (
  event_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  user_no integer NOT NULL,
  item_no integer NOT NULL,
  type_no smallint NOT NULL,
  value real,
  quantity real,
  price real,
  group_hash bigint,
  occurred_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  dedup uuid NOT NULL UNIQUE,
  import_no integer,
  rec_scenario smallint,
  rec_variant smallint,
  rec_version integer,
  rec_bucket smallint,
  rec_position smallint
);
CREATE INDEX events_user ON events (user_no, event_no DESC);
CREATE INDEX events_xid ON events (xid);

CREATE TABLE models (
  version integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  state text NOT NULL CHECK (state IN ('candidate', 'live', 'rejected', 'retired')),
  recipe jsonb NOT NULL,
  report jsonb NOT NULL DEFAULT '{}',
  -- Events with xid >= watermark may be missing in this version; meaningful in the cluster `system_identifier` alone.
  watermark xid8 NOT NULL,
  system_identifier text NOT NULL,
  -- SHA-256 of the item part and of the user part.
  sha256 bytea NOT NULL,
  user_sha256 bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  activated_at timestamptz
);
CREATE UNIQUE INDEX models_one_live ON models (state) WHERE state = 'live';

CREATE TABLE model_chunks (
  version integer NOT NULL REFERENCES models ON DELETE CASCADE,
  part text NOT NULL CHECK (part IN ('item', 'user')),
  seq integer NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (version, part, seq)
);
ALTER TABLE model_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE training_runs (
  run_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'published', 'rejected', 'skipped', 'cancelled', 'failed')),
  started_by text NOT NULL,
  phase text,
  progress real NOT NULL DEFAULT 0,
  seconds_left real,
  version integer,
  code text,
  message text,
  report jsonb,
  cancel_requested boolean NOT NULL DEFAULT false,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);

CREATE TABLE experiments (
  experiment_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'running', 'stopped')),
  definition jsonb NOT NULL,
  result jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  stopped_at timestamptz
);

CREATE TABLE scenarios (
  scenario_no smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  definition jsonb NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE impressions (
  hour timestamptz NOT NULL,
  scenario smallint NOT NULL,
  variant smallint NOT NULL,
  version integer NOT NULL,
  bucket smallint NOT NULL,
  lists bigint NOT NULL DEFAULT 0,
  items bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (hour, scenario, variant, version, bucket)
);

CREATE TABLE api_keys (
  key_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  role text NOT NULL CHECK (role IN ('publishable', 'secret', 'admin')),
  name text NOT NULL,
  -- The first characters, enough to recognise a key by; the key itself is not kept.
  hint text NOT NULL,
  sha256 bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);

CREATE TABLE erasures (
  erasure_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_hash bytea NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE settings (
  name text COLLATE "C" PRIMARY KEY,
  value jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- Down Migration

DROP TABLE settings, erasures, api_keys, impressions, scenarios, experiments, training_runs, model_chunks, models, events, import_errors, imports, event_types, items, users;
