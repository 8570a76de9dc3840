package worklist

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// putTries is how often a put is begun again because the resource came or went
// between looking and writing.
const putTries = 3

// Put is an update of a resource, which is made with that id when there is none,
// and made again when it is deleted; made is true then. All rules for making
// one hold. IfNoneMatch "*" makes one only. IfMatch is met by nothing that does
// not exist, by a deleted resource with the number of the deletion; a body that
// says which version it comes from does not bring back what was deleted since.
// https://hl7.org/fhir/R4/http.html#upsert
func (s *Service) Put(ctx context.Context, who Caller, c Change) (v store.Version, made bool, err error) {
	if d, err := definition(c.Type); err != nil {
		return v, false, err
	} else if !d.Update {
		return v, false, fault.New(fault.MethodNotAllowed, "", "this type cannot be changed over the API")
	}
	fresh := false
	switch strings.TrimSpace(c.IfNoneMatch) {
	case "":
	case "*":
		fresh = true
	default:
		return v, false, fault.New(fault.Malformed, "If-None-Match", "of a change a star is expected, which says that there is none yet")
	}
	for range putTries {
		if !fresh {
			v, err = s.Update(ctx, who, c)
			if k := fault.KindOf(err); err == nil || k != fault.NotFound && k != fault.Gone {
				return v, false, err
			}
		}
		v, made, err = s.create(ctx, who, c.Type, c.Body, creation{id: c.ID, put: &c})
		if fresh || !errors.Is(err, errPresent) {
			break
		}
	}
	return v, made && err == nil, err
}

// makeAs makes a resource with an id of the client's, because nothing met the
// condition of an update; that the id is taken by what does not meet it is
// fault.Conflict.
func (s *Service) makeAs(ctx context.Context, who Caller, typ, id string, body []byte) (v store.Version, made bool, err error) {
	v, made, err = s.create(ctx, who, typ, body, creation{id: id, put: &Change{Type: typ, ID: id}})
	if errors.Is(err, errPresent) {
		err = &fault.Fault{Kind: fault.Conflict, Issues: []fault.Issue{{Expression: typ + ".id",
			Text: "no resource meets the condition, and the id in the resource is that of another one"}}}
	}
	return v, made, err
}

// from is the version that a put says it was made from: by If-Match, else by the
// resource itself; 0 when neither says.
func (c Change) from(v *element.Value) (int64, error) {
	n, err := versionSeen(c.IfMatch)
	if n != 0 || err != nil {
		return n, err
	}
	// The version of a resource is ours; what is no number came from elsewhere.
	if n, err = strconv.ParseInt(v.TextAt("meta.versionId"), 10, 64); err != nil {
		return 0, nil
	}
	return n, nil
}

// absent looks what a put would write over: nothing, or a deletion, whose number
// it returns. Anything else is fault.VersionConflict.
func absent(tx store.Tx, key store.Key, c Change, seen int64) (number int64, err error) {
	cur, err := tx.Resources().Get(key)
	asked := strings.TrimSpace(c.IfMatch) != ""
	switch {
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return 0, err
	case err != nil && asked:
		return 0, fault.New(fault.VersionConflict, "If-Match", "there is no such resource, so there is no version to match")
	case err != nil:
		return 0, nil
	case !cur.Deleted:
		return 0, errPresent
	case seen != 0 && seen != cur.Number || strings.TrimSpace(c.IfMatch) == "*":
		return 0, fault.New(fault.VersionConflict, "", "the resource was deleted since: version %d is its deletion", cur.Number)
	}
	return cur.Number, nil
}

var errPresent = fault.New(fault.VersionConflict, "If-None-Match", "there is such a resource already")
