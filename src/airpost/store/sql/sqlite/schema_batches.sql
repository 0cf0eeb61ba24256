-- Messages that were handed in together.

CREATE TABLE batch (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    key_id TEXT,
    size INTEGER NOT NULL, -- rows as they were handed in
    created_at INTEGER NOT NULL,
    taken_at INTEGER, -- NULL: some of its rows are not decided
    cancelled_at INTEGER,
    accepted INTEGER NOT NULL DEFAULT 0, -- of them, once it is taken
    rejected INTEGER NOT NULL DEFAULT 0,
    rejected_body INTEGER, -- which rows were not taken, and why: JSON
    sender_ref TEXT,
    tags TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX batch_owner ON batch (owner);

ALTER TABLE message ADD COLUMN batch_seq INTEGER;
ALTER TABLE message ADD COLUMN batch_row INTEGER; -- which of its rows, from 0
CREATE INDEX message_batch ON message (batch_seq) WHERE batch_seq IS NOT NULL;
