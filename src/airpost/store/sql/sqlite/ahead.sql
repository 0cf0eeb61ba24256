-- What may begin next.

-- name: last_attempt
SELECT max((SELECT ifnull(max(id), 0) FROM attempt),
           (SELECT ifnull(max(attempt_id), 0) FROM prepared),
           (SELECT ifnull(max(CAST(value AS INTEGER)), 0) FROM meta WHERE key = 'last attempt'))

-- name: of_lane
SELECT lane, attempt_id, segment_id, sim_id, tail, tpdu_body, prepared_at
FROM prepared WHERE lane = ? ORDER BY attempt_id

-- name: all
SELECT lane, attempt_id, segment_id, sim_id, tail, tpdu_body, prepared_at
FROM prepared ORDER BY attempt_id

-- name: add
INSERT INTO prepared (lane, attempt_id, segment_id, sim_id, tail, tpdu_body, prepared_at)
VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: take_out
DELETE FROM prepared WHERE lane = ? AND attempt_id = ?

-- name: drop_body
DELETE FROM body WHERE id = ?
