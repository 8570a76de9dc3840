package fhir

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
)

// Type is one type of R4: a resource, a datatype or a backbone element. It
// lets other representations than JSON be read and written by the same
// definitions that Check holds resources against. Types are few and live as
// long as the program; two that are the same are equal.
type Type struct{ s *structure }

// Element is one element of a Type. A choice such as value[x] is one Element
// for each type it may have: valueString, valueCode.
type Element struct{ f *field }

// TypeOf finds a resource type by its name.
func TypeOf(resourceType string) (Type, bool) {
	s := schema()[resourceType]
	return Type{s}, s != nil
}

// NearestType is the resource type whose name is nearest, or "" when none is
// near enough to help.
func NearestType(name string) string { return closest(name, resourceTypes()) }

// Name is the name within R4, such as Patient, HumanName or Contact.
func (t Type) Name() string { return t.s.name }

// Primitive reports whether the type has a value and, beside it, an id and
// extensions (https://hl7.org/fhir/R4/json.html#primitive).
func (t Type) Primitive() bool { return t.s.primitive }

// JSON is how JSON writes the value of a primitive: Bool, Number or String.
func (t Type) JSON() element.Kind { return t.s.json }

// Resource reports whether the type is that of a resource.
func (t Type) Resource() bool { return t.s.resource }

// AnyResource reports whether a resource of any type stands here, as in
// contained and Bundle.entry.resource.
func (t Type) AnyResource() bool { return t.s.any }

// Element finds an element by its name; of a primitive, id and extension.
func (t Type) Element(name string) (Element, bool) {
	f := t.s.fields[name]
	return Element{f}, f != nil
}

// Nearest is the element whose name is nearest, or "" when none is near enough
// to help.
func (t Type) Nearest(name string) string { return closest(name, keys(t.s.fields)) }

// Lacks says that there is no such element, and which one was meant, or if that is
// "" which there are.
func (t Type) Lacks(near string) string { return t.s.lacks(near) }

// Name is the name as JSON and XML write it.
func (e Element) Name() string { return e.f.name }

// Choice is value of valueString, which is one of value[x]; of what is no
// choice it is "".
func (e Element) Choice() string { return e.f.choice }

// Order is the place among the elements of the type, which XML keeps
// (https://hl7.org/fhir/R4/xml.html). Elements of one choice follow each other.
func (e Element) Order() int { return e.f.order }

// Type is the type of the element, or of its items.
func (e Element) Type() Type { return Type{e.f.of} }

// Repeats reports whether there may be more than one, which JSON writes as an
// array.
func (e Element) Repeats() bool { return e.f.array }

// jsonKind is how JSON writes the values of a primitive type.
func jsonKind(primitive string) element.Kind {
	switch primitive {
	case "Boolean":
		return element.Bool
	case "Decimal", "Integer", "PositiveInt", "UnsignedInt":
		return element.Number
	}
	return element.String
}

// Bound reports whether the codes of a primitive are those of a required
// binding, which Check holds them against.
func (t Type) Bound() bool { return t.s.codes != nil }

// Codes are the codes of a required binding; nil: any.
func (t Type) Codes() []string { return keys(t.s.codes) }

// Is reports whether there is such a type; the zero Type is none.
func (t Type) Is() bool { return t.s != nil }

// HasChoice reports whether the type has an element of several types by this
// name without the type, such as value of value[x].
func (t Type) HasChoice(name string) bool { return t.s.choices[name] }

// Elements are the elements of the type in their order.
func (t Type) Elements() []Element {
	var out []Element
	for _, f := range t.s.fields {
		out = append(out, Element{f})
	}
	slices.SortFunc(out, func(a, b Element) int { return a.f.order - b.f.order })
	return out
}

// Requires reports whether R4 wants an element to be there; a choice has its
// name without the type.
func (t Type) Requires(name string) bool { return slices.Contains(t.s.required, name) }

// Backbone reports whether the type is that of one element of a resource alone,
// such as Task.input.
func (t Type) Backbone() bool { return t.s.backbone }

// Targets are the types that a reference may point to; nil: any.
func (e Element) Targets() []string { return slices.Clone(e.f.targets) }
