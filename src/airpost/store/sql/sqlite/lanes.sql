-- Lanes, and what is remembered of them.

-- name: newest
SELECT imei, sim_id FROM lane WHERE name = ?

-- name: set
INSERT INTO lane (name, imei, sim_id, since) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET imei = excluded.imei, sim_id = excluded.sim_id,
    since = excluded.since

-- name: add_binding
INSERT INTO binding (lane, imei, sim_id, since) VALUES (?, ?, ?, ?)

-- name: all
SELECT name, imei, sim_id, since FROM lane ORDER BY name

-- name: recall
SELECT value FROM meta WHERE key = ?

-- name: remember
INSERT INTO meta (key, value) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
