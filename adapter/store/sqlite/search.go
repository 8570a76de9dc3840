package sqlite

import (
	"math"
	"slices"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Bounds of one page and of the work for it.
const (
	maxPage       = 1000
	maxPageBytes  = 32 << 20 // a page of large bodies ends early, with a link to the next
	maxTerms      = 1000     // of one search
	checkEvery    = 512      // candidates between two looks at the caller's context
	gatherSpans   = 5000     // intervals taken from the index when nothing else narrows the search
	gatherBeside  = 500      // the same beside other conditions
	sortInMemory  = 5000     // matches sorted in memory; with more, the interval index is walked
	unboundedHigh = math.MaxInt64
)

// search is one compiled query over a snapshot.
type search struct {
	r      resources
	q      resource.Query
	typ    int64
	newest bool
	// spans are the interval conditions that no list stands for: they are
	// checked on each candidate's facts.
	spans []resource.RangeClause

	beyond    beyond
	low, high int64 // bounds of positions, both inside
	row       *stmt // the version row of the last candidate
	rowSeq    int64
	looked    int
	size      int   // bytes on the page so far
	last      place // the last match put on a sorted page
}

// Search finds current versions. By time of update the page is read straight
// from the index in order. By a parameter the order is that of the start of the
// interval (the earliest ascending, the latest descending), resources without a
// value last. A page stays right while others write: what is updated moves to
// the newest end and is not met twice.
func (r resources) Search(q resource.Query) (store.Page, error) {
	if q.Check != nil {
		return store.Filter(q, r.Search)
	}
	page := store.Page{Total: -1}
	if r.flush != nil {
		if err := r.flush(); err != nil {
			return page, err
		}
	}
	terms := len(q.IDs)
	for _, c := range q.Clauses {
		terms += len(c.Any)
	}
	if terms > maxTerms {
		return page, fault.New(fault.TooLarge, "", "a search may have %d values at most", maxTerms)
	}
	s := &search{r: r, q: q, newest: q.Order.Descending}
	if q.Limit > maxPage {
		s.q.Limit = maxPage
	}
	cur, resumed, err := store.ParseCursor(q.After, s.order())
	if err != nil {
		return page, err
	}
	var known bool
	if s.typ, known = r.types().byName[q.Type]; !known {
		if q.Total {
			page.Total = 0
		}
		return page, nil
	}
	s.bounds()
	defer s.close()
	if err := s.look(); err != nil {
		return page, asFault(err)
	}
	if q.Order.Param != 0 {
		err = s.sorted(&page, cur, resumed)
	} else {
		err = s.byTime(&page, cur, resumed)
	}
	if err == nil && q.Total {
		if !resumed && page.Next == "" && s.q.Limit > 0 {
			page.Total = int64(len(page.Versions))
		} else {
			page.Total, err = s.count()
		}
	}
	if err != nil {
		return store.Page{Total: -1}, asFault(err)
	}
	return page, nil
}

func (s *search) order() byte {
	switch {
	case s.q.Order.Param != 0 && s.newest:
		return store.ByParamDesc
	case s.q.Order.Param != 0:
		return store.ByParam
	case s.newest:
		return store.ByUpdatedDesc
	default:
		return store.ByUpdated
	}
}

func (s *search) bounds() {
	high := s.q.UpdatedHigh
	if high == 0 {
		high = unboundedHigh
	}
	s.low, s.high = max(s.q.UpdatedLow, 0), high
	if s.newest {
		s.low, s.high = -s.high, -s.low
	}
}

func (s *search) position(seq int64) int64 {
	if s.newest {
		return -seq
	}
	return seq
}

// byTime fills the page in order of update. Limit 0 asks for the total only.
func (s *search) byTime(page *store.Page, cur store.Cursor, resumed bool) error {
	if s.q.Limit <= 0 {
		return nil
	}
	at := s.low
	if resumed {
		at = max(at, s.position(cur.Number)+1)
	}
	root, err := s.quickest()
	if err != nil {
		return err
	}
	defer root.close()
	for {
		seq, ok, err := s.next(root, at)
		if err != nil || !ok {
			return err
		}
		if len(page.Versions) == s.q.Limit || s.size > maxPageBytes {
			last := page.Versions[len(page.Versions)-1]
			page.Next = store.Cursor{Order: s.order(), Number: last.Updated.UnixMicro()}.String()
			return nil
		}
		v, err := s.version(seq)
		if err != nil {
			return err
		}
		s.size += len(v.Body)
		page.Versions = append(page.Versions, v)
		at = s.position(seq) + 1
	}
}

// count counts all matches, or returns -1 when they are more than the limit.
func (s *search) count() (int64, error) {
	root, err := s.lists()
	if err != nil {
		return 0, err
	}
	defer root.close()
	n, at := int64(0), s.low
	for {
		seq, ok, err := s.next(root, at)
		if err != nil || !ok {
			return n, err
		}
		if n++; n > int64(s.r.countLimit) {
			return -1, nil
		}
		at = s.position(seq) + 1
	}
}

// next returns the first match at or after the position.
func (s *search) next(root list, at int64) (seq int64, ok bool, err error) {
	for {
		if s.looked++; s.looked%checkEvery == 0 {
			if err := s.r.ctx.Err(); err != nil {
				return 0, false, err
			}
		}
		p, ok, err := root.seek(at)
		if err != nil || !ok || p > s.high {
			return 0, false, err
		}
		seq := s.position(p)
		if len(s.spans) == 0 {
			return seq, true, nil
		}
		f, err := s.facts(seq)
		if err != nil {
			return 0, false, err
		}
		if !slices.ContainsFunc(s.spans, func(c resource.RangeClause) bool { return !f.Overlaps(c) }) {
			return seq, true, nil
		}
		at = p + 1
	}
}

// lists builds the list of candidates of the query. What s.spans holds after it
// is still to be checked on each.
func (s *search) lists() (list, error) {
	fixed, err := s.fixed()
	if err != nil {
		return nil, err
	}
	return s.merge(fixed), nil
}

// quickest is lists for a page, which takes few of the candidates: one list is
// walked and the other conditions are checked on what it gives.
func (s *search) quickest() (list, error) {
	fixed, err := s.fixed()
	if err != nil || len(s.q.Clauses) == 0 || len(s.q.Clauses) == 1 && len(fixed) == 0 {
		return s.merge(fixed), err
	}
	c := &checked{s: s, rest: s.q.Clauses, merge: func() list { return s.merge(fixed) }}
	if len(fixed) > 0 {
		c.walk = intersect(fixed)
		return c, nil
	}
	i, err := s.sparsest()
	if err != nil {
		return nil, err
	}
	if i < 0 {
		c.walk = s.ofType()
		return c, nil
	}
	c.walk = s.union(s.q.Clauses[i].Any)
	c.rest = slices.Concat(c.rest[:i], c.rest[i+1:])
	return c, nil
}

// fixed gathers the short lists of what is known to narrow the query, and
// leaves the other intervals in s.spans.
func (s *search) fixed() ([]list, error) {
	var fixed []list
	s.spans = s.spans[:0]
	if len(s.q.IDs) > 0 {
		ids, err := s.ids()
		if err != nil {
			return nil, err
		}
		fixed = append(fixed, ids)
	}
	beside := len(fixed) > 0 || slices.ContainsFunc(s.q.Clauses, func(c resource.Clause) bool { return !c.Not })
	for _, c := range s.q.Ranges {
		limit := gatherSpans
		if beside {
			limit = gatherBeside
		}
		var l list
		if !c.Not {
			var err error
			if l, err = s.gather(c, limit); err != nil {
				return nil, err
			}
		}
		if l == nil {
			s.spans = append(s.spans, c)
		} else {
			fixed, beside = append(fixed, l), true
		}
	}
	return fixed, nil
}

// merge is the merge of posting lists that stands for the clauses.
func (s *search) merge(fixed []list) list {
	all := slices.Clone(fixed)
	var not []list
	for _, c := range s.q.Clauses {
		if c.Not {
			not = append(not, s.union(c.Any))
		} else {
			all = append(all, s.union(c.Any))
		}
	}
	// Terms are of one type, so the list of the type is needed only when no
	// term is there to stand for it.
	if len(all) == 0 {
		all = append(all, s.ofType())
	}
	root := intersect(all)
	if len(not) > 0 {
		root = without{root, not}
	}
	return root
}

func (s *search) ofType() list {
	return &postingList{c: s.r.c, id: s.typ, newest: s.newest}
}

func (s *search) union(terms []resource.Term) list {
	ls := make(anyOf, 0, len(terms))
	for _, t := range terms {
		ls = s.appendLists(ls, t)
	}
	if len(ls) == 1 {
		return ls[0]
	}
	return ls
}

func (s *search) ofTerm(t resource.Term) list { return s.union([]resource.Term{t}) }

// appendLists adds the parts of the list of a term: in the table and in memory.
func (s *search) appendLists(ls []list, t resource.Term) []list {
	ls = append(ls, &postingList{c: s.r.c, id: int64(t), newest: s.newest})
	return s.beyond.lists(ls, int64(t), s.newest)
}

// look finds what index rows the snapshot has beyond the table.
func (s *search) look() error {
	if s.r.flush != nil { // in a decision, which sees its own changes too
		s.beyond = since(s.r.fresh, 0, math.MaxInt64)
		return nil
	}
	if s.r.fresh == nil { // beside a server in another process
		g, upto, err := loadFresh(s.r.c)
		if err == nil {
			s.beyond = since(g, upto, math.MaxInt64)
		}
		return err
	}
	q := s.r.c.stmt("SELECT last, folded FROM clock")
	defer q.done()
	if _, err := q.step(); err != nil {
		return err
	}
	s.beyond = since(s.r.fresh, q.int64(1), q.int64(0))
	return nil
}

// ids looks the resources up by key.
func (s *search) ids() (list, error) {
	var seqs []int64
	st := s.r.c.stmt("SELECT seq FROM resource WHERE type = ? AND id = ?")
	defer st.done()
	for _, id := range s.q.IDs {
		ok, err := st.int(s.typ).id(id).step()
		if err != nil {
			return nil, err
		}
		if ok {
			seq := st.int64(0)
			v, err := s.version(seq)
			if err != nil {
				return nil, err
			}
			if !v.Deleted {
				seqs = append(seqs, seq)
			}
		}
		st.reset()
	}
	return newFixed(seqs, s.newest), nil
}

// gather takes the versions of an interval condition from the index, or returns
// nil when there are more than the limit: then it is cheaper to check it on
// what the other conditions find.
func (s *search) gather(c resource.RangeClause, limit int) (list, error) {
	st := s.r.c.stmt("SELECT seq FROM span WHERE param = ? AND wide = ? AND low >= ? AND low <= ? AND high >= ? LIMIT ?")
	defer st.done()
	var seqs []int64
	for _, wide := range []bool{false, true} {
		from := int64(math.MinInt64)
		if !wide && c.Low > math.MinInt64+resource.WideSpan {
			from = c.Low - resource.WideSpan
		}
		st.int(int64(c.Param)).bool(wide).int(from).int(c.High).int(c.Low).int(int64(limit - len(seqs) + 1))
		for {
			ok, err := st.step()
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			if len(seqs) == limit {
				return nil, nil
			}
			seqs = append(seqs, st.int64(0))
		}
		st.reset()
	}
	return newFixed(seqs, s.newest), nil
}
