package sqlite

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/linkloop/linkloop/adapter/store"
)

// Bounds of one step of pruning. The writer only removes what a reader has
// found, so a step keeps other decisions waiting for pruneTime and a commit. Each
// row is on pages of its own in every index, and the pages are what the commit
// writes: with 250 rows the p99 of decisions beside it was 53 ms, with 64 it was
// 12 ms, and 6 ms without pruning (BenchmarkPrune).
const (
	pruneLook = 2000 // rows that are looked at
	pruneRows = 64   // rows that are removed
	pruneTime = 4 * time.Millisecond
	// pruneAhead is how many rows that are too new, one after another, end the
	// walk: ids follow time but for what came at about the same moment, and one
	// row of a day when the clock was wrong must not keep the rest for ever.
	pruneAhead = 1000
)

// pruner remembers where a round of pruning stands: the kinds that are left
// and how far the first of them is walked.
type pruner struct {
	step    sync.Mutex // one step at a time
	r       store.Retention
	left    []prunable
	after   int64
	removed bool // something in this round
}

// prunable is one kind of row that is removed when it is old.
type prunable struct {
	// find lists rows after a position that may go, in order, and how far it
	// has looked; end says that there is nothing further on.
	find func(c *conn, after int64) (ids []int64, looked int64, end bool, err error)
	// remove takes one out, if it still may go.
	remove func(t *tx, id int64) (bool, error)
}

// Prune does one step of a round. A round walks each kind once, from the oldest
// on, and then gives free pages back; more is false at its end. Another
// retention begins a new round. The newest message, delivery and line of the
// audit trail stay whatever their age, so that no id is given twice.
func (s *Store) Prune(ctx context.Context, r store.Retention) (removed int, more bool, err error) {
	p := &s.pruner
	p.step.Lock()
	defer p.step.Unlock()
	if p.left == nil || p.r != r {
		p.r, p.left, p.after, p.removed = r, s.prunables(r), 0, false
	}
	for len(p.left) > 0 {
		n, end, err := s.pruneStep(ctx, p.left[0])
		if err != nil {
			return n, true, err
		}
		p.removed = p.removed || n > 0
		if end {
			p.left, p.after = p.left[1:], 0
		}
		if n > 0 || !end {
			return n, true, nil
		}
	}
	if more, err = s.giveBack(ctx); err != nil || more {
		return 0, true, err
	}
	p.left = nil
	if p.removed {
		s.copyLog()
	}
	return 0, false, nil
}

// pruneStep looks with a reader and removes with the writer.
func (s *Store) pruneStep(ctx context.Context, kind prunable) (removed int, end bool, err error) {
	p := &s.pruner
	var ids []int64
	var looked int64
	if err := s.view(ctx, func(snap *snapshot) (err error) {
		ids, looked, end, err = kind.find(snap.c, p.after)
		return asFault(err)
	}); err != nil {
		return 0, false, err
	}
	if len(ids) == 0 {
		p.after = looked
		return 0, end, nil
	}
	done := 0
	if err := s.decideInside(ctx, func(t *tx) error {
		removed, done = 0, 0
		if err := t.writing(); err != nil {
			return err
		}
		until := time.Now().Add(pruneTime)
		for done < len(ids) && (done == 0 || time.Now().Before(until)) {
			gone, err := kind.remove(t, ids[done])
			if err != nil {
				return t.breaks(err)
			}
			if done++; gone {
				removed++
			}
		}
		return nil
	}); err != nil {
		return 0, false, err
	}
	if done < len(ids) {
		p.after = ids[done-1]
		return removed, false, nil
	}
	p.after = looked
	return removed, end, nil
}

