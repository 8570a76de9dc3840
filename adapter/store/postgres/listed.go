package postgres

import (
	"cmp"
	"slices"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// listedMost is the longest page that a decision reads beside what is pending.
const listedMost = 500

// Search of a decision. What decisions look for most, the few resources that
// carry one value, is answered from its list and from what is pending, in one
// round trip and without sending what is pending before its time.
func (r resourceWriter) Search(q resource.Query) (store.Page, error) {
	if q.Check != nil {
		return store.Filter(q, r.Search)
	}
	if term, one := carries(q); one && len(r.t.w.held.refacts)+len(r.t.made.refacts) == 0 {
		if page, whole, err := r.listed(q, term); whole || err != nil {
			return page, err
		}
	}
	return r.resources.Search(q)
}

// carries reports whether a query is for the first page of what carries one
// value, and which.
func carries(q resource.Query) (resource.Term, bool) {
	if len(q.IDs)+len(q.Ranges) > 0 || len(q.Clauses) != 1 || q.Clauses[0].Not || len(q.Clauses[0].Any) != 1 || q.Check != nil ||
		q.UpdatedLow != 0 || q.UpdatedHigh != 0 || q.Order.Param != 0 || q.After != "" || q.Total || q.Limit <= 0 || q.Limit > listedMost {
		return 0, false
	}
	return q.Clauses[0].Any[0], true
}

// listed answers a query for what carries a term; whole is false when the bodies
// are too many for one answer.
func (r resourceWriter) listed(q resource.Query, term resource.Term) (page store.Page, whole bool, err error) {
	if err := r.t.writing(); err != nil {
		return page, false, err
	}
	pending := r.pending(q.Type)
	found, whole, err := r.carrying(q, term, pending)
	if err != nil || !whole {
		return page, false, err
	}
	for k, h := range pending {
		if !h.deleted && h.facts.Has(term) {
			found = append(found, store.Version{Key: k, Number: h.number, Updated: instant(h.seq), Body: h.body})
		}
	}
	slices.SortFunc(found, func(a, b store.Version) int {
		n := cmp.Compare(a.Updated.UnixMicro(), b.Updated.UnixMicro())
		if q.Order.Descending {
			return -n
		}
		return n
	})
	page = store.Page{Total: -1, Versions: found[:min(len(found), q.Limit)]}
	if len(found) > q.Limit {
		s := search{q: q, newest: q.Order.Descending}
		page.Next = store.Cursor{Order: s.order(), Number: found[q.Limit-1].Updated.UnixMicro()}.String()
	}
	return page, true, nil
}

// carrying is what the database has of a page, without what is pending: as read
// ahead, or asked for now.
func (r resourceWriter) carrying(q resource.Query, term resource.Term, pending map[store.Key]*head) (found []store.Version, whole bool, err error) {
	if all, known := r.t.w.cache.carrying[term]; known {
		return slices.DeleteFunc(slices.Clone(all), func(v store.Version) bool { return pending[v.Key] != nil }), true, nil
	}
	rows, err := r.t.direct("SELECT "+versionColumns+" FROM linkloop.posting p JOIN linkloop.version v ON v.seq = p.seq WHERE p.list = $1 ORDER BY p.seq"+
		desc(q.Order.Descending)+" LIMIT $2", int64(term), q.Limit+1+len(pending))
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	size := 0
	for rows.Next() && size <= maxPageBytes {
		v, err := scanVersion(rows, store.Key{})
		if err != nil {
			return nil, false, r.t.breaks(err)
		}
		if size += len(v.Body); pending[v.Key] == nil {
			found = append(found, v)
		}
	}
	rows.Close()
	return found, size <= maxPageBytes, asFault(rows.Err())
}

// pending are the current versions of a type that the database does not have yet.
func (r resourceWriter) pending(typ string) map[store.Key]*head {
	out := map[store.Key]*head{}
	for _, o := range []*overlay{r.t.w.held, r.t.made} {
		for k, h := range o.heads {
			if k.Type == typ {
				out[k] = h
			}
		}
	}
	return out
}

// ForTask is like that of a snapshot, and looks at what is pending itself.
func (w inboxWriter) ForTask(task string) (store.Message, error) {
	if task == "" {
		return store.Message{}, notFound()
	}
	rows, err := w.t.direct(sqlForTask, []byte(task))
	if err != nil {
		return store.Message{}, err
	}
	m, err := collectMessage(rows)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return store.Message{}, err
	}
	for _, o := range []*overlay{w.t.w.held, w.t.made} {
		for _, p := range o.messages {
			if m != nil && p.ID == m.ID && p.Task != task {
				return w.inbox.ForTask(task) // it was another's meanwhile
			}
			if p.Task == task && (m == nil || p.ID <= m.ID) {
				m = p
			}
		}
	}
	if m == nil {
		return store.Message{}, notFound()
	}
	return *m, nil
}
