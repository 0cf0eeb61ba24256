-- Events out and in. The event table itself is the outbox: each endpoint has a place in it, and only
-- what failed has a row of its own.
DROP TABLE outbox;
CREATE INDEX event_inbound ON event (inbound_seq) WHERE inbound_seq IS NOT NULL;

CREATE TABLE webhook (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL, -- http, exec
    owner TEXT NOT NULL,
    sees TEXT, -- whose messages; NULL: everybody's
    inbound INTEGER NOT NULL, -- 1: received messages too
    target TEXT NOT NULL, -- a URL, or the name of a command
    types TEXT NOT NULL, -- JSON: patterns
    note TEXT,
    secret_body INTEGER,
    previous_body INTEGER, -- the secret before, which signs too until
    previous_until INTEGER,
    state TEXT NOT NULL, -- active, paused, disabled
    reason TEXT, -- why it is disabled
    place INTEGER NOT NULL, -- every event up to this is delivered, or has a row in `delivery`
    delivered INTEGER NOT NULL DEFAULT 0,
    missed INTEGER NOT NULL DEFAULT 0, -- too old to be kept for it
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_owner ON webhook (owner);

-- What was tried and failed, and what waits behind it. No foreign key to `event`: it must not hold
-- up what is erased.
CREATE TABLE delivery (
    webhook_n INTEGER NOT NULL REFERENCES webhook,
    event_seq INTEGER NOT NULL,
    dead INTEGER NOT NULL, -- 1: given up
    tries INTEGER NOT NULL,
    first_at INTEGER, -- the first try
    last_at INTEGER,
    next_at INTEGER NOT NULL,
    status INTEGER, -- what was answered last
    error TEXT,
    PRIMARY KEY (webhook_n, event_seq)
) STRICT, WITHOUT ROWID;

-- What came in by a hook, as it came, and what was made of it in the same commit.
CREATE TABLE hook_event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    hook TEXT NOT NULL,
    source TEXT, -- the address it came from
    raw_body INTEGER NOT NULL,
    dedup TEXT,
    outcome TEXT NOT NULL, -- sent, raw, repeated, nothing
    problem TEXT,
    messages TEXT NOT NULL, -- JSON: their ids
    received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX hook_event_dedup ON hook_event (hook, dedup, received_at) WHERE dedup IS NOT NULL;
CREATE INDEX hook_event_age ON hook_event (received_at);
