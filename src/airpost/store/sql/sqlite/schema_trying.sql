-- A network that has said it still tries is given longer before another group of modems is tried.

ALTER TABLE message ADD COLUMN trying_us INTEGER; -- onto failover_us, once; NULL: no more
