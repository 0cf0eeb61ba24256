-- What a monitor asks: what waits now, and what has happened since it last asked. Each partial index
-- is named by its conditions, as in queue.sql. The bucket of a report is written in by figures.py.

-- name: bound
SELECT lane, class, count(*), min(max(created_at, ifnull(not_before, 0)))
FROM message INDEXED BY message_lane WHERE lane IS NOT NULL AND open = 1 GROUP BY lane, class

-- name: backlog
SELECT outlet, class, count(*), min(max(created_at, ifnull(not_before, 0)))
FROM message INDEXED BY message_backlog
WHERE lane IS NULL AND open = 1 AND state <> 'accepted' GROUP BY outlet, class

-- name: scheduled
SELECT class, count(*) FROM message INDEXED BY message_scheduled
WHERE state = 'accepted' GROUP BY class

-- name: doubtful
SELECT class, count(*) FROM message INDEXED BY message_state
WHERE state = 'uncertain' AND final = 0 GROUP BY class

-- name: last_event
SELECT ifnull(max(seq), 0) FROM event

-- name: happened
WITH news AS MATERIALIZED (
    SELECT e.subject = 'message' AS whole, e.from_state, e.to_state, e.reason, m.class,
        ifnull(ifnull(m.lane, (SELECT s.lane FROM segment s
            WHERE s.message_seq = m.seq AND s.lane IS NOT NULL ORDER BY s.id DESC LIMIT 1)), '')
            AS lane
    FROM event e JOIN message m ON m.seq = e.message_seq
    WHERE e.seq > :after AND e.seq <= :until
        AND CASE e.subject WHEN 'message' THEN e.reason = :duplicate
            OR (e.to_state IS NULL AND e.reason GLOB :again)
            OR (e.from_state IS NULL AND e.to_state IN ('queued', 'accepted'))
            OR (e.from_state <> e.to_state AND e.to_state IN
                ('sent', 'delivered', 'failed', 'expired', 'cancelled', 'uncertain'))
        ELSE e.from_state = 'uncertain' AND e.to_state = 'queued' END
)
SELECT class, lane, CASE WHEN whole = 0 THEN 'resent'
        WHEN reason = :duplicate THEN 'duplicate'
        WHEN to_state IS NULL THEN 'begun_again'
        WHEN from_state IS NULL THEN 'accepted'
        ELSE to_state END AS what, count(*)
FROM news GROUP BY 1, 2, 3

-- name: reports
SELECT s.lane, 0 AS bucket, count(*), sum(max(e.at - s.sent_at, 0))
FROM event e
JOIN segment s ON s.message_seq = e.message_seq AND s.reported_at = e.at
    AND s.seq = CAST(substr(e.subject, 6) AS INTEGER)
WHERE e.seq > :after AND e.seq <= :until AND e.subject GLOB 'part *' AND s.sent_at IS NOT NULL
    AND s.lane IS NOT NULL
    AND ((e.from_state IN ('sent', 'sending') AND e.to_state IN ('delivered', 'expired'))
        OR (e.from_state = 'sent' AND e.to_state = 'failed'))
GROUP BY 1, 2

-- name: received
SELECT '', substr(actor, 7), to_state, count(*) FROM event
WHERE seq > :after AND seq <= :until AND subject = 'inbound' AND inbound_seq IS NOT NULL
    AND to_state IN ('received', 'partial')
GROUP BY 2, 3
