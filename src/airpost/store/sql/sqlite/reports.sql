-- Delivery reports, and what they do.

-- name: same
SELECT id, attempt_id FROM report
WHERE sim_id = ? AND mr = ? AND tail = ? AND scts = ? AND status = ? AND ifnull(done_at, 0) = ?

-- name: add
INSERT INTO report (sim_id, lane, mr, number, tail, scts, status, delivered, expired,
    outcome_class, outcome_scope, outcome_code, outcome_text, done_at, received_at, raw_body,
    attempt_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: unmatched
SELECT id, lane, mr, delivered, expired, outcome_class, outcome_scope, outcome_code, outcome_text,
       done_at, received_at, scts
FROM report
WHERE attempt_id IS NULL AND sim_id = ? AND tail = ? AND received_at >= ? ORDER BY id

-- name: extend
UPDATE segment SET deadline_at = max(ifnull(deadline_at, 0), ?)
WHERE id = ? AND state = 'sent' AND final = 0

-- name: match
UPDATE report SET attempt_id = ? WHERE id = ?

-- name: on_air
SELECT 1 FROM attempt WHERE sim_id = ? AND tail = ? AND ended_at IS NULL LIMIT 1

-- name: set_reference
UPDATE attempt SET mr = ? WHERE id = ? AND mr IS NULL

-- name: delivered_otherwise
SELECT 1 FROM report r JOIN attempt a ON a.id = r.attempt_id
WHERE a.segment_id = ? AND a.id <> ? AND r.delivered = 1 LIMIT 1

-- name: message_id
SELECT m.id, s.state FROM attempt a JOIN segment s ON s.id = a.segment_id
JOIN message m ON m.seq = s.message_seq WHERE a.id = ?
