package postgres

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linkloop/linkloop/adapter/store"
)

// Stats never waits: the size of the data is as of a few seconds ago.
func (s *Store) Stats() store.Stats {
	s.sizes.refresh()
	return store.Stats{
		Waiting: len(s.queue), Decisions: s.stats.decisions.Load(), Failed: s.stats.failed.Load(), Refused: s.stats.refused.Load(),
		Commits: s.stats.commits.Load(), FailedCommits: s.stats.failedCommits.Load(), DataBytes: s.sizes.bytes.Load(),
		ClockAhead: time.Duration(s.stats.clockAhead.Load()) * time.Microsecond,
	}
}

// sizes keeps the size of the database, which the server adds up from its files.
type sizes struct {
	s     *Store
	bytes atomic.Int64
	mu    sync.Mutex
	asked time.Time
}

const sizeEvery = 15 * time.Second

func (z *sizes) refresh() {
	z.mu.Lock()
	defer z.mu.Unlock()
	if time.Since(z.asked) < sizeEvery {
		return
	}
	z.asked = time.Now()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), connectTime)
		defer cancel()
		var n int64
		if err := z.s.pool.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&n); err == nil {
			z.bytes.Store(n)
		}
	}()
}

// Check is for readiness: it goes through the queue and to the disk and back.
func (s *Store) Check(ctx context.Context) error {
	if s.cfg.ReadOnly {
		return s.View(ctx, func(r store.Reader) error {
			_, err := r.Deliveries().NextDue()
			return err
		})
	}
	return s.Decide(ctx, func(t store.Tx) error {
		t.Time() // moves the clock, so that the commit writes
		return nil
	})
}
