-- Schema 5: the seq up to which posting has the terms of all versions; those of
-- later ones are kept in memory and go into it in sorted runs.
ALTER TABLE clock ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
UPDATE clock SET folded = last;
