package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// inside is what decisions must find: which versions of which Tasks carry a term.
type inside map[string]struct {
	number  int64
	updated int64
	terms   []string
}

func (m inside) having(name string, newest bool, limit int) string {
	var found []string
	for id, v := range m {
		if slices.Contains(v.terms, name) {
			found = append(found, id)
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		if n := int(m[a].updated - m[b].updated); !newest {
			return n
		} else {
			return -n
		}
	})
	more := ""
	if len(found) > limit {
		found, more = found[:limit], " …"
	}
	return strings.Join(found, " ") + more
}

var errChangedItsMind = errors.New("this decision changed its mind")

// testInside: a decision finds what it wrote itself, what decisions before it in
// the same group wrote, and nothing of those that failed.
func testInside(t *testing.T, open Open) {
	s := fresh(t, open)
	var mu sync.Mutex
	is, names := inside{}, []string{"north", "south", "west"}
	look := func(tx store.Tx, m inside, rng *rand.Rand) error {
		name, newest, limit := names[rng.IntN(3)], rng.IntN(2) == 0, 1+rng.IntN(8)
		q := resource.Query{Type: "Task", Clauses: clauses(having(name)), Order: resource.Order{Descending: newest}, Limit: limit}
		page, err := tx.Resources().Search(q)
		if err != nil {
			return err
		}
		got, want := ids(page), m.having(name, newest, limit)
		if page.Next != "" {
			got += " …"
		}
		if got != want {
			t.Errorf("a decision found %q, not %q", got, want)
		}
		if page.Next != "" {
			q.After, q.Limit = page.Next, 100
			if page, err = tx.Resources().Search(q); err != nil {
				return err
			}
			if got, all := got[:len(got)-len(" …")]+" "+ids(page), m.having(name, newest, 100); got != all {
				t.Errorf("page by page a decision found %q, not %q", got, all)
			}
		}
		return nil
	}
	var all sync.WaitGroup
	for n := range 8 {
		rng := rand.New(rand.NewPCG(uint64(n), 9))
		all.Go(func() {
			for range 60 {
				fails := rng.IntN(4) == 0
				seed := rng.Uint64()
				var hint store.Hint
				for _, name := range names {
					if rng.IntN(2) == 0 { // what it reads ahead must not be told from what it reads
						hint.Searches = append(hint.Searches, resource.Query{Type: "Task", Clauses: clauses(having(name)), Limit: 1 + rng.IntN(8)})
					}
				}
				err := s.Decide(ctx(), func(tx store.Tx) error {
					mu.Lock()
					defer mu.Unlock()
					rng, m := rand.New(rand.NewPCG(seed, 1)), maps.Clone(is)
					for range 1 + rng.IntN(4) {
						k := key("Task", fmt.Sprint("t", rng.IntN(12)))
						was := m[k.ID]
						var terms []string
						for _, name := range names {
							if rng.IntN(2) == 0 {
								terms = append(terms, name)
							}
						}
						w := store.Write{Key: k, Body: body(k, "x"), Index: facts(terms...), Expect: was.number}
						if was.number > 0 && rng.IntN(5) == 0 {
							w.Body, terms = nil, nil
						}
						v, err := tx.Resources().Put(w)
						if err != nil {
							return err
						}
						was.number, was.updated, was.terms = v.Number, v.Updated.UnixMicro(), terms
						m[k.ID] = was
						if err := look(tx, m, rng); err != nil {
							return err
						}
					}
					if fails {
						return errChangedItsMind
					}
					is = m
					return nil
				}, hint)
				if err != nil && !(fails && errors.Is(err, errChangedItsMind)) {
					t.Errorf("decide: %v", err)
				}
			}
		})
	}
	all.Wait()
}
