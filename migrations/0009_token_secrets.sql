-- Up Migration

-- What shops sign shopper tokens with. Kept in clear, since a signature is checked with what it was made with; handed out once, by the request that makes one.
CREATE TABLE token_secrets (
  kid text PRIMARY KEY,
  secret text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz
);

-- The last page of another origin that sent this key, which must never be in a browser.
ALTER TABLE api_keys ADD COLUMN refused_origin text, ADD COLUMN refused_at timestamptz;

-- Down Migration

ALTER TABLE api_keys DROP COLUMN refused_origin, DROP COLUMN refused_at;
DROP TABLE token_secrets;
