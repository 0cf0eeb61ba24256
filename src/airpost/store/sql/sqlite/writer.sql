-- What every commit looks at, and what every request writes when its own work is done.

-- name: owner
SELECT value FROM meta WHERE key = 'air journal'

-- name: history
INSERT INTO event (at, message_seq, inbound_seq, subject, from_state, to_state, reason, actor,
                   severity)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: newest_event
SELECT seq FROM sqlite_sequence WHERE name = 'event'

-- name: probe
INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', hex(randomblob(64)))
