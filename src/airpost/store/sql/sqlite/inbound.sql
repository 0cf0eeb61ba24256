-- Received parts and the messages they make.

-- name: repeat
SELECT id, inbound_seq FROM part WHERE fingerprint = ?

-- name: count_copy
UPDATE part SET copies = copies + 1 WHERE id = ?

-- name: raise_copies
UPDATE inbound SET copies = (SELECT max(copies) FROM part WHERE inbound_seq = ?1) WHERE seq = ?1

-- name: add_part
INSERT INTO part (sim_id, lane, number, smsc, sender, pid, dcs, udh, udl, scts, ref_bits, ref,
    total, seq, fingerprint, sent_at, received_at, ud_body, raw_body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: newest_sets
SELECT set_id FROM part
WHERE sim_id = ? AND sender = ? AND ref_bits = ? AND ref = ? AND total = ? AND set_id IS NOT NULL
GROUP BY set_id ORDER BY max(id) DESC LIMIT ?

-- name: set_parts
SELECT p.id, p.dcs, p.udh, b.bytes, p.udl, p.seq, p.sent_at, p.received_at, p.copies
FROM part p JOIN body b ON b.id = p.ud_body WHERE p.set_id = ? ORDER BY p.id

-- name: set_state
SELECT count(*) = count(p.inbound_seq),
    sum(p.inbound_seq IS NOT NULL AND ifnull(i.partial, 0) = 0), max(p.received_at),
    CASE WHEN count(*) = count(p.sent_at) THEN min(abs(p.sent_at - :sent_at)) END,
    min(abs(p.received_at - :received_at))
FROM part p LEFT JOIN inbound i ON i.seq = p.inbound_seq WHERE p.set_id = :set_id

-- name: twin
SELECT p.id, p.inbound_seq, b.bytes FROM part p JOIN body b ON b.id = p.ud_body
WHERE p.set_id = ? AND p.seq = ? ORDER BY p.id LIMIT 1

-- name: join_set
UPDATE part SET set_id = ? WHERE id = ?

-- name: differ
-- Both have a part of the same number, or a later part was sent long before an earlier one.
SELECT 1 FROM part p JOIN part o ON o.seq = p.seq
    OR o.seq > p.seq AND o.sent_at < p.sent_at - :apart
    OR o.seq < p.seq AND o.sent_at > p.sent_at + :apart
WHERE p.set_id = :set_id AND o.set_id = :other LIMIT 1

-- name: unite
UPDATE part SET set_id = ? WHERE set_id = ?

-- name: set_due
-- Of the part that the set is named after; the others have none.
UPDATE part SET due_at = ? WHERE id = ?

-- name: count_seqs
SELECT count(DISTINCT seq) FROM part WHERE set_id = ?

-- name: first_part
SELECT sim_id, lane, number, sender FROM part WHERE id = ?

-- name: reply_to
SELECT m.id, m.owner FROM attempt a
JOIN segment s ON s.id = a.segment_id JOIN message m ON m.seq = s.message_seq
WHERE a.sim_id = ? AND a.tail = ? AND a.begun_at >= ?
    AND (a.outcome_class IS NULL OR a.outcome_class IN ('ok', 'unknown'))
ORDER BY a.id DESC LIMIT 1

-- name: add_inbound
INSERT INTO inbound (id, owner, in_reply_to, copies, sender, number, lane, sim_id, encoding,
    text_body, data_body, parts, partial, sent_at, received_at, port, display_class)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: hand_over_set
UPDATE part SET inbound_seq = ?, due_at = NULL WHERE set_id = ?

-- name: hand_over_part
UPDATE part SET inbound_seq = ? WHERE id = ?

-- name: quarantined
SELECT id FROM quarantine WHERE fingerprint = ?

-- name: count_quarantined
UPDATE quarantine SET copies = copies + 1 WHERE id = ?

-- name: quarantine
INSERT INTO quarantine (sim_id, lane, raw_body, fingerprint, field, octet, reason, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
