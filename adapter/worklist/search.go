package worklist

import (
	"context"
	"fmt"
	"net/url"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Search answers a search over a type with a searchset Bundle: stored bytes as
// they are, self and next links, included resources once each, and a warning
// entry for what was not understood and therefore not applied.
// https://hl7.org/fhir/R4/http.html#search
func (s *Service) Search(ctx context.Context, typ string, params url.Values, strict bool) ([]byte, error) {
	return s.search(ctx, typ, typ, params, resource.Options{Strict: strict})
}

// SearchIn is Search within the compartment of a resource: over what refers to
// it by any of its reference parameters.
// https://hl7.org/fhir/R4/http.html#vsearch
func (s *Service) SearchIn(ctx context.Context, in store.Key, typ string, params url.Values, strict bool) ([]byte, error) {
	if _, err := s.Read(ctx, in.Type, in.ID); err != nil {
		return nil, err
	}
	if typ == "*" {
		return nil, fault.New(fault.Unsupported, "", "a compartment is searched one type at a time, such as [base]/Patient/[id]/Task")
	}
	return s.search(ctx, typ, in.String()+"/"+typ, params, resource.Options{Strict: strict, InType: in.Type, InID: in.ID})
}

func (s *Service) search(ctx context.Context, typ, path string, params url.Values, o resource.Options) ([]byte, error) {
	if _, err := definition(typ); err != nil {
		return nil, err
	}
	o.BaseURL, o.Now, o.Links, o.ValueSet = s.cfg.BaseURL, s.cfg.Now(), true, s.valueSets(ctx)
	o.Lists = true
	rest, met := s.adopted(typ, params)
	q, err := resource.Parse(s.cfg.Indexer, typ, rest, o)
	if err != nil {
		return nil, err
	}
	for _, v := range met {
		q.Self.Add("_profile", v)
	}
	if err := s.listed(ctx, q, typ); err != nil {
		return nil, err
	}
	var page store.Page
	var included []store.Version
	var more bool
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		whole, err := s.resolved(r, q)
		if err != nil {
			return err
		}
		if page, err = found(r, whole); err != nil {
			return err
		}
		included, more, err = s.include(r, q.Includes, page.Versions)
		return err
	})
	if err != nil {
		return nil, err
	}
	if more {
		q.Warnings = append(q.Warnings, fault.Issue{Severity: "warning", Code: "too-costly",
			Text: fmt.Sprintf("a page brings %d other resources of %d MB along at most; there are more", maxIncludes, maxIncluded>>20)})
	}
	if s.reindexing.Load() {
		q.Warnings = append(q.Warnings, fault.Issue{Severity: "warning", Code: "incomplete",
			Text: "resources from before the last upgrade are being indexed: those that are not yet may be missing here"})
	}
	if page.Versions, err = subset(q, page.Versions); err != nil {
		return nil, err
	}
	return s.searchset(path, q, page, included), nil
}

// searchset writes the Bundle of one page.
func (s *Service) searchset(path string, q *resource.Search, page store.Page, included []store.Version) []byte {
	b := newBundle("searchset", s.cfg.BaseURL, page.Versions, included)
	if page.Total >= 0 {
		b.total(page.Total)
	}
	b.link("self", path, q.Self)
	if page.Next != "" {
		next := url.Values{}
		for k, v := range q.Self {
			next[k] = v
		}
		next.Set(resource.CursorParameter, page.Next)
		b.link("next", path, next)
	}
	for _, v := range page.Versions {
		b.match(v, "match")
	}
	for _, v := range included {
		b.match(v, "include")
	}
	warnings := q.Warnings
	if q.Query.Total && page.Total < 0 {
		warnings = append(warnings, fault.Issue{Severity: "warning", Code: "too-costly",
			Text: "more match than are counted, so the total is left out; narrow the search, or ask for fewer at a time, by _lastUpdated or another date"})
	}
	if len(warnings) > 0 {
		b.outcome(warnings)
	}
	return b.bytes()
}
