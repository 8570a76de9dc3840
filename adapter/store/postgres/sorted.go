package postgres

import (
	"cmp"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

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
	from := place{phase: -1}
	if resumed {
		from = place{cur.Phase, cur.Key, cur.Number}
	}
	places, few, err := s.places()
	if err != nil {
		return err
	}
	if few {
		slices.SortFunc(places, s.compare)
		places = slices.DeleteFunc(places, func(p place) bool { return resumed && s.compare(p, from) <= 0 })
	} else if places, err = s.walk(from); err != nil {
		return err
	}
	return s.put(page, places[:min(len(places), s.q.Limit+1)])
}

// places finds where every match stands; few is false when there are too many.
func (s *search) places() (out []place, few bool, err error) {
	sql, args := s.matches(false, 0, sortInMemory+1)
	rows, err := s.r.q.rows("SELECT v.seq, v.facts FROM ("+sql+") m JOIN linkloop.version v ON v.seq = m.seq", args...)
	if err != nil {
		return nil, false, err
	}
	out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (place, error) {
		var seq int64
		var f []byte
		if err := row.Scan(&seq, &f); err != nil {
			return place{}, err
		}
		if key, ok := resource.Facts(f).SortKey(s.q.Order.Param, s.newest); ok {
			return place{0, key, seq}, nil
		}
		return place{phase: 1, seq: seq}, nil
	})
	return out, len(out) <= sortInMemory, err
}

// walk takes the places from the interval index in order: first those with a
// value, then those without.
func (s *search) walk(from place) ([]place, error) {
	want := s.q.Limit + 1
	var out []place
	if from.phase <= 0 {
		q := *s
		q.args = nil
		q.where = nil
		order, end, at := "low, seq", "min", "(p.low, p.seq) > "
		start := [2]int64{math.MinInt64, math.MinInt64}
		if s.newest {
			order, end, at = "low DESC, seq DESC", "max", "(p.low, p.seq) < "
			start = [2]int64{math.MaxInt64, math.MaxInt64}
		}
		if from.phase == 0 {
			start = [2]int64{from.key, from.seq}
		}
		cond, args := s.conditions()
		q.args = args
		param := q.arg(int64(s.q.Order.Param))
		cond = "p.param = " + param + " AND " + at + "(" + q.arg(start[0]) + "::bigint, " + q.arg(start[1]) + "::bigint) AND " + cond +
			" AND p.low = (SELECT " + end + "(y.low) FROM linkloop.span y WHERE y.seq = p.seq AND y.param = " + param + ")"
		limit := q.arg(want)
		part := func(which string) string {
			return "(SELECT DISTINCT p.low, p.seq FROM linkloop.span p WHERE " + which + " AND " + cond + " ORDER BY " + order + " LIMIT " + limit + ")"
		}
		rows, err := s.r.q.rows("SELECT DISTINCT low, seq FROM ("+part("NOT p.wide")+" UNION ALL "+part("p.wide")+") u ORDER BY "+order+" LIMIT "+limit, q.args...)
		if err != nil {
			return nil, err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p place, err error) { return p, row.Scan(&p.key, &p.seq) })
		if err != nil || len(out) == want {
			return out, err
		}
		from = place{phase: 1}
		if s.newest {
			from.seq = math.MaxInt64
		}
	}
	bare := *s
	bare.args = s.args[:len(s.args):len(s.args)]
	bare.where = append(s.where[:len(s.where):len(s.where)],
		"NOT EXISTS (SELECT 1 FROM linkloop.span y WHERE y.seq = p.seq AND y.param = "+bare.arg(int64(s.q.Order.Param))+")")
	next := from.seq + 1
	if s.newest {
		next = from.seq - 1
	}
	sql, args := bare.matches(s.newest, next, want-len(out))
	rows, err := s.r.q.rows(sql, args...)
	if err != nil {
		return nil, err
	}
	rest, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (place, error) {
		p := place{phase: 1}
		return p, row.Scan(&p.seq)
	})
	return append(out, rest...), err
}

// conditions is everything that a match must meet, as conditions on p.seq.
func (s *search) conditions() (string, []any) {
	q := *s
	q.args = s.args[:len(s.args):len(s.args)]
	cond := "p.seq >= " + q.arg(s.low) + " AND p.seq <= " + q.arg(s.high)
	for _, w := range s.where {
		cond += " AND " + w
	}
	if s.only {
		cond += " AND p.seq = ANY(" + q.arg(s.fixed) + "::bigint[])"
	} else {
		cond += " AND EXISTS (SELECT 1 FROM linkloop.posting z WHERE z.list = ANY(" + q.arg(s.driver) + "::bigint[]) AND z.seq = p.seq)"
	}
	return cond, q.args
}

// put shows the places; one more than fits says that there is a next page.
func (s *search) put(page *store.Page, places []place) error {
	seqs := make([]int64, len(places))
	at := map[int64]place{}
	for i, p := range places {
		seqs[i] = p.seq
		at[p.seq] = p
	}
	return s.show(page, seqs, func(seq int64) store.Cursor {
		p := at[seq]
		return store.Cursor{Order: s.order(), Phase: p.phase, Key: p.key, Number: p.seq}
	})
}
