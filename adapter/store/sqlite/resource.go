package sqlite

import (
	"fmt"
	"slices"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// resources is the reading room of resources.
type resources struct{ *snapshot }

// Columns of a version row, in the order every query names them.
const versionColumns = "v.seq, v.number, v.deleted, v.body"

// Get returns the current version.
func (r resources) Get(k store.Key) (store.Version, error) {
	typ, ok := r.types().byName[k.Type]
	if !ok {
		return store.Version{}, notFound()
	}
	s := r.c.stmt("SELECT seq FROM resource WHERE type = ? AND id = ?")
	defer s.done()
	found, err := s.int(typ).id(k.ID).step()
	if err != nil {
		return store.Version{}, asFault(err)
	}
	if !found {
		return store.Version{}, notFound()
	}
	return r.at(s.int64(0), k)
}

// at returns the version of a seq that the snapshot is known to hold: what is
// pruned may still be on the shelf.
func (r resources) at(seq int64, k store.Key) (store.Version, error) {
	if x, ok := r.shelved(seq); ok {
		return x.Version, nil
	}
	s := r.c.stmt("SELECT " + versionColumns + " FROM version v WHERE v.seq = ?")
	defer s.done()
	v, err := r.one(s.int(seq), k)
	if err == nil {
		r.keep(seq, store.Shelved{Version: v})
	}
	return v, err
}

func (r resources) shelved(seq int64) (store.Shelved, bool) {
	if r.shelf == nil {
		return store.Shelved{}, false
	}
	return r.shelf.Get(seq)
}

func (r resources) keep(seq int64, v store.Shelved) {
	if r.shelf != nil {
		r.shelf.Put(seq, v)
	}
}

// GetVersion returns one version of a resource.
func (r resources) GetVersion(k store.Key, number int64) (store.Version, error) {
	rid, err := r.rid(k)
	if err != nil {
		return store.Version{}, err
	}
	if number == 1 {
		s := r.c.stmt("SELECT " + versionColumns + " FROM version v WHERE v.seq = ?")
		defer s.done()
		return r.one(s.int(rid), k)
	}
	s := r.c.stmt("SELECT " + versionColumns + " FROM version v WHERE v.rid = ? AND v.number = ? AND v.number > 1")
	defer s.done()
	return r.one(s.int(rid).int(number), k)
}

// rid is the seq of the resource's first version.
func (r resources) rid(k store.Key) (int64, error) {
	typ, ok := r.types().byName[k.Type]
	if !ok {
		return 0, notFound()
	}
	s := r.c.stmt("SELECT rid FROM resource WHERE type = ? AND id = ?")
	defer s.done()
	ok, err := s.int(typ).id(k.ID).step()
	if err != nil {
		return 0, asFault(err)
	}
	if !ok {
		return 0, notFound()
	}
	return s.int64(0), nil
}

func (r resources) one(s *stmt, k store.Key) (store.Version, error) {
	ok, err := s.step()
	if err != nil {
		return store.Version{}, asFault(err)
	}
	if !ok {
		return store.Version{}, notFound()
	}
	return readVersion(s, k), nil
}

// readVersion takes the version from the current row.
func readVersion(s *stmt, k store.Key) store.Version {
	v := store.Version{Key: k, Number: s.int64(1), Updated: instant(s.int64(0)), Deleted: s.int64(2) != 0}
	if !v.Deleted {
		v.Body = s.bytes(3)
	}
	return v
}

// resourceWriter is the writing room of resources.
type resourceWriter struct {
	resources
	t *tx
}

// Get remembers what is not there: most of what a referral brings is new, is
// asked for first and put then, and Put need not ask again.
func (r resourceWriter) Get(k store.Key) (store.Version, error) {
	v, err := r.resources.Get(k)
	if fault.KindOf(err) == fault.NotFound && err != nil && len(r.t.absent) < maxAbsent && !slices.Contains(r.t.absent, k) {
		r.t.absent = append(r.t.absent, k)
	}
	return v, err
}

// maxAbsent bounds what a decision remembers, and so the search through it.
const maxAbsent = 32

// current is what Put must know of the version it replaces.
type current struct {
	rid, seq, number int64
	deleted          bool
	facts            resource.Facts
}

func (r resourceWriter) current(typ int64, id string) (current, error) {
	s := r.c.stmt("SELECT r.rid, r.seq, v.number, v.deleted, v.facts FROM resource r JOIN version v ON v.seq = r.seq WHERE r.type = ? AND r.id = ?")
	defer s.done()
	ok, err := s.int(typ).id(id).step()
	if err != nil || !ok {
		return current{}, err
	}
	return current{rid: s.int64(0), seq: s.int64(1), number: s.int64(2), deleted: s.int64(3) != 0, facts: s.bytes(4)}, nil
}

// Put writes the next version: one row that is never changed again, the
// pointer to it, and the index rows in place of the previous version's.
func (r resourceWriter) Put(w store.Write) (store.Version, error) {
	if !plain(w.ID) || !plain(w.Type) {
		return store.Version{}, fault.New(fault.Internal, "", "the store was given a resource id that cannot be one")
	}
	var cur current
	var err error
	if i := slices.Index(r.t.absent, w.Key); i >= 0 {
		r.t.absent = slices.Delete(r.t.absent, i, i+1)
	} else if typ, known := r.types().byName[w.Type]; known {
		if cur, err = r.current(typ, w.ID); err != nil {
			return store.Version{}, asFault(err)
		}
	}
	if cur.number != w.Expect {
		return store.Version{}, conflict(w, cur)
	}
	if w.Body == nil && cur.number == 0 {
		return store.Version{}, notFound()
	}
	if err := r.t.writing(); err != nil {
		return store.Version{}, err
	}
	v := store.Version{Key: w.Key, Number: cur.number + 1, Deleted: w.Body == nil}
	seq := r.t.seq()
	v.Updated = time.UnixMicro(seq).UTC()
	row := tombstone(w.Key)
	if !v.Deleted {
		if v.Body = element.Stamp(w.Body, v.Number, v.Updated); v.Body == nil || !owns(v.Body, w.Key) {
			return store.Version{}, fault.New(fault.Internal, "", "the store was given a body that is not canonical or not of its key")
		}
		row = v.Body
	}
	if err := r.write(w, cur, seq, v, row); err != nil {
		return store.Version{}, r.t.breaks(err)
	}
	return v, nil
}

func (r resourceWriter) write(w store.Write, cur current, seq int64, v store.Version, row []byte) error {
	typ, err := r.t.w.number(w.Type)
	if err != nil {
		return err
	}
	rid := cur.rid
	if rid == 0 {
		rid = seq
	}
	var found resource.Facts
	if v.Deleted {
		found = resource.NoFacts
	} else {
		found = w.Index.Pack()
	}
	s := r.c.stmt("INSERT INTO version (seq, rid, number, deleted, facts, body) VALUES (?, ?, ?, ?, ?, ?)")
	err = s.int(seq).int(rid).int(v.Number).bool(v.Deleted).blob(found).blob(row).exec()
	s.done()
	if err != nil {
		return err
	}
	if cur.number == 0 {
		s = r.c.stmt("INSERT INTO resource (type, id, rid, seq) VALUES (?, ?, ?, ?)")
		err = s.int(typ).id(w.ID).int(rid).int(seq).exec()
	} else {
		s = r.c.stmt("UPDATE resource SET seq = ? WHERE type = ? AND id = ?")
		err = s.int(seq).int(typ).id(w.ID).exec()
	}
	s.done()
	if err != nil {
		return err
	}
	if err := r.unindex(typ, cur, seq); err != nil {
		return err
	}
	if v.Deleted {
		r.t.w.postings.add(-typ, seq)
		return nil
	}
	return r.index(typ, seq, found)
}

// index adds the index rows of a version that became current.
func (r resourceWriter) index(typ, seq int64, f resource.Facts) error {
	r.t.w.postings.add(typ, seq)
	for term := range f.Terms() {
		r.t.w.fresh.add(int64(term), seq)
	}
	return r.spans("INSERT INTO span (param, wide, low, seq, high) VALUES (?, ?, ?, ?, ?)", seq, f)
}

// unindex removes the index rows of a version that is current no longer, and
// keeps it in the history of its type. seq is that of the version after it.
func (r resourceWriter) unindex(typ int64, cur current, seq int64) error {
	if cur.number == 0 || cur.deleted {
		return nil // a deletion has no index rows and is in the history already
	}
	p := &r.t.w.postings
	p.remove(typ, cur.seq)
	p.add(-typ, cur.seq)
	for term := range cur.facts.Terms() {
		r.remove(term, cur.seq, seq)
	}
	return r.spans("DELETE FROM span WHERE param = ? AND wide = ? AND low = ? AND seq = ? AND high = ?", cur.seq, cur.facts)
}

// remove removes the row of a term as of a seq.
func (r resourceWriter) remove(term resource.Term, seq, gone int64) {
	if r.t.w.fresh.remove(int64(term), seq, gone) {
		r.t.w.postings.remove(int64(term), seq)
	}
}

// Reindex replaces the facts of the current version and the index rows that
// differ.
func (r resourceWriter) Reindex(k store.Key, number int64, ix resource.Index) error {
	typ, known := r.types().byName[k.Type]
	if !known {
		return nil
	}
	cur, err := r.current(typ, k.ID)
	if err != nil {
		return asFault(err)
	}
	if cur.number != number || cur.deleted {
		return nil
	}
	if err := r.t.writing(); err != nil {
		return err
	}
	r.t.w.s.shelf.ForgetFacts()
	return r.t.breaks(r.refact(cur, ix.Pack()))
}

func (r resourceWriter) refact(cur current, now resource.Facts) error {
	s := r.c.stmt("UPDATE version SET facts = ? WHERE seq = ?")
	err := s.blob(now).int(cur.seq).exec()
	s.done()
	if err != nil {
		return err
	}
	gone := r.t.seq()
	for term := range cur.facts.Terms() {
		if !now.Has(term) {
			r.remove(term, cur.seq, gone)
		}
	}
	for term := range now.Terms() {
		if !cur.facts.Has(term) {
			r.t.w.postings.add(int64(term), cur.seq) // older than what is in memory may be
		}
	}
	if err := r.spans("DELETE FROM span WHERE param = ? AND wide = ? AND low = ? AND seq = ? AND high = ?", cur.seq, cur.facts); err != nil {
		return err
	}
	return r.spans("INSERT INTO span (param, wide, low, seq, high) VALUES (?, ?, ?, ?, ?)", cur.seq, now)
}

// spans runs a statement for each interval of a version.
func (r resourceWriter) spans(sql string, seq int64, f resource.Facts) error {
	s := r.c.stmt(sql)
	defer s.done()
	for x := range f.Ranges() {
		if err := s.int(int64(x.Param)).bool(x.Wide()).int(x.Low).int(seq).int(x.High).exec(); err != nil {
			return err
		}
	}
	return nil
}

// owns reports whether a stored body begins with the key.
func owns(body []byte, k store.Key) bool {
	typ, id, ok := keyBytes(body)
	return ok && string(typ) == k.Type && string(id) == k.ID
}

func conflict(w store.Write, cur current) error {
	text := fmt.Sprintf("the current version is %d, not %d", cur.number, w.Expect)
	if w.Expect == 0 {
		text = "there is a resource with this id already"
	}
	return &fault.Fault{Kind: fault.VersionConflict, Issues: []fault.Issue{{Expression: w.Type, Text: text}}}
}
