package sqlite_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// TestConditionsOfAllKinds: whatever lists a query is made of, dense or sparse,
// met together often or next to never, its pages hold all that meets it, in
// order, from memory as from the disk.
func TestConditionsOfAllKinds(t *testing.T) {
	const many = 2000
	s := open(t, sqlite.Config{Path: t.TempDir()})
	defer s.Close()
	ctx := context.Background()
	term := func(n int) resource.Term { return resource.Term(n) << 40 } // small numbers are those of types
	facts := make([]resource.Index, many)
	for i := range facts {
		// Term n is on every nth; term 1000 on the oldest half only.
		for _, n := range []int{1, 2, 3, 50, 97, 401} {
			if i%n == 0 {
				facts[i].Terms = append(facts[i].Terms, term(n))
			}
		}
		if i < many/2 {
			facts[i].Terms = append(facts[i].Terms, term(1000))
		}
	}
	for from := 0; from < many; from += 100 {
		err := s.Decide(ctx, func(tx store.Tx) error {
			for i := from; i < from+100; i++ {
				id := fmt.Sprintf("t%d", i)
				v := element.NewObject(element.S("resourceType", "Task"), element.S("id", id))
				if _, err := tx.Resources().Put(store.Write{Key: store.Key{Type: "Task", ID: id}, Body: element.Canonical(v), Index: facts[i]}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	any := func(ns ...int) (c resource.Clause) {
		for _, n := range ns {
			c.Any = append(c.Any, term(n))
		}
		return c
	}
	not := func(ns ...int) resource.Clause { return resource.Clause{Any: any(ns...).Any, Not: true} }
	for name, clauses := range map[string][]resource.Clause{
		"dense and sparse":          {any(1), any(97)},
		"never together":            {any(1000), any(7)},
		"far apart":                 {any(2), any(1000), any(97)},
		"the newest fail":           {any(1), any(1000)},
		"unions":                    {any(50, 97), any(3, 401)},
		"less":                      {any(2), not(3)},
		"only less":                 {not(1000), not(2)},
		"less nearly all":           {any(1), not(2, 3)},
		"less everything":           {any(50), not(1)},
		"two that meet seldom":      {any(50), any(97)},
		"three, and one is nowhere": {any(2), any(3), any(8888)},
	} {
		for _, newest := range []bool{true, false} {
			var want []string
			for i, f := range facts {
				if !slices.ContainsFunc(clauses, func(c resource.Clause) bool { return !f.Pack().Meets(c) }) {
					want = append(want, fmt.Sprintf("t%d", i))
				}
			}
			if newest {
				slices.Reverse(want)
			}
			for _, time := range []string{"first", "second"} { // the second time the versions are on the shelf
				var got []string
				q := resource.Query{Type: "Task", Clauses: clauses, Limit: 7, Order: resource.Order{Descending: newest}, Total: true}
				for {
					var page store.Page
					err := s.View(ctx, func(r store.Reader) error {
						var err error
						page, err = r.Resources().Search(q)
						return err
					})
					if err != nil {
						t.Fatal(err)
					}
					for _, v := range page.Versions {
						got = append(got, v.ID)
					}
					if page.Total != int64(len(want)) {
						t.Fatalf("%s, newest first %v: a total of %d, want %d", name, newest, page.Total, len(want))
					}
					if q.After = page.Next; q.After == "" {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, newest first %v, the %s time: %d found, want %d", name, newest, time, len(got), len(want))
				}
			}
		}
	}
}
