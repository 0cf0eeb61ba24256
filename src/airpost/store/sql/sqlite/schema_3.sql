-- What a lane may begin next: on disk before the modem is free, so that no commit lies between two
-- segments. Its segment is still queued. A row stands from its commit until the attempt begins or
-- the preparation is withdrawn. No foreign key: it must not hold up what is erased.
CREATE TABLE prepared (
    lane TEXT PRIMARY KEY,
    attempt_id INTEGER NOT NULL, -- the number the attempt will have
    segment_id INTEGER NOT NULL,
    sim_id TEXT NOT NULL,
    tail TEXT NOT NULL, -- the recipient's last eight digits
    tpdu_body INTEGER NOT NULL,
    prepared_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
