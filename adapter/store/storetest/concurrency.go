package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// together runs fn in n goroutines that start at once.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-gate
			fn(i)
		}()
	}
	close(gate)
	wg.Wait()
}

func testConcurrency(t *testing.T, open Open) {
	t.Run("one claim wins", func(t *testing.T) {
		s := fresh(t, open)
		for round := range 10 {
			k := key("Task", fmt.Sprint("claim", round))
			put(t, s, k, 0, "requested", facts())
			var won, lost atomic.Int64
			together(16, func(i int) {
				err := s.Decide(ctx(), func(tx store.Tx) error {
					_, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, fmt.Sprint("taken by ", i)), Expect: 1})
					return err
				})
				switch {
				case err == nil:
					won.Add(1)
				case fault.KindOf(err) == fault.VersionConflict:
					lost.Add(1)
				default:
					t.Errorf("claim: %v", err)
				}
			})
			want(t, "winners", won.Load(), int64(1))
			want(t, "losers", lost.Load(), int64(15))
		}
	})
	t.Run("the same message at once", func(t *testing.T) {
		s := fresh(t, open)
		for round := range 10 {
			var added atomic.Int64
			together(16, func(int) {
				var mine bool
				err := s.Decide(ctx(), func(tx store.Tx) error {
					mine = false
					_, err := tx.Inbox().Find([32]byte{byte(round), 1})
					if err == nil {
						return nil
					}
					if fault.KindOf(err) != fault.NotFound {
						return err
					}
					mine = true
					_, err = tx.Inbox().Add(store.Message{Dedupe: [32]byte{byte(round), 1}, State: store.Accepted})
					return err
				})
				if err != nil {
					t.Errorf("message: %v", err)
				}
				if mine {
					added.Add(1)
				}
			})
			want(t, "messages added", added.Load(), int64(1))
		}
	})
	t.Run("neighbours that fail", func(t *testing.T) { failingNeighbours(t, fresh(t, open)) })
	t.Run("times are unique", func(t *testing.T) {
		s := open(t, t.TempDir(), newClock().now)
		defer s.Close()
		var mu sync.Mutex
		seen := map[time.Time]string{}
		together(8, func(i int) {
			for j := range 20 {
				k := key("Task", fmt.Sprintf("u%d-%d", i, j))
				var v store.Version
				err := s.Decide(ctx(), func(tx store.Tx) (err error) {
					v, err = tx.Resources().Put(store.Write{Key: k, Body: body(k, "")})
					return err
				})
				mu.Lock()
				if other, taken := seen[v.Updated]; err != nil || taken {
					t.Errorf("%s: %v, same time as %q", k, err, other)
				}
				seen[v.Updated] = k.ID
				mu.Unlock()
			}
		})
	})
}

// failingNeighbours: decisions that fail in every way among those that do not.
func failingNeighbours(t *testing.T, s store.Store) {
	release, held := hold(s)
	<-held
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			k := key("Task", fmt.Sprint("f", i))
			err := s.Decide(ctx(), func(tx store.Tx) error {
				if _, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, ""), Index: facts("f")}); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					return errRefused
				case 2:
					panic("boom")
				case 3:
					_, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, ""), Expect: 9})
					return err
				}
				return nil
			})
			ok := map[int]bool{0: err == nil, 1: errors.Is(err, errRefused), 2: err != nil && fault.KindOf(err) == fault.Internal, 3: err != nil && fault.KindOf(err) == fault.VersionConflict}
			if !ok[i%4] {
				t.Errorf("decision %d: %v", i, err)
			}
		}()
	}
	close(release)
	wg.Wait()
	for i := range 40 {
		_, err := get(t, s, key("Task", fmt.Sprint("f", i)))
		if there := err == nil; there != (i%4 == 0) {
			t.Errorf("resource %d there: %v (%v)", i, there, err)
		}
	}
	want(t, "index rows", len(search(t, s, termQuery("f")).Versions), 10)
}
