package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// History returns versions, newest first: of one resource, of a type (its
// current versions and those that were, merged), or of everything.
func (r resources) History(q store.HistoryQuery) (store.Page, error) {
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	q.Limit = min(q.Limit, maxPage)
	page := store.Page{Total: -1}
	order := byte(store.ByHistory)
	if q.Type != "" && q.ID != "" {
		order = store.ByVersionNumber
	}
	cur, resumed, err := store.ParseCursor(q.After, order)
	if err != nil {
		return page, err
	}
	before := int64(unboundedHigh)
	if resumed {
		before = cur.Number
	}
	var rows pgx.Rows
	switch {
	case q.Type == "":
		rows, err = r.q.rows("SELECT "+versionColumns+" FROM linkloop.version v WHERE v.seq < $1 AND v.seq >= $2 ORDER BY v.seq DESC LIMIT $3",
			before, micros(q.Since), q.Limit+1)
	case q.ID == "":
		// The lists are named by their numbers: joined with the table of types, the
		// server takes all of a list and sorts it.
		s := &search{r: r, q: resource.Query{Type: q.Type}}
		known, err := s.findType()
		if err != nil || !known {
			return page, asFault(err)
		}
		const part = "(SELECT p.seq FROM linkloop.posting p WHERE p.list = "
		const cond = " AND p.seq < $3 AND p.seq >= $4 ORDER BY p.seq DESC LIMIT $5)"
		if rows, err = r.q.rows("SELECT "+versionColumns+" FROM ("+part+"$1"+cond+" UNION ALL "+part+"$2"+cond+") m "+
			"JOIN linkloop.version v ON v.seq = m.seq ORDER BY v.seq DESC LIMIT $5", s.typ, -s.typ, before, micros(q.Since), q.Limit+1); err != nil {
			return page, asFault(err)
		}
	default:
		rows, err = r.ofOne(q, before)
	}
	if err != nil {
		return page, asFault(err)
	}
	err = fill(&page, rows, q.Limit, func(v store.Version) store.Cursor {
		if order == store.ByVersionNumber {
			return store.Cursor{Order: order, Number: v.Number}
		}
		return store.Cursor{Order: order, Number: v.Updated.UnixMicro()}
	})
	return page, asFault(err)
}

// ofOne finds version 1, which is not in the index of numbers, as the row that
// the resource is named after.
func (r resources) ofOne(q store.HistoryQuery, before int64) (pgx.Rows, error) {
	typ, id := typeName(q.Type), idBytes(q.ID)
	rows, err := r.q.rows("SELECT r.rid FROM linkloop.type t JOIN linkloop.resource r ON r.type = t.id WHERE t.name = $1 AND r.id = $2", typ, id)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, notFound()
	}
	return r.q.rows("SELECT * FROM ((SELECT "+versionColumns+" FROM linkloop.version v WHERE v.rid = $1 AND v.number > 1 AND v.number < $2 AND v.seq >= $3 ORDER BY v.number DESC LIMIT $4) "+
		"UNION ALL (SELECT "+versionColumns+" FROM linkloop.version v WHERE v.seq = $1 AND 1 < $2 AND v.seq >= $3)) v ORDER BY v.number DESC LIMIT $4",
		found[0], before, micros(q.Since), q.Limit+1)
}
