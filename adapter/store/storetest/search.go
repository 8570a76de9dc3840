package storetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// day is an interval fact: the whole day n of the year.
func day(n int) resource.Range {
	at := start.AddDate(0, 0, n).UnixMicro()
	return resource.Range{Param: param("date"), Low: at, High: at + 24*3600*1_000_000 - 1}
}

func since(n int) resource.RangeClause {
	return resource.RangeClause{Param: param("date"), Low: day(n).Low, High: math.MaxInt64}
}

func until(n int) resource.RangeClause {
	return resource.RangeClause{Param: param("date"), Low: math.MinInt64, High: day(n).High}
}

func on(n int) resource.RangeClause {
	return resource.RangeClause{Param: param("date"), Low: day(n).Low, High: day(n).High}
}

func not(c resource.RangeClause) resource.RangeClause { c.Not = true; return c }

func having(names ...string) resource.Clause {
	var c resource.Clause
	for _, n := range names {
		c.Any = append(c.Any, term(n))
	}
	return c
}

func lacking(names ...string) resource.Clause { c := having(names...); c.Not = true; return c }

func clauses(c ...resource.Clause) []resource.Clause          { return c }
func ranges(c ...resource.RangeClause) []resource.RangeClause { return c }

// worklist puts five Tasks, a to e in order of time, and a Patient.
//
//	a requested, north, day 1        b accepted, north, day 2
//	c requested, south, no day       d accepted, nobody, day 4 and day 1
//	e requested, north, day 3 to 400 (first as accepted, then changed)
func worklist(t *testing.T, s store.Store) {
	with := func(ix resource.Index, r ...resource.Range) resource.Index { ix.Ranges = r; return ix }
	put(t, s, key("Task", "e"), 0, "", with(facts("accepted", "south"), day(9)))
	put(t, s, key("Task", "a"), 0, "", with(facts("requested", "north"), day(1)))
	put(t, s, key("Task", "b"), 0, "", with(facts("accepted", "north"), day(2)))
	put(t, s, key("Task", "c"), 0, "", facts("requested", "south"))
	put(t, s, key("Task", "d"), 0, "", with(facts("accepted"), day(4), day(1)))
	put(t, s, key("Task", "e"), 1, "", with(facts("requested", "north", "north"), resource.Range{Param: param("date"), Low: day(3).Low, High: day(400).High}))
	put(t, s, key("Patient", "p"), 0, "", facts("patient"))
}

