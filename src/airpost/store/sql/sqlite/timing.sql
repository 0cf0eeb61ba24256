-- What a change of the machine's clock means for what runs by time that passes.

-- name: newest_event
SELECT max(at) FROM (SELECT at FROM event ORDER BY seq DESC LIMIT 1000)

-- name: newest_message
SELECT ifnull(max(seq), 0) FROM message

-- name: message_expiry
UPDATE message SET expires_at = expires_at + :by
WHERE seq > :after AND final = 0
    AND (not_before IS NULL OR (not_before <= :before AND not_before <= :now))
    AND ((expires_at - created_at) % 1000000 = 0 OR (expires_at - not_before) % 1000000 = 1)

-- name: segment_expiry
UPDATE segment SET expires_at = m.expires_at
FROM message m
WHERE m.seq = segment.message_seq AND m.seq > :after AND m.final = 0
    AND segment.current = 1 AND segment.expires_at <> m.expires_at

-- name: retries
UPDATE segment SET not_before = not_before + :by
WHERE state = 'queued' AND not_before IS NOT NULL AND not_before <= :soon

-- name: graces
UPDATE segment SET grace_until = grace_until + :by
WHERE grace_until IS NOT NULL AND grace_until <= :soon

-- name: deadlines
UPDATE segment SET deadline_at = deadline_at + :by
WHERE deadline_at IS NOT NULL AND message_seq > :after

-- name: fail_overs
UPDATE message SET failover_us = failover_us + :by
WHERE failover_us IS NOT NULL AND state = 'sent' AND final = 0 AND sent_at + failover_us <= :soon

-- name: sets
-- What this clock has set lies between its time and an hour later.
UPDATE part SET due_at = due_at + :by
WHERE due_at IS NOT NULL AND (:after = 0 OR due_at BETWEEN :before AND :soon)

-- name: answers
-- By a clock in doubt: rather known for too long than not for as long as was promised.
UPDATE idempotency SET kept_until = kept_until + :by
WHERE :after = 0 OR (:by > 0 AND kept_until <= :kept)

-- name: holds
UPDATE message SET held_until = :now WHERE held_until IS NOT NULL AND open = 1
