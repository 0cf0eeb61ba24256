-- Each time a message begins, with the reference its parts are joined by.

-- name: last_reference
SELECT last FROM reference WHERE recipient = ? AND bits = ?

-- name: keep_reference
INSERT OR REPLACE INTO reference (recipient, bits, last) VALUES (?, ?, ?)

-- name: use_reference
INSERT OR REPLACE INTO reference_use (recipient, bits, ref, transmission_id) VALUES (?, ?, ?, ?)

-- name: incomplete
SELECT 1 FROM reference_use u
JOIN transmission t ON t.id = u.transmission_id
JOIN segment s ON s.message_seq = t.message_seq AND s.transmission_id = t.id
WHERE u.recipient = ? AND u.bits = ? AND u.ref = ? AND t.begun_at >= ?
GROUP BY t.id
HAVING sum(s.state IN ('queued', 'sending', 'uncertain')) > 0
    OR sum(s.resends) > 0 -- a part that came twice begins a set of its own
    OR (sum(s.state IN ('sent', 'delivered')) > 0
        AND sum(s.state NOT IN ('sent', 'delivered')) > 0)

-- name: add
INSERT INTO transmission (message_seq, n, concat_bits, concat_ref, reason, begun_at)
VALUES (?, (SELECT 1 + coalesce(max(n), 0) FROM transmission WHERE message_seq = ?1),
    ?, ?, ?, ?)

-- name: add_first
INSERT INTO transmission (message_seq, n, concat_bits, concat_ref, reason, begun_at)
VALUES (?, 1, ?, 0, 'accepted', ?)

-- name: bits
SELECT t.concat_bits, m.number, m.parts FROM transmission t JOIN message m ON m.seq = t.message_seq
WHERE t.message_seq = ? ORDER BY t.n DESC LIMIT 1

-- name: retire
UPDATE segment SET current = 0, grace_until = NULL WHERE message_seq = ? AND current = 1

-- name: all_of
SELECT state FROM segment WHERE message_seq = ? AND transmission_id = ?

-- name: current_again
UPDATE segment SET current = 1 WHERE message_seq = ? AND transmission_id = ?

-- name: once_more
-- Of unknown fate, sent again by a resend that has not begun, or was refused.
SELECT 1 FROM segment s JOIN attempt a ON a.segment_id = s.id
WHERE s.message_seq = ? AND s.transmission_id = ? AND s.state = 'queued'
    AND a.outcome_class = 'unknown' LIMIT 1

-- name: copy_segments
INSERT INTO segment (message_seq, transmission_id, current, seq, state, pid, dcs, udh, udl,
    ud_body, expires_at, resends)
SELECT message_seq, ?, 1, seq, 'queued', pid, dcs, udh, udl, ud_body, expires_at, ?
FROM segment WHERE message_seq = ? AND transmission_id = ? ORDER BY seq

-- name: count_duplicate
UPDATE message SET possible_duplicates = possible_duplicates + 1 WHERE seq = ?

-- name: unbind
UPDATE message SET lane = NULL, sim_id = NULL WHERE seq = ?
