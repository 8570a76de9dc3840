package worklist

import (
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// resolved answers the links of a search, innermost first, and returns the
// search with the conditions they come to. What it is given stays as it is: a
// view may run again.
func (s *Service) resolved(r store.Reader, q *resource.Search) (*resource.Search, error) {
	if len(q.Links) == 0 {
		return q, nil
	}
	out := *q
	out.Query.Clauses = append([]resource.Clause(nil), q.Query.Clauses...)
	for _, l := range q.Links {
		var found []resource.Linked
		for _, inner := range l.Searches {
			inner, err := s.resolved(r, inner)
			if err != nil {
				return nil, err
			}
			page, err := r.Resources().Search(inner.Query)
			if err != nil {
				return nil, err
			}
			for _, v := range page.Versions {
				found = append(found, resource.Linked{Type: v.Type, ID: v.ID, Body: v.Body})
			}
			if len(found) > resource.MaxLinked {
				return nil, resource.TooCostly("a condition on other resources")
			}
		}
		if err := out.Found(s.cfg.Indexer, l, found); err != nil {
			return nil, err
		}
	}
	return &out, nil
}
