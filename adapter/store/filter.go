package store

import (
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
)

// filterPage is how many candidates are looked at in one go.
const filterPage = 200

// Filter answers a query that has a Check, with the search of a store that
// knows nothing of it: page by page on one snapshot, each candidate is looked
// at, and after resource.MaxRejected of them in vain the search is
// fault.TooLarge, which says so. A total is counted within the same bound, and
// is -1 beyond it.
func Filter(q resource.Query, search func(resource.Query) (Page, error)) (Page, error) {
	holds := q.Check
	plain := q
	plain.Check, plain.Total = nil, false
	out := Page{Total: -1}
	rejected := 0
	for q.Limit > 0 {
		from := plain.After
		plain.Limit = max(filterPage, q.Limit)
		page, err := search(plain)
		if err != nil {
			return Page{Total: -1}, err
		}
		full := false
		for i, v := range page.Versions {
			if !holds(v.Body) {
				rejected++
				continue
			}
			if out.Versions = append(out.Versions, v); len(out.Versions) < q.Limit {
				continue
			}
			// The page is full: its link begins behind this one, which is what a
			// page that ends here says.
			if i+1 < len(page.Versions) {
				plain.After, plain.Limit = from, i+1
				if page, err = search(plain); err != nil {
					return Page{Total: -1}, err
				}
			}
			out.Next, full = page.Next, true
			break
		}
		if full || page.Next == "" {
			break
		}
		if rejected > resource.MaxRejected {
			return Page{Total: -1}, costly()
		}
		plain.After = page.Next
	}
	if !q.Total {
		return out, nil
	}
	if q.After == "" && out.Next == "" && q.Limit > 0 {
		out.Total = int64(len(out.Versions))
		return out, nil
	}
	return out, count(q, search, &out.Total)
}

// count goes through all candidates, as far as the bound allows.
func count(q resource.Query, search func(resource.Query) (Page, error), total *int64) error {
	holds := q.Check
	q.Check, q.Total, q.After, q.Limit = nil, false, "", filterPage
	n := int64(0)
	for looked := 0; looked <= resource.MaxRejected; looked += filterPage {
		page, err := search(q)
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			if holds(v.Body) {
				n++
			}
		}
		if page.Next == "" {
			*total = n
			return nil
		}
		q.After = page.Next
	}
	return nil
}

func costly() error {
	return &fault.Fault{Kind: fault.TooLarge, Issues: []fault.Issue{{Code: "too-costly",
		Text: "the search looks at too many resources in vain; narrow it with another parameter, such as patient or _lastUpdated"}}}
}
