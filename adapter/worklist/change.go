package worklist

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Create makes a resource with an id of ours.
// https://hl7.org/fhir/R4/http.html#create
func (s *Service) Create(ctx context.Context, who Caller, typ string, body []byte) (store.Version, error) {
	v, _, err := s.create(ctx, who, typ, body, creation{})
	return v, err
}

// creation says more about how a resource is made.
type creation struct {
	unless *resource.Query // when a resource is found by it, none is made
	id     string          // the id, when it was given out before
	put    *Change         // the id is that of a put, see Put
}

// create makes a resource; made is false when there was one already.
func (s *Service) create(ctx context.Context, who Caller, typ string, body []byte, c creation) (out store.Version, made bool, err error) {
	d, err := definition(typ)
	if err != nil {
		return store.Version{}, false, err
	}
	if !d.Create {
		return store.Version{}, false, fault.New(fault.MethodNotAllowed, "", "this type cannot be created over the API")
	}
	v, err := s.parse(typ, body)
	if err != nil {
		return store.Version{}, false, err
	}
	if typ == "Task" {
		if f := s.cfg.Workflow.CheckCreate(v); f != nil {
			return store.Version{}, false, f
		}
	}
	national := s.cfg.NationalID(v)
	id := cmp.Or(c.id, national)
	if id == "" {
		id = uuid.NewString()
	}
	seen := int64(0)
	if c.put != nil {
		if v.ID() != id {
			return store.Version{}, false, badID(typ, "the id in the resource is not the id in the URL")
		}
		if national != "" && national != id {
			return store.Version{}, false, fault.New(fault.Conflict, "", "a resource with this national identifier has its id from here: it is %s/%s", typ, national)
		}
		if seen, err = c.put.from(v); err != nil {
			return store.Version{}, false, err
		}
	}
	v.SetString("id", id)
	write := store.Write{Key: store.Key{Type: typ, ID: id}, Body: element.Canonical(v), Index: s.cfg.Indexer.Index(v)}
	err = s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		if err := s.mayCreate(tx, who, v); err != nil {
			return err
		}
		var found bool
		var err error
		if out, found, err = theOne(tx, c.unless, ifNoneExist); err != nil || found {
			made = false
			return err
		}
		write := write
		if c.put != nil {
			if write.Expect, err = absent(tx, write.Key, *c.put, seen); err != nil {
				return err
			}
		}
		if out, err = tx.Resources().Put(write); err != nil {
			if fault.KindOf(err) == fault.VersionConflict {
				return fault.New(fault.Conflict, "", "a resource with this national identifier is already held, as %s", write.Key)
			}
			return err
		}
		made = true
		return s.audit(tx, who, "create", out, "success")
	}, s.reads(write.Key, v))
	return out, made && err == nil, err
}

// Change is an update as a client asks for it.
type Change struct {
	Type, ID string
	Body     []byte
	IfMatch  string // header as sent; W/"3", "3" and 3 are understood
	// IfNoneMatch is the header as sent; a star makes a resource and changes none.
	IfNoneMatch string
}

// revision is what a change makes of a resource.
type revision struct {
	value    *element.Value
	index    resource.Index
	whenSame same
}

// reviser makes the next version of a resource from the one that is there. It
// runs in the decision, and may run again.
type reviser func(tx store.Tx, cur store.Version, old *element.Value) (revision, error)

