package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// books is what a test knows about decisions named by it: those that were
// acknowledged, and those of which it only knows that they were tried.
type books struct {
	mu    sync.Mutex
	acked map[string]bool
	tried map[string]bool
}

func newBooks() *books { return &books{acked: map[string]bool{}, tried: map[string]bool{}} }

// decide makes the decision of that name unless it has been made, as a sender
// does who repeats what got no answer.
func (b *books) decide(ctx context.Context, s *sqlite.Store, name string) error {
	b.mu.Lock()
	b.tried[name] = true
	b.mu.Unlock()
	err := s.Decide(ctx, func(tx store.Tx) error {
		_, err := tx.Resources().Get(store.Key{Type: "Task", ID: name})
		if err == nil {
			return nil
		}
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
		return crashDecision(tx, name)
	})
	if err == nil {
		b.mu.Lock()
		b.acked[name] = true
		b.mu.Unlock()
	}
	return err
}

func (b *books) acknowledged() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.acked)
}

// balance holds the store against what was acknowledged: all of it is there,
// once and whole, and what was not is there whole or not at all.
func (b *books) balance(t *testing.T, what string, s *sqlite.Store, acked map[string]bool) {
	t.Helper()
	if err := s.QuickCheck(context.Background()); err != nil {
		t.Errorf("%s: quick check: %v (%v)", what, err, errors.Unwrap(err))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := s.View(context.Background(), func(r store.Reader) error {
		there := int64(0)
		for name := range b.tried {
			v, err := r.Resources().Get(store.Key{Type: "Task", ID: name})
			switch {
			case err == nil && v.Number == 1:
				there++
			case err == nil:
				t.Errorf("%s: %s is there %d times", what, name, v.Number)
			case fault.KindOf(err) != fault.NotFound:
				return err
			case acked[name]:
				t.Errorf("%s: %s was acknowledged and is not there", what, name)
			}
		}
		counts, err := r.Deliveries().Counts()
		if err != nil {
			return err
		}
		shared, err := r.Resources().Get(store.Key{Type: "Task", ID: "shared"})
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		page, err := r.Resources().Search(resource.Query{Type: "Task", Total: true})
		if err != nil {
			return err
		}
		if counts[store.Owed] != there || shared.Number != there || there > 0 && page.Total != there+1 {
			t.Errorf("%s: %d decisions, %d deliveries, %d versions of the shared Task, %d Tasks found", what, there, counts[store.Owed], shared.Number, page.Total)
		}
		return nil
	}); err != nil {
		t.Errorf("%s: %v (%v)", what, err, errors.Unwrap(err))
	}
}

// refuse is a disk on which one operation on one kind of file fails.
func refuse(op sqlite.DiskOp, suffix string, rc int32) func(sqlite.DiskOp, string) int32 {
	return func(o sqlite.DiskOp, name string) int32 {
		if o == op && strings.HasSuffix(name, suffix) {
			return rc
		}
		return 0
	}
}

// TestDiskFaults: while the disk fails, decisions are refused as transient or
// taken; when it is well again they are taken, without a restart.
func TestDiskFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fail    func(sqlite.DiskOp, string) int32
		refuses bool // decisions cannot succeed meanwhile
	}{
		"log full":              {refuse(sqlite.DiskWrite, "-wal", sqlite.DiskFull), true},
		"log write":             {refuse(sqlite.DiskWrite, "-wal", sqlite.WriteError), true},
		"log sync":              {refuse(sqlite.DiskSync, "-wal", sqlite.SyncError), true},
		"log read":              {refuse(sqlite.DiskRead, "-wal", sqlite.ReadError), false},
		"log truncate":          {refuse(sqlite.DiskTruncate, "-wal", sqlite.TruncError), false},
		"data full":             {refuse(sqlite.DiskWrite, ".db", sqlite.DiskFull), false},
		"data write":            {refuse(sqlite.DiskWrite, ".db", sqlite.WriteError), false},
		"data sync":             {refuse(sqlite.DiskSync, ".db", sqlite.SyncError), false},
		"data read":             {refuse(sqlite.DiskRead, ".db", sqlite.ReadError), false},
		"shared memory":         {refuse(sqlite.DiskShmMap, "", sqlite.ShmError), false},
		"opening":               {refuse(sqlite.DiskOpen, "", sqlite.CannotOpen), false},
		"everything is written": {refuse(sqlite.DiskWrite, "", sqlite.WriteError), true},
		"everything is synced":  {refuse(sqlite.DiskSync, "", sqlite.SyncError), true},
		"everything":            {func(sqlite.DiskOp, string) int32 { return sqlite.WriteError }, true},
	} {
		t.Run(name, func(t *testing.T) {
			place, b := t.TempDir(), newBooks()
			d := sqlite.NewFaultyDisk(place, 1)
			s := open(t, sqlite.Config{Path: place, CheckpointPages: 100, WALPages: 100})
			defer s.Close()
			write := func(phase string, n int, mayFail bool) (failed int) {
				for i := range n {
					err := b.decide(t.Context(), s, fmt.Sprint(phase, i))
					if err == nil {
						continue
					}
					failed++
					f := fault.Of(err)
					if f.Kind != fault.Transient || f.RetryAfter <= 0 || len(f.Issues) == 0 || f.Issues[0].Text == "" {
						t.Errorf("%s: a decision gave %v (%v)", phase, err, errors.Unwrap(err))
					}
					if !mayFail {
						t.Errorf("%s: a decision gave %v (%v)", phase, err, errors.Unwrap(err))
					}
				}
				return failed
			}
			write("before", 40, false)
			d.Fail(c.fail)
			if failed := write("while", 60, true); c.refuses && failed != 60 {
				t.Errorf("%d of 60 decisions were refused", failed)
			}
			if err := s.View(t.Context(), func(r store.Reader) error { _, err := r.Deliveries().NextDue(); return err }); err != nil && fault.KindOf(err) != fault.Transient {
				t.Errorf("a view gave %v", err)
			}
			cut := t.TempDir()
			acked := b.acknowledged()
			if err := d.PowerCut(cut); err != nil {
				t.Fatal(err)
			}
			d.Fail(nil)
			write("after", 60, false)
			b.balance(t, "healed", s, b.acknowledged())
			after := open(t, sqlite.Config{Path: cut})
			defer after.Close()
			b.balance(t, "after a power cut", after, acked)
		})
	}
}

