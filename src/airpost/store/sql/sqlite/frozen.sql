-- What a restore freezes, and how that goes on.

-- name: not_final
SELECT seq FROM message WHERE final = 0

-- name: hold
UPDATE message SET on_uncertain = 'hold' WHERE seq = ?

-- name: no_journal
DELETE FROM meta WHERE key IN ('air journal', 'air journal kept')

-- name: open_attempts
SELECT id, segment_id, n, lane, sim_id, tail, mr, begun_at, ended_at, outcome_class
FROM attempt WHERE segment_id = ? AND ended_at IS NULL ORDER BY id

-- name: restored_at
INSERT INTO meta (key, value) VALUES ('restored at', ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: restored_some_time
DELETE FROM meta WHERE key = 'restored at'

-- name: not_due
SELECT 1 FROM message m WHERE m.seq = ?1
    AND m.not_before > (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'restored at')
    AND NOT EXISTS (SELECT 1 FROM attempt a JOIN segment s ON s.id = a.segment_id
        WHERE s.message_seq = ?1)

-- name: frozen_one
SELECT seq FROM message WHERE state = 'uncertain' AND final = 0 AND reason = ? AND id = ?

-- name: frozen_some
SELECT seq FROM message WHERE state = 'uncertain' AND final = 0 AND reason = ?
ORDER BY seq LIMIT ?

-- name: unbind
UPDATE message SET lane = NULL, sim_id = NULL WHERE seq = ?

-- name: wait_again
UPDATE message SET state = 'accepted' WHERE seq = ? AND not_before > ?
