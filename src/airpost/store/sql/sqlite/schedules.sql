-- Recurring schedules. Columns in the order of `Schedule`.

-- name: add
INSERT INTO schedule (id, owner, key_id, cron, zone, request_body, late_s, created_at, next_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: find
SELECT s.id, s.seq, s.owner, s.key_id, s.cron, s.zone, b.bytes, s.late_s, s.created_at, s.next_at,
       s.last_at, s.last_message, s.fired, s.skipped, s.problem
FROM schedule s JOIN body b ON b.id = s.request_body
WHERE s.id = ?1 AND (?2 IS NULL OR s.owner = ?2)

-- name: page
SELECT s.id, s.seq, s.owner, s.key_id, s.cron, s.zone, b.bytes, s.late_s, s.created_at, s.next_at,
       s.last_at, s.last_message, s.fired, s.skipped, s.problem
FROM schedule s JOIN body b ON b.id = s.request_body
WHERE (?1 IS NULL OR s.owner = ?1) AND s.seq > ?2 ORDER BY s.seq LIMIT ?3

-- name: due
SELECT s.id, s.seq, s.owner, s.key_id, s.cron, s.zone, b.bytes, s.late_s, s.created_at, s.next_at,
       s.last_at, s.last_message, s.fired, s.skipped, s.problem
FROM schedule s JOIN body b ON b.id = s.request_body
WHERE s.next_at <= ? ORDER BY s.next_at LIMIT ?

-- name: next
SELECT min(next_at) FROM schedule

-- name: delete
DELETE FROM schedule WHERE id = ?1 AND (?2 IS NULL OR owner = ?2) RETURNING request_body

-- name: delete_body
DELETE FROM body WHERE id = ?

-- name: count
SELECT count(*) FROM schedule WHERE owner = ?

-- name: advance
UPDATE schedule SET next_at = ?, last_at = ifnull(?, last_at),
    last_message = ifnull(?, last_message), fired = fired + ?, skipped = skipped + ?, problem = ?
WHERE id = ? AND next_at = ?

-- name: naming
SELECT s.seq, s.request_body FROM schedule s JOIN body b ON b.id = s.request_body
WHERE instr(CAST(b.bytes AS TEXT), ?) > 0

-- name: drop
DELETE FROM schedule WHERE seq = ?
