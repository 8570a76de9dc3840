package storetest

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// testReindex: what a version is found by is replaced, the version is not, and
// later versions take the new facts away.
func testReindex(t *testing.T, open Open) {
	s := fresh(t, open)
	worklist(t, s)
	found := func(name, expected string, q resource.Query) {
		t.Helper()
		q.Type, q.Limit = "Task", 10
		want(t, name, ids(search(t, s, q)), expected)
	}
	byDate := resource.Query{Order: resource.Order{Param: param("date")}}
	found("before", "a d b e c", byDate)
	before := search(t, s, resource.Query{Type: "Task", Limit: 10})
	again := func(id string, number int64, ix resource.Index) {
		t.Helper()
		decide(t, s, func(tx store.Tx) error { return tx.Resources().Reindex(key("Task", id), number, ix) })
	}
	now := facts("requested", "moved")
	now.Ranges = []resource.Range{day(9), day(2)}
	again("b", 1, now)
	now = facts("accepted", "south")
	now.Ranges = []resource.Range{day(1), day(4), day(8)}
	again("d", 1, now)
	again("a", 7, facts("nothing"))
	again("zz", 1, facts("nothing"))
	found("new term", "b", resource.Query{Clauses: clauses(having("moved"))})
	found("kept and changed terms", "a b c e", resource.Query{Clauses: clauses(having("requested"))})
	found("old terms are gone", "a e", resource.Query{Clauses: clauses(having("north"))})
	found("another version is left alone", "", resource.Query{Clauses: clauses(having("nothing"))})
	found("new intervals", "b d e", resource.Query{Ranges: ranges(since(8))})
	found("intervals beside a term", "b", resource.Query{Clauses: clauses(having("moved")), Ranges: ranges(since(9))})
	found("order", "a d b e c", byDate)
	after := search(t, s, resource.Query{Type: "Task", Limit: 10})
	for i, v := range before.Versions {
		if w := after.Versions[i]; w.Number != v.Number || !w.Updated.Equal(v.Updated) || string(w.Body) != string(v.Body) {
			t.Errorf("%s is another version", v.ID)
		}
	}
	put(t, s, key("Task", "b"), 1, "", facts("done"))
	// In one decision, and with the next version at once.
	decide(t, s, func(tx store.Tx) error {
		if err := tx.Resources().Reindex(key("Task", "d"), 1, facts("short")); err != nil {
			return err
		}
		_, err := tx.Resources().Put(store.Write{Key: key("Task", "d"), Body: body(key("Task", "d"), ""), Index: facts("done"), Expect: 1})
		return err
	})
	found("later versions", "b d", resource.Query{Clauses: clauses(having("done"))})
	for _, name := range strings.Fields("moved short accepted") {
		found(name, "", resource.Query{Clauses: clauses(having(name))})
	}
	found("no intervals any more", "a e", resource.Query{Ranges: ranges(since(1))})
}
