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
