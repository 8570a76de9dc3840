package worklist

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// maxTypes bounds the types of one search over several.
const maxTypes = 10

// SearchAll answers a search over the types that _type names, by what each of
// them knows, in order of update. Commit times are unique over all types, so
// the last one of a page is where the next begins.
// https://hl7.org/fhir/R4/http.html#vsearch
func (s *Service) SearchAll(ctx context.Context, params url.Values, strict bool) ([]byte, error) {
	types, err := typesOf(params["_type"])
	if err != nil {
		return nil, err
	}
	each := url.Values{}
	for k, v := range params {
		switch name, _, _ := strings.Cut(k, ":"); name {
		case "_type", resource.CursorParameter:
		case "_include", "_revinclude":
			return nil, fault.New(fault.Unsupported, name, "a search over several types brings nothing along; search one type")
		default:
			each[k] = v
		}
	}
	searches, valueSets := make([]*resource.Search, len(types)), s.valueSets(ctx)
	for i, typ := range types {
		o := resource.Options{BaseURL: s.cfg.BaseURL, Strict: strict, Now: s.cfg.Now(), Links: true, ValueSet: valueSets}
		if searches[i], err = resource.Parse(s.cfg.Indexer, typ, each, o); err != nil {
			return nil, err
		}
		if searches[i].Query.Order.Param != 0 || searches[i].Keys != nil {
			return nil, fault.New(fault.Unsupported, "_sort", "a search over several types is sorted by _lastUpdated")
		}
		if err := resume(&searches[i].Query, params.Get(resource.CursorParameter)); err != nil {
			return nil, err
		}
	}
	first := searches[0]
	descending, limit := first.Query.Order.Descending, first.Query.Limit
	var page store.Page
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		page = store.Page{Total: -1}
		for i, q := range searches {
			whole, err := s.resolved(r, q)
			if err != nil {
				return err
			}
			one, err := r.Resources().Search(whole.Query)
			if err != nil {
				return err
			}
			page.Versions = append(page.Versions, one.Versions...)
			if one.Next != "" {
				page.Next = one.Next
			}
			if i == 0 || page.Total >= 0 && one.Total < 0 {
				page.Total = one.Total
			} else if page.Total >= 0 {
				page.Total += one.Total
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(page.Versions, func(a, b store.Version) int {
		if descending {
			a, b = b, a
		}
		return cmp.Compare(a.Updated.UnixMicro(), b.Updated.UnixMicro())
	})
	if page.Next != "" || len(page.Versions) > limit {
		page.Versions = page.Versions[:min(len(page.Versions), limit)]
		page.Next = ""
		if n := len(page.Versions); n > 0 {
			order := byte(store.ByUpdated)
			if descending {
				order = store.ByUpdatedDesc
			}
			page.Next = store.Cursor{Order: order, Number: page.Versions[n-1].Updated.UnixMicro()}.String()
		}
	}
	if page.Versions, err = subset(first, page.Versions); err != nil {
		return nil, err
	}
	first.Self.Set("_type", strings.Join(types, ","))
	return s.searchset("", first, page, nil), nil
}

func typesOf(values []string) ([]string, error) {
	var types []string
	for _, v := range values {
		for _, typ := range strings.Split(v, ",") {
			if _, err := definition(typ); err != nil {
				return nil, fault.New(fault.Malformed, "_type", "types that are served, joined by commas, are expected")
			}
			types = append(types, typ)
		}
	}
	slices.Sort(types)
	types = slices.Compact(types)
	if len(types) == 0 || len(types) > maxTypes {
		return nil, fault.New(fault.Malformed, "_type", "one to %d types are expected", maxTypes)
	}
	return types, nil
}

// resume begins behind the last one of the page before. The cursor is one of
// order by update, and stands for the same time in every type.
func resume(q *resource.Query, cursor string) error {
	order := byte(store.ByUpdated)
	if q.Order.Descending {
		order = store.ByUpdatedDesc
	}
	if _, _, err := store.ParseCursor(cursor, order); err != nil {
		return err
	}
	q.After = cursor
	return nil
}
