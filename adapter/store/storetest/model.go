package storetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// model is the plainest store there is: every version in a slice.
type model struct {
	versions []store.Version
	index    map[store.Key]resource.Index // of current versions
}

func (m *model) current(k store.Key) (store.Version, bool) {
	for i := len(m.versions) - 1; i >= 0; i-- {
		if m.versions[i].Key == k {
			return m.versions[i], true
		}
	}
	return store.Version{}, false
}

// found answers a query by looking at everything.
func (m *model) found(q resource.Query) string {
	var out []store.Version
	for k, ix := range m.index {
		v, _ := m.current(k)
		at := v.Updated.UnixMicro()
		if k.Type == q.Type && at >= q.UpdatedLow && (q.UpdatedHigh == 0 || at <= q.UpdatedHigh) &&
			(len(q.IDs) == 0 || slices.Contains(q.IDs, k.ID)) && matches(ix, q) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b store.Version) int {
		n := a.Updated.Compare(b.Updated)
		if q.Order.Param != 0 {
			n = cmp.Compare(sortKey(m.index[a.Key], q.Order), sortKey(m.index[b.Key], q.Order))
			if n == 0 {
				n = a.Updated.Compare(b.Updated)
			}
			x, y := has(m.index[a.Key], q.Order.Param), has(m.index[b.Key], q.Order.Param)
			if x != y {
				if x {
					return -1
				}
				return 1
			}
		}
		if q.Order.Descending {
			return -n
		}
		return n
	})
	names := make([]string, len(out))
	for i, v := range out {
		names[i] = v.ID
	}
	return strings.Join(names, " ")
}

func has(ix resource.Index, p resource.Term) bool {
	return slices.ContainsFunc(ix.Ranges, func(r resource.Range) bool { return r.Param == p })
}

func sortKey(ix resource.Index, o resource.Order) int64 {
	var lows []int64
	for _, r := range ix.Ranges {
		if r.Param == o.Param {
			lows = append(lows, r.Low)
		}
	}
	switch {
	case len(lows) == 0:
		return 0
	case o.Descending:
		return slices.Max(lows)
	default:
		return slices.Min(lows)
	}
}

func matches(ix resource.Index, q resource.Query) bool {
	for _, c := range q.Clauses {
		if slices.ContainsFunc(c.Any, func(t resource.Term) bool { return slices.Contains(ix.Terms, t) }) == c.Not {
			return false
		}
	}
	for _, c := range q.Ranges {
		if slices.ContainsFunc(ix.Ranges, func(r resource.Range) bool {
			return r.Param == c.Param && r.Low <= c.High && r.High >= c.Low
		}) == c.Not {
			return false
		}
	}
	return true
}

