-- What is wrong with a store.

-- name: messages
SELECT count(*) FROM message

-- name: size
SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()

-- name: states
SELECT m.id, m.state, s.state FROM message m JOIN segment s ON s.message_seq = m.seq
WHERE s.current = 1 ORDER BY m.seq

-- name: bare
SELECT count(*) FROM message m WHERE NOT EXISTS (
    SELECT 1 FROM segment s WHERE s.message_seq = m.seq AND s.current = 1)

-- name: unsendable
SELECT count(*) FROM segment s LEFT JOIN body b ON b.id = s.ud_body
WHERE s.state = 'queued' AND s.current = 1 AND b.id IS NULL

-- name: textless
SELECT (SELECT count(*) FROM message m LEFT JOIN body b ON b.id = m.text_body
        WHERE m.text_body IS NOT NULL AND b.id IS NULL)
    + (SELECT count(*) FROM inbound i LEFT JOIN body b ON b.id = i.text_body
        WHERE i.text_body IS NOT NULL AND b.id IS NULL)
