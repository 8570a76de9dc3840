package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// RunShared is the suite for stores that several instances have open at one
// place at the same time, each as if it were alone.
func RunShared(t *testing.T, open Open) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, []store.Store)
	}{
		{"Counting", sharedCounting},
		{"Seen at once", sharedSeen},
		{"Once", sharedOnce},
		{"Leases", sharedLeases},
		{"Poller", sharedPoller},
		{"Types", sharedTypes},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, instances(t, open, 3)) })
	}
	t.Run("Types of decisions that failed", func(t *testing.T) { sharedTypesUndone(t, open) })
	t.Run("Clocks that disagree", func(t *testing.T) { sharedClocks(t, open) })
	t.Run("Pruning", func(t *testing.T) { sharedPruning(t, open) })
}

// instances opens a place several times at once, as after a power cut.
func instances(t *testing.T, open Open, n int) []store.Store {
	t.Helper()
	place := t.TempDir()
	out := make([]store.Store, n)
	together(n, func(i int) { out[i] = open(t, place, nil) })
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		for _, s := range out {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
	})
	return out
}

// sharedCounting: decisions of all instances are one after the other, so that
// reading and writing what was read loses nothing.
func sharedCounting(t *testing.T, ss []store.Store) {
	k := key("Task", "counted")
	put(t, ss[0], k, 0, "", facts("n"))
	const each = 60
	together(len(ss)*4, func(i int) {
		for range each {
			if err := ss[i%len(ss)].Decide(ctx(), func(tx store.Tx) error {
				v, err := tx.Resources().Get(k)
				if err != nil {
					return err
				}
				_, err = tx.Resources().Put(store.Write{Key: k, Body: body(k, ""), Index: facts("n"), Expect: v.Number})
				return err
			}, store.Hint{Keys: []store.Key{k}}); err != nil {
				t.Errorf("decide: %v", err)
			}
		}
	})
	got, err := get(t, ss[1], k)
	want(t, "read", err, nil)
	want(t, "counted", got.Number, int64(len(ss)*4*each+1))
	want(t, "found once", numbered(search(t, ss[2], termQuery("n"))), fmt.Sprintf("counted/%d", got.Number))
}

// sharedSeen: what one instance acknowledged is there for all.
func sharedSeen(t *testing.T, ss []store.Store) {
	for i := range 20 {
		k := key("Task", fmt.Sprint(i))
		put(t, ss[i%len(ss)], k, 0, "", facts(fmt.Sprint(i)))
		other := ss[(i+1)%len(ss)]
		_, err := get(t, other, k)
		want(t, "read", err, nil)
		want(t, "search", ids(search(t, other, termQuery(fmt.Sprint(i)))), k.ID)
		wantKind(t, other.Decide(ctx(), func(tx store.Tx) error {
			_, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, "")})
			return err
		}, store.Hint{Keys: []store.Key{k}}), fault.VersionConflict)
	}
}

// sharedOnce: what may happen once happens once, whoever asks.
func sharedOnce(t *testing.T, ss []store.Store) {
	var claimed, added, owed, made atomic.Int64
	const rounds = 30
	for round := range rounds {
		together(16, func(i int) {
			k := key("Task", fmt.Sprint("t", round))
			dedupe := [32]byte{1, byte(round)}
			_ = ss[i%len(ss)].Decide(ctx(), func(tx store.Tx) error {
				first, err := tx.Ledger().Once(fmt.Sprint("o", round))
				if err != nil || !first {
					return err
				}
				claimed.Add(1)
				return nil
			})
			if err := ss[i%len(ss)].Decide(ctx(), func(tx store.Tx) error {
				_, err := tx.Inbox().Add(store.Message{Dedupe: dedupe, State: store.Accepted})
				return err
			}, store.Hint{Dedupe: [][32]byte{dedupe}}); err == nil {
				added.Add(1)
			} else {
				wantKind(t, err, fault.Duplicate)
			}
			_ = ss[i%len(ss)].Decide(ctx(), func(tx store.Tx) error {
				_, first, err := tx.Deliveries().Owe(store.Delivery{Key: fmt.Sprint("d", round)})
				if first {
					owed.Add(1)
				}
				return err
			})
			// A conditional create: look, and make it when it is not there.
			if err := ss[i%len(ss)].Decide(ctx(), func(tx store.Tx) error {
				page, err := tx.Resources().Search(termQuery(fmt.Sprint("c", round)))
				if err != nil || len(page.Versions) > 0 {
					return err
				}
				made.Add(1)
				_, err = tx.Resources().Put(store.Write{Key: key(k.Type, fmt.Sprintf("%s-%d", k.ID, i)), Body: body(key(k.Type, fmt.Sprintf("%s-%d", k.ID, i)), ""), Index: facts(fmt.Sprint("c", round))})
				return err
			}); err != nil {
				t.Errorf("conditional create: %v", err)
			}
		})
		want(t, "found", len(search(t, ss[0], termQuery(fmt.Sprint("c", round))).Versions), 1)
	}
	want(t, "claimed, added, owed, made", fmt.Sprint(claimed.Load(), added.Load(), owed.Load(), made.Load()), fmt.Sprint(rounds, rounds, rounds, rounds))
}

