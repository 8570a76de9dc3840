package sqlite

import (
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
	s := l.t.c.stmt("INSERT INTO once (key) VALUES (?) ON CONFLICT DO NOTHING")
	defer s.done()
	if err := s.text(key).exec(); err != nil {
		return false, l.t.breaks(err)
	}
	return l.t.c.changed() == 1, nil
}

// Audit appends to the trail. At defaults to the time of the decision.
func (l ledger) Audit(e store.AuditEvent) error {
	if err := l.t.writing(); err != nil {
		return err
	}
	at := micros(e.At)
	if at == 0 {
		at = l.t.micros()
	}
	s := l.t.c.stmt("INSERT INTO audit (at, agent, action, entity, version, outcome) VALUES (?, ?, ?, ?, ?, ?)")
	defer s.done()
	return l.t.breaks(s.int(at).optional(e.Agent).optional(e.Action).optional(e.Entity).int(e.Version).optional(e.Outcome).exec())
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
	s := l.t.c.stmt("INSERT INTO mapping (hash, files) VALUES (?, ?) ON CONFLICT DO NOTHING")
	defer s.done()
	return l.t.breaks(s.text(hash).blob(files).exec())
}

// Mapping returns what SaveMapping kept.
func (l ledger) Mapping(hash string) ([]byte, error) {
	s := l.t.c.stmt("SELECT files FROM mapping WHERE hash = ?")
	defer s.done()
	ok, err := s.text(hash).step()
	if err != nil {
		return nil, asFault(err)
	}
	if !ok {
		return nil, notFound()
	}
	return s.bytes(0), nil
}
