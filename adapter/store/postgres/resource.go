package postgres

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// resources is the reading room of resources.
type resources struct{ *snapshot }

var errMissingRow = errors.New("postgres: the index names a version that is not there")

// versionColumns are those of a version, in the order every query names them.
const versionColumns = "v.seq, v.number, v.deleted, v.body"

// Get returns the current version.
func (r resources) Get(k store.Key) (store.Version, error) {
	typ, known := r.s.types.number(k.Type)
	if !known {
		return r.getByName(k)
	}
	return r.one(k, "SELECT "+versionColumns+" FROM linkloop.resource r JOIN linkloop.version v ON v.seq = r.seq WHERE r.type = $1 AND r.id = $2", typ, idBytes(k.ID))
}

// getByName asks for a type that this instance has not met: another one may
// have.
func (r resources) getByName(k store.Key) (store.Version, error) {
	return r.one(k, "SELECT "+versionColumns+" FROM linkloop.type t JOIN linkloop.resource r ON r.type = t.id JOIN linkloop.version v ON v.seq = r.seq "+
		"WHERE t.name = $1 AND r.id = $2", typeName(k.Type), idBytes(k.ID))
}

// typeName keeps out of a query what no text of PostgreSQL can hold.
func typeName(s string) string {
	if !plain(s) {
		return ""
	}
	return s
}

// GetVersion returns one version of a resource.
func (r resources) GetVersion(k store.Key, number int64) (store.Version, error) {
	const from = " FROM linkloop.type t JOIN linkloop.resource r ON r.type = t.id JOIN linkloop.version v ON "
	if number == 1 {
		return r.one(k, "SELECT "+versionColumns+from+"v.seq = r.rid WHERE t.name = $1 AND r.id = $2", typeName(k.Type), idBytes(k.ID))
	}
	return r.one(k, "SELECT "+versionColumns+from+"v.rid = r.rid AND v.number = $3 AND v.number > 1 WHERE t.name = $1 AND r.id = $2",
		typeName(k.Type), idBytes(k.ID), number)
}

func (r resources) one(k store.Key, sql string, args ...any) (store.Version, error) {
	rows, err := r.q.rows(sql, args...)
	if err != nil {
		return store.Version{}, asFault(err)
	}
	v, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (store.Version, error) { return scanVersion(row, k) })
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Version{}, notFound()
	}
	return v, asFault(err)
}

// scanVersion reads the columns of a version; without a key it names itself.
func scanVersion(row pgx.CollectableRow, k store.Key, before ...any) (store.Version, error) {
	var seq int64
	v := store.Version{Key: k}
	if err := row.Scan(append(before, &seq, &v.Number, &v.Deleted, &v.Body)...); err != nil {
		return v, err
	}
	v.Updated = instant(seq)
	if k == (store.Key{}) {
		var ok bool
		if v.Key, ok = keyOf(v.Body); !ok {
			return v, errors.New("postgres: a version without a key")
		}
	}
	if v.Deleted {
		v.Body = nil
	}
	return v, nil
}

// resourceWriter is the writing room of resources.
type resourceWriter struct {
	resources
	t *tx
}

// Get answers from what the group has read and made, else from the database.
func (r resourceWriter) Get(k store.Key) (store.Version, error) {
	h, err := r.head(k)
	if err != nil {
		return store.Version{}, err
	}
	if h == nil {
		return store.Version{}, notFound()
	}
	v := store.Version{Key: k, Number: h.number, Updated: instant(h.seq), Deleted: h.deleted}
	if !h.deleted {
		v.Body = h.body
	}
	return v, nil
}

// head is the current version, nil when there is none.
func (r resourceWriter) head(k store.Key) (*head, error) {
	heads := r.t.w.cache.heads
	if h, known := heads[k]; known {
		return h, nil
	}
	typ, known, err := r.t.typeNumber(k.Type)
	if err != nil || !known {
		return nil, err
	}
	rows, err := r.t.direct("SELECT "+headColumns+" FROM linkloop.resource r JOIN linkloop.version v ON v.seq = r.seq WHERE r.type = $1 AND r.id = $2", typ, idBytes(k.ID))
	if err != nil {
		return nil, err
	}
	h, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (*head, error) {
		h := &head{typ: typ}
		return h, row.Scan(&h.rid, &h.seq, &h.number, &h.deleted, (*[]byte)(&h.facts), &h.body)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		heads[k] = nil
		return nil, nil
	}
	if err != nil {
		return nil, r.t.breaks(err)
	}
	heads[k] = h
	return h, nil
}

// typeNumber looks a type up, in the database too: while this group holds the
// row, nobody else can add one.
func (t *tx) typeNumber(name string) (int, bool, error) {
	pending := t.newTypes()
	for _, row := range pending {
		if row.name == name {
			return row.id, true, nil
		}
	}
	if n, ok := t.w.s.types.number(name); ok {
		return n, true, nil
	}
	rows, err := t.direct(sqlTypes)
	if err != nil {
		return 0, false, err
	}
	if err := t.w.s.types.take(rows, pending); err != nil {
		return 0, false, t.breaks(err)
	}
	n, ok := t.w.s.types.number(name)
	return n, ok, nil
}

