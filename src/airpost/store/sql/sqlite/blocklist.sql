-- Numbers that are never texted.

-- name: one
SELECT number, note, actor, since FROM blocked WHERE number = ?

-- name: page
SELECT number, note, actor, since FROM blocked WHERE number > ? ORDER BY number LIMIT ?

-- name: add
INSERT INTO blocked (number, note, actor, since) VALUES (?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE SET note = excluded.note WHERE excluded.note IS NOT NULL

-- name: remove
DELETE FROM blocked WHERE number = ?

-- name: waiting
SELECT seq FROM message INDEXED BY message_number WHERE number = ? AND open = 1
