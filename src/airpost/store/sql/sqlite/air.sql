-- Attempts: from the intent to the result.

-- name: attempt
SELECT id, segment_id, n, lane, sim_id, tail, mr, begun_at, ended_at, outcome_class
FROM attempt WHERE id = ?

-- name: begin
INSERT INTO attempt (segment_id, n, lane, sim_id, tail, tpdu_body, begun_at)
VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: taken_before
SELECT 1 FROM attempt WHERE segment_id = ? AND id <> ? AND outcome_class = 'ok' LIMIT 1

-- name: transmission_sim
SELECT sim_id FROM transmission WHERE id = ?

-- name: set_transmission_sim
UPDATE transmission SET sim_id = ? WHERE id = ?
