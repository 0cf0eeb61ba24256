-- What a lane may begin next, several at once and in the order of their numbers: a commit for each of
-- them would cost more than the segment. What stands prepared stays so.
CREATE TEMP TABLE prepared_before AS
SELECT lane, attempt_id, segment_id, sim_id, tail, tpdu_body, prepared_at FROM prepared;

DROP TABLE main.prepared;

CREATE TABLE prepared (
    lane TEXT NOT NULL,
    attempt_id INTEGER NOT NULL, -- the number the attempt will have
    segment_id INTEGER NOT NULL,
    sim_id TEXT NOT NULL,
    tail TEXT NOT NULL, -- the recipient's last eight digits
    tpdu_body INTEGER NOT NULL,
    prepared_at INTEGER NOT NULL,
    PRIMARY KEY (lane, attempt_id)
) STRICT, WITHOUT ROWID;

INSERT INTO prepared (lane, attempt_id, segment_id, sim_id, tail, tpdu_body, prepared_at)
SELECT lane, attempt_id, segment_id, sim_id, tail, tpdu_body, prepared_at FROM prepared_before;

DROP TABLE temp.prepared_before;
