package sqlite

import (
	"math"
	"slices"

	"github.com/linkloop/linkloop/adapter/resource"
)

// checked walks one list and checks the other conditions on the facts of each
// candidate, which for what was read lately are in memory. So a page of a short
// list costs the same however long the lists of the other conditions are. When
// many candidates in a row fail it goes over to merging the lists, whose cost
// follows the shortest.
type checked struct {
	s      *search
	walk   list
	rest   []resource.Clause
	merge  func() list
	failed int
	merged list
}

// patience is how many candidates may fail in a row: checking that many costs
// about as much as a few descents of the tree.
const patience = 32

func (c *checked) seek(at int64) (int64, bool, error) {
	for c.merged == nil {
		p, ok, err := c.walk.seek(at)
		if err != nil || !ok || p > c.s.high {
			return p, ok, err
		}
		f, err := c.s.facts(c.s.position(p))
		if err != nil {
			return 0, false, err
		}
		if !slices.ContainsFunc(c.rest, func(x resource.Clause) bool { return !f.Meets(x) }) {
			c.failed = 0
			return p, true, nil
		}
		at = p + 1
		if c.failed++; c.failed == patience {
			c.merged = c.merge()
		}
	}
	return c.merged.seek(at)
}

func (c *checked) close() {
	c.walk.close()
	if c.merged != nil {
		c.merged.close()
	}
}

// sample is how many entries of a list are looked at to see how dense it is.
const sample = 8

// sparsest returns which of the query's clauses to walk: the one whose list is
// the emptiest where the page begins; -1 when none has a list.
func (s *search) sparsest() (int, error) {
	var with []int
	for i, c := range s.q.Clauses {
		if !c.Not {
			with = append(with, i)
		}
	}
	if len(with) == 0 {
		return -1, nil
	}
	if len(with) == 1 {
		return with[0], nil
	}
	best, farthest := with[0], int64(math.MinInt64)
	for _, i := range with {
		reach, err := s.reach(s.q.Clauses[i].Any)
		if err != nil {
			return 0, err
		}
		if reach > farthest {
			best, farthest = i, reach
		}
	}
	return best, nil
}

// reach is the position of the entry of the union that a sample ends with, by
// its densest list; the end of all positions when the lists are shorter.
func (s *search) reach(terms []resource.Term) (int64, error) {
	nearest := int64(unboundedHigh)
	for _, t := range terms[:min(len(terms), sample)] {
		l := s.ofTerm(t)
		p, on, err := l.seek(s.low)
		for n := 1; on && err == nil && n < sample; n++ {
			p, on, err = l.seek(p + 1)
		}
		l.close()
		if err != nil {
			return 0, err
		}
		if on {
			nearest = min(nearest, p)
		}
	}
	return nearest, nil
}
