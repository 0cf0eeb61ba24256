-- What a store that is put back takes over from the one before.

-- name: first
SELECT min(n) FROM before.audit

-- name: hash
SELECT hash FROM before.audit WHERE n = ?

-- name: all_may_go
INSERT OR REPLACE INTO main.audit_base (id, n) VALUES (1, ?)

-- name: all_go
DELETE FROM main.audit

-- name: rows
INSERT INTO main.audit (n, at_ms, actor, origin, action, subject, result, count, detail, hash)
SELECT n, at_ms, actor, origin, action, subject, result, count, detail, hash
FROM before.audit WHERE n > (SELECT coalesce(max(n), 0) FROM main.audit) ORDER BY n

-- name: base
INSERT OR REPLACE INTO main.audit_base (id, n) SELECT id, n FROM before.audit_base

-- name: revoked
UPDATE main.api_key SET revoked_at = b.revoked_at FROM before.api_key AS b
WHERE b.id = main.api_key.id AND b.revoked_at IS NOT NULL AND main.api_key.revoked_at IS NULL

-- name: no_old_secrets
UPDATE main.api_key SET old_hash = NULL, old_until = NULL
WHERE id IN (SELECT id FROM before.api_key)

-- name: secrets
UPDATE main.api_key SET secret_hash = b.secret_hash, old_hash = b.old_hash, old_until = b.old_until
FROM before.api_key AS b WHERE b.id = main.api_key.id
