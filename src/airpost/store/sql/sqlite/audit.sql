-- The audit log.

-- name: head
SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1

-- name: append
INSERT INTO audit (n, at_ms, actor, origin, action, subject, result, count, detail, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: rows
SELECT n, at_ms, action, actor, origin, subject, result, count, detail, hash
FROM audit WHERE n > ? ORDER BY n LIMIT ?

-- name: oldest
SELECT n, at_ms FROM audit ORDER BY n LIMIT 1

-- name: last_before
SELECT n, hash, at_ms FROM audit WHERE n < ? AND at_ms < ? ORDER BY n DESC LIMIT 1

-- name: base
INSERT OR REPLACE INTO audit_base (id, n) VALUES (1, ?)

-- name: drop
DELETE FROM audit WHERE n <= ?

-- name: begun_or_ended
-- Since the start before the last one: what was begun earlier, an earlier start has ended. What asks
-- at the very beginning of a run may have its row before that of the start.
SELECT n, action, subject, result, detail FROM audit
WHERE n > coalesce(
    (SELECT n FROM audit WHERE action = 'service.start' ORDER BY n DESC LIMIT 1 OFFSET 1), 0
) AND (result = 'begun' OR detail LIKE '%"begun":%')
ORDER BY n
