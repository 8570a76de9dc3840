package postgres

import (
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Bounds of one page and of the work for it.
const (
	maxPageBytes  = 32 << 20 // a page of large bodies ends early, with a link to the next
	maxTerms      = 1000     // of one search
	maxUnion      = 20       // lists of an OR that are walked in order, each for itself
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
	low    int64 // bounds of seq, both inside
	high   int64

	// driver is what candidates are taken from: lists, or seqs known already.
	driver []int64
	fixed  []int64
	only   bool // candidates are those of fixed
	// where holds the other conditions, on a candidate p.seq; $n are args.
	where []string
	args  []any
}

// Search finds current versions. By time of update the page is read straight
// from a posting list in order. By a parameter the order is that of the start
// of the interval (the earliest ascending, the latest descending), resources
// without a value last. A page stays right while others write: what is updated
// moves to the newest end and is not met twice.
func (r resources) Search(q resource.Query) (store.Page, error) {
	if q.Check != nil {
		return store.Filter(q, r.Search)
	}
	page := store.Page{Total: -1}
	terms := len(q.IDs)
	for _, c := range q.Clauses {
		terms += len(c.Any)
	}
	if terms > maxTerms {
		return page, fault.New(fault.TooLarge, "", "a search may have %d values at most", maxTerms)
	}
	s := &search{r: r, q: q, newest: q.Order.Descending, low: max(q.UpdatedLow, 0), high: q.UpdatedHigh}
	s.q.Limit = min(q.Limit, maxPage)
	if s.high == 0 {
		s.high = unboundedHigh
	}
	cur, resumed, err := store.ParseCursor(q.After, s.order())
	if err != nil {
		return page, err
	}
	known, err := s.findType()
	if err != nil {
		return page, asFault(err)
	}
	if !known {
		if q.Total {
			page.Total = 0
		}
		return page, nil
	}
	if err := s.plan(); err != nil {
		return page, asFault(err)
	}
	if s.q.Limit > 0 {
		if q.Order.Param != 0 {
			err = s.sorted(&page, cur, resumed)
		} else {
			err = s.byTime(&page, cur, resumed)
		}
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

// findType looks the type up; inside a decision it may be new.
func (s *search) findType() (bool, error) {
	if t, ok := s.r.q.(*tx); ok {
		n, known, err := t.typeNumber(s.q.Type)
		s.typ = int64(n)
		return known, err
	}
	if n, known := s.r.s.types.number(s.q.Type); known {
		s.typ = int64(n)
		return true, nil
	}
	rows, err := s.r.q.rows(sqlTypes)
	if err != nil {
		return false, err
	}
	if err := s.r.s.types.take(rows, nil); err != nil {
		return false, err
	}
	n, known := s.r.s.types.number(s.q.Type)
	s.typ = int64(n)
	return known, nil
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

// arg adds a parameter and returns its name.
func (s *search) arg(v any) string {
	s.args = append(s.args, v)
	return fmt.Sprintf("$%d", len(s.args))
}

// plan chooses what candidates are taken from, the shortest list there is, and
// makes conditions of the rest. The shape follows from the query and from how
// long its lists are, not from what the server guesses.
func (s *search) plan() error {
	var all [][]int64
	for _, c := range s.q.Clauses {
		lists := make([]int64, len(c.Any))
		for i, t := range c.Any {
			lists[i] = int64(t)
		}
		if c.Not {
			s.where = append(s.where, "NOT EXISTS (SELECT 1 FROM linkloop.posting x WHERE x.list = ANY("+s.arg(lists)+"::bigint[]) AND x.seq = p.seq)")
		} else {
			all = append(all, lists)
		}
	}
	if len(s.q.IDs) > 0 {
		if err := s.ids(); err != nil {
			return err
		}
	}
	for _, c := range s.q.Ranges {
		if err := s.interval(c, len(all) > 0 || s.only); err != nil {
			return err
		}
	}
	if len(all) == 0 && !s.only {
		s.driver = []int64{s.typ}
		return nil
	}
	if !s.only {
		i, err := s.shortest(all)
		if err != nil {
			return err
		}
		s.driver = all[i]
		all = append(all[:i:i], all[i+1:]...)
	}
	for _, lists := range all {
		s.where = append(s.where, "EXISTS (SELECT 1 FROM linkloop.posting x WHERE x.list = ANY("+s.arg(lists)+"::bigint[]) AND x.seq = p.seq)")
	}
	return nil
}

// among keeps the seqs as the only candidates.
func (s *search) among(seqs []int64) {
	if !s.only {
		s.only, s.fixed = true, seqs
		return
	}
	have := map[int64]bool{}
	for _, seq := range seqs {
		have[seq] = true
	}
	kept := s.fixed[:0:0]
	for _, seq := range s.fixed {
		if have[seq] {
			kept = append(kept, seq)
		}
	}
	s.fixed = kept
}

// ids looks the resources up by key.
func (s *search) ids() error {
	keys := make([][]byte, len(s.q.IDs))
	for i, id := range s.q.IDs {
		keys[i] = idBytes(id)
	}
	rows, err := s.r.q.rows("SELECT r.seq FROM linkloop.resource r JOIN linkloop.version v ON v.seq = r.seq WHERE r.type = $1 AND r.id = ANY($2::bytea[]) AND NOT v.deleted",
		s.typ, keys)
	if err != nil {
		return err
	}
	seqs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	s.among(seqs)
	return nil
}

// interval takes the versions of an interval condition from its index while
// they are few; else it is checked on what the other conditions find.
func (s *search) interval(c resource.RangeClause, beside bool) error {
	if !c.Not {
		limit := gatherSpans
		if beside {
			limit = gatherBeside
		}
		from := int64(math.MinInt64)
		if c.Low > math.MinInt64+resource.WideSpan {
			from = c.Low - resource.WideSpan
		}
		rows, err := s.r.q.rows("(SELECT seq FROM linkloop.span WHERE param = $1 AND NOT wide AND low >= $2 AND low <= $3 AND high >= $4 LIMIT $5) UNION ALL "+
			"(SELECT seq FROM linkloop.span WHERE param = $1 AND wide AND low <= $3 AND high >= $4 LIMIT $5)", int64(c.Param), from, c.High, c.Low, limit+1)
		if err != nil {
			return err
		}
		seqs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		if len(seqs) <= limit {
			s.among(seqs)
			return nil
		}
	}
	not := ""
	if c.Not {
		not = "NOT "
	}
	s.where = append(s.where, not+"EXISTS (SELECT 1 FROM linkloop.span x WHERE x.seq = p.seq AND x.param = "+s.arg(int64(c.Param))+
		" AND x.low <= "+s.arg(c.High)+" AND x.high >= "+s.arg(c.Low)+")")
	return nil
}

// matches is SQL for the matches' seqs in order of update, from one seq on, n at
// most; n 0 is for no limit.
func (s *search) matches(newest bool, from int64, n int) (sql string, args []any) {
	q := *s
	q.args = s.args[:len(s.args):len(s.args)]
	low, high, order := s.low, s.high, "p.seq"
	if newest {
		high, order = min(high, from), "p.seq DESC"
	} else {
		low = max(low, from)
	}
	cond := "p.seq >= " + q.arg(low) + " AND p.seq <= " + q.arg(high)
	for _, w := range s.where {
		cond += " AND " + w
	}
	limit := ""
	if n > 0 {
		limit = " LIMIT " + q.arg(n)
	}
	switch {
	case s.only:
		return "SELECT DISTINCT p.seq FROM unnest(" + q.arg(s.fixed) + "::bigint[]) p(seq) WHERE " + cond + " ORDER BY " + order + limit, q.args
	case len(s.driver) == 1:
		return "SELECT p.seq FROM linkloop.posting p WHERE p.list = " + q.arg(s.driver[0]) + " AND " + cond + " ORDER BY " + order + limit, q.args
	case len(s.driver) == 0 || len(s.driver) > maxUnion || n == 0:
		return "SELECT DISTINCT p.seq FROM linkloop.posting p WHERE p.list = ANY(" + q.arg(s.driver) + "::bigint[]) AND " + cond + " ORDER BY " + order + limit, q.args
	}
	parts := make([]string, len(s.driver))
	for i, list := range s.driver {
		parts[i] = "(SELECT p.seq FROM linkloop.posting p WHERE p.list = " + q.arg(list) + " AND " + cond + " ORDER BY " + order + limit + ")"
	}
	return "SELECT p.seq FROM (" + strings.Join(parts, " UNION ") + ") p ORDER BY " + order + limit, q.args
}

// byTime fills the page in order of update.
func (s *search) byTime(page *store.Page, cur store.Cursor, resumed bool) error {
	from := int64(0)
	if s.newest {
		from = unboundedHigh
	}
	if resumed {
		from = cur.Number + 1
		if s.newest {
			from = cur.Number - 1
		}
	}
	sql, args := s.matches(s.newest, from, s.q.Limit+1)
	rows, err := s.r.q.rows(sql, args...)
	if err != nil {
		return err
	}
	seqs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	return s.show(page, seqs, func(seq int64) store.Cursor { return store.Cursor{Order: s.order(), Number: seq} })
}

// show puts the versions of seqs on the page; one seq more than fits says that
// there is a next page. What was read lately is not asked for again.
func (s *search) show(page *store.Page, seqs []int64, at func(seq int64) store.Cursor) error {
	fit := seqs[:min(len(seqs), s.q.Limit)]
	shelf := s.r.q.shelf()
	known := map[int64]store.Version{}
	var ask []int64
	for _, seq := range fit {
		if shelf != nil {
			if x, ok := shelf.Get(seq); ok {
				known[seq] = x.Version
				continue
			}
		}
		ask = append(ask, seq)
	}
	var rows pgx.Rows
	if len(ask) > 0 {
		var err error
		if rows, err = s.r.q.fixed("SELECT "+versionColumns+" FROM unnest($1::bigint[]) WITH ORDINALITY m(seq, n) JOIN linkloop.version v ON v.seq = m.seq ORDER BY m.n", ask); err != nil {
			return err
		}
		defer rows.Close()
	}
	size := 0
	for i, seq := range fit {
		if size > maxPageBytes {
			page.Next = at(fit[i-1]).String()
			return nil
		}
		v, ok := known[seq]
		if !ok {
			if !rows.Next() {
				if err := rows.Err(); err != nil {
					return err
				}
				return s.r.q.pruned()
			}
			var err error
			if v, err = scanVersion(rows, store.Key{}); err != nil {
				return err
			}
			if v.Updated.UnixMicro() != seq {
				rows.Close()
				return s.r.q.pruned()
			}
			if shelf != nil {
				shelf.Put(seq, store.Shelved{Version: v})
			}
		}
		size += len(v.Body)
		page.Versions = append(page.Versions, v)
	}
	if len(seqs) > len(fit) && len(fit) > 0 {
		page.Next = at(fit[len(fit)-1]).String()
	}
	return nil
}

func desc(yes bool) string {
	if yes {
		return " DESC"
	}
	return ""
}

// fill reads the page from rows; one more row means there is a next page.
func fill(page *store.Page, rows pgx.Rows, limit int, at func(store.Version) store.Cursor) error {
	defer rows.Close()
	size := 0
	for rows.Next() {
		if n := len(page.Versions); n == limit || n > 0 && size > maxPageBytes {
			page.Next = at(page.Versions[n-1]).String()
			return nil
		}
		v, err := scanVersion(rows, store.Key{})
		if err != nil {
			return err
		}
		size += len(v.Body)
		page.Versions = append(page.Versions, v)
	}
	return rows.Err()
}

// count counts all matches, or returns -1 when they are more than the limit.
func (s *search) count() (int64, error) {
	sql, args := s.matches(s.newest, map[bool]int64{true: unboundedHigh}[s.newest], s.r.s.cfg.CountLimit+1)
	rows, err := s.r.q.rows("SELECT count(*) FROM ("+sql+") c", args...)
	if err != nil {
		return 0, err
	}
	n, err := pgx.CollectOneRow(rows, pgx.RowTo[int64])
	if n > int64(s.r.s.cfg.CountLimit) {
		n = -1
	}
	return n, err
}
