-- The attempts that a delivery report may belong to.

-- name: with_reference
SELECT id, segment_id, n, lane, sim_id, tail, mr, begun_at, ended_at, outcome_class
FROM attempt
WHERE sim_id = ? AND tail = ? AND mr = ? AND (begun_at >= ? OR EXISTS (
    SELECT 1 FROM segment s WHERE s.id = attempt.segment_id AND s.state = 'sent' AND s.final = 0
        AND s.deadline_at > ?5))
ORDER BY id DESC LIMIT 100

-- name: without_reference
SELECT id, segment_id, n, lane, sim_id, tail, mr, begun_at, ended_at, outcome_class
FROM attempt
WHERE sim_id = ? AND tail = ? AND mr IS NULL AND begun_at >= ?
    AND (ended_at IS NULL OR outcome_class IN ('unknown', 'ok'))
ORDER BY id

-- name: told
SELECT attempt_id, scts FROM report
WHERE sim_id = ? AND mr = ? AND tail = ? AND attempt_id IS NOT NULL

-- name: known_before
SELECT id, mr FROM attempt WHERE sim_id = ? AND id < ? AND mr IS NOT NULL ORDER BY id DESC LIMIT 1

-- name: next_begun
SELECT next.begun_at FROM attempt this
JOIN attempt next ON next.sim_id = this.sim_id AND next.id > this.id
WHERE this.id = ? AND this.outcome_code <> ? ORDER BY next.id LIMIT 1

-- name: pdus_between
SELECT count(*), count(*) FILTER (WHERE outcome_class = 'ok') FROM attempt
WHERE sim_id = ? AND id > ? AND id < ?

-- name: sent_between
SELECT mr, outcome_class IS 'ok' FROM attempt WHERE sim_id = ? AND id > ? AND id < ?
ORDER BY id LIMIT ?
