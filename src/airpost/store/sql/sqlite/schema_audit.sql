-- Who did what: the audit log, what a key may do, and how much each key has sent.

CREATE TABLE audit (
    n INTEGER PRIMARY KEY, -- 1, 2, 3 …: no number is left out
    at_ms INTEGER NOT NULL, -- milliseconds since 1970
    actor TEXT NOT NULL,
    origin TEXT NOT NULL, -- from where; '' from within
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    result TEXT NOT NULL,
    count INTEGER NOT NULL, -- of so many of the same kind
    detail TEXT NOT NULL, -- JSON
    hash BLOB NOT NULL -- of this row and, by theirs, of all before
) STRICT;

-- Up to which row it was pruned; a row of the log itself tells of that.
CREATE TABLE audit_base (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n INTEGER NOT NULL
) STRICT;

-- Against mistakes of our own: whoever may write the file may drop these, and is found by the chain.
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN OLD.n > coalesce((SELECT n FROM audit_base), 0)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- What a key may do; separated by a space, NULL: no restriction.
ALTER TABLE api_key ADD COLUMN classes TEXT;
ALTER TABLE api_key ADD COLUMN routes TEXT;
ALTER TABLE api_key ADD COLUMN networks TEXT;
ALTER TABLE api_key ADD COLUMN rate TEXT; -- such as 60/min+10
ALTER TABLE api_key ADD COLUMN expires_at INTEGER;
-- The secret before the last rotation, and until when it counts.
ALTER TABLE api_key ADD COLUMN old_hash BLOB;
ALTER TABLE api_key ADD COLUMN old_until INTEGER;
CREATE UNIQUE INDEX api_key_old_hash ON api_key (old_hash) WHERE old_hash IS NOT NULL;

-- Accepted messages by key and minute since 1970.
CREATE TABLE key_use (
    key_id TEXT NOT NULL,
    minute INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (key_id, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_use_minute ON key_use (minute);
