-- People: contacts and groups. `key` is the name without case.

CREATE TABLE contact (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    number TEXT NOT NULL,
    note TEXT,
    given TEXT NOT NULL, -- JSON: values for templates
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_number ON contact (number);

CREATE TABLE people (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
    owner TEXT NOT NULL,
    people TEXT NOT NULL,
    place INTEGER NOT NULL,
    contact TEXT, -- its key
    number TEXT,
    PRIMARY KEY (owner, people, place),
    CHECK ((contact IS NULL) <> (number IS NULL)),
    FOREIGN KEY (owner, people) REFERENCES people (owner, key) ON DELETE CASCADE,
    FOREIGN KEY (owner, contact) REFERENCES contact (owner, key) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX member_contact ON member (owner, contact) WHERE contact IS NOT NULL;
CREATE INDEX member_number ON member (number) WHERE number IS NOT NULL;