// newTypes are those that the group has met for the first time. They may be in
// the database already, but nobody else may rely on them before the commit.
func (t *tx) newTypes() []typeRow {
	return append(t.w.types[:len(t.w.types):len(t.w.types)], t.types...)
}

// newType gives a type the next number. It is known to others only after the
// commit.
func (t *tx) newType(name string) (int, error) {
	n, known, err := t.typeNumber(name) // has asked the database when it is not known
	if err != nil || known {
		return n, err
	}
	n = t.w.s.types.highest()
	for _, row := range t.newTypes() {
		n = max(n, row.id)
	}
	n++
	if name == "" || len(name) > 64 || n > maxTypes {
		return 0, fault.New(fault.Internal, "", "the store was given a resource type that cannot be one")
	}
	t.types, t.made.types = append(t.types, typeRow{n, name}), append(t.made.types, typeRow{n, name})
	return n, nil
}

// Put writes the next version: one row that is never changed again, the
// pointer to it, and the index rows in place of the previous version's.
func (r resourceWriter) Put(w store.Write) (store.Version, error) {
	if !plain(w.ID) || !plain(w.Type) {
		return store.Version{}, fault.New(fault.Internal, "", "the store was given a resource id that cannot be one")
	}
	if err := r.t.writing(); err != nil {
		return store.Version{}, err
	}
	was, err := r.head(w.Key)
	if err != nil {
		return store.Version{}, err
	}
	if was == nil {
		was = &head{}
	}
	if was.number != w.Expect {
		return store.Version{}, conflict(w, was.number)
	}
	if w.Body == nil && was.number == 0 {
		return store.Version{}, notFound()
	}
	v := store.Version{Key: w.Key, Number: was.number + 1, Deleted: w.Body == nil}
	seq := r.t.seq()
	v.Updated = time.UnixMicro(seq).UTC()
	now := &head{rid: was.rid, seq: seq, number: v.Number, deleted: v.Deleted, facts: resource.NoFacts, body: tombstone(w.Key)}
	if !v.Deleted {
		v.Body = element.Stamp(w.Body, v.Number, v.Updated)
		if k, ok := keyOf(v.Body); v.Body == nil || !ok || k != w.Key {
			return store.Version{}, fault.New(fault.Internal, "", "the store was given a body that is not canonical or not of its key")
		}
		now.body, now.facts = v.Body, w.Index.Pack()
	}
	if now.rid == 0 {
		now.rid = seq
	}
	if now.typ, err = r.t.newType(w.Type); err != nil {
		return store.Version{}, err
	}
	r.write(w.Key, was, now)
	return v, nil
}

func (r resourceWriter) write(k store.Key, was, now *head) {
	made := r.t.made
	made.versions = append(made.versions, versionRow{now.seq, now.rid, now.number, now.deleted, now.facts, now.body})
	made.heads[k] = now
	set(r.t, r.t.w.cache.heads, k, now)
	typ := int64(now.typ)
	if was.number != 0 && !was.deleted {
		// A deletion has no index rows and is in the history already.
		toggle(made.postings, posting{typ, was.seq}, false)
		toggle(made.postings, posting{-typ, was.seq}, true)
		index(made, was, false)
	}
	if now.deleted {
		toggle(made.postings, posting{-typ, now.seq}, true)
		return
	}
	toggle(made.postings, posting{typ, now.seq}, true)
	index(made, now, true)
}

// Reindex replaces the facts of the current version and the index rows that
// differ.
func (r resourceWriter) Reindex(k store.Key, number int64, ix resource.Index) error {
	if err := r.t.writing(); err != nil {
		return err
	}
	was, err := r.head(k)
	if err != nil || was == nil || was.number != number || was.deleted {
		return err
	}
	now := *was
	now.facts = ix.Pack()
	made := r.t.made
	made.refacts = append(made.refacts, refact{now.seq, now.facts})
	set(r.t, r.t.w.cache.heads, k, &now)
	for term := range was.facts.Terms() {
		if !now.facts.Has(term) {
			toggle(made.postings, posting{int64(term), now.seq}, false)
		}
	}
	for term := range now.facts.Terms() {
		if !was.facts.Has(term) {
			toggle(made.postings, posting{int64(term), now.seq}, true)
		}
	}
	for x := range now.facts.Ranges() {
		toggle(made.spans, span{now.seq, int64(x.Param), x.Low, x.High}, true)
	}
	return nil
}

// index adds or removes the index rows of a version.
func index(o *overlay, h *head, add bool) {
	for term := range h.facts.Terms() {
		toggle(o.postings, posting{int64(term), h.seq}, add)
	}
	for x := range h.facts.Ranges() {
		toggle(o.spans, span{h.seq, int64(x.Param), x.Low, x.High}, add)
	}
}

func conflict(w store.Write, current int64) error {
	text := fmt.Sprintf("the current version is %d, not %d", current, w.Expect)
	if w.Expect == 0 {
		text = "there is a resource with this id already"
	}
	return &fault.Fault{Kind: fault.VersionConflict, Issues: []fault.Issue{{Expression: w.Type, Text: text}}}
}
