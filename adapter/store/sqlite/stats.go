package sqlite

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// Stats never waits.
func (s *Store) Stats() store.Stats {
	return store.Stats{
		Waiting: len(s.queue), Decisions: s.stats.decisions.Load(), Failed: s.stats.failed.Load(), Refused: s.stats.refused.Load(),
		Commits: s.stats.commits.Load(), FailedCommits: s.stats.failedCommits.Load(),
		LogBytes: fileSize(s.file + "-wal"), DataBytes: fileSize(s.file),
		ClockAhead: time.Duration(s.stats.clockAhead.Load()) * time.Microsecond,
	}
}

func fileSize(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
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
		t.Time() // moves the clock row, so that the commit writes
		return nil
	})
}

// QuickCheck reads the whole data file and verifies its structure, for doctor:
// seconds per gigabyte. Damage is fault.Internal.
func (s *Store) QuickCheck(ctx context.Context) error {
	return s.view(ctx, func(snap *snapshot) error { return quickCheck(snap.c) })
}

func quickCheck(c *conn) error {
	q := c.stmt("PRAGMA quick_check(10)")
	defer q.done()
	for {
		ok, err := q.step()
		if err != nil || !ok {
			return asFault(err)
		}
		if q.string(0) != "ok" {
			return fault.Wrap(fault.Internal, errors.New("sqlite: quick_check: "+q.string(0)),
				"the data file is damaged; stop, keep a copy and restore the last backup")
		}
	}
}
