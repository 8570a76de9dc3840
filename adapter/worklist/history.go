package worklist

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Bounds of one page of a history.
const (
	historyCount = 50
	historyMost  = 1000
	// historyScan is how many versions are read in one go to find those of _at, and
	// historyLooked how many a page looks at; what is further is behind its link.
	historyScan   = 200
	historyLooked = 2000
)

// History answers the history of a resource, of a type (id empty) or of
// everything (typ empty): a Bundle of versions, newest first, each with the
// interaction that made it. A page begins behind the last version of the page
// before, which no later write changes, so that a walk through the pages shows
// each version of when it began once. Parameters are _count, _since and _at, and
// _elements and _summary as in a search; others are left out of the self link, or refused when handling is strict.
// https://hl7.org/fhir/R4/http.html#history
func (s *Service) History(ctx context.Context, typ, id string, params url.Values, strict bool) ([]byte, error) {
	path := "_history"
	if typ != "" {
		if _, err := definition(typ); err != nil {
			return nil, err
		}
		path = typ + "/_history"
	}
	if id != "" {
		path = typ + "/" + id + "/_history"
	}
	h, err := historyOf(typ, id, params, strict)
	if err != nil {
		return nil, err
	}
	var page store.Page
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		if id != "" {
			if _, err := r.Resources().Get(h.query.Key); err != nil {
				return err
			}
		}
		var err error
		page, err = h.page(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	b := newBundle("history", s.cfg.BaseURL, page.Versions)
	b.link("self", path, h.self)
	if page.Next != "" {
		next := maps.Clone(h.self)
		next.Set(resource.CursorParameter, page.Next)
		b.link("next", path, next)
	}
	for _, v := range page.Versions {
		if v, err = s.Show(v, params); err != nil {
			return nil, err
		}
		b.history(v)
	}
	return b.bytes(), nil
}

// history is what is asked of a history.
type history struct {
	query       store.HistoryQuery
	limit       int
	self        url.Values
	at          bool // only versions that were current between first and last
	first, last time.Time
}

func historyOf(typ, id string, params url.Values, strict bool) (*history, error) {
	h := &history{query: store.HistoryQuery{Key: store.Key{Type: typ, ID: id}}, limit: historyCount, self: url.Values{}}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		value := params.Get(name)
		switch {
		case slices.Contains(shown, name):
			h.self[name] = params[name]
			continue
		case name == "_list" || strings.HasPrefix(name, "_list:"):
			return nil, fault.New(fault.Unsupported, "_list", "_list is served in searches over one type, and not in histories")
		case name != resource.CursorParameter && name != "_count" && name != "_since" && name != "_at":
			if strict {
				return nil, fault.New(fault.Malformed, "", "an unknown parameter; a history knows _count, _since, _at, _elements and _summary")
			}
			continue
		case len(params[name]) > 1:
			return nil, fault.New(fault.Malformed, name, "the parameter is expected once")
		case name == resource.CursorParameter:
			h.query.After = value
			continue // no condition: it stays out of the self link
		case name == "_count":
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 {
				return nil, fault.New(fault.Malformed, name, "a whole number from 0 is expected")
			}
			h.limit = min(n, historyMost)
		default:
			// A plus sign that was not escaped arrives as a space.
			first, last, ok := resource.Interval(strings.ReplaceAll(value, " ", "+"))
			if !ok {
				return nil, fault.New(fault.Malformed, name, "an instant with a time zone, or a date, is expected")
			}
			if name == "_since" {
				h.query.Since = first
			} else {
				h.at, h.first, h.last = true, first, last
			}
		}
		h.self.Set(name, value)
	}
	return h, nil
}

// page reads one page.
func (h *history) page(r store.Reader) (store.Page, error) {
	if h.limit == 0 || h.at && h.last.UnixMicro() < 1 {
		return store.Page{Total: -1}, nil
	}
	if !h.at {
		h.query.Limit = h.limit
		return r.Resources().History(h.query)
	}
	q := h.query
	q.Limit = historyScan
	order := byte(store.ByHistory)
	if q.ID != "" {
		order = store.ByVersionNumber
	} else if q.After == "" {
		q.After = store.Cursor{Order: order, Number: h.last.UnixMicro() + 1}.String()
	}
	out := store.Page{Total: -1}
	for looked := 0; ; {
		page, err := r.Resources().History(q)
		if err != nil {
			return out, err
		}
		for i, v := range page.Versions {
			current, err := h.current(r, v)
			if err != nil {
				return out, err
			}
			if current {
				out.Versions = append(out.Versions, v)
			}
			looked++
			if last := i == len(page.Versions)-1 && page.Next == ""; last || len(out.Versions) < h.limit && looked < historyLooked {
				continue
			}
			c := store.Cursor{Order: order, Number: v.Updated.UnixMicro()}
			if order == store.ByVersionNumber {
				c.Number = v.Number
			}
			out.Next = c.String()
			return out, nil
		}
		if page.Next == "" {
			return out, nil
		}
		q.After = page.Next
	}
}

// current reports whether a version was current at some time of the period. A
// deletion is current at the moment when it happened.
func (h *history) current(r store.Reader, v store.Version) (bool, error) {
	switch {
	case v.Updated.After(h.last):
		return false, nil
	case !v.Updated.Before(h.first):
		return true, nil
	case v.Deleted:
		return false, nil
	}
	next, err := r.Resources().GetVersion(v.Key, v.Number+1)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return true, nil
	}
	return err == nil && next.Updated.After(h.first), err
}
