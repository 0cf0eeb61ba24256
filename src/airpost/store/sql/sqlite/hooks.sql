-- What comes in by hooks.

-- name: repeats
SELECT id FROM hook_event WHERE hook = ? AND dedup = ? AND received_at > ? AND outcome <> 'repeated'
ORDER BY received_at DESC LIMIT 1

-- name: add
INSERT INTO hook_event (id, hook, source, raw_body, dedup, outcome, problem, messages, received_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