// testModel does random things to the store and to the model and compares.
func testModel(t *testing.T, open Open) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 42))
			place, c := t.TempDir(), newClock()
			s := open(t, place, c.tick)
			m := &model{index: map[store.Key]resource.Index{}}
			for step := range 120 {
				modelDecision(t, s, m, rng)
				for range 3 {
					modelSearch(t, s, m, rng)
				}
				if step%40 == 39 {
					modelHistory(t, s, m)
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = open(t, place, c.tick)
				}
				if t.Failed() {
					break
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

var modelTerms = []string{"a", "b", "c", "d", "e", "f"}

// modelIndex has a few terms of a type, some twice, and a few intervals.
func modelIndex(typ string, rng *rand.Rand) resource.Index {
	var ix resource.Index
	for range rng.IntN(5) {
		ix.Terms = append(ix.Terms, term(typ+modelTerms[rng.IntN(len(modelTerms))]))
	}
	for range rng.IntN(3) {
		r := day(rng.IntN(30))
		if rng.IntN(4) == 0 {
			r.High = day(30 + rng.IntN(400)).High
		}
		if rng.IntN(10) == 0 {
			r.High = math.MaxInt64
		}
		r.Param = param(typ)
		ix.Ranges = append(ix.Ranges, r)
	}
	return ix
}

// modelDecision writes a few versions, sometimes the same resource twice,
// sometimes only to fail in the end.
func modelDecision(t *testing.T, s store.Store, m *model, rng *rand.Rand) {
	t.Helper()
	type change struct {
		k  store.Key
		ix resource.Index
		v  store.Version
	}
	var done []change
	fails, n, looks := rng.IntN(5) == 0, 1+rng.IntN(5), rng.IntN(3) == 0
	err := s.Decide(ctx(), func(tx store.Tx) error {
		done = done[:0]
		for range n {
			k := key([]string{"Task", "Patient"}[rng.IntN(2)], fmt.Sprint("r", rng.IntN(25)))
			cur, err := tx.Resources().Get(k)
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return err
			}
			w := store.Write{Key: k, Expect: cur.Number}
			if cur.Number == 0 || rng.IntN(5) > 0 {
				w.Body, w.Index = body(k, fmt.Sprint(rng.Uint64())), modelIndex(k.Type, rng)
			}
			v, err := tx.Resources().Put(w)
			if err != nil {
				return err
			}
			done = append(done, change{k, w.Index, v})
			if looks {
				if _, err := tx.Resources().Search(resource.Query{Type: k.Type, Limit: 3}); err != nil {
					return err
				}
			}
		}
		if fails {
			return errRefused
		}
		return nil
	})
	if fails {
		return
	}
	if err != nil {
		t.Fatalf("decision: %v", err)
	}
	for _, c := range done {
		m.versions = append(m.versions, c.v)
		if delete(m.index, c.k); !c.v.Deleted {
			m.index[c.k] = c.ix
		}
	}
}

func modelSearch(t *testing.T, s store.Store, m *model, rng *rand.Rand) {
	t.Helper()
	q := resource.Query{Type: []string{"Task", "Patient"}[rng.IntN(2)], Limit: 1 + rng.IntN(12), Order: resource.Order{Descending: rng.IntN(2) == 0}}
	if rng.IntN(3) == 0 {
		q.Order.Param = param(q.Type)
	}
	for range rng.IntN(3) {
		c := resource.Clause{Not: rng.IntN(3) == 0}
		for range 1 + rng.IntN(2) {
			c.Any = append(c.Any, term(q.Type+modelTerms[rng.IntN(len(modelTerms))]))
		}
		q.Clauses = append(q.Clauses, c)
	}
	for range rng.IntN(2) {
		c := []resource.RangeClause{since(rng.IntN(40)), until(rng.IntN(40)), on(rng.IntN(40))}[rng.IntN(3)]
		c.Param, c.Not = param(q.Type), rng.IntN(3) == 0
		q.Ranges = append(q.Ranges, c)
	}
	for range rng.IntN(2) * rng.IntN(6) {
		q.IDs = append(q.IDs, fmt.Sprint("r", rng.IntN(25)))
	}
	if rng.IntN(4) == 0 && len(m.versions) > 0 {
		q.UpdatedLow = m.versions[rng.IntN(len(m.versions))].Updated.UnixMicro()
		q.UpdatedHigh = q.UpdatedLow + rng.Int64N(100_000)
	}
	expected := m.found(q)
	if got := strings.Join(pages(t, s, q, nil), " "); got != expected {
		t.Errorf("search %+v:\n got %s\nwant %s", q, got, expected)
	}
	q.Total, q.Limit = true, 0
	want(t, "total", search(t, s, q).Total, int64(len(strings.Fields(expected))))
}

func modelHistory(t *testing.T, s store.Store, m *model) {
	t.Helper()
	for _, k := range []store.Key{{}, {Type: "Task"}, {Type: "Patient"}, key("Task", "r3"), key("Patient", "r7")} {
		var expected []string
		for i := len(m.versions) - 1; i >= 0; i-- {
			if v := m.versions[i]; (k.Type == "" || v.Type == k.Type) && (k.ID == "" || v.ID == k.ID) {
				expected = append(expected, fmt.Sprintf("%s %d %v %s", v.Key, v.Number, v.Updated, v.Body))
			}
		}
		if k.ID != "" && len(expected) == 0 {
			continue
		}
		var got []string
		for q := (store.HistoryQuery{Key: k, Limit: 7}); ; {
			page := history(t, s, q)
			for _, v := range page.Versions {
				got = append(got, fmt.Sprintf("%s %d %v %s", v.Key, v.Number, v.Updated, v.Body))
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if !slices.Equal(got, expected) {
			t.Errorf("history of %q: %d versions, want %d", k, len(got), len(expected))
		}
	}
}
