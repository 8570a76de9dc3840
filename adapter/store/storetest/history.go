package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

func history(t *testing.T, s store.Store, q store.HistoryQuery) store.Page {
	t.Helper()
	var page store.Page
	view(t, s, func(r store.Reader) (err error) {
		page, err = r.Resources().History(q)
		return err
	})
	return page
}

func testHistory(t *testing.T, open Open) {
	s := fresh(t, open)
	a, b, p := key("Task", "a"), key("Task", "b"), key("Patient", "p")
	put(t, s, a, 0, "1", facts("x"))
	put(t, s, b, 0, "1", facts())
	second := put(t, s, a, 1, "2", facts("x"))
	put(t, s, p, 0, "1", facts())
	remove(t, s, a, 2)
	put(t, s, a, 3, "4", facts("x"))
	put(t, s, b, 1, "2", facts())
	put(t, s, a, 4, "5", facts())
	remove(t, s, b, 2)
	remove(t, s, b, 3)

	for name, c := range map[string]struct {
		q    store.HistoryQuery
		want string
	}{
		"of one":                {store.HistoryQuery{Key: a}, "a/5 a/4 a/3- a/2 a/1"},
		"of one with one":       {store.HistoryQuery{Key: p}, "p/1"},
		"of a deleted one":      {store.HistoryQuery{Key: b}, "b/4- b/3- b/2 b/1"},
		"of a type":             {store.HistoryQuery{Key: store.Key{Type: "Task"}}, "b/4- b/3- a/5 b/2 a/4 a/3- a/2 b/1 a/1"},
		"of another type":       {store.HistoryQuery{Key: store.Key{Type: "Patient"}}, "p/1"},
		"of a type never seen":  {store.HistoryQuery{Key: store.Key{Type: "Unheard"}}, ""},
		"of everything":         {store.HistoryQuery{}, "b/4- b/3- a/5 b/2 a/4 a/3- p/1 a/2 b/1 a/1"},
		"of one since":          {store.HistoryQuery{Key: a, Since: second.Updated}, "a/5 a/4 a/3- a/2"},
		"of one just after":     {store.HistoryQuery{Key: a, Since: second.Updated.Add(time.Microsecond)}, "a/5 a/4 a/3-"},
		"of a type since":       {store.HistoryQuery{Key: store.Key{Type: "Task"}, Since: second.Updated}, "b/4- b/3- a/5 b/2 a/4 a/3- a/2"},
		"of everything since":   {store.HistoryQuery{Since: second.Updated}, "b/4- b/3- a/5 b/2 a/4 a/3- p/1 a/2"},
		"since tomorrow":        {store.HistoryQuery{Since: start.AddDate(0, 0, 1)}, ""},
		"of one since tomorrow": {store.HistoryQuery{Key: a, Since: start.AddDate(0, 0, 1)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c.q.Limit = range []int{1, 2, 3, 4, 5, 9, 10, 50} {
				c.q.After = ""
				var got []string
				for n := 0; n < 100; n++ {
					page := history(t, s, c.q)
					if len(page.Versions) > c.q.Limit {
						t.Errorf("a page of %d with limit %d", len(page.Versions), c.q.Limit)
					}
					if line := numbered(page); line != "" {
						got = append(got, line)
					}
					if c.q.After = page.Next; c.q.After == "" {
						break
					}
				}
				want(t, fmt.Sprint("pages of ", c.q.Limit), strings.Join(got, " "), c.want)
			}
		})
	}
	t.Run("bodies and keys", func(t *testing.T) {
		for _, v := range history(t, s, store.HistoryQuery{Limit: 50}).Versions {
			if v.Deleted != (v.Body == nil) || !v.Deleted && !contains(string(v.Body), fmt.Sprintf(`"id":%q,"meta":{"versionId":"%d"`, v.ID, v.Number)) {
				t.Errorf("%s version %d: deleted %v, body %s", v.Key, v.Number, v.Deleted, v.Body)
			}
		}
	})
	t.Run("not there", func(t *testing.T) {
		err := s.View(ctx(), func(r store.Reader) error {
			_, err := r.Resources().History(store.HistoryQuery{Key: key("Task", "zz")})
			return err
		})
		wantKind(t, err, fault.NotFound)
	})
	t.Run("garbage cursors", func(t *testing.T) {
		for _, q := range []store.HistoryQuery{{}, {Key: store.Key{Type: "Task"}}, {Key: a}} {
			for _, q.After = range []string{"x", "h", "n", "h-5", "u5", "n1.1", "\xff"} {
				err := s.View(ctx(), func(r store.Reader) error { _, err := r.Resources().History(q); return err })
				wantKind(t, err, fault.Malformed)
			}
		}
	})
	t.Run("pages under writes", func(t *testing.T) {
		page := history(t, s, store.HistoryQuery{Key: store.Key{Type: "Task"}, Limit: 4})
		put(t, s, a, 5, "6", facts())
		rest := history(t, s, store.HistoryQuery{Key: store.Key{Type: "Task"}, Limit: 50, After: page.Next})
		want(t, "both pages", numbered(page)+" "+numbered(rest), "b/4- b/3- a/5 b/2 a/4 a/3- a/2 b/1 a/1")
		times := slices.Concat(page.Versions, rest.Versions)
		for i := 1; i < len(times); i++ {
			if !times[i].Updated.Before(times[i-1].Updated) {
				t.Errorf("%s is not older than the one before", times[i].Key)
			}
		}
	})
}
