-- What statistics need that no other row tells, and what is left of rows that have gone.

-- Which network a SIM was on, from when on.
CREATE TABLE sim_operator (
    sim_id TEXT NOT NULL,
    since INTEGER NOT NULL,
    operator TEXT NOT NULL,
    PRIMARY KEY (sim_id, since)
) STRICT, WITHOUT ROWID;

-- Facts of the funnel, counted: refused requests, which have no other row, and messages whose rows
-- have been pruned. A fact is that a message came to a stage; '' and -1 stand for none.
CREATE TABLE rollup (
    hour INTEGER NOT NULL, -- since 1970, in which the message was asked for
    operator TEXT NOT NULL,
    modem TEXT NOT NULL,
    sim TEXT NOT NULL,
    class TEXT NOT NULL,
    key TEXT NOT NULL,
    parts INTEGER NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    dwell_ms INTEGER NOT NULL, -- two significant digits, rounded up
    count INTEGER NOT NULL,
    PRIMARY KEY (hour, operator, modem, sim, class, key, parts, stage, reason, dwell_ms)
) STRICT, WITHOUT ROWID;

-- How many messages of one shape of text a network has taken, and for how many of them a report of
-- delivery came. The shape is a digest: no text can be read from it.
CREATE TABLE report_rate (
    operator TEXT NOT NULL,
    shape TEXT NOT NULL,
    hour INTEGER NOT NULL, -- since 1970, in which they were sent
    asked INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    sample TEXT NOT NULL, -- one of them, to look at
    PRIMARY KEY (operator, shape, hour)
) STRICT, WITHOUT ROWID;

-- What has no message goes by its own age.
CREATE INDEX event_apart ON event (at) WHERE message_seq IS NULL;
