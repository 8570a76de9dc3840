package sqlite_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// fillYear adds n messages, versions of n/10 Tasks, and lines of audit.
func fillYear(t *testing.T, s *sqlite.Store, n, year int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(year), 1))
	body := make([]byte, 1300)
	for i := 0; i < n; {
		if err := s.Decide(context.Background(), func(tx store.Tx) error {
			for end := i + 50; i < end; i++ {
				m := store.Message{Sender: "north", State: store.Accepted, Received: time.Date(year, 1, 1, 0, 0, i, 0, time.UTC), Body: body, Reply: body[:300]}
				for j := 0; j < len(m.Dedupe); j += 8 {
					binary.NativeEndian.PutUint64(m.Dedupe[j:], rng.Uint64())
				}
				if i%100 == 99 {
					m.Body = make([]byte, 100_000) // goes to overflow pages
				}
				if _, err := tx.Inbox().Add(m); err != nil {
					return err
				}
				if err := tx.Ledger().Audit(store.AuditEvent{At: m.Received, Agent: "north", Action: "intake", Entity: "Task/1"}); err != nil {
					return err
				}
				k := store.Key{Type: "Task", ID: string(rune('a' + i%10))}
				cur, err := tx.Resources().Get(k)
				if err != nil && fault.KindOf(err) != fault.NotFound {
					return err
				}
				b := element.Canonical(element.NewObject(element.S("resourceType", k.Type), element.S("id", k.ID)))
				ix := resource.Index{Terms: []resource.Term{resource.Term(rng.Uint64()), resource.Term(rng.Uint64())}}
				if _, err := tx.Resources().Put(store.Write{Key: k, Body: b, Index: ix, Expect: cur.Number}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatalf("fill: %v", err)
		}
	}
}

// pruneAll runs rounds of everything before a year and tells the longest step.
func pruneAll(t *testing.T, s *sqlite.Store, year int) (removed int, longest time.Duration) {
	t.Helper()
	before := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	for {
		began := time.Now()
		n, more, err := s.Prune(context.Background(), store.Retention{Messages: before, Deliveries: before, History: before, Audit: before})
		if err != nil {
			t.Fatalf("prune: %v", err)
		}
		longest = max(longest, time.Since(began))
		if removed += n; !more {
			return removed, longest
		}
	}
}

// TestSpaceComesBack: with a retention the data file stays as large as what is
// kept, year after year, and is short again when nothing is.
func TestSpaceComesBack(t *testing.T) {
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	place := t.TempDir()
	s := open(t, sqlite.Config{Path: place, Now: func() time.Time { return at }, CheckpointPages: 500, WALPages: 1000})
	defer s.Close()
	var sizes []int64
	for year := 2020; year < 2025; year++ {
		at = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		fillYear(t, s, 1000, year)
		removed, longest := pruneAll(t, s, year)
		if want := 3000; year > 2020 && removed < want-20 {
			t.Errorf("%d: %d rows were removed, want about %d", year, removed, want)
		}
		if err := s.QuickCheck(context.Background()); err != nil {
			t.Fatalf("quick check: %v", err)
		}
		sizes = append(sizes, s.Stats().DataBytes)
		t.Logf("%d: data %d kB, log %d kB, longest step %v", year, s.Stats().DataBytes/1024, s.Stats().LogBytes/1024, longest)
	}
	// Two years are there together each time, and a part of what is free is kept
	// (space.go). How much of the rest was given back by now, and how much is still
	// in the log, which the background copies, depends on how long steps took.
	last, high := sizes[len(sizes)-1], slices.Max(sizes[:3])*9/8+1<<20
	for until := time.Now().Add(20 * time.Second); last > high && time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		pruneAll(t, s, 2024)
		last = s.Stats().DataBytes
	}
	if last > high {
		t.Errorf("the file has %d bytes after five years, and two of them need %d", last, high)
	}
	pruneAll(t, s, 2030)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(place, "linkloop.db"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 2<<20 {
		t.Errorf("an empty store holds %d bytes, it held %d", info.Size(), slices.Max(sizes))
	}
}

// TestDecisionsBesidePruning: none is refused.
func TestDecisionsBesidePruning(t *testing.T) {
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	s := open(t, sqlite.Config{Path: t.TempDir(), Now: func() time.Time { return at }, Queue: 16})
	defer s.Close()
	fillYear(t, s, 2000, 2020)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				began := time.Now()
				if err := s.Decide(context.Background(), func(tx store.Tx) error {
					return tx.Ledger().Audit(store.AuditEvent{At: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Agent: "beside"})
				}); err != nil {
					t.Errorf("beside pruning: %v", err)
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	removed, _ := pruneAll(t, s, 2022)
	close(stop)
	wg.Wait()
	slices.Sort(took)
	t.Logf("%d rows removed; %d decisions beside, p50 %v, p99 %v", removed, len(took), took[len(took)/2], took[len(took)*99/100])
	if removed < 5000 {
		t.Errorf("only %d rows were removed", removed)
	}
}
