-- Everything that names a number.

-- name: messages
SELECT seq FROM message WHERE number = ? AND final = 1

-- name: under_way
SELECT count(*) FROM message WHERE number = ? AND final = 0

-- name: inbound
SELECT seq FROM inbound WHERE sender = ?

-- name: answers
SELECT i.owner, i.key, i.answer_body FROM idempotency i JOIN body b ON b.id = i.answer_body
WHERE instr(CAST(b.bytes AS TEXT), ?) > 0

-- name: hooks
SELECT h.seq, h.raw_body FROM hook_event h LEFT JOIN body b ON b.id = h.raw_body
WHERE instr(CAST(b.bytes AS TEXT), ?1) > 0 OR instr(h.dedup, ?1) > 0

-- name: bare_hook
UPDATE hook_event SET raw_body = 0, dedup = NULL WHERE seq = ?

-- name: drop_answer
DELETE FROM idempotency WHERE owner = ? AND key = ?

-- name: rename_message
UPDATE message SET number = ?, sender_ref = NULL, tags = '[]' WHERE seq = ?

-- name: bare_tails
UPDATE attempt SET tail = '' WHERE segment_id IN (SELECT id FROM segment WHERE message_seq = ?)

-- name: rename_reports
UPDATE report SET number = ?, tail = '', scts = randomblob(7) WHERE attempt_id IN (
    SELECT a.id FROM segment s JOIN attempt a ON a.segment_id = s.id WHERE s.message_seq = ?)

-- name: drop_tags
DELETE FROM tag WHERE message_seq = ?

-- name: rename_inbound
UPDATE inbound SET sender = ? WHERE seq = ?

-- name: rename_parts
UPDATE part SET sender = ?, fingerprint = randomblob(16) WHERE inbound_seq = ?

-- name: waiting_bodies
DELETE FROM body WHERE id IN (
    SELECT ud_body FROM part WHERE sender = ?1 AND inbound_seq IS NULL
    UNION SELECT raw_body FROM part WHERE sender = ?1 AND inbound_seq IS NULL)

-- name: drop_waiting
DELETE FROM part WHERE sender = ? AND inbound_seq IS NULL

-- name: stray_bodies
DELETE FROM body WHERE id IN (
    SELECT raw_body FROM report WHERE attempt_id IS NULL AND number = ?)

-- name: drop_stray
DELETE FROM report WHERE attempt_id IS NULL AND number = ?

-- name: rename_calls
UPDATE event SET reason = ? WHERE message_seq IS NULL AND reason = ?

-- name: drop_references
DELETE FROM reference WHERE recipient = ?

-- name: drop_reference_uses
DELETE FROM reference_use WHERE recipient = ?

-- name: body
DELETE FROM body WHERE id = ?
