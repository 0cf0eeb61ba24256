-- Attempts: from the intent to the result.

-- name: attempt
SELECT a.id, a.segment_id, a.n, a.lane, a.sim_id, a.tail, a.mr, a.begun_at, a.ended_at,
       a.outcome_class,
       s.id, s.message_seq, s.transmission_id, s.current, s.seq, s.state, s.final, s.attempts,
       s.resends, s.sent_at, s.expires_at, m.number, m.parts, m.class, m.state, m.lane,
       m.want_report, m.on_uncertain, m.id
FROM attempt a JOIN segment s ON s.id = a.segment_id JOIN message m ON m.seq = s.message_seq
WHERE a.id = ? AND a.segment_id = ?

-- name: begin
INSERT INTO attempt (id, segment_id, n, lane, sim_id, tail, tpdu_body, begun_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: taken
INSERT INTO attempt (id, segment_id, n, lane, sim_id, tail, tpdu_body, begun_at, ended_at, mr,
    outcome_class, outcome_scope, outcome_code, outcome_text)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: taken_before
SELECT 1 FROM attempt WHERE segment_id = ? AND id <> ? AND outcome_class = 'ok' LIMIT 1

-- name: open_otherwise
SELECT 1 FROM attempt WHERE segment_id = ? AND id <> ?
    AND (ended_at IS NULL OR outcome_class IN ('ok', 'unknown')) LIMIT 1

-- name: reported
SELECT 1 FROM report WHERE attempt_id = ? LIMIT 1

-- name: elsewhere
SELECT 1 FROM attempt a JOIN segment s ON s.id = a.segment_id
WHERE s.message_seq = ? AND s.current = 1 AND a.sim_id <> ?
    AND (a.outcome_class IS NULL OR a.outcome_class IN ('ok', 'unknown')) LIMIT 1
