package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// testChecked: a query with a Check finds what the index and the check say
// together, page by page and in every order, and ends when too much is turned
// away.
func testChecked(t *testing.T, open Open) {
	s := fresh(t, open)
	const n = 1000
	var want23 []string
	decide(t, s, func(tx store.Tx) error {
		want23 = nil
		for i := range n {
			text := "no"
			if i%43 == 0 || i == n-1 {
				text = "yes"
			}
			k := key("Task", fmt.Sprintf("c%04d", i))
			ix := facts("candidate")
			ix.Ranges = []resource.Range{{Param: param("date"), Low: int64(i) + 1, High: int64(i) + 1}}
			if _, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, text), Index: ix}); err != nil {
				return err
			}
			if text == "yes" {
				want23 = append(want23, k.ID)
			}
		}
		return nil
	})
	yes := func(b []byte) bool { return strings.Contains(string(b), `"yes"`) }
	back := slices.Clone(want23)
	slices.Reverse(back)
	for _, order := range []resource.Order{{}, {Descending: true}, {Param: param("date")}, {Param: param("date"), Descending: true}} {
		expected := want23
		if order.Descending {
			expected = back
		}
		for _, limit := range []int{1, 2, 7, len(want23), 50} {
			q := resource.Query{Type: "Task", Clauses: clauses(having("candidate")), Check: yes, Order: order, Limit: limit}
			want(t, fmt.Sprint("pages of ", limit), strings.Join(pages(t, s, q, nil), " "), strings.Join(expected, " "))
		}
	}
	q := resource.Query{Type: "Task", Check: yes, Limit: 5, Total: true}
	want(t, "total of a first page", search(t, s, q).Total, int64(len(want23)))
	q.Limit = 0
	want(t, "only the total", search(t, s, q).Total, int64(len(want23)))
	q = resource.Query{Type: "Task", Check: func([]byte) bool { return false }, Limit: 5, Total: true}
	page := search(t, s, q)
	want(t, "nothing", fmt.Sprint(len(page.Versions), page.Total)+page.Next, "0 0")
	for from := 0; from <= resource.MaxRejected; from += 2000 {
		decide(t, s, func(tx store.Tx) error {
			for i := range 2000 {
				k := key("Flag", fmt.Sprintf("f%05d", from+i))
				if _, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, "no"), Index: facts("flag")}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := s.View(ctx(), func(r store.Reader) error {
		_, err := r.Resources().Search(resource.Query{Type: "Flag", Check: yes, Limit: 5})
		return err
	})
	wantKind(t, err, fault.TooLarge)
}
