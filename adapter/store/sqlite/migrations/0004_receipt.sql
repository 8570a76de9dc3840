-- Schema 4: receipts of files.
CREATE TABLE receipt (
    id       INTEGER PRIMARY KEY,
    name     TEXT    NOT NULL UNIQUE,
    sender   TEXT    NOT NULL,
    received INTEGER NOT NULL,
    status   TEXT    NOT NULL,
    body     BLOB    NOT NULL
);
