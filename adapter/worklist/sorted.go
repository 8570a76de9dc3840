package worklist

import (
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// maxSorted is how many matches are sorted by keys that no index has.
const maxSorted = 1000

// found answers a search whose links are resolved, in its order.
func found(r store.Reader, q *resource.Search) (store.Page, error) {
	if len(q.Keys) == 0 || q.Query.Limit == 0 {
		return r.Resources().Search(q.Query)
	}
	all := q.Query
	all.After, all.Limit, all.Total = "", maxSorted, false
	page, err := r.Resources().Search(all)
	if err != nil {
		return store.Page{}, err
	}
	if page.Next != "" {
		return store.Page{}, &fault.Fault{Kind: fault.TooLarge, Issues: []fault.Issue{{Code: "too-costly", Place: "_sort",
			Text: "more than " + strconv.Itoa(maxSorted) + " resources match, and this order is made of what matches: narrow the search, or sort by _lastUpdated or by one date"}}}
	}
	list := make([]ranked, len(page.Versions))
	for i, v := range page.Versions {
		if list[i], err = rank(q.Keys, v); err != nil {
			return store.Page{}, err
		}
	}
	slices.SortFunc(list, func(a, b ranked) int { return a.compare(b, q.Keys) })
	out := store.Page{Total: -1}
	if q.Query.Total {
		out.Total = int64(len(list))
	}
	if q.Query.After != "" {
		last, err := lastOf(r, q)
		if err != nil {
			return store.Page{}, err
		}
		list = slices.DeleteFunc(list, func(x ranked) bool { return x.compare(last, q.Keys) <= 0 })
	}
	more := len(list) > q.Query.Limit
	for _, x := range list[:min(len(list), q.Query.Limit)] {
		out.Versions = append(out.Versions, x.Version)
	}
	if more {
		v := out.Versions[len(out.Versions)-1]
		out.Next = sortedCursor + strconv.FormatInt(v.Number, 36) + "." + v.ID
	}
	return out, nil
}

// sortedCursor begins the cursor of such a page. The version that it names, which
// never changes, tells where the page ended, so that nothing of what is sorted
// by stands in a link.
const sortedCursor = "k"

// lastOf is where the page before ended.
func lastOf(r store.Reader, q *resource.Search) (ranked, error) {
	bad := fault.New(fault.Malformed, "", "the page link is not one of this search; begin again from the first page")
	number, id, ok := strings.Cut(strings.TrimPrefix(q.Query.After, sortedCursor), ".")
	n, err := strconv.ParseInt(number, 36, 64)
	if !ok || err != nil || n < 1 || !strings.HasPrefix(q.Query.After, sortedCursor) || !fhir.ID(id) {
		return ranked{}, bad
	}
	v, err := r.Resources().GetVersion(store.Key{Type: q.Query.Type, ID: id}, n)
	if err != nil && fault.KindOf(err) == fault.NotFound || err == nil && v.Deleted {
		return ranked{}, bad
	}
	if err != nil {
		return ranked{}, err
	}
	return rank(q.Keys, v)
}

// ranked is a version with what it is sorted by.
type ranked struct {
	store.Version
	values []resource.SortValue
}

func rank(keys []resource.SortKey, v store.Version) (ranked, error) {
	root, err := element.Parse(v.Body, element.Limits{})
	if err != nil {
		return ranked{}, err
	}
	x := ranked{Version: v, values: make([]resource.SortValue, len(keys))}
	for i, k := range keys {
		x.values[i] = k.Of(root)
	}
	return x, nil
}

// compare breaks ties by id, which does not change when a resource does.
func (x ranked) compare(y ranked, keys []resource.SortKey) int {
	for i, k := range keys {
		if d := k.Compare(x.values[i], y.values[i]); d != 0 {
			return d
		}
	}
	return strings.Compare(x.ID, y.ID)
}
