-- Schema 3: acknowledgements that come later, what a delivery is found by, and
-- switches. State 6 is sent, 7 withheld, 8 closed; due of a sent one is until
-- when its acknowledgement is awaited.
ALTER TABLE delivery ADD COLUMN stage TEXT;
ALTER TABLE attempt ADD COLUMN channel TEXT;
INSERT INTO tally VALUES (6, 0), (7, 0), (8, 0);

-- What is due by lanes, so that a lane which is closed can be passed over
-- however much has piled up in it.
CREATE INDEX delivery_lane_due ON delivery (lane, wake, id) WHERE state < 2;
CREATE INDEX delivery_awaited ON delivery (due, id) WHERE state = 6;

-- Words that a delivery is found by.
CREATE TABLE mark (
    mark     TEXT    NOT NULL,
    delivery INTEGER NOT NULL,
    PRIMARY KEY (mark, delivery)
) WITHOUT ROWID;
CREATE INDEX mark_delivery ON mark (delivery);

CREATE TABLE switch (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
