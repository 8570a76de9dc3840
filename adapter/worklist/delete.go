package worklist

import (
	"context"
	"net/url"
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Delete makes a resource deleted: it is read as 410 from then on, searches
// leave it out, and its history keeps it. Deleting again, or what never was,
// changes nothing and is no error; the version is zero when there is nothing.
// The types of a referral are not deleted (fault.MethodNotAllowed says what to
// do instead), and what another resource refers to is fault.Conflict.
// https://hl7.org/fhir/R4/http.html#delete
func (s *Service) Delete(ctx context.Context, who Caller, c Change) (store.Version, error) {
	return s.remove(ctx, who, c, true)
}

// remove is Delete; whole says whether nothing may refer to the resource, or
// the caller looks into that itself.
func (s *Service) remove(ctx context.Context, who Caller, c Change, whole bool) (out store.Version, err error) {
	d, err := definition(c.Type)
	if err != nil {
		return store.Version{}, err
	}
	if ok, instead := d.Deletable(); !ok {
		return store.Version{}, fault.New(fault.MethodNotAllowed, "", "%s", instead)
	}
	seen, err := versionSeen(c.IfMatch)
	if err != nil {
		return store.Version{}, err
	}
	key := store.Key{Type: c.Type, ID: c.ID}
	err = s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		out = store.Version{}
		cur, err := tx.Resources().Get(key)
		if fault.KindOf(err) == fault.NotFound && err != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if cur.Deleted {
			out = cur
			return nil
		}
		old, err := element.Parse(cur.Body, element.Limits{})
		if err != nil {
			return err
		}
		if !who.Trusted {
			if err := s.mayWrite(tx, who, old); err != nil {
				return err
			}
		}
		if seen != 0 && seen != cur.Number {
			return staleVersion(c.Type, cur.Number, seen)
		}
		if whole {
			if err := s.unreferenced(tx, key); err != nil {
				return err
			}
		}
		if out, err = tx.Resources().Put(store.Write{Key: key, Expect: cur.Number}); err != nil {
			return err
		}
		return s.audit(tx, who, "delete", out, "success")
	}, store.Hint{Keys: []store.Key{key}})
	return out, err
}

// unreferenced refuses to delete what another resource refers to by any search
// parameter: an outcome that a Task names would lead nowhere.
func (s *Service) unreferenced(tx store.Tx, key store.Key) error {
	for _, d := range resource.Definitions() {
		for _, p := range d.Parameters {
			if p.Kind != resource.Reference || len(p.Targets) > 0 && !slices.Contains(p.Targets, key.Type) {
				continue
			}
			search, err := resource.Parse(s.cfg.Indexer, d.Type, url.Values{p.Name: {key.String()}}, resource.Options{BaseURL: s.cfg.BaseURL, Strict: true})
			if err != nil {
				return err
			}
			search.Query.Limit = 2 // one may be the resource itself
			page, err := tx.Resources().Search(search.Query)
			if err != nil {
				return err
			}
			for _, v := range page.Versions {
				if v.Key != key {
					return &fault.Fault{Kind: fault.Conflict, Issues: []fault.Issue{{
						Text: v.Key.String() + " refers to this resource (" + p.Name + "); change that one first"}}}
				}
			}
		}
	}
	return nil
}
