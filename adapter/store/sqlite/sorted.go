package sqlite

import (
	"cmp"
	"math"
	"slices"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// place is where a match stands in a page sorted by a parameter: those with a
// value first (phase 0), by value, then by seq, both in the page's direction.
type place struct{ phase, key, seq int64 }

func (s *search) compare(a, b place) int {
	n := cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.seq, b.seq))
	if s.newest {
		n = -n
	}
	return cmp.Or(cmp.Compare(a.phase, b.phase), n)
}

// sorted fills the page in the order of a parameter. Few matches are sorted in
// memory; many are met often enough when walking the interval index in order.
func (s *search) sorted(page *store.Page, cur store.Cursor, resumed bool) error {
	if s.q.Limit <= 0 {
		return nil
	}
	from := place{cur.Phase, cur.Key, cur.Number}
	places, few, err := s.places()
	if err != nil {
		return err
	}
	if few {
		slices.SortFunc(places, s.compare)
		for _, p := range places {
			if resumed && s.compare(p, from) <= 0 {
				continue
			}
			if more, err := s.put(page, p); err != nil || !more {
				return err
			}
		}
		return nil
	}
	if !resumed || from.phase == 0 {
		more, err := s.walkSpans(page, from, resumed)
		if err != nil || !more {
			return err
		}
		resumed = false
	}
	return s.walkRest(page, from, resumed)
}

// put adds a match to the page; false when the page is full and its link set.
func (s *search) put(page *store.Page, p place) (bool, error) {
	if n := len(page.Versions); n == s.q.Limit || s.size > maxPageBytes {
		page.Next = store.Cursor{Order: s.order(), Phase: s.last.phase, Key: s.last.key, Number: s.last.seq}.String()
		return false, nil
	}
	v, err := s.version(p.seq)
	if err != nil {
		return false, err
	}
	s.size += len(v.Body)
	s.last = p
	page.Versions = append(page.Versions, v)
	return true, nil
}

// places finds where every match stands; few is false when there are too many.
func (s *search) places() (out []place, few bool, err error) {
	root, err := s.lists()
	if err != nil {
		return nil, false, err
	}
	defer root.close()
	for at := s.low; ; {
		seq, ok, err := s.next(root, at)
		if err != nil || !ok {
			return out, true, err
		}
		if len(out) == sortInMemory {
			return nil, false, nil
		}
		p, err := s.place(seq)
		if err != nil {
			return nil, false, err
		}
		out = append(out, p)
		at = s.position(seq) + 1
	}
}

func (s *search) place(seq int64) (place, error) {
	f, err := s.facts(seq)
	if err != nil {
		return place{}, err
	}
	key, ok := f.SortKey(s.q.Order.Param, s.newest)
	if !ok {
		return place{phase: 1, seq: seq}, nil
	}
	return place{0, key, seq}, nil
}

// walkSpans walks the intervals of the parameter in order and puts those that
// match; true when it came to their end.
func (s *search) walkSpans(page *store.Page, from place, resumed bool) (bool, error) {
	if !resumed {
		from = place{key: math.MinInt64, seq: math.MinInt64}
		if s.newest {
			from = place{key: math.MaxInt64, seq: math.MaxInt64}
		}
	}
	narrow, err := s.walk(0, from)
	if err != nil {
		return false, err
	}
	defer narrow.s.done()
	wide, err := s.walk(1, from)
	if err != nil {
		return false, err
	}
	defer wide.s.done()
	last := place{phase: -1}
	for narrow.on || wide.on {
		w := narrow
		if !narrow.on || wide.on && s.compare(wide.place, narrow.place) < 0 {
			w = wide
		}
		p := w.place
		if p != last && (!resumed || s.compare(p, from) > 0) {
			ok, err := s.matches(p)
			if err != nil {
				return false, err
			}
			if ok {
				if more, err := s.put(page, p); err != nil || !more {
					return false, err
				}
			}
		}
		last = p
		if err := w.step(); err != nil {
			return false, err
		}
	}
	return true, nil
}

// spanWalk is one of the two halves of the interval index, in order.
type spanWalk struct {
	s     *stmt
	on    bool
	place place
}

func (s *search) walk(wide int64, from place) (*spanWalk, error) {
	sql := "SELECT low, seq FROM span WHERE param = ? AND wide = ? AND low >= ? ORDER BY low, seq"
	if s.newest {
		sql = "SELECT low, seq FROM span WHERE param = ? AND wide = ? AND low <= ? ORDER BY low DESC, seq DESC"
	}
	w := &spanWalk{s: s.r.c.stmt(sql)}
	w.s.int(int64(s.q.Order.Param)).int(wide).int(from.key)
	if err := w.step(); err != nil {
		w.s.done()
		return nil, err
	}
	return w, nil
}

func (w *spanWalk) step() error {
	ok, err := w.s.step()
	w.on = ok
	if ok {
		w.place = place{key: w.s.int64(0), seq: w.s.int64(1)}
	}
	return err
}

// matches checks every condition of the query on one candidate in memory. The
// candidate counts only at the place that is its own: it may have several
// intervals, and a page shows it once.
func (s *search) matches(p place) (bool, error) {
	if s.looked++; s.looked%checkEvery == 0 {
		if err := s.r.ctx.Err(); err != nil {
			return false, err
		}
	}
	if at := s.position(p.seq); at < s.low || at > s.high {
		return false, nil
	}
	f, err := s.facts(p.seq)
	if err != nil {
		return false, err
	}
	if key, _ := f.SortKey(s.q.Order.Param, s.newest); key != p.key {
		return false, nil
	}
	if slices.ContainsFunc(s.q.Clauses, func(c resource.Clause) bool { return !f.Meets(c) }) ||
		slices.ContainsFunc(s.q.Ranges, func(c resource.RangeClause) bool { return !f.Overlaps(c) }) {
		return false, nil
	}
	k, err := s.key(p.seq)
	return k.Type == s.q.Type && (len(s.q.IDs) == 0 || slices.Contains(s.q.IDs, k.ID)), err
}

// walkRest puts the matches that have no value, in order of update.
func (s *search) walkRest(page *store.Page, from place, resumed bool) error {
	root, err := s.lists()
	if err != nil {
		return err
	}
	defer root.close()
	at := s.low
	if resumed {
		at = max(at, s.position(from.seq)+1)
	}
	for {
		seq, ok, err := s.next(root, at)
		if err != nil || !ok {
			return err
		}
		p, err := s.place(seq)
		if err != nil {
			return err
		}
		if p.phase == 1 {
			if more, err := s.put(page, p); err != nil || !more {
				return err
			}
		}
		at = s.position(seq) + 1
	}
}
