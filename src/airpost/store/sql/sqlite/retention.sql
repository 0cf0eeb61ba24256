-- What is past its time. Finding runs in a reader, a stretch of numbers at a time.

-- name: ends
SELECT (SELECT ifnull(max(seq), 0) FROM message), (SELECT ifnull(max(seq), 0) FROM inbound)

-- name: message_bodies
SELECT seq FROM message
WHERE seq > :after AND seq <= :until AND final = 1
    AND (text_body IS NOT NULL OR data_body IS NOT NULL)
    AND created_at < CASE class WHEN 'otp' THEN :otp WHEN 'alarm' THEN :alarm
        WHEN 'normal' THEN :normal ELSE :bulk END
ORDER BY seq

-- name: message_records
SELECT seq FROM message
WHERE seq > :after AND seq <= :until AND final = 1
    AND created_at < CASE class WHEN 'otp' THEN :otp WHEN 'alarm' THEN :alarm
        WHEN 'normal' THEN :normal ELSE :bulk END
    AND (:needed IS NULL OR NOT EXISTS (
        SELECT 1 FROM event e WHERE e.message_seq = message.seq AND e.seq > :needed))
ORDER BY seq

-- name: inbound_bodies
SELECT seq FROM inbound
WHERE seq > :after AND seq <= :until AND received_at < :before
    AND (text_body IS NOT NULL OR data_body IS NOT NULL)
    AND (:needed IS NULL OR NOT EXISTS (
        SELECT 1 FROM event e WHERE e.inbound_seq = inbound.seq AND e.seq > :needed))
ORDER BY seq

-- name: inbound_records
SELECT seq FROM inbound WHERE seq > :after AND seq <= :until AND received_at < :before
    AND (:needed IS NULL OR NOT EXISTS (
        SELECT 1 FROM event e WHERE e.inbound_seq = inbound.seq AND e.seq > :needed))
ORDER BY seq

-- name: erase_message
DELETE FROM body WHERE id IN (
    SELECT text_body FROM message WHERE seq = ?1
    UNION SELECT data_body FROM message WHERE seq = ?1
    UNION SELECT sent_body FROM message WHERE seq = ?1
    UNION SELECT ud_body FROM segment WHERE message_seq = ?1
    UNION SELECT a.tpdu_body FROM segment s JOIN attempt a ON a.segment_id = s.id
        WHERE s.message_seq = ?1
    UNION SELECT r.raw_body FROM segment s JOIN attempt a ON a.segment_id = s.id
        JOIN report r ON r.attempt_id = a.id WHERE s.message_seq = ?1)

-- name: bare_reports
UPDATE report SET raw_body = 0 WHERE attempt_id IN (
    SELECT a.id FROM segment s JOIN attempt a ON a.segment_id = s.id WHERE s.message_seq = ?)

-- name: bare_attempts
UPDATE attempt SET tpdu_body = 0 WHERE segment_id IN (
    SELECT id FROM segment WHERE message_seq = ?)

-- name: bare_segments
UPDATE segment SET ud_body = 0 WHERE message_seq = ?

-- name: bare_message
UPDATE message SET text_body = NULL, data_body = NULL, sent_body = NULL WHERE seq = ?

-- name: drop_reports
DELETE FROM report WHERE attempt_id IN (
    SELECT a.id FROM segment s JOIN attempt a ON a.segment_id = s.id WHERE s.message_seq = ?)

-- name: drop_attempts
DELETE FROM attempt WHERE segment_id IN (SELECT id FROM segment WHERE message_seq = ?)

-- name: drop_segments
DELETE FROM segment WHERE message_seq = ?

-- name: drop_transmissions
DELETE FROM transmission WHERE message_seq = ?

-- name: drop_tags
DELETE FROM tag WHERE message_seq = ?

-- name: drop_events
DELETE FROM event WHERE message_seq = ?

-- name: drop_message
DELETE FROM message WHERE seq = ?

-- name: erase_inbound
DELETE FROM body WHERE id IN (
    SELECT text_body FROM inbound WHERE seq = ?1
    UNION SELECT data_body FROM inbound WHERE seq = ?1
    UNION SELECT ud_body FROM part WHERE inbound_seq = ?1
    UNION SELECT raw_body FROM part WHERE inbound_seq = ?1)

-- name: bare_parts
UPDATE part SET ud_body = 0, raw_body = 0 WHERE inbound_seq = ?

-- name: bare_inbound
UPDATE inbound SET text_body = NULL, data_body = NULL WHERE seq = ?

-- name: drop_parts
DELETE FROM part WHERE inbound_seq = ?

-- name: drop_inbound
DELETE FROM inbound WHERE seq = ?

-- name: old_reports
SELECT id, raw_body FROM report WHERE attempt_id IS NULL AND received_at < ? LIMIT ?

-- name: drop_report
DELETE FROM report WHERE id = ?

-- name: old_quarantine
SELECT id, raw_body FROM quarantine WHERE at < ? LIMIT ?

-- name: drop_quarantine
DELETE FROM quarantine WHERE id = ?

-- name: drop_body
DELETE FROM body WHERE id = ?

-- name: old_batches
SELECT seq, rejected_body FROM batch WHERE created_at < ?
    AND NOT EXISTS (SELECT 1 FROM message WHERE batch_seq = batch.seq) LIMIT ?

-- name: drop_batch
DELETE FROM batch WHERE seq = ?

-- name: old_events
DELETE FROM event WHERE seq IN (
    SELECT seq FROM event INDEXED BY event_apart WHERE message_seq IS NULL AND at < ?1
        AND (?3 IS NULL OR seq <= ?3)
    ORDER BY at LIMIT ?2)

-- name: old_hook_bodies
SELECT seq, raw_body FROM hook_event WHERE received_at < ? AND raw_body <> 0
ORDER BY received_at LIMIT ?

-- name: bare_hook
UPDATE hook_event SET raw_body = 0 WHERE seq = ?

-- name: drop_hooks
DELETE FROM hook_event WHERE seq IN (
    SELECT seq FROM hook_event WHERE received_at < ? AND raw_body = 0 ORDER BY received_at LIMIT ?)

-- name: old_rollup
DELETE FROM rollup WHERE hour = (SELECT min(hour) FROM rollup) AND hour < ?

-- name: old_rates
DELETE FROM report_rate WHERE hour < ?

-- name: free_pages
SELECT freelist_count FROM pragma_freelist_count()

-- name: page_size
SELECT page_size FROM pragma_page_size()

-- name: last_attempt
INSERT INTO meta (key, value)
SELECT 'last attempt', CAST(id AS TEXT) FROM attempt WHERE TRUE ORDER BY id DESC LIMIT 1
ON CONFLICT (key) DO UPDATE SET value = excluded.value
WHERE CAST(excluded.value AS INTEGER) > CAST(meta.value AS INTEGER)

-- name: old_uses
DELETE FROM key_use WHERE minute < ?
