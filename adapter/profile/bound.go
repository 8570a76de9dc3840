package profile

import (
	"github.com/linkloop/linkloop/adapter/element"
)

// bound holds codes against the value set of a binding.
// https://hl7.org/fhir/R4/terminologies.html#strength
func (w *walk) bound(n *node, it part) {
	b := n.binding
	if b == nil || it.v == nil || !it.t.Is() || b.strength == "extensible" && !w.how.Extensible {
		return
	}
	if !it.t.Primitive() && !coded[it.t.Name()] {
		w.note("the codes of " + n.name + ": the value set " + b.canon + " is bound to a type without codes")
		return
	}
	if b.set == nil {
		if !(it.t.Primitive() && it.t.Bound()) { // else the base has checked it
			w.note("the codes of " + n.name + ": the value set " + b.canon + " is not loaded")
		}
		return
	}
	is, why := b.set.holds(it)
	switch {
	case is == unknown:
		w.note("the codes of " + n.name + ": of the value set " + b.canon + ", " + why)
	case is == outside && b.strength == "required":
		w.report("error", "code-invalid", "", "must be one of "+b.set.says())
	case is == outside:
		w.report("warning", "code-invalid", "", "should be one of "+b.set.says()+", unless none of them fits")
	}
}

// coded are the types with codes that are no primitives.
var coded = map[string]bool{
	"CodeableConcept": true, "Coding": true, "Quantity": true, "SimpleQuantity": true,
	"Age": true, "Count": true, "Distance": true, "Duration": true, "MoneyQuantity": true,
}

// holds reports whether a coded value is in the value set: of a
// CodeableConcept one coding is enough.
func (s *valueSet) holds(it part) (is member, why string) {
	if it.t.Primitive() {
		return s.has("", it.v.Text)
	}
	if it.t.Name() != "CodeableConcept" {
		return s.coding(it.v)
	}
	for _, c := range it.v.List("coding") {
		m, reason := s.coding(c)
		if m == inside {
			return inside, ""
		}
		if m == unknown {
			is, why = unknown, reason
		}
	}
	return is, why
}

func (s *valueSet) coding(v *element.Value) (member, string) {
	system, code := v.Str("system"), v.Str("code")
	if system == "" || code == "" {
		return outside, ""
	}
	return s.has(system, code)
}
