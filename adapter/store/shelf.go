package store

import (
	"sync"

	"github.com/linkloop/linkloop/adapter/resource"
)

// Shelf keeps versions that were read lately, as they are served, by their seq: the
// commit time in microseconds. A committed version never changes and no seq is
// given twice, so nothing on it can be out of date: whoever finds a seq in its
// snapshot may take the version from here. What is not committed must not be put
// here. SQLite's own page caches do not do this work, because each connection has
// its own and empties it at the first snapshot after a commit of another one;
// behind a network it saves the way.
//
// Two generations bound it: what is asked for moves into the younger one, and
// when that is full the older one goes.
type Shelf struct {
	mu        sync.Mutex
	now, then map[int64]Shelved
	held      int // bytes in now
	each      int // bytes that one generation may hold
	bare      bool
}

// Shelved is a version, and what it is found by unless nobody has asked yet. Both
// are shared and must not be changed.
type Shelved struct {
	Version
	Facts resource.Facts
}

func (v Shelved) size() int { return len(v.Body) + len(v.Facts) + shelfOverhead }

// Sizes of what is kept.
const (
	shelfOverhead = 256      // bytes of a version beside its body, about
	shelfLargest  = 64 << 10 // a body above this is not kept: few lists are made of such
)

// NewShelf returns a shelf that holds about as many bytes.
func NewShelf(size int) *Shelf { return &Shelf{now: map[int64]Shelved{}, each: size / 2} }

// Get returns what is kept under a seq.
func (s *Shelf) Get(seq int64) (Shelved, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.now[seq]
	if !ok {
		if v, ok = s.then[seq]; ok {
			s.add(seq, v)
		}
	}
	if s.bare {
		v.Facts = nil
	}
	return v, ok
}

// ForgetFacts ends the keeping of facts: what versions are found by is being
// replaced, and a reader of an older snapshot could put the old ones back.
func (s *Shelf) ForgetFacts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bare = true
}

// Put keeps a committed version, unless it is large.
func (s *Shelf) Put(seq int64, v Shelved) {
	if len(v.Body) > shelfLargest {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.now[seq]; !ok || was.Facts == nil {
		s.add(seq, v)
	}
}

func (s *Shelf) add(seq int64, v Shelved) {
	if was, ok := s.now[seq]; ok {
		s.held -= was.size()
	}
	if s.held+v.size() > s.each {
		s.now, s.then, s.held = make(map[int64]Shelved, len(s.now)), s.now, 0
	}
	s.now[seq] = v
	s.held += v.size()
}
