package store_test

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/store"
)

// TestShelfIsBounded: what was read last is there, what is asked for again and
// again stays, and it never holds more than it may.
func TestShelfIsBounded(t *testing.T) {
	const size = 1 << 20
	s := store.NewShelf(size)
	body := make([]byte, 1000)
	for seq := range int64(10_000) {
		s.Put(seq, store.Shelved{Version: store.Version{Number: seq, Body: body}})
		if v, ok := s.Get(seq); !ok || v.Number != seq {
			t.Fatalf("version %d is not there after it was put", seq)
		}
		if _, ok := s.Get(7); seq >= 7 && !ok {
			t.Fatalf("a version that is asked for all the time went after %d", seq)
		}
	}
	held := 0
	for seq := range int64(10_000) {
		if _, ok := s.Get(9999 - seq); ok {
			held += len(body)
		}
	}
	if held > size || held < size/4 {
		t.Errorf("it holds %d bytes of the %d that are allowed", held, size)
	}
	if _, ok := s.Get(100); ok {
		t.Error("the oldest versions are still there")
	}
	s.Put(20_000, store.Shelved{Version: store.Version{Body: make([]byte, 100<<10)}})
	if _, ok := s.Get(20_000); ok {
		t.Error("one large body took the room of a hundred")
	}
}
