-- How much each key has sent.

-- name: add
INSERT INTO key_use (key_id, minute, count) VALUES (?, ?, ?)
ON CONFLICT (key_id, minute) DO UPDATE SET count = count + excluded.count

-- name: of
SELECT minute, count FROM key_use WHERE key_id = ? AND minute >= ? ORDER BY minute
