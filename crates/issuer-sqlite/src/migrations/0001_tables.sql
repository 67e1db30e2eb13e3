-- Times are seconds since 1970-01-01T00:00:00Z. A digest is a SHA-256: `sha256sum` prints what x'...' takes.
-- `owner` is the user_key of the user whose row it is. To read tokens, ask the view `tokens`.

-- Which commit came last. Each commit names the one before it, and so does a write-ahead log that begins with it: a log is
-- never replayed over a file that it was not written for. The first table of all, so that its page is page 2 of the file.
CREATE TABLE last_commit (
    only_row       INTEGER PRIMARY KEY CHECK (only_row = 1),
    previous       BLOB    NOT NULL CHECK (length(previous) = 16),
    latest         BLOB    NOT NULL CHECK (length(latest) = 16),
    schema_version INTEGER NOT NULL   -- of this very file; SQLite gives a backup of it another one
) STRICT;

INSERT INTO last_commit VALUES (1, zeroblob(16), zeroblob(16), 0);

-- The host's users. A row whose version is NULL is no user: it only owns rows that came without one.
CREATE TABLE users (
    user_key   INTEGER PRIMARY KEY,   -- never used again, or a token could change hands
    id         TEXT NOT NULL UNIQUE,
    version    BLOB CHECK (length(version) = 16),   -- the commit that wrote the row last
    nickname   TEXT,
    avatar_url TEXT,
    -- Not IN: of three or more values that makes a table for each row.
    token_mode TEXT CHECK (token_mode = 'unset' OR token_mode = 'issued' OR token_mode = 'assigned'),
    created_at INTEGER,
    updated_at INTEGER,
    CHECK ((version IS NULL) = (token_mode IS NULL)
       AND (version IS NULL) = (created_at IS NULL)
       AND (version IS NULL) = (updated_at IS NULL))
) STRICT;

-- What AUTOINCREMENT would note with every new user is noted when one is erased: the greatest key that was given away.
CREATE TABLE erased_users (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    last_key INTEGER NOT NULL
) STRICT;

CREATE TRIGGER users_erased AFTER DELETE ON users BEGIN
    INSERT INTO erased_users VALUES (1, OLD.user_key)
        ON CONFLICT DO UPDATE SET last_key = max(last_key, excluded.last_key);
END;

-- Nearly always empty: it makes a count of the users a count of the rows.
CREATE INDEX users_without_record ON users (user_key) WHERE version IS NULL;

-- Tokens that were signed here. Their ids ascend with time, so that new rows go to the end of the table.
CREATE TABLE issued_tokens (
    jti         BLOB    NOT NULL CHECK (length(jti) = 16),
    owner       INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    signing_key BLOB    NOT NULL CHECK (length(signing_key) = 16),
    issuer      TEXT,
    audience    TEXT,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER,
    dead_at     INTEGER NOT NULL AS (min(expires_at, ifnull(revoked_at, expires_at))),
    PRIMARY KEY (jti, owner)
) STRICT, WITHOUT ROWID;

-- One index for both: a load seeks the tokens that are not revoked, an erasure all tokens of the user.
CREATE INDEX issued_tokens_by_owner ON issued_tokens (owner, revoked_at);
CREATE INDEX issued_tokens_by_death ON issued_tokens (dead_at);

-- Tokens that the host brought: only the SHA-256 of their text.
CREATE TABLE assigned_tokens (
    digest     BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    owner      INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    dead_at    INTEGER NOT NULL AS (min(expires_at, ifnull(revoked_at, expires_at)))
) STRICT, WITHOUT ROWID;

CREATE INDEX assigned_tokens_by_owner ON assigned_tokens (owner, revoked_at);
CREATE INDEX assigned_tokens_by_death ON assigned_tokens (dead_at);

-- Idempotency keys: which token answered the request.
CREATE TABLE replays (
    owner        INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    key          BLOB    NOT NULL CHECK (length(key) = 32),
    request      BLOB    NOT NULL CHECK (length(request) = 32),
    jti          BLOB    NOT NULL CHECK (length(jti) = 16),
    forgotten_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX replays_by_death ON replays (forgotten_at);

-- Assigned tokens that must stay dead, whoever's they were.
CREATE TABLE tombstones (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    "until" INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tombstones_by_death ON tombstones ("until");

-- What is no user's: one JSON object.
CREATE TABLE control (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    version  BLOB NOT NULL CHECK (length(version) = 16),
    record   TEXT NOT NULL
) STRICT;

-- For people. `name` is the jti as it stands in the token, or the SHA-256 of an assigned token in hex.
CREATE VIEW tokens (user, kind, name, state, created, expires, revoked) AS
WITH
    alphabet (text) AS (VALUES ('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')),
    -- Three hexadecimal digits are two characters of base64url.
    triple (at) AS (VALUES (1), (4), (7), (10), (13), (16), (19), (22), (25), (28), (31)),
    every_token (owner, kind, name, created_at, expires_at, revoked_at) AS (
        SELECT owner, 'issued',
            (SELECT group_concat(substr(text, bits / 64 + 1, 1) || substr(text, bits % 64 + 1, 1), '')
               FROM (SELECT (instr('0123456789ABCDEF', substr(hex(jti), at, 1)) - 1) * 256
                          + (instr('0123456789ABCDEF', substr(hex(jti), at + 1, 1)) - 1) * 16
                          + (instr('0123456789ABCDEF', substr(hex(jti) || '0', at + 2, 1)) - 1) AS bits
                       FROM triple ORDER BY at), alphabet),
            created_at, expires_at, revoked_at
          FROM issued_tokens
        UNION ALL
        SELECT owner, 'assigned', lower(hex(digest)), created_at, expires_at, revoked_at FROM assigned_tokens
    )
SELECT users.id, kind, name,
       CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
            WHEN every_token.expires_at <= CAST(strftime('%s', 'now') AS INTEGER) THEN 'expired'
            ELSE 'not revoked' END,
       strftime('%Y-%m-%dT%H:%M:%SZ', every_token.created_at, 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%SZ', every_token.expires_at, 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%SZ', every_token.revoked_at, 'unixepoch')
  FROM every_token JOIN users ON users.user_key = every_token.owner;
