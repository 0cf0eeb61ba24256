-- Order, ageing, and refusals that may be the SIM's.

ALTER TABLE message ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0; -- 1: later ones wait for its fate
ALTER TABLE message ADD COLUMN avoid_sim TEXT; -- refused it with a code that is often the SIM's

-- Who was first: a message waits while the one before it to the same number may still have to go.
CREATE INDEX message_order ON message (number, class, seq)
    WHERE open = 1 OR (ordered = 1 AND state = 'uncertain' AND final = 0);
-- Bulk that may be lifted, by the instant from which it waits.
CREATE INDEX message_ageing ON message (max(created_at, ifnull(not_before, 0)))
    WHERE rank = 3 AND open = 1;
