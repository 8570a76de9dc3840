package worklist

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// Update writes a new version of a resource that exists. The version check,
// the workflow rules and the write are one decision: of two clients that move
// the same Task, the second meets what the first made of it.
//
// If-Match is insisted on. Without it, meta.versionId of the body, or its
// meta.lastUpdated, says which version the author evidently had. A copy that is
// no longer current is merged: what the author changed is changed, what others
// changed since stays, and where both changed the same element the update is
// refused with fault.VersionConflict. A Task that says nothing of its version
// is refused when it looks like an earlier version sent back; what it leaves
// out stays. So a crude client reverts nobody's work.
// https://hl7.org/fhir/R4/http.html#update
func (s *Service) Update(ctx context.Context, who Caller, c Change) (store.Version, error) {
	body, err := parseAs(c.Type, c.Body)
	if err != nil {
		return store.Version{}, err
	}
	if d, err := definition(c.Type); err != nil {
		return store.Version{}, err
	} else if !d.Update {
		return store.Version{}, fault.New(fault.MethodNotAllowed, "", "this type cannot be changed over the API")
	}
	u := &update{s: s, who: who, key: store.Key{Type: c.Type, ID: c.ID}, body: body}
	if u.body.ID() != c.ID {
		return store.Version{}, &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{
			Code: "value", Expression: c.Type + ".id", Text: "the id in the resource is not the id in the URL"}}}
	}
	if u.insists, err = versionSeen(c.IfMatch); err != nil {
		return store.Version{}, err
	}
	u.unfit = s.check(body)
	if u.unfit != nil && c.Type != "Task" {
		return store.Version{}, u.unfit
	}
	if u.unfit == nil {
		u.index = s.cfg.Indexer.Index(body)
	}
	return s.change(ctx, who, u.key, u.insists, s.reads(u.key, body), u.revise)
}

// update is a whole resource on its way to become the next version.
type update struct {
	s    *Service
	who  Caller
	key  store.Key
	body *element.Value // checked, and with references as they are looked for
	revision
	unfit   error // what the check found; of a Task it may be what it leaves out
	insists int64 // by If-Match
}

// revise is the reviser of an update.
func (u *update) revise(tx store.Tx, cur store.Version, old *element.Value) (revision, error) {
	r := revision{value: u.body.Clone(), index: u.index}
	seen, err := u.seen(tx)
	if err != nil {
		return r, err
	}
	base := old
	if seen != 0 && seen != cur.Number {
		if base, err = u.base(tx, cur, seen); err != nil {
			return r, err
		}
	}
	altered := base != old
	if u.key.Type == "Task" {
		if seen == 0 {
			if err := u.notStale(tx, cur, old); err != nil {
				return r, err
			}
		}
		parties, err := u.s.parties(tx, u.who, old)
		if err != nil {
			return r, err
		}
		altered = u.s.cfg.Workflow.Complete(base, r.value, parties, seen != 0) || altered
	}
	if altered {
		r.whenSame = keepVersion
	}
	if base != old {
		if r.value, err = u.merge(tx, cur, seen, base, r.value, old); err != nil {
			return r, err
		}
	}
	if !altered {
		return r, u.unfit
	}
	if err := u.s.check(r.value); err != nil {
		return r, err
	}
	r.index = u.s.cfg.Indexer.Index(r.value)
	return r, nil
}

// merge lays what the author changed over what is there.
func (u *update) merge(tx store.Tx, cur store.Version, seen int64, base, mine, theirs *element.Value) (*element.Value, error) {
	here, err := writtenHere(tx, cur, seen)
	if err != nil {
		return nil, err
	}
	out, clash := merge(base, mine, theirs, here)
	if len(clash) == 0 {
		return out, nil
	}
	if u.key.Type == "Task" && theirs.Get("owner") != nil && !element.Equal(base.Get("owner"), theirs.Get("owner")) && !element.Equal(base.Get("owner"), mine.Get("owner")) {
		return nil, &fault.Fault{Kind: fault.Conflict, Issues: []fault.Issue{{
			Expression: "Task.owner", Text: "the Task has been claimed by another"}}}
	}
	return nil, clashes(u.key.Type, cur.Number, seen, clash)
}

// seen is the version that the author had: by If-Match, by what the body says
// of itself, or 0.
func (u *update) seen(tx store.Tx) (int64, error) {
	if u.insists != 0 {
		return u.insists, nil
	}
	if n, err := strconv.ParseInt(u.body.TextAt("meta.versionId"), 10, 64); err == nil && n > 0 {
		return n, nil
	}
	at, err := time.Parse(time.RFC3339Nano, u.body.TextAt("meta.lastUpdated"))
	if err != nil {
		return 0, nil
	}
	page, err := tx.Resources().History(store.HistoryQuery{Key: u.key, Limit: maxLookBack})
	if err != nil {
		return 0, err
	}
	for _, v := range page.Versions {
		// Clients cut what they do not have: a time of JavaScript has milliseconds.
		if v.Updated.Truncate(time.Millisecond).Equal(at.Truncate(time.Millisecond)) {
			return v.Number, nil
		}
	}
	return 0, nil
}

// maxLookBack bounds how many versions are looked through for the one that an
// author may have had.
const maxLookBack = 20

// base reads the version that the author had.
func (u *update) base(tx store.Tx, cur store.Version, seen int64) (*element.Value, error) {
	v, err := tx.Resources().GetVersion(u.key, seen)
	if err != nil && fault.KindOf(err) == fault.NotFound || err == nil && v.Deleted {
		return nil, staleVersion(u.key.Type, cur.Number, seen)
	}
	if err != nil {
		return nil, err
	}
	return element.Parse(v.Body, element.Limits{})
}

// notStale refuses a body without a version that is nearer to an earlier
// version than to the current one, or as near and without entries of lists that
// are there now: most likely it is a copy of that one.
func (u *update) notStale(tx store.Tx, cur store.Version, old *element.Value) error {
	apart := u.apart(old)
	if apart == 0 || cur.Number == 1 {
		return nil
	}
	page, err := tx.Resources().History(store.HistoryQuery{Key: u.key, Limit: maxLookBack})
	if err != nil {
		return err
	}
	for _, v := range page.Versions {
		if v.Deleted || v.Number == cur.Number {
			continue
		}
		earlier, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return err
		}
		if n := u.apart(earlier); n < apart || n == apart && u.drops(old) {
			return &fault.Fault{Kind: fault.VersionConflict, Issues: []fault.Issue{{Expression: u.key.Type + ".meta.versionId", Text: fmt.Sprintf(
				"version %d is current, and this looks like a change of version %d: read it again, or say with If-Match which version the change was made to", cur.Number, v.Number)}}}
		}
	}
	return nil
}

// drops reports whether a list of the body lacks entries that a version has.
func (u *update) drops(v *element.Value) bool {
	for _, f := range u.body.Fields {
		mine := u.body.List(f.Name)
		for _, x := range v.List(f.Name) {
			if !slices.ContainsFunc(mine, func(m *element.Value) bool { return element.Equal(m, x) }) {
				return true
			}
		}
	}
	return false
}

// apart counts the elements of the body that differ from those of a version.
// What the body leaves out says nothing, nor does when it was changed.
func (u *update) apart(v *element.Value) int {
	n := 0
	for _, f := range u.body.Fields {
		switch strings.TrimPrefix(f.Name, "_") {
		case "resourceType", "id", "meta", "text", "lastModified":
			continue
		}
		if !element.Equal(f.Value, v.Get(f.Name)) {
			n++
		}
	}
	return n
}
