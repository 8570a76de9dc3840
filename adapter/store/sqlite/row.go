package sqlite

import (
	"errors"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

var errMissingRow = errors.New("sqlite: the index names a version that is not there")

// load puts the version row of seq into s.row.
func (s *search) load(seq int64) error {
	if s.row == nil {
		s.row = s.r.c.stmt("SELECT v.seq, v.number, v.deleted, v.body, v.facts FROM version v WHERE v.seq = ?")
	} else if s.rowSeq == seq {
		return nil
	}
	s.rowSeq = 0
	s.row.reset()
	ok, err := s.row.int(seq).step()
	if err != nil {
		return err
	}
	if !ok {
		return errMissingRow
	}
	s.rowSeq = seq
	return nil
}

// facts is valid until the next load.
func (s *search) facts(seq int64) (resource.Facts, error) {
	if err := s.load(seq); err != nil {
		return nil, err
	}
	return s.row.view(4), nil
}

func (s *search) version(seq int64) (store.Version, error) {
	if v, ok := s.r.shelved(seq); ok {
		return v, nil
	}
	if err := s.load(seq); err != nil {
		return store.Version{}, err
	}
	v, err := selfNamed(s.row)
	if err == nil {
		s.r.keep(seq, v)
	}
	return v, err
}

// selfNamed takes the version from the current row, its key from the body.
func selfNamed(s *stmt) (store.Version, error) {
	typ, id, ok := keyBytes(s.view(3))
	if !ok {
		return store.Version{}, errors.New("sqlite: a version without a key")
	}
	return readVersion(s, store.Key{Type: string(typ), ID: string(id)}), nil
}

func (s *search) close() {
	if s.row != nil {
		s.row.done()
		s.row = nil
	}
}
