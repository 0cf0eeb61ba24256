-- Delivery reports and the attempts they belong to.

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

-- name: known_before
SELECT id, mr FROM attempt WHERE sim_id = ? AND id < ? AND mr IS NOT NULL ORDER BY id DESC LIMIT 1

-- name: next_begun
SELECT begun_at FROM attempt WHERE sim_id = ? AND id > ? ORDER BY id LIMIT 1

-- name: pdus_between
SELECT count(*), count(*) FILTER (WHERE outcome_class = 'ok') FROM attempt
WHERE sim_id = ? AND id > ? AND id < ?

-- name: set_reference
UPDATE attempt SET mr = ? WHERE id = ? AND mr IS NULL

-- name: delivered_otherwise
SELECT 1 FROM report r JOIN attempt a ON a.id = r.attempt_id
WHERE a.segment_id = ? AND a.id <> ? AND r.delivered = 1 LIMIT 1

-- name: message_id
SELECT m.id, s.state FROM attempt a JOIN segment s ON s.id = a.segment_id
JOIN message m ON m.seq = s.message_seq WHERE a.id = ?