func testSearch(t *testing.T, open Open) {
	s := fresh(t, open)
	worklist(t, s)
	for name, c := range map[string]struct {
		q    resource.Query
		want string
	}{
		"all":                   {resource.Query{}, "a b c d e"},
		"one term":              {resource.Query{Clauses: clauses(having("requested"))}, "a c e"},
		"old terms are gone":    {resource.Query{Clauses: clauses(having("south"))}, "c"},
		"and":                   {resource.Query{Clauses: clauses(having("requested"), having("north"))}, "a e"},
		"or":                    {resource.Query{Clauses: clauses(having("south", "accepted"))}, "b c d"},
		"or with itself":        {resource.Query{Clauses: clauses(having("north", "north"))}, "a b e"},
		"or and and":            {resource.Query{Clauses: clauses(having("south", "north"), having("requested", "nothing"))}, "a c e"},
		"or of nothing":         {resource.Query{Clauses: clauses(having())}, ""},
		"not of nothing":        {resource.Query{Clauses: clauses(lacking())}, "a b c d e"},
		"not":                   {resource.Query{Clauses: clauses(lacking("north"))}, "c d"},
		"not any of two":        {resource.Query{Clauses: clauses(lacking("north", "south"))}, "d"},
		"not beside a term":     {resource.Query{Clauses: clauses(having("requested"), lacking("south"))}, "a e"},
		"two nots":              {resource.Query{Clauses: clauses(lacking("requested"), lacking("north"))}, "d"},
		"unknown term":          {resource.Query{Clauses: clauses(having("nothing"))}, ""},
		"ids":                   {resource.Query{IDs: []string{"e", "a", "zz", "a"}}, "a e"},
		"ids and a term":        {resource.Query{IDs: []string{"e", "b"}, Clauses: clauses(having("requested"))}, "e"},
		"no such id":            {resource.Query{IDs: []string{"zz"}}, ""},
		"range":                 {resource.Query{Ranges: ranges(since(2))}, "b d e"},
		"range up to":           {resource.Query{Ranges: ranges(until(1))}, "a d"},
		"one day":               {resource.Query{Ranges: ranges(on(1))}, "a d"},
		"inside a wide one":     {resource.Query{Ranges: ranges(on(200))}, "e"},
		"two ranges":            {resource.Query{Ranges: ranges(since(2), until(1))}, "d"},
		"not in a range":        {resource.Query{Ranges: ranges(not(on(1)))}, "b c e"},
		"range and not a range": {resource.Query{Ranges: ranges(since(1), not(on(2)))}, "a d e"},
		"range and a term":      {resource.Query{Clauses: clauses(having("north")), Ranges: ranges(until(2))}, "a b"},
		"range, term, not":      {resource.Query{Clauses: clauses(having("accepted"), lacking("north")), Ranges: ranges(since(1))}, "d"},
		"another parameter":     {resource.Query{Ranges: ranges(resource.RangeClause{Param: param("other"), Low: math.MinInt64, High: math.MaxInt64})}, ""},
		"another type":          {resource.Query{Type: "Patient"}, "p"},
		"an unknown type":       {resource.Query{Type: "Unheard"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			q := c.q
			if q.Type == "" {
				q.Type = "Task"
			}
			q.Limit, q.Total = 10, true
			page := search(t, s, q)
			want(t, "ascending", ids(page), c.want)
			want(t, "total", page.Total, int64(len(strings.Fields(c.want))))
			want(t, "next", page.Next, "")
			q.Order.Descending = true
			back := strings.Fields(c.want)
			slices.Reverse(back)
			want(t, "descending", ids(search(t, s, q)), strings.Join(back, " "))
			q.Limit = 0
			page = search(t, s, q)
			want(t, "only the total", fmt.Sprint(len(page.Versions), page.Total), fmt.Sprint(0, len(back)))
			q.Limit, q.Total = 1, true
			page = search(t, s, q)
			want(t, "total of a longer list", page.Total, int64(len(back)))
			q.Total = false
			want(t, "total not asked for", search(t, s, q).Total, int64(-1))
		})
	}
	t.Run("time of update", func(t *testing.T) { updatedBounds(t, s) })
	t.Run("garbage cursors", func(t *testing.T) {
		for _, after := range []string{"x", "u", "u-1", "u0", "v1", "u1.2", "uzzzzzzzzzzzzzzzzzz", "p1", "n1", strings.Repeat("u", 99), "\x00"} {
			for _, order := range []resource.Order{{}, {Param: param("date")}} {
				err := s.View(ctx(), func(r store.Reader) error {
					_, err := r.Resources().Search(resource.Query{Type: "Task", Limit: 1, After: after, Order: order})
					return err
				})
				wantKind(t, err, fault.Malformed)
			}
		}
	})
}

func updatedBounds(t *testing.T, s store.Store) {
	all := search(t, s, resource.Query{Type: "Task", Limit: 10})
	at := func(i int) int64 { return all.Versions[i].Updated.UnixMicro() }
	for name, c := range map[string]struct {
		low, high int64
		want      string
	}{
		"from b":      {at(1), 0, "b c d e"},
		"to b":        {0, at(1), "a b"},
		"from b to d": {at(1), at(3), "b c d"},
		"b itself":    {at(1), at(1), "b"},
		"after e":     {at(4) + 1, 0, ""},
		"before a":    {0, at(0) - 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, q := range []resource.Query{
				{Order: resource.Order{}}, {Clauses: clauses(lacking("nothing"))}, {Order: resource.Order{Param: param("other")}},
			} {
				q.Type, q.Limit, q.Total, q.UpdatedLow, q.UpdatedHigh = "Task", 10, true, c.low, c.high
				page := search(t, s, q)
				want(t, "found", ids(page), c.want)
				want(t, "total", page.Total, int64(len(strings.Fields(c.want))))
			}
		})
	}
}

// pages follows the cursors to the end, doing between after each page.
func pages(t *testing.T, s store.Store, q resource.Query, between func(page int)) []string {
	t.Helper()
	var out []string
	for n := 0; ; n++ {
		page := search(t, s, q)
		if len(page.Versions) > q.Limit || n > 1000 {
			t.Fatalf("page %d has %d versions", n, len(page.Versions))
		}
		for _, v := range page.Versions {
			out = append(out, v.ID)
		}
		if q.After = page.Next; q.After == "" {
			return out
		}
		if between != nil {
			between(n)
		}
	}
}

