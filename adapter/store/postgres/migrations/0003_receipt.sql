-- Schema 3: receipts of files.
CREATE TABLE linkloop.receipt (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received bigint NOT NULL,
    name     bytea  NOT NULL UNIQUE,
    sender   bytea  NOT NULL,
    status   bytea  NOT NULL,
    body     bytea  NOT NULL
);
