-- What callers hand in and take back.

-- name: kept_answers
WITH given (owner, key) AS (VALUES (?, ?))
SELECT i.owner, i.key, i.fingerprint, i.status, b.bytes
FROM given CROSS JOIN idempotency i ON i.owner = given.owner AND i.key = given.key
JOIN body b ON b.id = i.answer_body

-- name: keep_answer
INSERT INTO idempotency (owner, key, fingerprint, status, answer_body, kept_until)
VALUES (?, ?, ?, ?, ?, ?)

-- name: blocked
WITH given (number) AS (VALUES (?))
SELECT b.number FROM given CROSS JOIN blocked b ON b.number = given.number

-- name: add_body
INSERT INTO body (kind, bytes) VALUES (?, ?)

-- name: add_message
INSERT INTO message (id, owner, key_id, number, class, rank, state, open, final, encoding,
    text_body, data_body, parts, want_report, on_uncertain, created_at, not_before, expires_at,
    asked_lane, route, outlet, sender_ref, tags, ordered, carrier, sent_body,
    batch_seq, batch_row, asked)
VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?)

-- name: add_tag
INSERT OR IGNORE INTO tag (tag, message_seq) VALUES (?, ?)

-- name: add_segment
INSERT INTO segment (message_seq, transmission_id, current, seq, state, pid, dcs, udh, udl,
    ud_body, expires_at) VALUES (?, ?, 1, ?, 'queued', ?, ?, ?, ?, ?, ?)

-- name: begun_before
SELECT 1 FROM segment s JOIN attempt a ON a.segment_id = s.id
WHERE s.message_seq = ? AND s.current = 0
    AND (a.outcome_class IS NULL OR a.outcome_class IN ('ok', 'unknown')) LIMIT 1

-- name: find
SELECT seq, state FROM message WHERE id = ? AND (?2 IS NULL OR owner = ?2)
