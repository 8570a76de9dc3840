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

// coded are the types that say something by a code, and the elements of theirs
// that leave without free text. What is not named does not leave, so that an
// element nobody thought of cannot carry words.
var coded = map[string][]string{
	"Procedure": {"status", "category", "code", "subject", "performedDateTime", "performedPeriod"},
	"Observation": {"status", "category", "code", "subject", "effectiveDateTime", "effectivePeriod", "issued",
		"valueQuantity", "valueInteger", "valueBoolean", "valueCodeableConcept"},
	"Encounter": {"status", "class", "type", "subject", "period"},
}

// documents are the types that a person reads.
var documents = []string{"DocumentReference", "Composition", "Binary"}

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
			r = outcome.Redraw(r, share == Summary, func(code string) bool { return !slices.Contains(groupsOff, t.groups[code]) })
			if r == nil {
				continue
			}
			e = e.Clone()
			e.Set("resource", r)
		}
		if share < All {
			if r = reduced(r, share); r == nil {
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
	for _, c := range r.All("code.coding") {
		if slices.Contains(groups, t.groups[c.Str("code")]) {
			return true
		}
	}
	return false
}

// reduced is a resource without what a share leaves out; nil when none of it
// leaves.
func reduced(r *element.Value, share Share) *element.Value {
	typ := r.ResourceType()
	if slices.Contains(documents, typ) {
		if share == Summary {
			return r
		}
		return nil
	}
	elements, ok := coded[typ]
	if !ok || typ != "Encounter" && len(r.All("code.coding")) == 0 {
		return nil
	}
	out := element.NewObject(element.S("resourceType", typ))
	for _, f := range r.Fields {
		if f.Name != "identifier" && !slices.Contains(elements, f.Name) {
			continue
		}
		v := f.Value.Clone()
		if f.Name == "code" || f.Name == "valueCodeableConcept" {
			worded(v)
		}
		out.Fields = append(out.Fields, element.F(f.Name, v))
	}
	return out
}

// worded leaves the words of a concept only where they are those of its code.
func worded(concept *element.Value) {
	text := concept.Str("text")
	for _, c := range concept.List("coding") {
		if c.Str("display") == text {
			return
		}
	}
	concept.Fields = slices.DeleteFunc(concept.Fields, func(f element.Field) bool { return f.Name == "text" })
}
