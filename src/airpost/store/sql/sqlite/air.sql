-- Attempts: from the intent to the result.

-- name: attempt
SELECT id, segment_id, n, lane, sim_id, tail, mr, begun_at, ended_at, outcome_class
FROM attempt WHERE id = ?

-- name: begin
INSERT INTO attempt (segment_id, n, lane, sim_id, tail, tpdu_body, begun_at)
VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: taken_before
SELECT 1 FROM attempt WHERE segment_id = ? AND id <> ? AND outcome_class = 'ok' LIMIT 1

-- name: sim_used
SELECT a.sim_id FROM attempt a JOIN segment s ON s.id = a.segment_id
WHERE s.message_seq = ? AND s.current = 1 ORDER BY a.id DESC LIMIT 1
