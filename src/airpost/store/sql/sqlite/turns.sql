-- Whose turn it is among the messages to one number.

-- name: before
SELECT e.lane, e.ordered, EXISTS (SELECT 1 FROM segment s WHERE s.message_seq = e.seq
    AND (s.current = 0 OR s.attempts > 1 OR s.resends > 0 OR s.state = 'uncertain'
        OR (s.state = 'queued' AND s.attempts > 0))) AS over,
    e.id, e.state, e.owner
FROM message e INDEXED BY message_order
WHERE (e.open = 1 OR (e.ordered = 1 AND e.state = 'uncertain' AND e.final = 0))
    AND e.number = ? AND e.class = ? AND e.seq < ? AND e.outlet = ? AND e.state <> 'accepted'
ORDER BY e.seq DESC LIMIT 1

-- name: waiting
SELECT m.seq, m.number, m.class, m.outlet, m.lane, EXISTS (SELECT 1 FROM segment s
        WHERE s.message_seq = m.seq AND (s.current = 0 OR s.attempts > 0 OR s.resends > 0)),
    (SELECT min(s.not_before) FROM segment s
        WHERE s.message_seq = m.seq AND s.current = 1 AND s.state = 'queued')
FROM message m WHERE m.id = ? AND m.open = 1 AND m.state <> 'accepted'
