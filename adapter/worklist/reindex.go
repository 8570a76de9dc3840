package worklist

import (
	"context"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// reindexPage is how many resources one decision indexes anew.
const reindexPage = 100

// Reindex indexes anew what was written by a version that searched by less. It
// works in small decisions beside the others, can be ended at any time, and
// goes on where it was: what is done carries a mark. Until it is through,
// answers to searches say that older resources may be missing. It returns how
// many it indexed.
func (s *Service) Reindex(ctx context.Context) (done int, err error) {
	for _, d := range resource.Definitions() {
		n, err := s.reindex(ctx, d.Type)
		if done += n; err != nil {
			return done, err
		}
	}
	s.reindexing.Store(false)
	return done, nil
}

func (s *Service) reindex(ctx context.Context, typ string) (done int, err error) {
	q := resource.Query{Type: typ, Limit: reindexPage, Clauses: []resource.Clause{{Any: []resource.Term{s.cfg.Indexer.Marker(typ)}, Not: true}}}
	for {
		var page store.Page
		err := s.cfg.Store.View(ctx, func(r store.Reader) (err error) {
			page, err = r.Resources().Search(q)
			return err
		})
		if err != nil {
			return done, err
		}
		if len(page.Versions) > 0 {
			s.reindexing.Store(true)
			if err := s.reindexAll(ctx, page.Versions); err != nil {
				return done, err
			}
			done += len(page.Versions)
		}
		if page.Next == "" {
			return done, nil
		}
		q.After = page.Next
	}
}

func (s *Service) reindexAll(ctx context.Context, versions []store.Version) error {
	indexes := make([]resource.Index, len(versions))
	keys := make([]store.Key, len(versions))
	for i, v := range versions {
		root, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return err
		}
		indexes[i], keys[i] = s.cfg.Indexer.Index(root), v.Key
	}
	return s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		for i, v := range versions {
			if err := tx.Resources().Reindex(v.Key, v.Number, indexes[i]); err != nil {
				return err
			}
		}
		return nil
	}, store.Hint{Keys: keys})
}