func testPaging(t *testing.T, open Open) {
	s := fresh(t, open)
	var all []string
	for i := range 23 {
		id := fmt.Sprintf("t%02d", i)
		all = append(all, id)
		put(t, s, key("Task", id), 0, "", facts("page"))
	}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	for limit := range 25 {
		if limit == 0 {
			continue
		}
		q := termQuery("page")
		q.Limit = limit
		want(t, "oldest first", strings.Join(pages(t, s, q, nil), " "), strings.Join(all, " "))
		q.Order.Descending = true
		want(t, "newest first", strings.Join(pages(t, s, q, nil), " "), strings.Join(newest, " "))
	}
	// Newest first while others write: what was not touched is met exactly
	// once, what is new or changed is not met after it has moved to the front.
	q := termQuery("page")
	q.Limit, q.Order.Descending = 5, true
	got := pages(t, s, q, func(n int) {
		put(t, s, key("Task", fmt.Sprint("new", n)), 0, "", facts("page"))
		if n == 0 {
			put(t, s, key("Task", "t01"), 1, "", facts("page"))
			remove(t, s, key("Task", "t02"), 1)
		}
	})
	var untouched []string
	for _, id := range newest {
		if id != "t01" && id != "t02" {
			untouched = append(untouched, id)
		}
	}
	want(t, "pages under writes", strings.Join(got, " "), strings.Join(untouched, " "))
}

func testSorting(t *testing.T, open Open) {
	t.Run("few", func(t *testing.T) {
		s := fresh(t, open)
		worklist(t, s)
		for name, c := range map[string]struct {
			q    resource.Query
			want string
		}{
			"ascending":  {resource.Query{Order: resource.Order{Param: param("date")}}, "a d b e c"},
			"descending": {resource.Query{Order: resource.Order{Param: param("date"), Descending: true}}, "d e b a c"},
			"filtered":   {resource.Query{Order: resource.Order{Param: param("date"), Descending: true}, Clauses: clauses(having("north"))}, "e b a"},
			"ranged":     {resource.Query{Order: resource.Order{Param: param("date")}, Ranges: ranges(since(2))}, "d b e"},
			"no values":  {resource.Query{Order: resource.Order{Param: param("other")}}, "a b c d e"},
		} {
			t.Run(name, func(t *testing.T) {
				c.q.Type = "Task"
				for _, c.q.Limit = range []int{1, 2, 3, 5, 9} {
					c.q.After = ""
					want(t, fmt.Sprint("pages of ", c.q.Limit), strings.Join(pages(t, s, c.q, nil), " "), c.want)
				}
			})
		}
	})
	t.Run("many", func(t *testing.T) { sortMany(t, fresh(t, open)) })
}

// sortMany sorts more than a store would want to hold in memory.
func sortMany(t *testing.T, s store.Store) {
	const n = 6000
	type item struct {
		id   string
		low  int64
		even bool
	}
	var items []item
	for i := 0; i < n; i += 500 {
		decide(t, s, func(tx store.Tx) error {
			for j := i; j < i+500; j++ {
				it := item{fmt.Sprintf("m%04d", j), int64(j*7919%n) * 1000, j%2 == 0}
				ix := facts("many", fmt.Sprint("even", it.even))
				if j%10 != 0 {
					wide := int64(j%3) * int64(60*24*time.Hour/time.Microsecond)
					ix.Ranges = []resource.Range{{Param: param("date"), Low: it.low, High: it.low + wide}, {Param: param("date"), Low: it.low, High: it.low + wide + 1}}
				} else {
					it.low = -1
				}
				if i == 0 {
					items = items[:j]
				}
				items = append(items, it)
				if _, err := tx.Resources().Put(store.Write{Key: key("Task", it.id), Body: body(key("Task", it.id), ""), Index: ix}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	slices.SortStableFunc(items, func(a, b item) int {
		switch {
		case a.low < 0 || b.low < 0:
			return int(b.low>>63) - int(a.low>>63) // -1 has none and comes last
		default:
			return int(a.low - b.low)
		}
	})
	for _, c := range [][]resource.Clause{nil, clauses(having("many")), clauses(having("many"), lacking("eventrue"))} {
		var expected []string
		for _, it := range items {
			if len(c) < 2 || !it.even {
				expected = append(expected, it.id)
			}
		}
		q := resource.Query{Type: "Task", Clauses: c, Order: resource.Order{Param: param("date")}, Limit: 700}
		if got := pages(t, s, q, nil); !slices.Equal(got, expected) {
			t.Errorf("ascending: %d of %d, first %v, want %v", len(got), len(expected), got[:3], expected[:3])
		}
		valued := 0
		for _, it := range items {
			if it.low >= 0 && (len(c) < 2 || !it.even) {
				valued++
			}
		}
		slices.Reverse(expected[:valued])
		slices.Reverse(expected[valued:])
		q.Order.Descending = true
		if got := pages(t, s, q, nil); !slices.Equal(got, expected) {
			t.Errorf("descending: %d of %d, first %v, want %v", len(got), len(expected), got[:3], expected[:3])
		}
	}
}
