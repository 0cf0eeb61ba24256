-- Limits, quiet hours and recurring schedules.

-- A message that a limit holds is in no outlet until then: it costs nobody a look.
ALTER TABLE message ADD COLUMN held_until INTEGER;
ALTER TABLE message ADD COLUMN held_reason TEXT; -- stays after the hold, as the words: told once
ALTER TABLE message ADD COLUMN held_by TEXT;
CREATE INDEX message_held ON message (held_until) WHERE held_until IS NOT NULL;

-- When a message was counted for its recipient and its key; NULL where nothing limits these.
ALTER TABLE message ADD COLUMN charged_at INTEGER;
CREATE INDEX message_charged ON message (number, charged_at) WHERE charged_at IS NOT NULL;
CREATE INDEX message_charged_key ON message (key_id, charged_at)
    WHERE charged_at IS NOT NULL AND key_id IS NOT NULL;

-- What a SIM has begun is its rows of `attempt`. Of those that have gone, the numbers by the hour:
-- a month's count must not shrink because records are kept for days only.
CREATE TABLE spent (
    at INTEGER NOT NULL, -- the begin of the hour
    sim_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (at, sim_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER attempt_gone AFTER DELETE ON attempt BEGIN
    INSERT INTO spent (at, sim_id, n)
    VALUES (old.begun_at - old.begun_at % 3600000000, old.sim_id, 1)
    ON CONFLICT (at, sim_id) DO UPDATE SET n = n + 1;
END;

CREATE TABLE schedule (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    key_id TEXT,
    cron TEXT NOT NULL,
    zone TEXT NOT NULL,
    request_body INTEGER NOT NULL, -- JSON, as POST /v1/messages takes it
    late_s INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    last_at INTEGER,
    last_message TEXT,
    fired INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    problem TEXT
) STRICT;
CREATE INDEX schedule_due ON schedule (next_at);
