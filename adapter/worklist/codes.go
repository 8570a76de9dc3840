package worklist

import (
	"context"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// maxDefinitions bounds the definitions, in bytes, that the value sets of one
// request are listed from.
const maxDefinitions = 16 << 20

// valueSets lists value sets for the searches of a request: one that is held
// here, by its address, else one of the loaded packages or one that is held
// here, by its canonical. Each is listed once, and the bounds are for all.
func (s *Service) valueSets(ctx context.Context) func(reference string) (resource.Codes, error) {
	l := s.lister
	if l == nil {
		l = s.newLister()
	}
	return func(reference string) (out resource.Codes, err error) {
		if known, ok := l.listed[reference]; ok {
			return known, nil
		}
		err = s.cfg.Store.View(ctx, func(r store.Reader) error {
			l.ctx, l.reader = ctx, r
			out, err = l.list(reference)
			return err
		})
		if err == nil {
			l.listed[reference] = out
		}
		return out, err
	}
}

// lister lists the value sets of one request, one after the other.
type lister struct {
	s      *Service
	codes  *profile.Lister
	listed map[string]resource.Codes // by reference
	left   int                       // bytes of definitions

	ctx    context.Context // of the search in hand
	reader store.Reader
}

func (s *Service) newLister() *lister {
	l := &lister{s: s, listed: map[string]resource.Codes{}, left: maxDefinitions}
	l.codes = s.cfg.Gate.Lister(l.published, resource.MaxCodes)
	return l
}

func (l *lister) list(reference string) (out resource.Codes, err error) {
	var set *element.Value
	id, literal := strings.CutPrefix(strings.TrimPrefix(reference, l.s.cfg.BaseURL+"/"), "ValueSet/")
	if literal {
		v, err := l.reader.Resources().Get(store.Key{Type: "ValueSet", ID: id})
		if err == nil && !v.Deleted {
			set, err = l.parse(v)
		}
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return out, err
		}
	}
	codes, note, why, err := l.codes.Codes(set, reference)
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
func (l *lister) published(typ, canonical string) (*element.Value, error) {
	if err := inTime(l.ctx); err != nil {
		return nil, err
	}
	url, version, _ := strings.Cut(canonical, "|")
	q, err := resource.Canonical{URL: url, Version: version}.Find(l.s.cfg.Indexer, typ)
	if err != nil {
		return nil, err
	}
	page, err := l.reader.Resources().Search(q)
	if err != nil || len(page.Versions) == 0 {
		return nil, err
	}
	return l.parse(page.Versions[0])
}

func (l *lister) parse(v store.Version) (*element.Value, error) {
	if l.left -= len(v.Body); l.left < 0 {
		return nil, tooCostly("the value sets of a search need definitions of more than %d MiB; narrow it", maxDefinitions>>20)
	}
	return element.Parse(v.Body, element.Limits{})
}
