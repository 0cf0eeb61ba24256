-- Why a message goes where it goes.

-- name: last_sim
SELECT * FROM (
    SELECT sim_id, sent_at FROM message INDEXED BY message_reached
    WHERE number = ? AND sim_id IS NOT NULL AND sent_at IS NOT NULL ORDER BY sent_at DESC LIMIT 1)
UNION ALL
SELECT * FROM (
    SELECT sim_id, received_at FROM inbound INDEXED BY inbound_sender
    WHERE sender = ? ORDER BY seq DESC LIMIT 1)

-- name: failed_on
SELECT DISTINCT a.sim_id FROM segment s JOIN attempt a ON a.segment_id = s.id
WHERE s.message_seq = ? AND a.outcome_scope IN ('sim', 'modem') AND a.outcome_class <> 'ok'

-- name: choice
SELECT id FROM choice WHERE day = ? AND text = ?

-- name: add_choice
INSERT INTO choice (day, text) VALUES (?, ?)

-- name: overdue
SELECT seq, group_n, failover_us, expires_at FROM message INDEXED BY message_failover
WHERE failover_us IS NOT NULL AND state = 'sent' AND final = 0 AND sent_at + failover_us <= ?1
    AND (?2 IS NULL OR ifnull(group_n, 0)
        < (SELECT value FROM json_each(?2) WHERE key = ifnull(route, ?3)))
ORDER BY sent_at + failover_us LIMIT ?4

-- name: still_tried
UPDATE message SET failover_us = failover_us + trying_us, trying_us = NULL
WHERE seq = ? AND failover_us IS NOT NULL AND trying_us > 0 RETURNING failover_us

-- name: fail_over
UPDATE message SET groups_failed = ?, failover_us = NULL WHERE seq = ?

-- name: forget
DELETE FROM choice WHERE id IN (SELECT id FROM choice WHERE day < (
    SELECT created_at / 86400000000 - 1 FROM message ORDER BY seq LIMIT 1) LIMIT ?)

-- name: routed
SELECT m.seq, m.route, m.carrier, m.lane, m.sim_id, m.group_n, m.groups_failed, c.text,
       (SELECT max(e.at) FROM event e WHERE e.message_seq = m.seq AND e.reason LIKE ?)
FROM message m LEFT JOIN choice c ON c.id = m.choice_id
WHERE m.id = ?

-- name: unbound
SELECT seq, id, number, class, parts, asked_lane, route, carrier, groups_failed, avoid_sim
FROM message
WHERE id = ? AND lane IS NULL AND open = 1
