-- Routes: why a message went where it went, when another group is to be tried, who is not texted.

ALTER TABLE message ADD COLUMN carrier TEXT; -- of the recipient, by prefix
ALTER TABLE message ADD COLUMN choice_id INTEGER; -- of the newest binding
ALTER TABLE message ADD COLUMN group_n INTEGER; -- of its route, of the newest binding
ALTER TABLE message ADD COLUMN groups_failed INTEGER NOT NULL DEFAULT 0; -- no report came in time
ALTER TABLE message ADD COLUMN failover_us INTEGER; -- after sent_at; NULL: there is no next group
CREATE INDEX message_failover ON message (sent_at + failover_us)
    WHERE failover_us IS NOT NULL AND state = 'sent' AND final = 0;

-- Which SIM last exchanged messages with a number.
CREATE INDEX message_reached ON message (number, sent_at)
    WHERE sim_id IS NOT NULL AND sent_at IS NOT NULL;
CREATE INDEX inbound_sender ON inbound (sender);

-- Why a lane and not the others: many messages have the same reasons. A row is of one day, so that
-- what is older than every message can go.
CREATE TABLE choice (
    id INTEGER PRIMARY KEY,
    day INTEGER NOT NULL, -- since 1970
    text TEXT NOT NULL, -- JSON: why, and others: lanes by reason
    UNIQUE (day, text)
) STRICT;

-- Numbers that are never texted.
CREATE TABLE blocked (
    number TEXT PRIMARY KEY,
    note TEXT,
    actor TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE api_key ADD COLUMN countries TEXT; -- separated by a space; NULL: what holds for all
