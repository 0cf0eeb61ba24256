-- What was under way when the process ended.

-- name: on_air
SELECT id FROM segment WHERE state = 'sending'

-- name: open_attempts
SELECT id, segment_id, n, lane, sim_id, tail, mr, begun_at, ended_at, outcome_class
FROM attempt WHERE segment_id = ? AND ended_at IS NULL ORDER BY id
