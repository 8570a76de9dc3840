-- Schema 2: deliveries can be removed when their retention is over.
CREATE TRIGGER delivery_removed AFTER DELETE ON delivery BEGIN
    UPDATE tally SET n = n - 1 WHERE state = old.state;
END;
