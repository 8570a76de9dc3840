package sqlite

import (
	"context"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// Free pages up to this many, or a sixteenth of the file, are kept for what
// comes next: giving back and taking again costs more than they do.
const (
	keepFreePages = 256
	keepFreePart  = 16
	giveBackPages = 100 // in one step; each writes some more that point to it
)

// giveBack moves pages from the end of the file into free ones and cuts the
// file, for the time of one step. It reports whether there is more to do. In a
// file that was not made for it, free pages are used again but stay; Compact
// cures that.
func (s *Store) giveBack(ctx context.Context) (more bool, err error) {
	var surplus int64
	if err := s.view(ctx, func(snap *snapshot) error {
		mode, err := snap.c.int64Of("PRAGMA auto_vacuum")
		if err != nil || mode != incremental {
			return asFault(err)
		}
		free, err := snap.c.int64Of("PRAGMA freelist_count")
		if err != nil {
			return asFault(err)
		}
		pages, err := snap.c.int64Of("PRAGMA page_count")
		surplus = free - max(keepFreePages, pages/keepFreePart)
		return asFault(err)
	}); err != nil || surplus <= 0 {
		return false, err
	}
	moved := int64(0)
	err = s.decideInside(ctx, func(t *tx) error {
		moved = 0
		if err := t.writing(); err != nil {
			return err
		}
		// Every step of the statement is one page.
		v := t.c.stmt("PRAGMA incremental_vacuum(1000000000)")
		defer v.done()
		for until := time.Now().Add(pruneTime); moved < min(surplus, giveBackPages) && time.Now().Before(until); moved++ {
			ok, err := v.step()
			if err != nil {
				return t.breaks(err)
			}
			if !ok {
				moved = surplus
				break
			}
		}
		return nil
	})
	if moved > 0 {
		s.pruner.removed = true
	}
	return moved < surplus, err
}

// copyLog asks the background to copy the log into the data file, which is when
// the file gets shorter.
func (s *Store) copyLog() {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default: // it is asked already
	}
}

// view is View for what is below the contract.
func (s *Store) view(ctx context.Context, fn func(*snapshot) error) error {
	return s.View(ctx, func(r store.Reader) error {
		snap, ok := r.(*snapshot)
		if !ok {
			return fault.New(fault.Internal, "", "not a snapshot of this store")
		}
		return fn(snap)
	})
}

// decideInside is Decide for what is below the contract.
func (s *Store) decideInside(ctx context.Context, fn func(*tx) error) error {
	return s.Decide(ctx, func(t store.Tx) error {
		own, ok := t.(*tx)
		if !ok {
			return fault.New(fault.Internal, "", "not a decision of this store")
		}
		return fn(own)
	})
}
