-- Content (texts, data, PDUs) is in `body` alone, so that retention, erasure and encryption at rest
-- have one place. Nothing refers to it by a foreign key: a body that was erased reads as none.
-- Times are UTC microseconds. A name in braces stands for the values of that enum.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE body (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, -- text, data, ud, tpdu, pdu, answer
    bytes BLOB NOT NULL,
    key_id TEXT -- of the key that enciphers it; NULL: in clear
) STRICT;

CREATE TABLE message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, -- commit order; a number is never used twice
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    key_id TEXT,
    number TEXT NOT NULL,
    class TEXT NOT NULL CHECK (class IN {MessageClass}),
    rank INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN {MessageState}),
    open INTEGER NOT NULL, -- 1 while a part is queued or sending
    final INTEGER NOT NULL,
    encoding TEXT NOT NULL CHECK (encoding IN {Encoding}),
    text_body INTEGER,
    data_body INTEGER,
    parts INTEGER NOT NULL,
    want_report INTEGER NOT NULL,
    on_uncertain TEXT NOT NULL CHECK (on_uncertain IN {OnUncertain}),
    created_at INTEGER NOT NULL,
    not_before INTEGER,
    expires_at INTEGER NOT NULL,
    asked_lane TEXT,
    route TEXT,
    outlet TEXT NOT NULL, -- what may carry it: 'lane X' where asked for, else 'route Y'
    lane TEXT, -- NULL: in the shared backlog
    sim_id TEXT,
    sent_at INTEGER,
    delivered_at INTEGER,
    reason TEXT,
    possible_duplicates INTEGER NOT NULL DEFAULT 0,
    sender_ref TEXT,
    tags TEXT NOT NULL DEFAULT '[]' -- JSON; the table `tag` finds by them
) STRICT;
CREATE INDEX message_owner ON message (owner);
CREATE INDEX message_number ON message (number);
CREATE INDEX message_state ON message (state);
CREATE INDEX message_lane ON message (lane, rank, seq) WHERE lane IS NOT NULL AND open = 1;
CREATE INDEX message_backlog ON message (outlet, rank, seq)
    WHERE lane IS NULL AND open = 1 AND state <> 'accepted';
CREATE INDEX message_scheduled ON message (not_before) WHERE state = 'accepted';

CREATE TABLE tag (
    tag TEXT NOT NULL,
    message_seq INTEGER NOT NULL REFERENCES message,
    PRIMARY KEY (tag, message_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_message ON tag (message_seq);

CREATE TABLE transmission (
    id INTEGER PRIMARY KEY,
    message_seq INTEGER NOT NULL REFERENCES message,
    n INTEGER NOT NULL,
    concat_bits INTEGER NOT NULL,
    concat_ref INTEGER NOT NULL,
    reason TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    UNIQUE (message_seq, n)
) STRICT;

CREATE TABLE reference (
    recipient TEXT NOT NULL,
    bits INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (recipient, bits)
) STRICT, WITHOUT ROWID;

CREATE TABLE segment (
    id INTEGER PRIMARY KEY,
    message_seq INTEGER NOT NULL REFERENCES message,
    transmission_id INTEGER NOT NULL,
    current INTEGER NOT NULL, -- 1 in the newest transmission, which alone makes the message's state
    seq INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN {SegmentState}),
    final INTEGER NOT NULL DEFAULT 0,
    pid INTEGER NOT NULL,
    dcs INTEGER NOT NULL,
    udh BLOB NOT NULL,
    udl INTEGER NOT NULL,
    ud_body INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    resends INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER NOT NULL,
    not_before INTEGER, -- queued: the retry
    grace_until INTEGER, -- uncertain: no resend before
    deadline_at INTEGER, -- sent, uncertain: then nothing is waited for any more
    lane TEXT, -- of the newest attempt, as `mr`
    mr INTEGER,
    sent_at INTEGER,
    reported_at INTEGER,
    delivered_at INTEGER,
    outcome_class TEXT CHECK (outcome_class IN {OutcomeClass}),
    outcome_scope TEXT CHECK (outcome_scope IN {Scope}),
    outcome_code TEXT,
    outcome_text TEXT,
    reason TEXT
) STRICT;
CREATE INDEX segment_message ON segment (message_seq, current, seq);
CREATE INDEX segment_expiry ON segment (expires_at) WHERE state = 'queued';
CREATE INDEX segment_retry ON segment (not_before)
    WHERE state = 'queued' AND not_before IS NOT NULL;
CREATE INDEX segment_grace ON segment (grace_until) WHERE grace_until IS NOT NULL;
CREATE INDEX segment_deadline ON segment (deadline_at) WHERE deadline_at IS NOT NULL;

CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    segment_id INTEGER NOT NULL REFERENCES segment,
    n INTEGER NOT NULL,
    lane TEXT NOT NULL,
    sim_id TEXT NOT NULL,
    tail TEXT NOT NULL, -- the recipient's last eight digits
    tpdu_body INTEGER NOT NULL,
    mr INTEGER,
    begun_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome_class TEXT CHECK (outcome_class IN {OutcomeClass}),
    outcome_scope TEXT CHECK (outcome_scope IN {Scope}),
    outcome_code TEXT,
    outcome_text TEXT
) STRICT;
CREATE INDEX attempt_segment ON attempt (segment_id);
CREATE INDEX attempt_recipient ON attempt (sim_id, tail);
CREATE INDEX attempt_sim ON attempt (sim_id);

