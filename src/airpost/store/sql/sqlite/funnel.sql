-- The delivery funnel. A fact says that a message came to a stage, why, and how long that took from
-- the stage before. Messages in the store and the counts of those that have gone make the same facts.

-- name: funnel
WITH
told AS MATERIALIZED ( -- a message a row
    SELECT m.created_at / 3600000000 AS hour,
        coalesce((SELECT o.operator FROM sim_operator o
                WHERE o.sim_id = m.sim_id AND o.since <= ifnull(m.sent_at, m.created_at)
                ORDER BY o.since DESC LIMIT 1),
            (SELECT o.operator FROM sim_operator o WHERE o.sim_id = m.sim_id
                ORDER BY o.since LIMIT 1), '') AS operator,
        ifnull(m.lane, '') AS modem, ifnull(m.sim_id, '') AS sim, m.class,
        ifnull(m.key_id, '') AS key, m.parts, m.state, m.final, m.want_report, m.sent_at,
        max(m.created_at, ifnull(m.not_before, 0)) AS due_at,
        (SELECT min(a.begun_at) FROM segment s JOIN attempt a ON a.segment_id = s.id
            WHERE s.message_seq = m.seq) AS begun_at,
        (SELECT max(s.reported_at) FROM segment s
            WHERE s.message_seq = m.seq AND s.current = 1) AS reported_at,
        ifnull((SELECT ifnull(s.outcome_code, s.reason) FROM segment s
            WHERE s.message_seq = m.seq AND s.current = 1 AND s.state = m.state
            ORDER BY s.seq LIMIT 1), 'other') AS code
    FROM message m WHERE m.created_at >= :since AND m.created_at < :until
),
ended AS MATERIALIZED (
    SELECT *, CASE
        WHEN state IN ('delivered', 'cancelled') THEN state
        WHEN state = 'failed' THEN iif(begun_at IS NULL, 'failed_in_queue', 'failed')
        WHEN state = 'expired' THEN iif(begun_at IS NULL, 'expired_in_queue', 'expired')
        WHEN final = 0 THEN 'open'
        WHEN state = 'sent' AND want_report = 0 THEN 'unconfirmed'
        ELSE 'unknown' END AS fate
    FROM told
),
came AS ( -- a fact a row
    SELECT *, 'requested' AS stage, '' AS why, NULL AS dwell_us FROM ended
    UNION ALL SELECT *, 'queued', '', NULL FROM ended
    UNION ALL SELECT *, 'submitted', '', begun_at - due_at FROM ended WHERE begun_at IS NOT NULL
    UNION ALL SELECT *, 'smsc_accepted', '', sent_at - begun_at FROM ended WHERE sent_at IS NOT NULL
    UNION ALL SELECT *, 'dlr_asked', '', NULL FROM ended
        WHERE sent_at IS NOT NULL AND want_report = 1
            AND fate IN ('delivered', 'failed', 'expired', 'unknown')
    UNION ALL SELECT *, 'dlr_received', '', NULL FROM ended
        WHERE sent_at IS NOT NULL AND want_report = 1 AND reported_at IS NOT NULL
            AND fate IN ('delivered', 'failed', 'expired')
    UNION ALL SELECT *, fate,
        CASE fate WHEN 'failed' THEN code WHEN 'failed_in_queue' THEN code
            WHEN 'expired' THEN iif(reported_at IS NULL, 'ttl', code) ELSE '' END,
        iif(fate IN ('delivered', 'failed', 'expired'), reported_at - sent_at, NULL)
    FROM ended
),
timed AS (SELECT *, max(0, dwell_us + 999) / 1000 AS ms FROM came),
live AS (
    SELECT hour, operator, modem, sim, class, key, parts, stage, why AS reason,
        CASE WHEN ms IS NULL THEN -1
            WHEN ms < 100 THEN ms
            WHEN ms < 1000 THEN (ms + 9) / 10 * 10
            WHEN ms < 10000 THEN (ms + 99) / 100 * 100
            WHEN ms < 100000 THEN (ms + 999) / 1000 * 1000
            WHEN ms < 1000000 THEN (ms + 9999) / 10000 * 10000
            WHEN ms < 10000000 THEN (ms + 99999) / 100000 * 100000
            ELSE (ms + 999999) / 1000000 * 1000000 END AS dwell_ms,
        count(*) AS count
    FROM timed GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
),
step (at, stage, previous) AS (VALUES
    (1, 'requested', NULL), (2, 'rejected', 'requested'), (3, 'queued', 'requested'),
    (4, 'cancelled', 'queued'), (5, 'expired_in_queue', 'queued'), (6, 'failed_in_queue', 'queued'),
    (7, 'submitted', 'queued'), (8, 'smsc_accepted', 'submitted'),
    (9, 'delivered', 'smsc_accepted'),
    (10, 'failed', 'submitted'), (11, 'expired', 'submitted'), (12, 'unknown', 'submitted'),
    (13, 'unconfirmed', 'smsc_accepted'), (14, 'open', 'queued'),
    (15, 'dlr_asked', 'smsc_accepted'), (16, 'dlr_received', 'dlr_asked'),
    (17, 'delivered_within_10s', 'smsc_accepted'), (18, 'delivered_within_3min', 'smsc_accepted'),
    (19, 'delivered_within_72h', 'smsc_accepted')
),
fact AS MATERIALIZED (
    SELECT CASE :by WHEN 'operator' THEN operator WHEN 'modem' THEN modem WHEN 'sim' THEN sim
        WHEN 'class' THEN class WHEN 'key' THEN key WHEN 'hour' THEN CAST(hour AS TEXT)
        WHEN 'parts' THEN CAST(parts AS TEXT) ELSE '' END AS part,
        stage, reason, dwell_ms, sum(count) AS count
    FROM (SELECT * FROM live UNION ALL SELECT * FROM rollup
        WHERE hour >= :since / 3600000000 AND hour < :until / 3600000000)
    GROUP BY 1, 2, 3, 4
),
within AS (
    SELECT part, stage, reason, dwell_ms, count FROM fact
    UNION ALL SELECT part, 'delivered_within_10s', '', -1, count FROM fact
        WHERE stage = 'delivered' AND dwell_ms BETWEEN 0 AND 10000
    UNION ALL SELECT part, 'delivered_within_3min', '', -1, count FROM fact
        WHERE stage = 'delivered' AND dwell_ms BETWEEN 0 AND 180000
    UNION ALL SELECT part, 'delivered_within_72h', '', -1, count FROM fact
        WHERE stage = 'delivered' AND dwell_ms BETWEEN 0 AND 260000000
),
counted AS (SELECT part, stage, sum(count) AS count FROM within GROUP BY 1, 2),
ranked AS (
    SELECT part, stage, dwell_ms,
        sum(sum(count)) OVER (PARTITION BY part, stage ORDER BY dwell_ms) AS upto,
        sum(sum(count)) OVER (PARTITION BY part, stage) AS of
    FROM fact WHERE dwell_ms >= 0 GROUP BY 1, 2, 3
),
dwelt AS (
    SELECT part, stage,
        min(dwell_ms) FILTER (WHERE upto * 1000 >= of * 500) AS p50_ms,
        min(dwell_ms) FILTER (WHERE upto * 1000 >= of * 950) AS p95_ms,
        min(dwell_ms) FILTER (WHERE upto * 1000 >= of * 987) AS p98_7_ms,
        min(dwell_ms) FILTER (WHERE upto * 1000 >= of * 990) AS p99_ms
    FROM ranked GROUP BY 1, 2
),
asked AS (SELECT DISTINCT part FROM counted)
SELECT asked.part, step.stage, '' AS reason, ifnull(c.count, 0) AS count,
    round(100.0 * ifnull(c.count, 0) / before.count, 2) AS of_previous_pct,
    round(100.0 * ifnull(c.count, 0) / first.count, 2) AS of_requested_pct,
    d.p50_ms, d.p95_ms, d.p98_7_ms, d.p99_ms, step.at AS at
FROM asked JOIN step
LEFT JOIN counted c ON c.part = asked.part AND c.stage = step.stage
LEFT JOIN counted before ON before.part = asked.part AND before.stage = step.previous
LEFT JOIN counted first ON first.part = asked.part AND first.stage = 'requested'
LEFT JOIN dwelt d ON d.part = asked.part AND d.stage = step.stage
UNION ALL
SELECT part, stage, reason, sum(count), NULL, NULL, NULL, NULL, NULL, NULL,
    (SELECT step.at FROM step WHERE step.stage = fact.stage)
FROM fact WHERE reason <> '' GROUP BY part, stage, reason
ORDER BY 1, 11, 3

-- name: count
INSERT INTO rollup VALUES (?, '', '', '', ?, ?, 0, ?, ?, -1, ?)
ON CONFLICT DO UPDATE SET count = rollup.count + excluded.count

-- name: operator
SELECT operator FROM sim_operator WHERE sim_id = ? ORDER BY since DESC LIMIT 1

-- name: note_operator
INSERT OR REPLACE INTO sim_operator VALUES (?, ?, ?)
