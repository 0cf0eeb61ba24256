-- What limits hold back, and what has been spent of them.

-- name: may_hold
SELECT lane, held_by, state FROM message WHERE seq = ? AND open = 1

-- name: hold
UPDATE message SET outlet = 'held', held_until = ?, held_reason = ?, held_by = ? WHERE seq = ?

-- name: due
SELECT seq, asked_lane, route FROM message INDEXED BY message_held
WHERE held_until IS NOT NULL AND held_until <= ? ORDER BY held_until, seq LIMIT ?

-- name: free
UPDATE message SET outlet = ?, held_until = NULL WHERE seq = ?

-- name: renew
UPDATE message SET held_until = ?1 WHERE seq IN (
    SELECT seq FROM message INDEXED BY message_held WHERE held_until > ?1 LIMIT ?2)

-- name: forget_spent
DELETE FROM spent WHERE at < ?

-- name: attempts_of
SELECT id, begun_at, tail FROM attempt WHERE sim_id = ? AND id < ? ORDER BY id DESC LIMIT ?

-- name: spent_of
SELECT at, n FROM spent WHERE at >= ? AND sim_id = ? ORDER BY at

-- name: charges_of_numbers
SELECT number, charged_at, class FROM message
WHERE number IN (SELECT value FROM json_each(?)) AND charged_at IS NOT NULL AND charged_at >= ?
ORDER BY charged_at

-- name: charges_of_keys
SELECT key_id, charged_at, class FROM message
WHERE key_id IN (SELECT value FROM json_each(?)) AND charged_at IS NOT NULL AND charged_at >= ?
ORDER BY charged_at