CREATE TABLE inbound (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT,
    in_reply_to TEXT,
    copies INTEGER NOT NULL,
    sender TEXT NOT NULL,
    number TEXT, -- the SIM's own
    lane TEXT NOT NULL,
    sim_id TEXT NOT NULL,
    encoding TEXT NOT NULL CHECK (encoding IN {Encoding}),
    text_body INTEGER,
    data_body INTEGER,
    parts INTEGER NOT NULL,
    partial INTEGER NOT NULL,
    sent_at INTEGER,
    received_at INTEGER NOT NULL,
    port INTEGER,
    display_class INTEGER
) STRICT;
CREATE INDEX inbound_owner ON inbound (owner) WHERE owner IS NOT NULL;

CREATE TABLE part (
    id INTEGER PRIMARY KEY,
    set_id INTEGER, -- the first part of the message it belongs to; NULL for a message of one part
    sim_id TEXT NOT NULL,
    lane TEXT NOT NULL,
    number TEXT,
    smsc TEXT,
    sender TEXT NOT NULL,
    pid INTEGER NOT NULL,
    dcs INTEGER NOT NULL,
    udh BLOB NOT NULL,
    udl INTEGER NOT NULL,
    scts BLOB NOT NULL,
    ref_bits INTEGER,
    ref INTEGER,
    total INTEGER,
    seq INTEGER,
    fingerprint BLOB NOT NULL UNIQUE, -- of SIM, sender, SCTS, PID, DCS, UDH and UD
    copies INTEGER NOT NULL DEFAULT 1,
    sent_at INTEGER,
    received_at INTEGER NOT NULL,
    ud_body INTEGER NOT NULL,
    raw_body INTEGER NOT NULL,
    inbound_seq INTEGER REFERENCES inbound,
    due_at INTEGER -- while it waits for others: when it is handed over without them
) STRICT;
CREATE INDEX part_set ON part (set_id) WHERE set_id IS NOT NULL;
CREATE INDEX part_key ON part (sim_id, sender, ref_bits, ref, total) WHERE set_id IS NOT NULL;
CREATE INDEX part_due ON part (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX part_inbound ON part (inbound_seq);

CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    attempt_id INTEGER REFERENCES attempt, -- NULL: unmatched, listed and never applied
    sim_id TEXT NOT NULL,
    lane TEXT NOT NULL,
    mr INTEGER NOT NULL,
    number TEXT NOT NULL,
    tail TEXT NOT NULL,
    scts BLOB NOT NULL,
    status INTEGER NOT NULL,
    delivered INTEGER, -- NULL: the service centre still tries
    expired INTEGER NOT NULL,
    outcome_class TEXT NOT NULL CHECK (outcome_class IN {OutcomeClass}),
    outcome_scope TEXT NOT NULL CHECK (outcome_scope IN {Scope}),
    outcome_code TEXT NOT NULL,
    outcome_text TEXT NOT NULL,
    done_at INTEGER,
    received_at INTEGER NOT NULL,
    raw_body INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX report_same ON report (sim_id, mr, tail, scts, status, ifnull(done_at, 0));
CREATE INDEX report_unmatched ON report (sim_id, tail) WHERE attempt_id IS NULL;
CREATE INDEX report_attempt ON report (attempt_id);

CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    sim_id TEXT NOT NULL,
    lane TEXT NOT NULL,
    raw_body INTEGER NOT NULL,
    fingerprint BLOB NOT NULL UNIQUE, -- of SIM and octets
    copies INTEGER NOT NULL DEFAULT 1,
    field TEXT NOT NULL,
    octet INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    message_seq INTEGER,
    inbound_seq INTEGER,
    subject TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL
) STRICT;
CREATE INDEX event_message ON event (message_seq) WHERE message_seq IS NOT NULL;

-- Rows for hooks, to be written in the commit of their event; none are written while no hook reads.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hook TEXT NOT NULL,
    event_seq INTEGER NOT NULL REFERENCES event,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER, -- NULL: done
    last_error TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (hook, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_event ON outbox (event_seq);

CREATE TABLE lane (
    name TEXT PRIMARY KEY,
    imei TEXT NOT NULL,
    sim_id TEXT,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE binding (
    id INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    imei TEXT NOT NULL,
    sim_id TEXT,
    since INTEGER NOT NULL
) STRICT;
CREATE INDEX binding_lane ON binding (lane);

CREATE TABLE api_key (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    scopes TEXT NOT NULL, -- separated by a space
    secret_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer_body INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_due ON idempotency (kept_until);
