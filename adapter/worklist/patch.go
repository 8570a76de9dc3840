package worklist

import (
	"context"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/patch"
	"github.com/linkloop/linkloop/adapter/store"
)

// Patch changes a resource that exists by a patch. It is an update of which
// the body is made inside the decision, from what is there then, so that
// patches of several clients add up; everything that holds for updates holds
// for it. A patch that changes nothing makes no version.
// https://hl7.org/fhir/R4/http.html#patch
func (s *Service) Patch(ctx context.Context, who Caller, c Change, p patch.Patch) (store.Version, error) {
	if d, err := definition(c.Type); err != nil {
		return store.Version{}, err
	} else if !d.Update {
		return store.Version{}, fault.New(fault.MethodNotAllowed, "", "this type cannot be changed over the API")
	}
	seen, err := versionSeen(c.IfMatch)
	if err != nil {
		return store.Version{}, err
	}
	key := store.Key{Type: c.Type, ID: c.ID}
	return s.change(ctx, who, key, seen, store.Hint{Keys: []store.Key{key}}, func(_ store.Tx, _ store.Version, old *element.Value) (revision, error) {
		v, err := p.Apply(old)
		if err != nil {
			return revision{}, err
		}
		if err := patch.Check(old, v); err != nil {
			return revision{}, err
		}
		patch.Tidy(v)
		if err := s.check(v); err != nil {
			return revision{}, err
		}
		return revision{v, s.cfg.Indexer.Index(v), keepVersion}, nil
	})
}
