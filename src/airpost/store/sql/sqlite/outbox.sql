-- The event log as others read it, and who is told of it.

-- name: head
SELECT ifnull(max(seq), 0) FROM event

-- name: last_of
SELECT max(seq) FROM (SELECT seq FROM event WHERE seq > ? ORDER BY seq LIMIT ?)

-- name: log
SELECT e.seq, e.at, e.subject, e.from_state, e.to_state, e.reason, e.severity, e.inbound_seq,
       m.id, m.owner, m.number, m.class, m.encoding, m.parts, m.lane, m.created_at, m.sent_at,
       m.delivered_at, m.final, m.possible_duplicates, m.sender_ref, m.tags
FROM event e LEFT JOIN message m ON m.seq = e.message_seq
WHERE e.seq > ? AND e.seq <= ?
    AND (e.message_seq IS NULL OR (e.subject = 'message' AND e.to_state IS NOT e.from_state))
ORDER BY e.seq

-- name: some
SELECT e.seq, e.at, e.subject, e.from_state, e.to_state, e.reason, e.severity, e.inbound_seq,
       m.id, m.owner, m.number, m.class, m.encoding, m.parts, m.lane, m.created_at, m.sent_at,
       m.delivered_at, m.final, m.possible_duplicates, m.sender_ref, m.tags
FROM event e LEFT JOIN message m ON m.seq = e.message_seq
WHERE e.seq IN (SELECT value FROM json_each(?)) ORDER BY e.seq

-- name: inbound
SELECT i.seq, i.id, i.owner, i.in_reply_to, i.copies, i.sender, i.number, i.lane, i.sim_id,
       t.bytes, d.bytes, i.encoding, i.parts, i.partial, i.sent_at, i.received_at, i.port,
       i.display_class, m.sender_ref, m.tags
FROM inbound i LEFT JOIN body t ON t.id = i.text_body LEFT JOIN body d ON d.id = i.data_body
    LEFT JOIN message m ON m.id = i.in_reply_to
WHERE i.seq IN (SELECT value FROM json_each(?))

-- name: at
SELECT seq, at FROM event WHERE seq >= ? ORDER BY seq LIMIT 1

-- name: count
SELECT count(*) FROM webhook WHERE owner = ?

-- name: add
INSERT INTO webhook (id, kind, owner, sees, inbound, target, types, note, secret_body, state, place,
    created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT ifnull(max(seq), 0) FROM event), ?)
RETURNING n, place

-- name: endpoints
SELECT w.n, w.id, w.kind, w.owner, w.sees, w.inbound, w.target, w.types, w.note, w.state, w.reason,
       w.place, w.delivered, w.missed, w.created_at, s.bytes, p.bytes, w.previous_until
FROM webhook w LEFT JOIN body s ON s.id = w.secret_body LEFT JOIN body p ON p.id = w.previous_body
ORDER BY w.n

-- name: drop_secrets
DELETE FROM body WHERE id IN (SELECT secret_body FROM webhook WHERE n = ?1
    UNION SELECT previous_body FROM webhook WHERE n = ?1)

-- name: drop_deliveries
DELETE FROM delivery WHERE webhook_n = ?

-- name: drop
DELETE FROM webhook WHERE n = ?

-- name: set_state
UPDATE webhook SET state = ?, reason = ? WHERE n = ?

-- name: drop_previous
DELETE FROM body WHERE id IN (SELECT previous_body FROM webhook WHERE n = ?)

-- name: set_secret
UPDATE webhook SET previous_body = secret_body, previous_until = ?, secret_body = ? WHERE n = ?

-- name: progress
UPDATE webhook SET place = ?, delivered = delivered + ?, missed = missed + ? WHERE n = ?

-- name: keep
INSERT INTO delivery (webhook_n, event_seq, dead, tries, first_at, last_at, next_at, status, error)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE EXISTS (SELECT 1 FROM webhook WHERE n = ?1)
ON CONFLICT (webhook_n, event_seq) DO UPDATE SET dead = excluded.dead, tries = excluded.tries,
    first_at = excluded.first_at, last_at = excluded.last_at, next_at = excluded.next_at,
    status = excluded.status, error = excluded.error

-- name: done
DELETE FROM delivery WHERE webhook_n = ? AND event_seq = ?

-- name: deliveries
SELECT event_seq, dead, tries, first_at, last_at, next_at, status, error FROM delivery
WHERE webhook_n = ?1 AND event_seq > ?2 AND (?3 IS NULL OR dead = ?3)
ORDER BY event_seq LIMIT ?4

-- name: revive_dead
UPDATE delivery SET dead = 0, tries = 0, first_at = NULL, next_at = ?
WHERE webhook_n = ? AND dead = 1

-- name: revive
INSERT INTO delivery (webhook_n, event_seq, dead, tries, next_at)
SELECT ?1, seq, 0, 0, ?3 FROM event WHERE seq = ?2
ON CONFLICT (webhook_n, event_seq) DO UPDATE SET dead = 0, tries = 0, first_at = NULL,
    next_at = excluded.next_at

-- name: rewind
UPDATE webhook SET place = min(place, ?) WHERE n = ?

-- name: drop_after
DELETE FROM delivery WHERE webhook_n = ? AND event_seq > ?

-- name: forget_dead
DELETE FROM delivery WHERE dead = 1 AND last_at < ?

-- name: needed
SELECT min(seq) FROM (SELECT min(place) AS seq FROM webhook
    UNION ALL SELECT min(event_seq) - 1 FROM delivery)
