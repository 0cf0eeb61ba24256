-- Segments, the fold of a message, and the history.

-- name: segment
SELECT s.id, s.message_seq, s.transmission_id, s.current, s.seq, s.state, s.final, s.attempts,
       s.resends, s.sent_at, s.expires_at, m.number, m.parts, m.class, m.state, m.lane,
       m.want_report, m.on_uncertain, m.id
FROM segment s JOIN message m ON m.seq = s.message_seq
WHERE s.id = ?

-- name: current_of
SELECT s.id, s.message_seq, s.transmission_id, s.current, s.seq, s.state, s.final, s.attempts,
       s.resends, s.sent_at, s.expires_at, m.number, m.parts, m.class, m.state, m.lane,
       m.want_report, m.on_uncertain, m.id
FROM segment s JOIN message m ON m.seq = s.message_seq
WHERE s.message_seq = ? AND s.current = 1
ORDER BY s.seq

-- name: fold
SELECT state, final, sent_at, delivered_at, reason
FROM segment WHERE message_seq = ? AND current = 1 ORDER BY seq

-- name: message
SELECT state, open, final, sent_at, delivered_at, reason FROM message WHERE seq = ?

-- name: set_message
UPDATE message SET state = ?, open = ?, final = ?, sent_at = ?, delivered_at = ?, reason = ?
WHERE seq = ?

-- name: set_state
UPDATE message SET state = ? WHERE seq = ?

-- name: body
INSERT INTO body (kind, bytes) VALUES (?, ?)
