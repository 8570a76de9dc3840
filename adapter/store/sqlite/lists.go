package sqlite

import (
	"cmp"
	"slices"
)

// list is a sorted set of current versions. Positions ascend in the order of
// the page: a position is a seq, or minus a seq for newest first. seek returns
// the first position at or after at; callers ask with ascending positions.
type list interface {
	seek(at int64) (position int64, ok bool, err error)
	close()
}

// postingList reads one posting list from the index.
type postingList struct {
	c        *conn
	id       int64
	newest   bool // newest first
	s        *stmt
	at       int64
	on, over bool
}

// stepsBeforeSeek is how many rows are walked over before descending the tree
// again, which costs about as much as walking over this many.
const stepsBeforeSeek = 6

func (p *postingList) seek(at int64) (int64, bool, error) {
	if p.over {
		return 0, false, nil
	}
	if p.s == nil {
		if p.newest {
			p.s = p.c.stmt("SELECT seq FROM posting WHERE list = ? AND seq <= ? ORDER BY seq DESC")
		} else {
			p.s = p.c.stmt("SELECT seq FROM posting WHERE list = ? AND seq >= ? ORDER BY seq")
		}
	}
	for range stepsBeforeSeek {
		if !p.on || p.at >= at {
			break
		}
		if err := p.step(); err != nil || p.over {
			return 0, false, err
		}
	}
	if p.on && p.at >= at {
		return p.at, true, nil
	}
	p.s.reset()
	bound := at
	if p.newest {
		bound = -at
	}
	p.s.int(p.id).int(bound)
	if err := p.step(); err != nil || p.over {
		return 0, false, err
	}
	return p.at, true, nil
}

func (p *postingList) step() error {
	ok, err := p.s.step()
	if err != nil {
		return err
	}
	p.on, p.over = ok, !ok
	if ok {
		p.at = p.s.int64(0)
		if p.newest {
			p.at = -p.at
		}
	}
	return nil
}

func (p *postingList) close() {
	if p.s != nil {
		p.s.done()
		p.s = nil
	}
}

// anyOf is the union of lists: the OR of terms.
type anyOf []list

func (a anyOf) seek(at int64) (int64, bool, error) {
	var best int64
	found := false
	for _, l := range a {
		v, ok, err := l.seek(at)
		if err != nil {
			return 0, false, err
		}
		if ok && (!found || v < best) {
			best, found = v, true
		}
	}
	return best, found, nil
}

func (a anyOf) close() { closeAll(a) }

// allOf is the intersection of lists: the AND of conditions. Each list in turn
// jumps to where the others are, so the cost follows the shortest list.
type allOf []list

func (a allOf) seek(at int64) (int64, bool, error) {
	for agreed := 0; ; {
		for _, l := range a {
			v, ok, err := l.seek(at)
			if err != nil || !ok {
				return 0, false, err
			}
			if v > at {
				at, agreed = v, 0
			}
			if agreed++; agreed >= len(a) {
				return at, true, nil
			}
		}
	}
}

func (a allOf) close() { closeAll(a) }

// intersect is what lists, one at least, have in common.
func intersect(ls []list) list {
	if len(ls) == 1 {
		return ls[0]
	}
	return allOf(ls)
}

// without is a list less the members of others.
type without struct {
	list
	not []list
}

func (w without) seek(at int64) (int64, bool, error) {
	for {
		v, ok, err := w.list.seek(at)
		if err != nil || !ok {
			return 0, false, err
		}
		excluded := false
		for _, l := range w.not {
			x, ok, err := l.seek(v)
			if err != nil {
				return 0, false, err
			}
			if excluded = ok && x == v; excluded {
				break
			}
		}
		if !excluded {
			return v, true, nil
		}
		at = v + 1
	}
}

func (w without) close() {
	w.list.close()
	closeAll(w.not)
}

// fixed is a small set in memory.
type fixed struct{ positions []int64 }

// newFixed makes a list of seqs in the order of the page.
func newFixed(seqs []int64, newest bool) *fixed {
	if newest {
		for i := range seqs {
			seqs[i] = -seqs[i]
		}
	}
	slices.SortFunc(seqs, cmp.Compare[int64])
	return &fixed{slices.Compact(seqs)}
}

func (f *fixed) seek(at int64) (int64, bool, error) {
	i, _ := slices.BinarySearch(f.positions, at)
	f.positions = f.positions[i:]
	if len(f.positions) == 0 {
		return 0, false, nil
	}
	return f.positions[0], true, nil
}

func (f *fixed) close() {}

func closeAll(ls []list) {
	for _, l := range ls {
		l.close()
	}
}
