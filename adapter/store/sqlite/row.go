package sqlite

import (
	"errors"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

var (
	errMissingRow = errors.New("sqlite: the index names a version that is not there")
	errNoKey      = errors.New("sqlite: a version without a key")
)

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
	if x, ok := s.r.shelved(seq); ok && x.Facts != nil {
		return x.Facts, nil
	}
	if err := s.load(seq); err != nil {
		return nil, err
	}
	return s.row.view(4), nil
}

func (s *search) version(seq int64) (store.Version, error) {
	x, ok := s.r.shelved(seq)
	if ok && x.Facts != nil {
		return x.Version, nil
	}
	if err := s.load(seq); err != nil {
		return store.Version{}, err
	}
	if !ok {
		var err error
		if x.Version, err = selfNamed(s.row); err != nil {
			return store.Version{}, err
		}
	}
	s.r.keep(seq, store.Shelved{Version: x.Version, Facts: s.row.bytes(4)})
	return x.Version, nil
}

// key names the resource of a candidate.
func (s *search) key(seq int64) (store.Key, error) {
	if x, ok := s.r.shelved(seq); ok {
		return x.Key, nil
	}
	if err := s.load(seq); err != nil {
		return store.Key{}, err
	}
	typ, id, ok := keyBytes(s.row.view(3))
	if !ok {
		return store.Key{}, errNoKey
	}
	return store.Key{Type: string(typ), ID: string(id)}, nil
}

// selfNamed takes the version from the current row, its key from the body.
func selfNamed(s *stmt) (store.Version, error) {
	typ, id, ok := keyBytes(s.view(3))
	if !ok {
		return store.Version{}, errNoKey
	}
	return readVersion(s, store.Key{Type: string(typ), ID: string(id)}), nil
}

func (s *search) close() {
	if s.row != nil {
		s.row.done()
		s.row = nil
	}
}
