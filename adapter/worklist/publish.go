package worklist

import (
	"bytes"
	"context"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// Publish keeps resources that come with the program where clients read and
// find them, under their own ids: one that is not there, or differs, gets a
// version. Types that are not served are left out. It is called at every start,
// and writes nothing when nothing changed.
func (s *Service) Publish(ctx context.Context, resources ...*element.Value) error {
	return s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		for _, v := range resources {
			if _, err := definition(v.ResourceType()); err != nil {
				continue
			}
			w := store.Write{Key: store.Key{Type: v.ResourceType(), ID: v.ID()}, Body: element.Canonical(v)}
			cur, err := tx.Resources().Get(w.Key)
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return err
			}
			if err == nil && !cur.Deleted {
				old, err := element.Parse(cur.Body, element.Limits{})
				if err != nil {
					return err
				}
				if bytes.Equal(element.Canonical(old), w.Body) {
					continue
				}
			}
			w.Expect, w.Index = cur.Number, s.cfg.Indexer.Index(v)
			if _, err := tx.Resources().Put(w); err != nil {
				return err
			}
		}
		return nil
	})
}
