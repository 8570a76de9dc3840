package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// ledger is the room of small facts.
type ledger struct{ t *tx }

// Once claims a key.
func (l ledger) Once(key string) (bool, error) {
	if key == "" || len(key) > 512 {
		return false, fault.New(fault.Internal, "", "a once key must have 1 to 512 bytes")
	}
	if err := l.t.writing(); err != nil {
		return false, err
	}
	once := l.t.w.cache.once
	claimed, known := once[key]
	if !known {
		rows, err := l.t.direct("SELECT true FROM linkloop.once WHERE key = $1", []byte(key))
		if err != nil {
			return false, err
		}
		claimed, err = pgx.CollectOneRow(rows, pgx.RowTo[bool])
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return false, l.t.breaks(err)
		}
	}
	if claimed {
		once[key] = true
		return false, nil
	}
	set(l.t, once, key, true)
	l.t.made.once = append(l.t.made.once, key)
	return true, nil
}

// Audit appends to the trail. At defaults to the time of the decision.
func (l ledger) Audit(e store.AuditEvent) error {
	if err := l.t.writing(); err != nil {
		return err
	}
	if e.At.IsZero() {
		e.At = l.t.Time()
	}
	l.t.made.audit = append(l.t.made.audit, e)
	return nil
}

// SaveMapping keeps the files of a mapping; the first ones under a hash stand.
func (l ledger) SaveMapping(hash string, files []byte) error {
	if hash == "" {
		return fault.New(fault.Internal, "", "a mapping must have a hash")
	}
	if err := l.t.writing(); err != nil {
		return err
	}
	if files == nil {
		files = []byte{}
	}
	l.t.made.mappings = append(l.t.made.mappings, mappingRow{hash, files})
	return nil
}

// Mapping returns what SaveMapping kept.
func (l ledger) Mapping(hash string) ([]byte, error) {
	rows, err := l.t.rows("SELECT files FROM linkloop.mapping WHERE hash = $1", []byte(hash))
	if err != nil {
		return nil, asFault(err)
	}
	files, err := pgx.CollectOneRow(rows, pgx.RowTo[[]byte])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, notFound()
	}
	return files, asFault(err)
}