// TestRandomFaults: a disk that fails at random under several writers, cut from
// its power at random; then well, and opened again.
func TestRandomFaults(t *testing.T) {
	rounds := uint64(9)
	if testing.Short() {
		rounds = 3
	}
	for seed := range rounds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { randomFaults(t, seed) })
	}
}

func randomFaults(t *testing.T, seed uint64) {
	place, b := t.TempDir(), newBooks()
	rng := rand.New(rand.NewPCG(seed, 2))
	d := sqlite.NewFaultyDisk(place, seed)
	c := sqlite.Config{Path: place, CheckpointPages: 100, WALPages: 100 + rng.IntN(100), Readers: 2, Group: 1 + rng.IntN(16)}
	s := open(t, c)
	chance := []float64{0.002, 0.02, 0.05}[seed%3]
	kinds := []int32{sqlite.DiskFull, sqlite.WriteError}
	d.Fail(func(op sqlite.DiskOp, _ string) int32 {
		if rng.Float64() >= chance {
			return 0
		}
		switch op {
		case sqlite.DiskRead:
			return sqlite.ReadError
		case sqlite.DiskSync:
			return sqlite.SyncError
		case sqlite.DiskTruncate:
			return sqlite.TruncError
		case sqlite.DiskShmMap:
			return sqlite.ShmError
		case sqlite.DiskOpen:
			return sqlite.CannotOpen
		default:
			return kinds[rng.IntN(len(kinds))]
		}
	})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 60 {
				name := fmt.Sprintf("w%d-%d", w, i)
				for range 3 { // a sender that gives up after a while
					err := b.decide(t.Context(), s, name)
					if err == nil {
						break
					}
					if fault.KindOf(err) != fault.Transient {
						t.Errorf("%s: %v (%v)", name, err, errors.Unwrap(err))
					}
				}
				// Readers meet the same disk.
				if err := s.View(t.Context(), func(r store.Reader) error {
					_, err := r.Resources().Search(resource.Query{Type: "Task", Limit: 5})
					return err
				}); err != nil && fault.KindOf(err) != fault.Transient {
					t.Errorf("a view: %v (%v)", err, errors.Unwrap(err))
				}
			}
		})
	}
	type moment struct {
		place string
		acked map[string]bool
	}
	var cuts []moment
	// Upkeep goes on meanwhile: it does its work or says that it cannot now.
	wg.Go(func() {
		for range 40 {
			if _, _, err := s.Prune(t.Context(), store.Retention{History: time.Now().AddDate(1, 0, 0)}); err != nil && fault.KindOf(err) != fault.Transient {
				t.Errorf("prune: %v (%v)", err, errors.Unwrap(err))
			}
		}
	})
	var backups []moment
	wg.Go(func() {
		for range 4 {
			m := moment{filepath.Join(t.TempDir(), "backup"), b.acknowledged()}
			if err := s.Backup(t.Context(), m.place); err == nil {
				backups = append(backups, m)
			} else if fault.KindOf(err) != fault.Transient {
				t.Errorf("backup: %v (%v)", err, errors.Unwrap(err))
			}
		}
	})
	for range 4 {
		time.Sleep(time.Duration(seed%5+1) * 3 * time.Millisecond)
		m := moment{t.TempDir(), b.acknowledged()}
		if err := d.PowerCut(m.place); err != nil {
			t.Error(err)
		}
		cuts = append(cuts, m)
	}
	wg.Wait()
	d.Fail(nil)
	if err := b.decide(t.Context(), s, "healed"); err != nil {
		t.Errorf("on a disk that is well again: %v (%v)", err, errors.Unwrap(err))
	}
	acked := b.acknowledged()
	t.Logf("%d of %d acknowledged, %d commits failed, %d backups", len(acked), len(b.tried), s.Stats().FailedCommits, len(backups))
	b.balance(t, "healed", s, acked)
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	cuts = append(cuts, moment{place, acked})
	for _, m := range backups {
		folder := t.TempDir()
		if err := sqlite.Restore(t.Context(), m.place, folder); err != nil {
			t.Errorf("restore: %v", err)
		}
		cuts = append(cuts, moment{folder, m.acked})
	}
	for i, m := range cuts {
		again := open(t, sqlite.Config{Path: m.place})
		b.balance(t, fmt.Sprint("opened again ", i), again, m.acked)
		if err := b.decide(t.Context(), again, fmt.Sprint("again", i)); err != nil {
			t.Errorf("the store does not continue: %v", err)
		}
		delete(b.tried, fmt.Sprint("again", i))
		if err := again.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// TestACopyThatFailedIsDoneAgain: a reader keeps the log from being copied
// whole; then the sync of the rest fails, and with it the pages that were copied
// before are lost. They must be copied again before the log is overwritten.
func TestACopyThatFailedIsDoneAgain(t *testing.T) {
	place, b := t.TempDir(), newBooks()
	d := sqlite.NewFaultyDisk(place, 1)
	s := open(t, sqlite.Config{Path: place, CheckpointPages: 5000, WALPages: 5000})
	defer s.Close()
	n := 0
	write := func() {
		t.Helper()
		for range 100 {
			n++
			if err := b.decide(t.Context(), s, fmt.Sprint("task-", n)); err != nil {
				t.Fatalf("%v (%v)", err, errors.Unwrap(err))
			}
		}
	}
	write()
	if err := s.View(t.Context(), func(r store.Reader) error {
		if _, err := r.Deliveries().NextDue(); err != nil {
			return err
		}
		write()
		return s.CopyLog()
	}); err != nil {
		t.Fatal(err)
	}
	d.Fail(refuse(sqlite.DiskSync, ".db", sqlite.SyncError))
	if err := s.CopyLog(); err == nil {
		t.Fatal("the copy did not fail")
	}
	d.Fail(nil)
	if err := s.CopyLog(); err == nil {
		t.Error("the log was copied on, though part of it is lost")
	}
	write()
	if err := s.CopyLog(); err != nil {
		t.Errorf("on a disk that is well again: %v", err)
	}
	cut, acked := t.TempDir(), b.acknowledged()
	if err := d.PowerCut(cut); err != nil {
		t.Fatal(err)
	}
	// Without its log the data file must hold everything.
	if err := os.Remove(filepath.Join(cut, "linkloop.db-wal")); err != nil {
		t.Fatal(err)
	}
	after := open(t, sqlite.Config{Path: cut})
	defer after.Close()
	b.balance(t, "after a power cut", after, acked)
}

// TestClockJumps: commit times increase whatever the clock does, and the
// operator sees how far they are ahead.
func TestClockJumps(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	place := t.TempDir()
	now := func() time.Time { return at }
	s := open(t, sqlite.Config{Path: place, Now: now})
	var last time.Time
	step := func(what string, ahead time.Duration) {
		t.Helper()
		for range 3 {
			if err := s.Decide(t.Context(), func(tx store.Tx) error {
				if !tx.Time().After(last) {
					t.Errorf("%s: %v does not follow %v", what, tx.Time(), last)
				}
				last = tx.Time()
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.Stats().ClockAhead; got < ahead || got > ahead+time.Second {
			t.Errorf("%s: ahead by %v, want %v", what, got, ahead)
		}
	}
	step("at first", 0)
	at = at.Add(time.Hour)
	step("an hour forward", 0)
	at = at.Add(-time.Hour)
	step("and back", time.Hour)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, sqlite.Config{Path: place, Now: now})
	defer s.Close()
	step("after a restart", time.Hour)
	at = at.Add(2 * time.Hour)
	step("when it has caught up", 0)
}

// TestSlowDisk: callers give up, the queue fills and refuses; what was answered
// with "gave up" did not happen or is found when it is repeated.
func TestSlowDisk(t *testing.T) {
	place, b := t.TempDir(), newBooks()
	d := sqlite.NewFaultyDisk(place, 1)
	s := open(t, sqlite.Config{Path: place, Queue: 4, Group: 2})
	defer s.Close()
	d.Fail(sqlite.Slow(20*time.Millisecond, sqlite.DiskSync))
	var wg sync.WaitGroup
	var mu sync.Mutex
	var again []string
	for w := range 16 {
		wg.Go(func() {
			for i := range 4 {
				name := fmt.Sprintf("w%d-%d", w, i)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				if err := b.decide(ctx, s, name); err != nil {
					if fault.KindOf(err) != fault.Transient {
						t.Errorf("%s: %v", name, err)
					}
					mu.Lock()
					again = append(again, name)
					mu.Unlock()
				}
				if n := s.Stats().Waiting; n > 4 {
					t.Errorf("%d decisions wait, the queue takes 4", n)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if len(again) == 0 || s.Stats().Refused == 0 {
		t.Errorf("%d gave up, %d were refused: the disk was not slow", len(again), s.Stats().Refused)
	}
	d.Fail(nil)
	for _, name := range again {
		// What was waiting when the disk was slow may still fill the queue.
		err := b.decide(t.Context(), s, name)
		for end := time.Now().Add(time.Minute); fault.KindOf(err) == fault.Transient && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
			err = b.decide(t.Context(), s, name)
		}
		if err != nil {
			t.Errorf("%s again: %v", name, err)
		}
	}
	if len(b.acked) != 64 {
		t.Errorf("%d acknowledged, want all 64", len(b.acked))
	}
	b.balance(t, "in the end", s, b.acknowledged())
}
