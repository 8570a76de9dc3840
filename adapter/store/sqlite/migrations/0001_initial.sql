-- Schema 1. The reasons for its shape are in adapter/doc/adr/0002-store.md.
-- Times are microseconds since 1970 UTC. seq is the commit time of a version,
-- unique across all of them, and therefore its name everywhere.

-- The clock: the last time given out, so that times increase across restarts.
CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 0), last INTEGER NOT NULL);
INSERT INTO clock VALUES (0, 0);

-- Resource types by a small number.
CREATE TABLE type (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- The current version of each resource. rid is the seq of its version 1.
-- id is a UUID in 16 bytes where it is one in lower case, else text.
CREATE TABLE resource (
    type INTEGER NOT NULL,
    id   BLOB    NOT NULL,
    rid  INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (type, id)
) WITHOUT ROWID;

-- Every version of every resource, append only: pages fill from left to right.
-- facts is what the version is found by, packed, so that a later version can
-- remove its index rows. The body of a deletion holds type and id only.
CREATE TABLE version (
    seq     INTEGER PRIMARY KEY,
    rid     INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    facts   BLOB    NOT NULL,
    body    BLOB    NOT NULL
);
-- Version 1 is found as rid; most resources never have another.
CREATE UNIQUE INDEX version_number ON version (rid, number) WHERE number > 1;

-- Posting lists: which current versions have a fact, in the order of time.
-- list is a hashed term; a type number for all current versions of the type;
-- minus a type number for its versions that are no longer current.
CREATE TABLE posting (
    list INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (list, seq)
) WITHOUT ROWID;

-- Interval facts of current versions. Wide intervals are kept apart, so that a
-- search among the others need not look far to the left.
CREATE TABLE span (
    param INTEGER NOT NULL,
    wide  INTEGER NOT NULL,
    low   INTEGER NOT NULL,
    high  INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    PRIMARY KEY (param, wide, low, seq, high)
) WITHOUT ROWID;

-- Messages as received, and the answers given.
CREATE TABLE inbox (
    id           INTEGER PRIMARY KEY,
    dedupe       BLOB    NOT NULL,
    sender       TEXT,
    message      TEXT,
    format       TEXT,
    received     INTEGER NOT NULL,
    mapping      TEXT,
    failed       INTEGER NOT NULL,
    issues       BLOB,
    kind         TEXT,
    task         TEXT,
    request      TEXT,
    reply_status INTEGER NOT NULL,
    reply_type   TEXT,
    seen         INTEGER NOT NULL,
    reply        BLOB,
    body         BLOB
);
CREATE UNIQUE INDEX inbox_dedupe ON inbox (dedupe);
CREATE INDEX inbox_task ON inbox (task) WHERE task IS NOT NULL;
CREATE INDEX inbox_sender ON inbox (sender);
CREATE INDEX inbox_failed ON inbox (id) WHERE failed;

-- Deliveries. state: 0 owed, 1 leased, 2 delivered, 3 proven, 4 dead, 5 held.
-- wake is when the relay must look: due of an owed one, lease end of a leased.
CREATE TABLE delivery (
    id       INTEGER PRIMARY KEY,
    key      TEXT    NOT NULL,
    state    INTEGER NOT NULL,
    wake     INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    fence    INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    settled  INTEGER NOT NULL,
    lane     TEXT,
    channel  TEXT,
    task     TEXT,
    patient  TEXT,
    reason   TEXT,
    payload  BLOB
);
CREATE UNIQUE INDEX delivery_key ON delivery (key);
CREATE INDEX delivery_wake ON delivery (wake, id, lane) WHERE state < 2;
CREATE INDEX delivery_task ON delivery (task) WHERE task IS NOT NULL;
CREATE INDEX delivery_lane ON delivery (lane) WHERE lane IS NOT NULL;
CREATE INDEX delivery_state ON delivery (state) WHERE state > 3;

-- How many deliveries are in each state, kept by triggers: counting a table
-- that only grows would make every scrape of the metrics dearer.
CREATE TABLE tally (state INTEGER PRIMARY KEY, n INTEGER NOT NULL);
INSERT INTO tally VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0);
CREATE TRIGGER delivery_added AFTER INSERT ON delivery BEGIN
    UPDATE tally SET n = n + 1 WHERE state = new.state;
END;
CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON delivery WHEN old.state <> new.state BEGIN
    UPDATE tally SET n = n - 1 WHERE state = old.state;
    UPDATE tally SET n = n + 1 WHERE state = new.state;
END;

CREATE TABLE attempt (
    delivery INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    started  INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    state    TEXT,
    status   INTEGER NOT NULL,
    reason   TEXT,
    evidence BLOB,
    PRIMARY KEY (delivery, number)
) WITHOUT ROWID;

-- The ledger.
CREATE TABLE once (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    agent   TEXT,
    action  TEXT,
    entity  TEXT,
    version INTEGER NOT NULL,
    outcome TEXT
);
CREATE TABLE mapping (hash TEXT PRIMARY KEY, files BLOB NOT NULL) WITHOUT ROWID;
