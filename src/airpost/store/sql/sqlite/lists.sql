-- What people and programs read.

-- name: messages
SELECT m.seq, m.id, m.owner, m.number, m.class, m.state, m.encoding, m.lane, m.created_at,
       m.not_before, m.expires_at, m.sent_at, m.delivered_at, m.final, m.reason, t.bytes, d.bytes,
       m.want_report, m.on_uncertain, m.possible_duplicates, m.sender_ref, m.tags,
       m.held_until, m.held_reason, m.held_by, m.outlet, m.ordered,
       s.bytes, h.id, m.asked
FROM message m LEFT JOIN body t ON t.id = m.text_body LEFT JOIN body d ON d.id = m.data_body
    LEFT JOIN body s ON s.id = m.sent_body LEFT JOIN batch h ON h.seq = m.batch_seq
WHERE m.seq IN (SELECT value FROM json_each(?))

-- name: find
SELECT m.seq FROM message m WHERE m.seq > :after AND m.seq <= :until AND TRUE
ORDER BY m.seq LIMIT :limit

-- name: find_newest
SELECT m.seq FROM message m WHERE m.seq < :after AND m.seq >= :until AND TRUE
ORDER BY m.seq DESC LIMIT :limit

-- name: parts
SELECT message_seq, seq, state, lane, mr, attempts, sent_at, reported_at, outcome_class,
       outcome_scope, outcome_code, outcome_text
FROM segment
WHERE message_seq IN (SELECT value FROM json_each(?)) AND current = 1
ORDER BY message_seq, seq

-- name: seq_of
SELECT seq FROM message WHERE id = ? AND (?2 IS NULL OR owner = ?2)

-- name: last_message
SELECT max(seq) FROM message

-- name: message_events
SELECT e.seq, e.at, m.id, e.subject, e.from_state, e.to_state, e.reason, e.actor,
       e.severity
FROM message m JOIN event e ON e.message_seq = m.seq WHERE m.id = ? ORDER BY e.seq

-- name: events
SELECT e.seq, e.at, m.id, e.subject, e.from_state, e.to_state, e.reason, e.actor,
       e.severity
FROM event e LEFT JOIN message m ON m.seq = e.message_seq WHERE e.seq > ? ORDER BY e.seq LIMIT ?

-- name: inbound
SELECT i.seq, i.id, i.owner, i.in_reply_to, i.copies, i.sender, i.number, i.lane, i.sim_id,
       t.bytes, d.bytes, i.encoding, i.parts, i.partial, i.sent_at, i.received_at, i.port,
       i.display_class, m.sender_ref, m.tags
FROM inbound i LEFT JOIN body t ON t.id = i.text_body LEFT JOIN body d ON d.id = i.data_body
    LEFT JOIN message m ON m.id = i.in_reply_to
WHERE i.seq > ? ORDER BY i.seq LIMIT ?

-- name: inbound_of
SELECT i.seq, i.id, i.owner, i.in_reply_to, i.copies, i.sender, i.number, i.lane, i.sim_id,
       t.bytes, d.bytes, i.encoding, i.parts, i.partial, i.sent_at, i.received_at, i.port,
       i.display_class, m.sender_ref, m.tags
FROM inbound i LEFT JOIN body t ON t.id = i.text_body LEFT JOIN body d ON d.id = i.data_body
    LEFT JOIN message m ON m.id = i.in_reply_to
WHERE i.seq > ? AND i.owner = ? ORDER BY i.seq LIMIT ?

-- name: message_states
SELECT state, count(*) FROM message WHERE seq > ? AND seq <= ? GROUP BY +state

-- name: last_segment
SELECT max(id) FROM segment

-- name: segment_states
SELECT state, count(*) FROM segment WHERE id > ? AND id <= ? AND current = 1 GROUP BY state

-- name: unmatched
SELECT count(*) FROM report WHERE attempt_id IS NULL

-- name: quarantined
SELECT count(*) FROM quarantine

-- name: kept_answer
SELECT i.fingerprint, i.status, b.bytes
FROM idempotency i JOIN body b ON b.id = i.answer_body WHERE i.owner = ? AND i.key = ?

-- name: waiting
SELECT (SELECT count(*) FROM message INDEXED BY message_backlog
        WHERE lane IS NULL AND open = 1 AND state <> 'accepted')
     + (SELECT count(*) FROM message INDEXED BY message_lane WHERE lane IS NOT NULL AND open = 1)
