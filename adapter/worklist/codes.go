package worklist

import (
	"context"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// valueSets lists value sets for searches: one that is held here, by its
// address, else one of the loaded packages or one that is held here, by its
// canonical.
func (s *Service) valueSets(ctx context.Context) func(reference string) (resource.Codes, error) {
	return func(reference string) (out resource.Codes, err error) {
		err = s.cfg.Store.View(ctx, func(r store.Reader) error {
			out, err = s.codes(r, reference)
			return err
		})
		return out, err
	}
}

func (s *Service) codes(r store.Reader, reference string) (out resource.Codes, err error) {
	var set *element.Value
	id, literal := strings.CutPrefix(strings.TrimPrefix(reference, s.cfg.BaseURL+"/"), "ValueSet/")
	if literal {
		v, err := r.Resources().Get(store.Key{Type: "ValueSet", ID: id})
		if err == nil && !v.Deleted {
			set, err = element.Parse(v.Body, element.Limits{})
		}
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return out, err
		}
	}
	held := func(typ, canonical string) *element.Value {
		var v *element.Value
		if err == nil {
			v, err = s.published(r, typ, canonical)
		}
		return v
	}
	codes, note, why := s.cfg.Gate.Codes(set, reference, held)
	if err != nil {
		return out, err
	}
	if why != "" {
		return out, fault.New(fault.Unsupported, "", "the codes of the value set are not known here: %s", why)
	}
	out.Says = note
	for _, c := range codes {
		out.List = append(out.List, resource.Coded(c))
	}
	return out, nil
}

// published finds a definition that is held here, nil when there is none.
func (s *Service) published(r store.Reader, typ, canonical string) (*element.Value, error) {
	url, version, _ := strings.Cut(canonical, "|")
	q, err := resource.Canonical{URL: url, Version: version}.Find(s.cfg.Indexer, typ)
	if err != nil {
		return nil, err
	}
	page, err := r.Resources().Search(q)
	if err != nil || len(page.Versions) == 0 {
		return nil, err
	}
	return element.Parse(page.Versions[0].Body, element.Limits{})
}