// prunables are the kinds that the retention speaks of.
func (s *Store) prunables(r store.Retention) []prunable {
	kinds := []prunable{}
	if before := micros(r.Messages); before != 0 {
		kinds = append(kinds, prunable{
			find: walk("SELECT id, received < ?1 AND NOT failed, received >= ?1 FROM inbox WHERE id > ?2 AND id < (SELECT max(id) FROM inbox) ORDER BY id", before),
			remove: func(t *tx, id int64) (bool, error) {
				return t.remove("DELETE FROM inbox WHERE id = ? AND received < ? AND NOT failed", id, before)
			},
		})
	}
	if before := micros(r.Messages); before != 0 {
		kinds = append(kinds, prunable{
			find: walk("SELECT id, received < ?1, received >= ?1 FROM receipt WHERE id > ?2 ORDER BY id", before),
			remove: func(t *tx, id int64) (bool, error) {
				return t.remove("DELETE FROM receipt WHERE id = ? AND received < ?", id, before)
			},
		})
	}
	if before := micros(r.Deliveries); before != 0 {
		kinds = append(kinds, prunable{
			find: walk("SELECT id, settled > 0 AND settled < ?1 AND state IN (2, 3, 7, 8), created >= ?1 FROM delivery WHERE id > ?2 AND id < (SELECT max(id) FROM delivery) ORDER BY id", before),
			remove: func(t *tx, id int64) (bool, error) {
				gone, err := t.remove("DELETE FROM delivery WHERE id = ? AND settled > 0 AND settled < ? AND state IN (2, 3, 7, 8)", id, before)
				if err != nil || !gone {
					return false, err
				}
				for _, sql := range []string{"DELETE FROM attempt WHERE delivery = ?", "DELETE FROM mark WHERE delivery = ?"} {
					s := t.c.stmt(sql)
					err := s.int(id).exec()
					s.done()
					if err != nil {
						return false, err
					}
				}
				return true, nil
			},
		})
	}
	if before := micros(r.Audit); before != 0 {
		kinds = append(kinds, prunable{
			find: walk("SELECT id, at < ?1, at >= ?1 FROM audit WHERE id > ?2 AND id < (SELECT max(id) FROM audit) ORDER BY id", before),
			remove: func(t *tx, id int64) (bool, error) {
				return t.remove("DELETE FROM audit WHERE id = ? AND at < ?", id, before)
			},
		})
	}
	if before := micros(r.History); before != 0 {
		for _, typ := range slices.Sorted(maps.Keys(s.types.committed.Load().byID)) {
			kinds = append(kinds, oldVersions(typ, before))
		}
	}
	return kinds
}

// walk makes a find of a query that gives id, whether it may go and whether it
// is too new.
func walk(sql string, before int64) func(c *conn, after int64) ([]int64, int64, bool, error) {
	return func(c *conn, after int64) (ids []int64, looked int64, end bool, err error) {
		s := c.stmt(sql)
		defer s.done()
		s.int(before).int(after)
		looked = after
		for n, newer := 0, 0; n < pruneLook && len(ids) < pruneRows; n++ {
			ok, err := s.step()
			if err != nil || !ok {
				return ids, looked, !ok, err
			}
			looked = s.int64(0)
			if s.int64(1) != 0 {
				ids = append(ids, looked)
			}
			if newer++; s.int64(2) == 0 {
				newer = 0
			}
			if newer == pruneAhead {
				return ids, looked, true, nil
			}
		}
		return ids, looked, false, nil
	}
}

// oldVersions walks the history list of a type, which holds exactly what is no
// longer current, and deletions, of which the current ones stay.
func oldVersions(typ, before int64) prunable {
	return prunable{
		find: func(c *conn, after int64) (ids []int64, looked int64, end bool, err error) {
			s := c.stmt("SELECT p.seq, v.deleted, CASE WHEN v.deleted THEN v.body END FROM posting p JOIN version v ON v.seq = p.seq " +
				"WHERE p.list = ? AND p.seq > ? AND p.seq < ? ORDER BY p.seq")
			defer s.done()
			s.int(-typ).int(after).int(before)
			looked = after
			for n := 0; n < pruneLook && len(ids) < pruneRows; n++ {
				ok, err := s.step()
				if err != nil || !ok {
					return ids, looked, !ok, err
				}
				looked = s.int64(0)
				if s.int64(1) != 0 {
					if current, err := isCurrent(c, typ, looked, s.view(2)); err != nil {
						return nil, 0, false, err
					} else if current {
						continue
					}
				}
				ids = append(ids, looked)
			}
			return ids, looked, false, nil
		},
		// What is no longer current never is again.
		remove: func(t *tx, seq int64) (bool, error) {
			t.w.postings.remove(-typ, seq)
			s := t.c.stmt("DELETE FROM version WHERE seq = ?")
			defer s.done()
			err := s.int(seq).exec()
			return t.c.changed() > 0, err
		},
	}
}

// isCurrent reports whether a deletion is what its resource points to.
func isCurrent(c *conn, typ, seq int64, tombstone []byte) (bool, error) {
	_, id, ok := keyBytes(tombstone)
	if !ok {
		return true, nil // nobody knows whose it is: it stays
	}
	s := c.stmt("SELECT seq FROM resource WHERE type = ? AND id = ?")
	defer s.done()
	ok, err := s.int(typ).id(string(id)).step()
	return ok && s.int64(0) == seq, err
}

// remove runs a DELETE of one row with its id and a bound.
func (t *tx) remove(sql string, id, before int64) (bool, error) {
	s := t.c.stmt(sql)
	defer s.done()
	err := s.int(id).int(before).exec()
	return t.c.changed() > 0, err
}
