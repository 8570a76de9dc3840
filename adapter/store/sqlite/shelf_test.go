package sqlite_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// TestShelfIsBounded: what was read last is there, what is asked for again and
// again stays, and it never holds more than it may.
func TestShelfIsBounded(t *testing.T) {
	const size = 1 << 20
	s := sqlite.NewShelf(size)
	body := make([]byte, 1000)
	for seq := range int64(10_000) {
		s.Put(seq, store.Version{Number: seq, Body: body})
		if v, ok := s.Get(seq); !ok || v.Number != seq {
			t.Fatalf("version %d is not there after it was put", seq)
		}
		if _, ok := s.Get(7); seq >= 7 && !ok {
			t.Fatalf("a version that is asked for all the time went after %d", seq)
		}
		if held := s.Len() * len(body); held > size {
			t.Fatalf("it holds %d bytes, %d are allowed", held, size)
		}
	}
	if _, ok := s.Get(100); ok {
		t.Error("the oldest versions are still there")
	}
	s.Put(20_000, store.Version{Body: make([]byte, 100<<10)})
	if _, ok := s.Get(20_000); ok {
		t.Error("one large body took the room of a hundred")
	}
}

// TestReadsAreNotRemembered: a snapshot gives what it holds and nothing else,
// whatever was read before it.
func TestReadsAreNotRemembered(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := open(t, sqlite.Config{Path: t.TempDir(), Now: func() time.Time { at = at.Add(time.Second); return at }})
	defer s.Close()
	ctx, k := context.Background(), store.Key{Type: "Task", ID: "t"}
	put := func(expect int64) error {
		return s.Decide(ctx, func(tx store.Tx) error {
			v := element.NewObject(element.S("resourceType", "Task"), element.S("id", "t"), element.S("description", fmt.Sprint(expect+1)))
			_, err := tx.Resources().Put(store.Write{Key: k, Body: element.Canonical(v), Expect: expect})
			return err
		})
	}
	read := func(r store.Reader, want int64) {
		t.Helper()
		if v, err := r.Resources().Get(k); err != nil || v.Number != want {
			t.Fatalf("version %d, %v; want %d", v.Number, err, want)
		}
	}
	if err := put(0); err != nil {
		t.Fatal(err)
	}
	if err := s.View(ctx, func(old store.Reader) error {
		read(old, 1)
		if err := put(1); err != nil {
			return err
		}
		if err := s.View(ctx, func(r store.Reader) error { read(r, 2); return nil }); err != nil {
			return err
		}
		read(old, 1)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Prune(ctx, store.Retention{History: at.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := s.View(ctx, func(r store.Reader) error {
		read(r, 2)
		if v, err := r.Resources().GetVersion(k, 1); fault.KindOf(err) != fault.NotFound {
			t.Errorf("version 1 is read after it was pruned: %d, %v", v.Number, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
