-- Reports of delivery by network and shape of text.

-- name: sent_between
SELECT m.sent_at / 3600000000,
    coalesce((SELECT o.operator FROM sim_operator o
            WHERE o.sim_id = m.sim_id AND o.since <= m.sent_at ORDER BY o.since DESC LIMIT 1),
        (SELECT o.operator FROM sim_operator o WHERE o.sim_id = m.sim_id
            ORDER BY o.since LIMIT 1), ''),
    m.state = 'delivered' AND m.delivered_at - m.sent_at <= ?3, m.id, m.tags, b.bytes
FROM message m LEFT JOIN body b ON b.id = m.text_body
WHERE m.sent_at >= ?1 AND m.sent_at < ?2 AND m.want_report = 1

-- name: add
INSERT OR REPLACE INTO report_rate VALUES (?, ?, ?, ?, ?, ?)

-- name: since
SELECT operator, shape, hour, asked, delivered, sample FROM report_rate WHERE hour >= ?
ORDER BY hour, operator, shape

-- name: counted
SELECT value FROM meta WHERE key = 'rates counted to'

-- name: set_counted
INSERT OR REPLACE INTO meta VALUES ('rates counted to', ?)

-- name: told
SELECT value FROM meta WHERE key = 'filters told'

-- name: keep_told
INSERT OR REPLACE INTO meta VALUES ('filters told', ?)
