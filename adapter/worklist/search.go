package worklist

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// maxIncludes bounds what one page may bring along.
const maxIncludes = 1000

// Search answers a search with a searchset Bundle: stored bytes as they are,
// self and next links, included resources once each, and a warning entry for
// what was not understood and therefore not applied.
// https://hl7.org/fhir/R4/http.html#search
func (s *Service) Search(ctx context.Context, typ string, params url.Values, strict bool) ([]byte, error) {
	if _, err := definition(typ); err != nil {
		return nil, err
	}
	q, err := resource.Parse(s.cfg.Indexer, typ, params, resource.Options{BaseURL: s.cfg.BaseURL, Strict: strict})
	if err != nil {
		return nil, err
	}
	var page store.Page
	var included []store.Version
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		var err error
		if page, err = r.Resources().Search(q.Query); err != nil {
			return err
		}
		included, err = s.include(r, q.Includes, page.Versions)
		return err
	})
	if err != nil {
		return nil, err
	}
	if s.reindexing.Load() {
		q.Warnings = append(q.Warnings, fault.Issue{Severity: "warning", Code: "incomplete",
			Text: "resources from before the last upgrade are being indexed: those that are not yet may be missing here"})
	}
	b := newBundle("searchset", s.cfg.BaseURL, page.Versions, included)
	if page.Total >= 0 {
		b.total(page.Total)
	}
	b.link("self", typ, q.Self)
	if page.Next != "" {
		next := url.Values{}
		for k, v := range q.Self {
			next[k] = v
		}
		next.Set(resource.CursorParameter, page.Next)
		b.link("next", typ, next)
	}
	for _, v := range page.Versions {
		b.match(v, "match")
	}
	for _, v := range included {
		b.match(v, "include")
	}
	if len(q.Warnings) > 0 {
		b.outcome(q.Warnings)
	}
	return b.bytes(), nil
}

// include follows the asked-for references of the matches, one step.
func (s *Service) include(r store.Reader, includes []resource.Include, matches []store.Version) ([]store.Version, error) {
	if len(includes) == 0 {
		return nil, nil
	}
	seen := map[store.Key]bool{}
	for _, m := range matches {
		seen[m.Key] = true
	}
	var out []store.Version
	for _, m := range matches {
		root, err := element.Parse(m.Body, element.Limits{})
		if err != nil {
			return nil, err
		}
		for _, inc := range includes {
			for _, ref := range inc.References(root) {
				typ, id, ok := strings.Cut(strings.TrimPrefix(ref, s.cfg.BaseURL+"/"), "/")
				key := store.Key{Type: typ, ID: id}
				if !ok || seen[key] || len(out) >= maxIncludes {
					continue
				}
				seen[key] = true
				v, err := r.Resources().Get(key)
				if fault.KindOf(err) == fault.NotFound && err != nil || err == nil && v.Deleted {
					continue
				}
				if err != nil {
					return nil, err
				}
				out = append(out, v)
			}
		}
	}
	return out, nil
}

// History answers an instance (id given) or type history, newest first.
// https://hl7.org/fhir/R4/http.html#history
func (s *Service) History(ctx context.Context, typ, id string, params url.Values) ([]byte, error) {
	if _, err := definition(typ); err != nil {
		return nil, err
	}
	q := store.HistoryQuery{Key: store.Key{Type: typ, ID: id}, Limit: 50, After: params.Get(resource.CursorParameter)}
	if c := params.Get("_count"); c != "" {
		n, err := strconv.Atoi(c)
		if err != nil || n < 1 {
			return nil, fault.New(fault.Malformed, "_count", "a whole number from 1 is expected")
		}
		q.Limit = min(n, 1000)
	}
	if since := params.Get("_since"); since != "" {
		t, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(since, " ", "+"))
		if err != nil {
			return nil, fault.New(fault.Malformed, "_since", "an instant with a time zone is expected")
		}
		q.Since = t
	}
	var page store.Page
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		if id != "" {
			if _, err := r.Resources().Get(q.Key); err != nil {
				return err
			}
		}
		var err error
		page, err = r.Resources().History(q)
		return err
	})
	if err != nil {
		return nil, err
	}
	path := typ + "/_history"
	if id != "" {
		path = typ + "/" + id + "/_history"
	}
	b := newBundle("history", s.cfg.BaseURL, page.Versions)
	b.link("self", path, params)
	if page.Next != "" {
		next := url.Values{}
		for k, v := range params {
			next[k] = v
		}
		next.Set(resource.CursorParameter, page.Next)
		b.link("next", path, next)
	}
	for _, v := range page.Versions {
		b.history(v)
	}
	return b.bytes(), nil
}
