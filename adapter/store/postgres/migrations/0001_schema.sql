-- Schema 1. Its shape follows the embedded store's (adapter/doc/adr/0006-postgres.md says
-- where it differs). Times are microseconds since 1970 UTC. seq is the commit
-- time of a version, unique across all of them, and therefore its name.

-- Whoever holds the one row decides: the last time and the last ids given out.
-- The page is left empty so that each update stays on it.
CREATE TABLE linkloop.clock (
    id       int    PRIMARY KEY CHECK (id = 0),
    last     bigint NOT NULL,
    message  bigint NOT NULL,
    delivery bigint NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
INSERT INTO linkloop.clock VALUES (0, 0, 0, 0);

-- The secret that ids and index terms are derived with.
CREATE TABLE linkloop.installation (id int PRIMARY KEY CHECK (id = 0), key bytea NOT NULL);

CREATE TABLE linkloop.type (id int PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE);

-- The current version of each resource. rid is the seq of its version 1. id is a
-- UUID in 16 bytes behind a 'u' where it is one in lower case, else the text
-- behind a 't'.
CREATE TABLE linkloop.resource (
    rid  bigint NOT NULL,
    seq  bigint NOT NULL,
    type int    NOT NULL,
    id   bytea  NOT NULL,
    PRIMARY KEY (type, id)
) WITH (fillfactor = 95);

-- Every version of every resource, in the order of time. facts is what it is
-- found by, packed; the body of a deletion holds type and id only.
CREATE TABLE linkloop.version (
    seq     bigint  PRIMARY KEY,
    rid     bigint  NOT NULL,
    number  bigint  NOT NULL,
    deleted boolean NOT NULL,
    facts   bytea   NOT NULL,
    body    bytea NOT NULL
);
CREATE UNIQUE INDEX version_number ON linkloop.version (rid, number) WHERE number > 1;

-- Posting lists: which current versions have a fact, in the order of time.
-- list is a hashed term; a type number for all current versions of the type;
-- minus a type number for its versions that are no longer current.
CREATE TABLE linkloop.posting (list bigint NOT NULL, seq bigint NOT NULL, PRIMARY KEY (list, seq));

-- Interval facts of current versions; wide ones are found apart.
CREATE TABLE linkloop.span (
    seq   bigint  NOT NULL,
    param bigint  NOT NULL,
    low   bigint  NOT NULL,
    high  bigint  NOT NULL,
    wide  boolean NOT NULL
);
CREATE INDEX span_seq ON linkloop.span (seq);
CREATE INDEX span_narrow ON linkloop.span (param, low, seq) WHERE NOT wide;
CREATE INDEX span_wide ON linkloop.span (param, low, seq) WHERE wide;

-- Messages as received, and the answers given. What comes from outside is
-- bytea: it may hold bytes that no text of PostgreSQL can.
CREATE TABLE linkloop.inbox (
    id           bigint  PRIMARY KEY,
    received     bigint  NOT NULL,
    seen         bigint  NOT NULL,
    reply_status bigint  NOT NULL,
    failed       boolean NOT NULL,
    dedupe       bytea   NOT NULL,
    sender       bytea,
    message      bytea,
    format       bytea,
    mapping      bytea,
    kind         bytea,
    task         bytea,
    request      bytea,
    reply_type   bytea,
    issues       bytea,
    reply        bytea,
    body         bytea
);
CREATE UNIQUE INDEX inbox_dedupe ON linkloop.inbox (dedupe);
CREATE INDEX inbox_task ON linkloop.inbox (task) WHERE task IS NOT NULL;
CREATE INDEX inbox_sender ON linkloop.inbox (sender, id);
CREATE INDEX inbox_failed ON linkloop.inbox (id) WHERE failed;

-- Deliveries. state: 0 owed, 1 leased, 2 delivered, 3 proven, 4 dead, 5 held.
-- wake is when the relay must look: due of an owed one, lease end of a leased.
CREATE TABLE linkloop.delivery (
    id       bigint   PRIMARY KEY,
    wake     bigint   NOT NULL,
    due      bigint   NOT NULL,
    fence    bigint   NOT NULL,
    created  bigint   NOT NULL,
    settled  bigint   NOT NULL,
    attempts int      NOT NULL,
    state    smallint NOT NULL,
    key      bytea    NOT NULL,
    lane     bytea,
    channel  bytea,
    task     bytea,
    patient  bytea,
    reason   bytea,
    payload  bytea
);
CREATE UNIQUE INDEX delivery_key ON linkloop.delivery (key);
CREATE INDEX delivery_wake ON linkloop.delivery (wake, id) WHERE state < 2;
CREATE INDEX delivery_task ON linkloop.delivery (task) WHERE task IS NOT NULL;
CREATE INDEX delivery_lane ON linkloop.delivery (lane, id) WHERE lane IS NOT NULL;
CREATE INDEX delivery_state ON linkloop.delivery (state, id) WHERE state > 3;

-- How many deliveries are in each state: counting a table that only grows would
-- make every scrape of the metrics dearer.
CREATE TABLE linkloop.tally (state int PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 10);
INSERT INTO linkloop.tally VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0);

CREATE TABLE linkloop.attempt (
    delivery bigint NOT NULL,
    started  bigint NOT NULL,
    ended    bigint NOT NULL,
    number   int    NOT NULL,
    status   int    NOT NULL,
    state    bytea,
    reason   bytea,
    evidence bytea,
    PRIMARY KEY (delivery, number)
);

-- The ledger.
CREATE TABLE linkloop.once (key bytea PRIMARY KEY);
CREATE TABLE linkloop.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      bigint NOT NULL,
    version bigint NOT NULL,
    agent   bytea,
    action  bytea,
    entity  bytea,
    outcome bytea
);
CREATE TABLE linkloop.mapping (hash bytea PRIMARY KEY, files bytea NOT NULL);
