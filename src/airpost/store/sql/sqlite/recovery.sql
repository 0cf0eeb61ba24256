-- What was under way when the process ended.

-- name: on_air
SELECT s.id FROM message m INDEXED BY message_lane JOIN segment s ON s.message_seq = m.seq
WHERE m.lane IS NOT NULL AND m.open = 1 AND s.current = 1 AND s.state = 'sending'

-- name: open_attempts
SELECT id, segment_id, n, lane, sim_id, tail, mr, begun_at, ended_at, outcome_class
FROM attempt WHERE segment_id = ? AND ended_at IS NULL ORDER BY id

-- name: left_open
SELECT id, segment_id, n, lane, sim_id, tail, mr, begun_at, ended_at, outcome_class FROM attempt
WHERE id > (SELECT max(id) FROM attempt) - ? AND ended_at IS NULL ORDER BY id

-- name: journal
SELECT value FROM meta WHERE key = ?

-- name: set_journal
INSERT INTO meta (key, value) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: skip_events
UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'event'