// sharedLeases: a delivery is leased by one instance at a time, and one that
// lost its lease cannot settle.
func sharedLeases(t *testing.T, ss []store.Store) {
	const n = 120
	for i := range n {
		owe(t, ss[i%len(ss)], store.Delivery{Key: fmt.Sprint(i), Due: start})
	}
	var mu sync.Mutex
	seen := map[int64]int{}
	together(9, func(i int) {
		for {
			var taken []store.Delivery
			if err := ss[i%len(ss)].Decide(ctx(), func(tx store.Tx) (err error) {
				taken, err = tx.Deliveries().Lease(start, start.Add(time.Minute), 5, nil)
				return err
			}); err != nil {
				t.Errorf("lease: %v", err)
			}
			if len(taken) == 0 {
				return
			}
			mu.Lock()
			for _, d := range taken {
				seen[d.ID]++
			}
			mu.Unlock()
		}
	})
	want(t, "leased", len(seen), n)
	for id, times := range seen {
		if times != 1 {
			t.Errorf("delivery %d was leased %d times", id, times)
		}
	}
	late := start.Add(2 * time.Minute)
	again := lease(t, ss[1], late, late.Add(time.Minute), 1)[0]
	stale := again
	stale.Fence--
	wantKind(t, settle(ss[0], stale, store.Delivered, store.Attempt{}), fault.Conflict)
	want(t, "settled by its holder", settle(ss[2], again, store.Proven, store.Attempt{}), nil)
	view(t, ss[0], func(r store.Reader) error {
		counts, err := r.Deliveries().Counts()
		want(t, "proven", counts[store.Proven], int64(1))
		want(t, "leased", counts[store.Leased], int64(n-1))
		return err
	})
}

// sharedPoller: who asks for what is newer than the last it saw misses nothing
// and meets nothing twice, while all instances write.
func sharedPoller(t *testing.T, ss []store.Store) {
	const each, writers = 80, 6
	done := make(chan struct{})
	go func() {
		defer close(done)
		together(writers, func(i int) {
			for n := range each {
				k := key("Task", fmt.Sprintf("w%d-%d", i, n))
				if err := ss[i%len(ss)].Decide(ctx(), func(tx store.Tx) error {
					_, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, ""), Index: facts("p")})
					return err
				}, store.Hint{Keys: []store.Key{k}}); err != nil {
					t.Errorf("decide: %v", err)
				}
			}
		})
	}()
	seen := map[store.Key]bool{}
	last := time.Time{}
	for finished := false; ; {
		select {
		case <-done:
			finished = true
		default:
		}
		q := resource.Query{Type: "Task", Limit: 1000}
		if !last.IsZero() {
			q.UpdatedLow = last.UnixMicro() + 1
		}
		page := search(t, ss[len(seen)%len(ss)], q)
		for _, v := range page.Versions {
			if seen[v.Key] || !v.Updated.After(last) {
				t.Errorf("%s was met twice, or out of order", v.Key)
			}
			seen[v.Key], last = true, v.Updated
		}
		if finished && len(page.Versions) == 0 {
			break
		}
	}
	want(t, "seen", len(seen), each*writers)
}

// sharedTypes: types that several instances meet for the first time at once
// are kept apart.
func sharedTypes(t *testing.T, ss []store.Store) {
	const n = 24
	together(n, func(i int) {
		k := key(fmt.Sprint("T", i/2), fmt.Sprint("id", i%2))
		if err := ss[i%len(ss)].Decide(ctx(), func(tx store.Tx) error {
			_, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, "")})
			return err
		}); err != nil {
			t.Errorf("decide: %v", err)
		}
	})
	for i := range n / 2 {
		for _, s := range ss {
			page := search(t, s, resource.Query{Type: fmt.Sprint("T", i), Limit: 10})
			want(t, fmt.Sprint("of type ", i), len(page.Versions), 2)
		}
	}
}
