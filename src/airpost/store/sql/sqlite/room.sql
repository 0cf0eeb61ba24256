-- What waits, by class and key, in the memory of the writer's connection: triggers keep it exact also
-- where a transaction is undone, and nothing of it goes to the disk.

-- name: table
CREATE TEMP TABLE waits (
    class TEXT NOT NULL,
    key_id TEXT NOT NULL, -- '' for none
    n INTEGER NOT NULL,
    PRIMARY KEY (class, key_id)
) STRICT, WITHOUT ROWID

-- name: count
INSERT INTO waits
SELECT class, ifnull(key_id, ''), count(*) FROM (
    SELECT class, key_id FROM message INDEXED BY message_backlog
    WHERE lane IS NULL AND open = 1 AND state <> 'accepted'
    UNION ALL
    SELECT class, key_id FROM message INDEXED BY message_lane WHERE lane IS NOT NULL AND open = 1
    UNION ALL
    SELECT class, key_id FROM message INDEXED BY message_scheduled
    WHERE state = 'accepted' AND lane IS NULL AND open = 1
) GROUP BY 1, 2

-- name: comes
CREATE TEMP TRIGGER comes AFTER INSERT ON main.message WHEN new.open = 1
BEGIN
    INSERT INTO waits VALUES (new.class, ifnull(new.key_id, ''), 1)
    ON CONFLICT (class, key_id) DO UPDATE SET n = n + 1;
END

-- name: again
CREATE TEMP TRIGGER again AFTER UPDATE OF open ON main.message WHEN new.open = 1 AND old.open = 0
BEGIN
    INSERT INTO waits VALUES (new.class, ifnull(new.key_id, ''), 1)
    ON CONFLICT (class, key_id) DO UPDATE SET n = n + 1;
END

-- name: over
CREATE TEMP TRIGGER over AFTER UPDATE OF open ON main.message WHEN new.open = 0 AND old.open = 1
BEGIN
    UPDATE waits SET n = n - 1 WHERE class = new.class AND key_id = ifnull(new.key_id, '');
END

-- name: gone
CREATE TEMP TRIGGER gone AFTER DELETE ON main.message WHEN old.open = 1
BEGIN
    UPDATE waits SET n = n - 1 WHERE class = old.class AND key_id = ifnull(old.key_id, '');
END

-- name: waits
SELECT class, key_id, n FROM waits
