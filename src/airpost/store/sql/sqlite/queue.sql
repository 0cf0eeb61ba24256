-- The queue of a lane and the backlog. `open = 1`, `lane IS NULL` and the state stand here as in the
-- partial indexes: else they are not used.

-- name: occupied
SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM message m
    WHERE m.outlet = value AND m.lane IS NULL AND m.open = 1 AND m.state <> 'accepted')

-- name: scheduled
SELECT 1 FROM message INDEXED BY message_scheduled
WHERE state = 'accepted' AND not_before <= ? LIMIT 1

-- name: backlog
SELECT m.seq, m.id, m.number, m.class, m.parts, m.asked_lane, m.route, m.rank, m.key_id,
       m.charged_at, m.avoid_sim, m.ordered, m.outlet, EXISTS (SELECT 1 FROM segment s
           WHERE s.message_seq = m.seq AND (s.current = 0 OR s.attempts > 0 OR s.resends > 0))
           AS tried, m.carrier, m.groups_failed,
       EXISTS (SELECT 1 FROM message e INDEXED BY message_order
           WHERE (e.open = 1 OR (e.ordered = 1 AND e.state = 'uncertain' AND e.final = 0))
               AND e.number = m.number AND e.class = m.class AND e.seq < m.seq) AS behind
FROM message m
WHERE m.outlet = ? AND m.lane IS NULL AND m.open = 1 AND m.state <> 'accepted'
    AND m.rank <= ?3 AND m.expires_at > ?2
    AND EXISTS (SELECT 1 FROM segment s WHERE s.message_seq = m.seq AND s.current = 1
        AND s.state = 'queued' AND (s.not_before IS NULL OR s.not_before <= ?2))
ORDER BY m.rank, m.seq

-- name: backlog_scheduled
SELECT m.seq, m.id, m.number, m.class, m.parts, m.asked_lane, m.route, m.rank, m.key_id,
       m.charged_at, m.avoid_sim, m.ordered, m.outlet, 0 AS tried,
       m.carrier, m.groups_failed, 1 AS behind
FROM message m INDEXED BY message_scheduled
WHERE m.state = 'accepted' AND m.not_before <= ?2 AND m.outlet = ?1 AND m.lane IS NULL
    AND m.rank <= ?3 AND m.expires_at > ?2
ORDER BY m.rank, m.seq

-- name: outlets
WITH RECURSIVE found (name) AS (
    SELECT min(outlet) FROM message
    WHERE lane IS NULL AND open = 1 AND state <> 'accepted'
    UNION ALL
    SELECT (SELECT min(outlet) FROM message
        WHERE lane IS NULL AND open = 1 AND state <> 'accepted' AND outlet > found.name)
    FROM found WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL

-- name: backlog_size
SELECT count(*) FROM message
WHERE outlet = ? AND lane IS NULL AND open = 1 AND state <> 'accepted'

-- name: backlog_seqs
SELECT rank, seq FROM message
WHERE outlet = ? AND lane IS NULL AND open = 1 AND state <> 'accepted'
ORDER BY rank, seq LIMIT ?

-- name: bound_seqs
SELECT seq FROM message WHERE lane = ? AND open = 1 ORDER BY rank, seq LIMIT ?

-- name: claim
SELECT s.id, m.seq, m.id, m.number, m.class, s.seq, m.parts, s.pid, s.dcs, s.udh, b.bytes, s.udl,
       t.concat_ref, s.attempts, s.resends, m.want_report, m.created_at, m.not_before, m.expires_at,
       m.avoid_sim, m.rank
FROM message m
JOIN segment s ON s.message_seq = m.seq AND s.current = 1
JOIN transmission t ON t.id = s.transmission_id
JOIN body b ON b.id = s.ud_body
WHERE m.lane = ? AND m.open = 1 AND s.state = 'queued'
    AND (s.not_before IS NULL OR s.not_before <= ?2)
    AND (m.not_before IS NULL OR m.not_before <= ?2) AND m.expires_at > ?2
ORDER BY m.rank, m.seq, s.seq LIMIT ?

-- name: claim_of
SELECT s.id, m.seq, m.id, m.number, m.class, s.seq, m.parts, s.pid, s.dcs, s.udh, b.bytes, s.udl,
       t.concat_ref, s.attempts, s.resends, m.want_report, m.created_at, m.not_before, m.expires_at,
       m.avoid_sim, m.rank
FROM message m
JOIN segment s ON s.message_seq = m.seq AND s.current = 1
JOIN transmission t ON t.id = s.transmission_id
JOIN body b ON b.id = s.ud_body
WHERE m.seq = ? AND m.open = 1 AND s.state = 'queued'
    AND (s.not_before IS NULL OR s.not_before <= ?2)
    AND (m.not_before IS NULL OR m.not_before <= ?2) AND m.expires_at > ?2
ORDER BY s.seq LIMIT ?

-- name: bind
UPDATE message SET lane = ?, sim_id = ?, charged_at = ifnull(charged_at, ?), choice_id = ?,
    group_n = ?, failover_us = ?, trying_us = ?
WHERE seq = ? AND lane IS NULL AND open = 1 RETURNING state

-- name: whose
SELECT number, class, seq, outlet FROM message WHERE seq = ?

-- name: to_release
SELECT seq FROM message WHERE lane = ? AND open = 1

-- name: bound_lanes
SELECT DISTINCT lane FROM message INDEXED BY message_lane WHERE lane IS NOT NULL AND open = 1

-- name: bound_anywhere
SELECT seq FROM message INDEXED BY message_lane WHERE lane IS NOT NULL AND open = 1

-- name: unbind
UPDATE message SET lane = NULL, sim_id = NULL WHERE seq = ? RETURNING state

-- name: newest_attempt
-- Of those by which something may be out; what was refused is on no handset.
SELECT max(CASE WHEN a.outcome_class IS NULL OR a.outcome_class IN ('ok', 'unknown')
    THEN a.begun_at END), max(s.grace_until)
FROM attempt a JOIN segment s ON s.id = a.segment_id
WHERE s.message_seq = ? AND s.current = 1
