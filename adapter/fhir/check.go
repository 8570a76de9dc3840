package fhir

import (
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// maxIssues ends a report that nobody would read to the end.
const maxIssues = 100

// Check holds a resource against the structure of R4 in one pass and reports
// every problem: unknown elements with the nearest one known, arrays and
// single values mixed up, the syntax of primitives, required elements, codes
// of required bindings, two values of one choice, what references may point
// to, empty values. Expressions are FHIRPath; texts name rules and allowed
// values and never quote the resource.
//
// https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/datatypes.html
func Check(v *element.Value) []fault.Issue {
	c := &checker{}
	c.contained(v, &place{index: -1})
	return c.issues
}

type checker struct{ issues []fault.Issue }

// place is a step of a path, linked to the one above; it becomes text only for
// an issue.
type place struct {
	up    *place
	name  string
	index int // -1: not an item
}

func (p *place) String() string {
	s := p.name
	if p.index >= 0 {
		s += "[" + strconv.Itoa(p.index) + "]"
	}
	if p.up != nil && p.up.name != "" {
		return p.up.String() + "." + s
	}
	return s
}

func (c *checker) report(at *place, code, text string) {
	if len(c.issues) < maxIssues {
		c.issues = append(c.issues, fault.Issue{Code: code, Expression: at.String(), Text: text})
	}
}

// contained checks a resource of any type.
func (c *checker) contained(v *element.Value, at *place) {
	if v == nil || v.Kind != element.Object {
		c.report(at, "structure", "a resource, that is a JSON object, is expected")
		return
	}
	s := schema()[v.ResourceType()]
	if s == nil {
		text := "resourceType is no resource type of FHIR R4"
		if near := closest(v.ResourceType(), keys(schema())); near != "" {
			text += "; the nearest is " + near
		}
		c.report(&place{at, "resourceType", -1}, "structure", text)
		return
	}
	if at.name == "" {
		at = &place{nil, s.name, -1}
	}
	c.object(v, s, at)
}

// object checks the elements of a complex value.
func (c *checker) object(v *element.Value, s *structure, at *place) {
	if v.Kind != element.Object {
		c.report(at, "structure", "a JSON object is expected")
		return
	}
	if len(v.Fields) == 0 {
		c.report(at, "structure", "an element is never empty: leave it out")
	}
	var choices []string
	for i := range v.Fields {
		name, x := v.Fields[i].Name, v.Fields[i].Value
		if s.resource && name == "resourceType" {
			continue
		}
		beside := strings.HasPrefix(name, "_")
		f := s.fields[strings.TrimPrefix(name, "_")]
		if f == nil || beside && !f.of.primitive {
			c.unknown(name, s, at)
			continue
		}
		here := place{at, f.name, -1}
		if beside {
			c.beside(x, f, &here)
			continue
		}
		if f.choice != "" {
			if slices.Contains(choices, f.choice) {
				c.report(&here, "structure", "only one of "+f.choice+"[x] may be there")
			}
			choices = append(choices, f.choice)
		}
		c.element(x, f, &here, v.Get("_"+name))
	}
	for _, name := range s.required {
		if !has(v, s, name) {
			c.report(&place{at, name, -1}, "required", "is required")
		}
	}
	c.rules(v, s, at)
}

func (c *checker) unknown(name string, s *structure, at *place) {
	text := "there is an element that " + s.name + " does not have"
	if near := closest(name, keys(s.fields)); near != "" {
		text += "; the nearest one it has is " + near
	}
	c.report(at, "structure", text)
}

// has reports whether an element is there: itself, its extensions, or one of
// its choice.
func has(v *element.Value, s *structure, name string) bool {
	for i := range v.Fields {
		n := strings.TrimPrefix(v.Fields[i].Name, "_")
		if n == name {
			return true
		}
		if f := s.fields[n]; f != nil && f.choice == name {
			return true
		}
	}
	return false
}

// element checks one element, single or array; beside is what stands in _name.
func (c *checker) element(x *element.Value, f *field, at *place, beside *element.Value) {
	if !f.array {
		if x.Kind == element.Array {
			c.report(at, "structure", "a single value is expected, not an array")
			return
		}
		c.value(x, f, at)
		return
	}
	if x.Kind != element.Array {
		c.report(at, "structure", "an array is expected")
		return
	}
	if len(x.Items) == 0 {
		c.report(at, "structure", "an array is never empty: leave it out")
	}
	for i, it := range x.Items {
		here := place{at.up, at.name, i}
		if it.Kind == element.Null && f.of.primitive && beside != nil && i < len(beside.Items) && beside.Items[i].Kind == element.Object {
			continue // the value is absent, and its extension says why
		}
		c.value(it, f, &here)
	}
}

func (c *checker) value(x *element.Value, f *field, at *place) {
	switch {
	case f.of.any:
		c.contained(x, at)
	case f.of.primitive:
		if rule := primitive(x, f.of.name); rule != "" {
			c.report(at, "value", rule)
		} else if f.of.codes != nil && !f.of.codes[x.Text] {
			c.report(at, "code-invalid", "the code must be one of "+allowed(f.of.codes))
		}
	default:
		c.object(x, f.of, at)
		if f.targets != nil && f.of.name == "Reference" {
			c.target(x, f.targets, at)
		}
	}
}

func allowed(codes map[string]bool) string {
	list := keys(codes)
	if len(list) > 20 {
		return strconv.Itoa(len(list)) + " codes of the required value set"
	}
	return strings.Join(list, ", ")
}

// beside checks _name: id and extensions of a primitive.
func (c *checker) beside(x *element.Value, f *field, at *place) {
	if !f.array {
		c.object(x, f.of, at)
		return
	}
	if x.Kind != element.Array {
		c.report(at, "structure", "an array is expected")
		return
	}
	for i, it := range x.Items {
		if it.Kind != element.Null {
			c.object(it, f.of, &place{at.up, at.name, i})
		}
	}
}

// target checks what a literal relative reference points to; others cannot be
// known from here.
func (c *checker) target(x *element.Value, targets []string, at *place) {
	ref := x.Str("reference")
	typ, _, ok := strings.Cut(ref, "/")
	if !ok || strings.ContainsAny(typ, ":#?") || !Known(typ) || slices.Contains(targets, typ) {
		return
	}
	c.report(&place{at, "reference", -1}, "value", "the reference must point to "+strings.Join(targets, ", "))
}

// rules are the invariants of R4 that matter in this house.
func (c *checker) rules(v *element.Value, s *structure, at *place) {
	switch s.name {
	case "Extension":
		if v.Str("url") == "" {
			c.report(&place{at, "url", -1}, "required", "is required")
		}
		value := slices.ContainsFunc(v.Fields, func(f element.Field) bool { return strings.HasPrefix(strings.TrimPrefix(f.Name, "_"), "value") })
		if value == (v.Get("extension") != nil) {
			c.report(at, "invariant", "an extension has either a value or extensions (ext-1)")
		}
	case "Period":
		if a, b := v.Str("start"), v.Str("end"); later(a, b) {
			c.report(at, "invariant", "start must not be behind end (per-1)")
		}
	case "Task":
		if later(v.Str("authoredOn"), v.Str("lastModified")) {
			c.report(at, "invariant", "lastModified must not be before authoredOn (inv-1)")
		}
	}
}

// later reports whether a is certainly behind b: of whole days as they are
// written, unless both are given to the second.
func later(a, b string) bool {
	const day = len("2006-01-02")
	if len(a) < 4 || len(b) < 4 {
		return false
	}
	if len(a) > day && len(b) > day {
		x, errA := instant(a)
		y, errB := instant(b)
		return errA == nil && errB == nil && x.After(y)
	}
	n := min(len(a), len(b), day)
	return a[:n] > b[:n]
}
