package sqlite

import (
	"sync"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// shelf keeps versions that were read lately, as they are served. A version
// never changes and no seq is given twice, so nothing on it can be out of date:
// whoever finds a seq in its snapshot may take the version from here. SQLite's
// own page caches do not do this work, because each connection has its own and
// empties it at the first snapshot after a commit of another one.
//
// Two generations bound it: what is asked for moves into the younger one, and
// when that is full the older one goes.
type shelf struct {
	mu        sync.Mutex
	now, then map[int64]shelved
	held      int // bytes in now
	each      int // bytes that one generation may hold
}

// shelved is a version, and what it is found by unless nobody has asked yet. Both
// are shared and must not be changed.
type shelved struct {
	store.Version
	facts resource.Facts
}

func (v shelved) size() int { return len(v.Body) + len(v.facts) + shelfOverhead }

// Sizes of what is kept.
const (
	shelfOverhead = 256      // bytes of a version beside its body, about
	shelfLargest  = 64 << 10 // a body above this is not kept: few lists are made of such
)

func newShelf(size int) *shelf { return &shelf{now: map[int64]shelved{}, each: size / 2} }

func (s *shelf) get(seq int64) (shelved, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.now[seq]
	if !ok {
		if v, ok = s.then[seq]; ok {
			s.add(seq, v)
		}
	}
	return v, ok
}

// put keeps a version that was read from the disk and is committed.
func (s *shelf) put(seq int64, v shelved) {
	if len(v.Body) > shelfLargest {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.now[seq]; !ok || was.facts == nil {
		s.add(seq, v)
	}
}

func (s *shelf) add(seq int64, v shelved) {
	if was, ok := s.now[seq]; ok {
		s.held -= was.size()
	}
	if s.held+v.size() > s.each {
		s.now, s.then, s.held = make(map[int64]shelved, len(s.now)), s.now, 0
	}
	s.now[seq] = v
	s.held += v.size()
}
