package outcome

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
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

// Reduced is a resource of a payload without free text: a coded entry with
// nothing but its codes, numbers and dates. nil: nothing of it is left. A document
// is words, and is left as it is with documents, and else not at all.
func Reduced(r *element.Value, withDocuments bool) *element.Value {
	typ := r.ResourceType()
	if slices.Contains(documents, typ) {
		if withDocuments {
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
