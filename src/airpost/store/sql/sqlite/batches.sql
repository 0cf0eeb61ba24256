-- Messages that were handed in together.

-- name: kept
SELECT i.fingerprint, b.bytes
FROM idempotency i JOIN body b ON b.id = i.answer_body WHERE i.owner = ? AND i.key = ?

-- name: keep
INSERT OR REPLACE INTO idempotency (owner, key, fingerprint, status, answer_body, kept_until)
VALUES (?, ?, ?, 202, ?, ?)

-- name: add
INSERT INTO batch (id, owner, key_id, size, created_at, sender_ref, tags)
VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: end
UPDATE batch SET taken_at = ?, accepted = ?, rejected = ?, rejected_body = ?
WHERE seq = ? AND taken_at IS NULL

-- name: mark_cancelled
UPDATE batch SET cancelled_at = ? WHERE seq = ? AND cancelled_at IS NULL

-- name: find
SELECT seq, id, owner, key_id, size, created_at, taken_at, cancelled_at, accepted, rejected,
       sender_ref, tags
FROM batch WHERE id = ? AND (?2 IS NULL OR owner = ?2)

-- name: page
SELECT seq, id, owner, key_id, size, created_at, taken_at, cancelled_at, accepted, rejected,
       sender_ref, tags
FROM batch WHERE seq > :after ORDER BY seq LIMIT :limit

-- name: page_of
SELECT seq, id, owner, key_id, size, created_at, taken_at, cancelled_at, accepted, rejected,
       sender_ref, tags
FROM batch WHERE owner = :owner AND seq > :after ORDER BY seq LIMIT :limit

-- name: why
SELECT d.bytes FROM batch b JOIN body d ON d.id = b.rejected_body WHERE b.seq = ?

-- name: rows
SELECT seq, batch_row, number FROM message WHERE batch_seq = ? AND seq > ? ORDER BY seq LIMIT ?

-- name: states
SELECT seq, state, final FROM message WHERE batch_seq = ? AND seq > ? ORDER BY seq LIMIT ?

-- name: waiting
SELECT seq, id FROM message WHERE batch_seq = ? AND seq > ? AND final = 0 ORDER BY seq LIMIT ?

-- name: why_with
SELECT d.id, d.bytes FROM batch b JOIN body d ON d.id = b.rejected_body
WHERE instr(CAST(d.bytes AS TEXT), ?) > 0

-- name: why_anew
UPDATE body SET bytes = ? WHERE id = ?
