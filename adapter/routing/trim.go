package routing

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outcome"
)

// Share is how much leaves.
type Share int

// The shares, from nothing to everything. They are compared: the smaller one of
// what a practice takes and what the person allows is what leaves.
const (
	Nothing   Share = iota // nothing at all
	CodesOnly              // coded entries, without a word of free text
	Summary                // coded entries and the summary, without other documents and notes
	All                    // everything
)

// Trim takes out of a transaction what does not leave: entries with a code of a
// group that is off, and what the share leaves out. kept is how many entries
// are left; a payload that is no Bundle of entries is returned as it is.
func (t *Table) Trim(payload []byte, groupsOff []string, share Share) (out []byte, kept int) {
	return t.trim(read(payload), payload, groupsOff, share)
}

// read is the Bundle of a payload; nil when it is none.
func read(payload []byte) *element.Value {
	bundle, err := element.Parse(payload, element.Limits{})
	if err != nil || bundle.ResourceType() != "Bundle" {
		return nil
	}
	return bundle
}

// trim is Trim of a payload that was read; afterwards bundle is what is left.
func (t *Table) trim(bundle *element.Value, payload []byte, groupsOff []string, share Share) (out []byte, kept int) {
	if bundle == nil {
		return payload, 1
	}
	entries := bundle.List("entry")
	if share == Nothing {
		return nil, 0
	}
	if share == All && len(groupsOff) == 0 {
		return payload, len(entries)
	}
	var left []*element.Value
	for _, e := range entries {
		r := e.Get("resource")
		if t.off(r, groupsOff) {
			continue
		}
		if r.ResourceType() == "DocumentReference" && share >= Summary {
			// The document within it says the codes again, and in words more
			// than a summary tells.
			if r = t.redrawn(r, groupsOff, share == Summary); r == nil {
				continue
			}
			e = e.Clone()
			e.Set("resource", r)
		}
		if share < All {
			if r = outcome.Reduced(r, share == Summary); r == nil {
				continue
			}
			e = e.Clone()
			e.Set("resource", r)
		}
		left = append(left, e)
	}
	if len(left) == 0 {
		return nil, 0
	}
	bundle.Set("entry", element.NewArray(left...))
	return bundle.JSON(), len(left)
}

// redrawn is a letter without the codes of groups that are off.
func (t *Table) redrawn(r *element.Value, off []string, summary bool) *element.Value {
	return outcome.Redraw(r, summary, func(code string) bool { return !slices.Contains(off, t.groups[code]) })
}

// refusal says why a Bundle may not leave as the codes are now, "" when it may.
// What is no Bundle has no codes.
func (t *Table) refusal(bundle *element.Value) string {
	if t.Refusal == nil || bundle == nil {
		return ""
	}
	return t.Refusal(bundle)
}

// off reports whether a resource says a code of a group that is off.
func (t *Table) off(r *element.Value, groups []string) bool {
	for _, c := range outcome.Codings(r) {
		if slices.Contains(groups, t.groups[c.Str("code")]) {
			return true
		}
	}
	return false
}
