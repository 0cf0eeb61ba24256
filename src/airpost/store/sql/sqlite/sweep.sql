-- What is due. Each of these is the first stretch of a partial index; INDEXED BY where the planner,
-- who knows no numbers of rows, would take another.

-- name: next_due
SELECT min(at) FROM (
    SELECT min(not_before) AS at FROM message INDEXED BY message_scheduled
    WHERE state = 'accepted'
    UNION ALL
    SELECT min(not_before) FROM segment WHERE state = 'queued' AND not_before IS NOT NULL
    UNION ALL
    SELECT min(expires_at) FROM segment WHERE state = 'queued'
    UNION ALL
    SELECT min(grace_until) FROM segment WHERE grace_until IS NOT NULL
    UNION ALL
    SELECT min(deadline_at) FROM segment WHERE deadline_at IS NOT NULL
    UNION ALL
    SELECT min(due_at) FROM part WHERE due_at IS NOT NULL
    UNION ALL
    SELECT min(held_until) FROM message WHERE held_until IS NOT NULL
    UNION ALL
    SELECT min(kept_until) FROM idempotency
    UNION ALL
    SELECT min(sent_at + failover_us) FROM message INDEXED BY message_failover
    WHERE failover_us IS NOT NULL AND state = 'sent' AND final = 0
        AND (?2 IS NULL OR ifnull(group_n, 0)
            < (SELECT value FROM json_each(?2) WHERE key = ifnull(route, ?3)))
    UNION ALL
    SELECT min(max(created_at, ifnull(not_before, 0))) + ?1 FROM message INDEXED BY message_ageing
    WHERE rank = 3 AND open = 1
)

-- name: scheduled
SELECT seq FROM message INDEXED BY message_scheduled
WHERE state = 'accepted' AND not_before <= ? ORDER BY not_before LIMIT ?

-- name: unschedule
UPDATE message SET state = 'queued' WHERE seq = ? AND state = 'accepted'

-- name: begun_retries
-- Of those that `retries` takes next.
SELECT DISTINCT due.message_seq FROM (
    SELECT message_seq FROM segment
    WHERE state = 'queued' AND not_before IS NOT NULL AND not_before <= ?
    ORDER BY not_before LIMIT ?) due
JOIN message m ON m.seq = due.message_seq WHERE m.parts > 1

-- name: retries
UPDATE segment SET not_before = NULL WHERE id IN (
    SELECT id FROM segment WHERE state = 'queued' AND not_before IS NOT NULL AND not_before <= ?
    ORDER BY not_before LIMIT ?)

-- name: age
UPDATE message SET rank = 2 WHERE seq IN (
    SELECT seq FROM message INDEXED BY message_ageing
    WHERE rank = 3 AND open = 1 AND max(created_at, ifnull(not_before, 0)) <= ? LIMIT ?)

-- name: expired
SELECT DISTINCT message_seq FROM segment WHERE state = 'queued' AND expires_at <= ?
ORDER BY expires_at LIMIT ?

-- name: graces
SELECT id FROM segment WHERE grace_until IS NOT NULL AND grace_until <= ?
ORDER BY grace_until LIMIT ?

-- name: set_grace
UPDATE segment SET grace_until = ? WHERE id = ?

-- name: newest_attempt
SELECT max(a.begun_at) FROM attempt a JOIN segment s ON s.id = a.segment_id
WHERE s.message_seq = ? AND s.current = 1

-- name: deadlines
SELECT id FROM segment WHERE deadline_at IS NOT NULL AND deadline_at <= ?
ORDER BY deadline_at LIMIT ?

-- name: sets
SELECT DISTINCT set_id FROM part WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT ?

-- name: forget_answers
DELETE FROM body WHERE id IN (SELECT answer_body FROM idempotency WHERE kept_until <= ?
    ORDER BY kept_until LIMIT ?)

-- name: forget_keys
DELETE FROM idempotency WHERE (owner, key) IN (
    SELECT owner, key FROM idempotency WHERE kept_until <= ? ORDER BY kept_until LIMIT ?)