// change makes the next version of a resource that exists, of which seen is
// the number that its author insists on, or 0. All rules for changes are
// applied here, to whatever makes them.
func (s *Service) change(ctx context.Context, who Caller, key store.Key, seen int64, hint store.Hint, next reviser) (out store.Version, err error) {
	var owes bool
	err = s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		owes = false
		cur, err := tx.Resources().Get(key)
		if err != nil {
			return err
		}
		if cur.Deleted {
			return fault.New(fault.Gone, "", "deleted")
		}
		old, err := element.Parse(cur.Body, element.Limits{})
		if err != nil {
			return err
		}
		// Of a stale change the version is what is wrong, but for a lost claim:
		// "claimed by another" says more than "read it again". A patch that
		// does not fit what is there now is stale first.
		stale, err := s.stale(tx, cur, seen)
		if err != nil {
			return err
		}
		r, err := next(tx, cur, old)
		if err != nil && stale && !lostClaim(err) {
			return staleVersion(key.Type, cur.Number, seen)
		}
		if err != nil {
			return err
		}
		if err := s.mayChange(tx, who, old, r.value); err != nil && (!stale || fault.KindOf(err) == fault.Conflict) {
			return err
		}
		if stale {
			return staleVersion(key.Type, cur.Number, seen)
		}
		keepFlags(old, r.value)
		if r.whenSame == keepVersion && bytes.Equal(element.Canonical(old), element.Canonical(r.value)) {
			out = cur
			return nil
		}
		out, owes, err = s.write(tx, who, "update", cur, old, r)
		return err
	}, hint)
	if err == nil && owes {
		s.cfg.Owed()
	}
	return out, err
}

// lostClaim reports whether a change was refused because somebody else was first.
func lostClaim(err error) bool {
	return fault.KindOf(err) == fault.Conflict && slices.ContainsFunc(fault.Of(err).Issues, func(is fault.Issue) bool { return is.Expression == "Task.owner" })
}

// write puts down a version with all that follows from it, and reports whether
// something became due.
func (s *Service) write(tx store.Tx, who Caller, action string, cur store.Version, old *element.Value, r revision) (
	out store.Version, owes bool, err error) {
	if cur.Key.Type == "Task" {
		s.cfg.Workflow.DropReason(old, r.value)
	}
	if owes, err = s.follow(tx, old, r.value); err != nil {
		return out, false, err
	}
	if out, err = tx.Resources().Put(store.Write{Key: cur.Key, Body: element.Canonical(r.value), Index: r.index, Expect: cur.Number}); err != nil {
		return out, false, err
	}
	more, err := s.followRequest(tx, who, old, r.value)
	if err != nil {
		return out, false, err
	}
	return out, owes || more, s.audit(tx, who, action, out, "success")
}

// stale reports whether the version that a change insists on is not the
// current one. What was written since by the same decision does not count: in
// a transaction a Task takes its request along, and the entry about the
// request was made before that.
func (s *Service) stale(tx store.Tx, cur store.Version, seen int64) (bool, error) {
	if seen == 0 || seen == cur.Number {
		return false, nil
	}
	here, err := writtenHere(tx, cur, seen)
	return !here, err
}

// writtenHere reports whether every version after one was written by this
// decision.
func writtenHere(tx store.Tx, cur store.Version, after int64) (bool, error) {
	if after > cur.Number || cur.Updated.Before(tx.Time()) {
		return false, nil
	}
	next, err := tx.Resources().GetVersion(cur.Key, after+1)
	if err != nil {
		return false, err
	}
	return !next.Updated.Before(tx.Time()), nil
}

// same says what a change that changes nothing does: an update is a version, as
// its author wrote the whole resource; a patch is none.
type same bool

const (
	newVersion  same = false
	keepVersion same = true
)

func staleVersion(typ string, current, seen int64) error {
	return &fault.Fault{Kind: fault.VersionConflict, Issues: []fault.Issue{{Expression: typ + ".meta.versionId",
		Text: fmt.Sprintf("version %d is current, the change was made to version %d: read it again", current, seen)}}}
}

// reads tells the store what a decision about a resource looks at: itself and
// what it refers to.
func (s *Service) reads(key store.Key, v *element.Value) store.Hint {
	h := store.Hint{Keys: []store.Key{key}}
	for _, f := range v.Fields {
		typ, id, ok := strings.Cut(f.Value.Str("reference"), "/")
		if ok && typ != "" && !strings.Contains(id, "/") && len(h.Keys) < maxHints {
			h.Keys = append(h.Keys, store.Key{Type: typ, ID: id})
		}
	}
	return h
}

