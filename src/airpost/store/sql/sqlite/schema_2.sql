-- The transmission that last had a reference to a recipient: while its set may lie incomplete on the
-- handset, another message under the same reference would be joined with its parts.
CREATE TABLE reference_use (
    recipient TEXT NOT NULL,
    bits INTEGER NOT NULL,
    ref INTEGER NOT NULL,
    transmission_id INTEGER NOT NULL,
    PRIMARY KEY (recipient, bits, ref)
) STRICT, WITHOUT ROWID;
