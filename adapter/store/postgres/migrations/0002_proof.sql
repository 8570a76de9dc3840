-- Schema 2: acknowledgements that come later, what a delivery is found by, and
-- switches. State 6 is sent, 7 withheld, 8 closed; due of a sent one is until
-- when its acknowledgement is awaited.
ALTER TABLE linkloop.delivery ADD COLUMN stage bytea;
ALTER TABLE linkloop.attempt ADD COLUMN channel bytea;
INSERT INTO linkloop.tally VALUES (6, 0), (7, 0), (8, 0);

-- What is due by lanes, so that a lane which is closed can be passed over
-- however much has piled up in it.
CREATE INDEX delivery_lane_due ON linkloop.delivery ((coalesce(lane, ''::bytea)), wake, id) WHERE state < 2;
CREATE INDEX delivery_awaited ON linkloop.delivery (due, id) WHERE state = 6;

-- Words that a delivery is found by.
CREATE TABLE linkloop.mark (mark bytea NOT NULL, delivery bigint NOT NULL, PRIMARY KEY (mark, delivery));
CREATE INDEX mark_delivery ON linkloop.mark (delivery);

CREATE TABLE linkloop.switch (name bytea PRIMARY KEY, value bytea NOT NULL);