// maxHints bounds what a hostile resource makes the store read ahead.
const maxHints = 16

// keepFlags carries the tags of the intake over: a client that sends a resource back
// without its meta has not looked into what they say.
// https://hl7.org/fhir/R4/resource.html#tag-updates
func keepFlags(old, v *element.Value) {
	if tags := v.At("meta.tag"); tags != nil {
		// Nor does a client raise flags: they say what the intake found.
		tags.Items = slices.DeleteFunc(tags.Items, func(t *element.Value) bool {
			return isFlag(t) && t.Origin != raised && !hasFlag(old, t.Str("code"))
		})
		if len(tags.Items) == 0 {
			v.Get("meta").Remove("tag")
		}
	}
	for _, tag := range old.All("meta.tag") {
		if !isFlag(tag) || tag.Str("code") == profile.FlagProfile || hasFlag(v, tag.Str("code")) {
			continue
		}
		meta := v.Get("meta")
		if meta == nil {
			meta = element.NewObject()
			v.Set("meta", meta)
		}
		meta.Append("tag", tag)
	}
}

func hasFlag(v *element.Value, code string) bool {
	return slices.ContainsFunc(v.All("meta.tag"), func(t *element.Value) bool {
		return isFlag(t) && t.Str("code") == code
	})
}

// isFlag reports whether a tag was put on by the intake; no code stands in both
// systems.
func isFlag(tag *element.Value) bool {
	system := tag.Str("system")
	return system == profile.SystemDataQuality || system == profile.SystemReferralChange
}

// versionSeen is the version that a change insists on by If-Match; 0 when it
// insists on none.
func versionSeen(ifMatch string) (int64, error) {
	tag := strings.TrimSpace(ifMatch)
	if tag == "" || tag == "*" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`), 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Malformed, "If-Match", `an entity tag such as W/"3" is expected`)
	}
	return n, nil
}

// parse reads a resource of the type and holds it against the structure of R4
// and the rules of this house.
func (s *Service) parse(typ string, body []byte) (*element.Value, error) {
	v, err := parseAs(typ, body)
	if err != nil {
		return nil, err
	}
	return v, s.check(v)
}

// parseAs reads a resource of the type.
func parseAs(typ string, body []byte) (*element.Value, error) {
	v, err := element.Parse(body, element.Limits{})
	if err != nil {
		return nil, err
	}
	if v.Kind != element.Object || v.ResourceType() != typ {
		return nil, &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{
			Code: "invalid", Expression: "resourceType", Text: "a resource of the type " + typ + " is expected"}}}
	}
	return v, nil
}

// check holds a resource against the structure of R4 and the rules of this
// house, and writes references and identifiers in the one way in which they
// are looked for.
func (s *Service) check(v *element.Value) error {
	if err := whole(v); err != nil {
		return err
	}
	s.relative(v)
	return s.judge(v)
}

// relative writes references under our own base the short way, so that a
// resource is found by them however the client wrote them; depth is bounded by
// Parse.
func (s *Service) relative(v *element.Value) {
	if r := v.Get("reference"); r != nil && r.Kind == element.String {
		r.Text = strings.TrimPrefix(r.Text, s.cfg.BaseURL+"/")
		if s.also != "" {
			r.Text = strings.TrimPrefix(r.Text, s.also+"/")
		}
	}
	for _, f := range v.Fields {
		s.relative(f.Value)
	}
	for _, it := range v.Items {
		s.relative(it)
	}
}

func (s *Service) audit(tx store.Tx, who Caller, action string, v store.Version, outcome string) error {
	return tx.Ledger().Audit(store.AuditEvent{
		At: tx.Time(), Agent: who.Name, Action: action, Entity: v.Key.String(), Version: v.Number, Outcome: outcome,
	})
}
