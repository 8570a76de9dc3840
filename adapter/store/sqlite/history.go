package sqlite

import (
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

const defaultPage = 50

// History returns versions, newest first: of one resource, of a type (its
// current versions and those that were, merged), or of everything.
func (r resources) History(q store.HistoryQuery) (store.Page, error) {
	if r.flush != nil {
		if err := r.flush(); err != nil {
			return store.Page{Total: -1}, err
		}
	}
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	q.Limit = min(q.Limit, maxPage)
	var page store.Page
	var err error
	switch {
	case q.Type == "":
		page, err = r.historyOfAll(q)
	case q.ID == "":
		page, err = r.historyOfType(q)
	default:
		page, err = r.historyOfOne(q)
	}
	if err != nil {
		return store.Page{Total: -1}, asFault(err)
	}
	page.Total = -1
	return page, nil
}

func (r resources) historyOfAll(q store.HistoryQuery) (store.Page, error) {
	cur, resumed, err := store.ParseCursor(q.After, store.ByHistory)
	if err != nil {
		return store.Page{}, err
	}
	s := r.c.stmt("SELECT " + versionColumns + " FROM version v WHERE v.seq < ? AND v.seq >= ? ORDER BY v.seq DESC")
	defer s.done()
	s.int(before(cur, resumed)).int(micros(q.Since))
	return fill(s, q, store.ByHistory)
}

// before is the exclusive upper bound that a cursor stands for.
func before(cur store.Cursor, resumed bool) int64 {
	if resumed {
		return cur.Number
	}
	return unboundedHigh
}

// historyOfOne walks the version numbers down. Version 1 is not in their
// index; it is the row that the resource is named after.
func (r resources) historyOfOne(q store.HistoryQuery) (store.Page, error) {
	cur, resumed, err := store.ParseCursor(q.After, store.ByVersionNumber)
	if err != nil {
		return store.Page{}, err
	}
	rid, err := r.rid(q.Key)
	if err != nil {
		return store.Page{}, err
	}
	s := r.c.stmt("SELECT " + versionColumns + " FROM version v WHERE v.rid = ? AND v.number > 1 AND v.number < ? AND v.seq >= ? ORDER BY v.number DESC")
	defer s.done()
	s.int(rid).int(before(cur, resumed)).int(micros(q.Since))
	page, err := fill(s, q, store.ByVersionNumber)
	if err != nil || page.Next != "" || rid < micros(q.Since) || resumed && cur.Number <= 1 {
		return page, err
	}
	first, err := r.GetVersion(q.Key, 1)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return page, nil // pruned
	}
	if err != nil {
		return store.Page{}, err
	}
	if len(page.Versions) >= q.Limit {
		page.Next = store.Cursor{Order: store.ByVersionNumber, Number: page.Versions[len(page.Versions)-1].Number}.String()
		return page, nil
	}
	page.Versions = append(page.Versions, first)
	return page, nil
}

// fill reads the page from the rows; one more row means there is a next page.
func fill(s *stmt, q store.HistoryQuery, order byte) (store.Page, error) {
	var page store.Page
	size := 0
	for {
		ok, err := s.step()
		if err != nil || !ok {
			return page, err
		}
		if n := len(page.Versions); n == q.Limit || size > maxPageBytes {
			last := page.Versions[n-1]
			c := store.Cursor{Order: order, Number: last.Updated.UnixMicro()}
			if order == store.ByVersionNumber {
				c.Number = last.Number
			}
			page.Next = c.String()
			return page, nil
		}
		v, err := selfNamed(s)
		if err != nil {
			return page, err
		}
		size += len(v.Body)
		page.Versions = append(page.Versions, v)
	}
}

func (r resources) historyOfType(q store.HistoryQuery) (store.Page, error) {
	var page store.Page
	cur, resumed, err := store.ParseCursor(q.After, store.ByHistory)
	if err != nil {
		return page, err
	}
	typ, known := r.types().byName[q.Type]
	if !known {
		return page, nil
	}
	s := &search{r: r, newest: true}
	defer s.close()
	all := anyOf{
		&postingList{c: r.c, id: typ, newest: true},
		&postingList{c: r.c, id: -typ, newest: true},
	}
	defer all.close()
	at := int64(-unboundedHigh)
	if resumed {
		at = -cur.Number + 1
	}
	for size := 0; ; {
		p, ok, err := all.seek(at)
		if err != nil || !ok || -p < micros(q.Since) {
			return page, err
		}
		if n := len(page.Versions); n == q.Limit || size > maxPageBytes {
			page.Next = store.Cursor{Order: store.ByHistory, Number: page.Versions[n-1].Updated.UnixMicro()}.String()
			return page, nil
		}
		v, err := s.version(-p)
		if err != nil {
			return page, err
		}
		size += len(v.Body)
		page.Versions = append(page.Versions, v)
		at = p + 1
	}
}
