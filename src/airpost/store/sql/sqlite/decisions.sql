-- What people decide about messages that wait or are in doubt.

-- name: of_lane
SELECT seq, lane, outlet, state FROM (
    SELECT seq, lane, outlet, state FROM message INDEXED BY message_lane
    WHERE lane = ?1 AND open = 1
    UNION ALL
    SELECT seq, lane, outlet, state FROM message INDEXED BY message_backlog
    WHERE outlet = ?2 AND lane IS NULL AND open = 1 AND state <> 'accepted'
    UNION ALL
    SELECT seq, lane, outlet, state FROM message INDEXED BY message_scheduled
    WHERE state = 'accepted' AND lane IS NULL AND asked_lane = ?1
    UNION ALL
    SELECT seq, lane, outlet, state FROM message INDEXED BY message_held
    WHERE held_until IS NOT NULL AND state <> 'accepted' AND lane IS NULL AND asked_lane = ?1
) WHERE seq > ?3 ORDER BY seq LIMIT ?4

-- name: route
SELECT route FROM message WHERE seq = ?

-- name: ask
UPDATE message SET asked_lane = ?, outlet = ? WHERE seq = ?

-- name: find
SELECT seq FROM message WHERE id = ? AND (?2 IS NULL OR owner = ?2)

-- name: live_on
-- A time to live: whole seconds after the message was accepted, rounded up (timing.sql).
UPDATE message SET expires_at = ?1 + (1000000 + (created_at - ?1) % 1000000) % 1000000 WHERE seq = ?2

-- name: segments_live_on
UPDATE segment SET expires_at = (SELECT expires_at FROM message WHERE seq = ?1)
WHERE message_seq = ?1 AND current = 1

-- name: newest_attempt
SELECT max(a.begun_at) FROM attempt a JOIN segment s ON s.id = a.segment_id
WHERE s.message_seq = ? AND s.current = 1

-- name: avoid
UPDATE message SET avoid_sim = ? WHERE seq = ?

-- name: at_once
UPDATE segment SET not_before = NULL WHERE message_seq = ? AND current = 1 AND state = 'queued'

-- name: newest_of_sim
SELECT a.outcome_class <> 'unknown' OR EXISTS (SELECT 1 FROM report r WHERE r.attempt_id = a.id)
FROM attempt a WHERE a.sim_id = ? AND a.ended_at IS NOT NULL ORDER BY a.id DESC LIMIT ?
