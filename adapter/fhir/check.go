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
	var room [16]step
	c := &checker{path: room[:0]}
	if v == nil || v.Kind != element.Object {
		c.report("structure", notAResource)
		return c.issues
	}
	c.resource(v)
	return c.issues
}

const notAResource = "a resource, that is a JSON object, is expected"

// checker walks a resource. The path is a stack of its own, so that the walk
// allocates nothing; it becomes text only for an issue.
type checker struct {
	issues []fault.Issue
	path   []step
	within map[string]*element.Value // what the resource at hand contains, by id
}

// step is one element of a path.
type step struct {
	name  string
	index int // -1: not an item
}

func (c *checker) push(name string, index int) { c.path = append(c.path, step{name, index}) }
func (c *checker) pop()                        { c.path = c.path[:len(c.path)-1] }

// full ends the walk: what comes then would not be reported, and must not cost
// anything either.
func (c *checker) full() bool { return len(c.issues) >= maxIssues }

func (c *checker) report(code, text string) {
	if c.full() {
		return
	}
	var b []byte
	for i, s := range c.path {
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, s.name...)
		if s.index >= 0 {
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
		}
	}
	c.issues = append(c.issues, fault.Issue{Code: code, Expression: string(b), Text: text})
}

// reportOf is report for an element of the current one.
func (c *checker) reportOf(name, code, text string) {
	c.push(name, -1)
	c.report(code, text)
	c.pop()
}

// resource checks a resource of any type.
func (c *checker) resource(v *element.Value) {
	if v.Kind != element.Object {
		c.report("structure", notAResource)
		return
	}
	s := schema()[v.ResourceType()]
	if s == nil {
		text := "resourceType is no resource type of FHIR R4"
		if near := closest(v.ResourceType(), resourceTypes()); near != "" {
			text += "; the nearest is " + near
		}
		c.reportOf("resourceType", "structure", text)
		return
	}
	if len(c.path) == 0 {
		c.push(s.name, -1)
	}
	if c.path[len(c.path)-1].name != "contained" { // what is contained refers to what is beside it
		outer := c.within
		c.contained(v)
		defer func() { c.within = outer }()
	}
	c.object(v, s)
}

// object checks the elements of a complex value.
func (c *checker) object(v *element.Value, s *structure) {
	if v.Kind != element.Object {
		c.report("structure", "a JSON object is expected")
		return
	}
	if len(v.Fields) == 0 {
		c.report("structure", "an element is never empty: leave it out")
	}
	for i := range v.Fields {
		if c.full() {
			return
		}
		name, x := v.Fields[i].Name, v.Fields[i].Value
		if s.resource && name == "resourceType" {
			continue
		}
		plain, beside := strings.CutPrefix(name, "_")
		f := s.fields[plain]
		if f == nil || beside && !f.of.primitive {
			c.unknown(name, s)
			continue
		}
		c.push(f.name, -1)
		if f.choice != "" && twice(v, s, i, f) {
			c.report("structure", "only one of "+f.choice+"[x] may be there")
		}
		if beside {
			c.beside(x, f, v.Get(plain))
		} else {
			c.element(x, f, v)
		}
		c.pop()
	}
	for _, name := range s.required {
		if v.Get(name) == nil && !has(v, s, name) {
			c.reportOf(name, "required", "is required")
		}
	}
	for i := range s.rules {
		if r := &s.rules[i]; !r.holds(v) {
			c.report("invariant", r.says+" ("+r.id+")")
		}
	}
}

// twice reports whether another type of the choice f stands before member i.
func twice(v *element.Value, s *structure, i int, f *field) bool {
	for j := range i {
		o := s.fields[strings.TrimPrefix(v.Fields[j].Name, "_")]
		if o != nil && o != f && o.choice == f.choice {
			return true
		}
	}
	return false
}

func (c *checker) unknown(name string, s *structure) {
	c.report("structure", s.lacks(closest(name, keys(s.fields))))
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

// element checks one element of v, single or array.
func (c *checker) element(x *element.Value, f *field, v *element.Value) {
	if !f.array {
		if x.Kind == element.Array {
			c.report("structure", "a single value is expected, not an array")
			return
		}
		c.value(x, f)
		return
	}
	if x.Kind != element.Array {
		c.report("structure", "an array is expected")
		return
	}
	if len(x.Items) == 0 {
		c.report("structure", "an array is never empty: leave it out")
	}
	for i, it := range x.Items {
		if c.full() {
			return
		}
		if it.Kind == element.Null && f.of.primitive && extended(v, f.name, i) {
			continue // the value is absent, and its extension says why
		}
		c.path[len(c.path)-1].index = i
		c.value(it, f)
	}
	c.path[len(c.path)-1].index = -1
}

// extended reports whether item i of a primitive array has an extension.
func extended(v *element.Value, name string, i int) bool {
	items := v.List("_" + name)
	return i < len(items) && items[i].Kind == element.Object
}

func (c *checker) value(x *element.Value, f *field) {
	switch {
	case f.of.any:
		c.resource(x)
	case f.of.primitive:
		if rule := primitive(x, f.of); rule != "" {
			c.report("value", rule)
		} else if f.of.codes != nil && !f.of.codes[x.Text] {
			c.report("code-invalid", "the code must be one of "+allowed(f.of.codes))
		}
	default:
		c.object(x, f.of)
		c.content(x)
		if f.of.name == "Reference" {
			c.reference(x, f.targets)
		}
		if f.concept != nil && !f.concept.holds(x) {
			c.report("code-invalid", "a coding with one of "+allowed(f.concept.codes)+" of "+f.concept.system+" is expected")
		}
	}
}

// content reports an element that has an id and nothing else.
// https://hl7.org/fhir/R4/element.html#invs
func (c *checker) content(x *element.Value) {
	if len(x.Fields) == 1 && x.Fields[0].Name == "id" {
		c.report("invariant", "an element has more than an id (ele-1)")
	}
}

func allowed(codes map[string]bool) string {
	list := keys(codes)
	if len(list) > 20 {
		return strconv.Itoa(len(list)) + " codes of the required value set"
	}
	return strings.Join(list, ", ")
}

// beside checks _name: id and extensions of a primitive, whose value may be nil.
func (c *checker) beside(x *element.Value, f *field, value *element.Value) {
	if !f.array {
		c.object(x, f.of)
		if value == nil {
			c.content(x)
		}
		return
	}
	if x.Kind != element.Array {
		c.report("structure", "an array is expected")
		return
	}
	if !slices.ContainsFunc(x.Items, func(it *element.Value) bool { return it.Kind != element.Null }) {
		c.report("structure", "an array is never empty: leave it out")
	}
	for i, it := range x.Items {
		if it.Kind != element.Null {
			c.path[len(c.path)-1].index = i
			c.object(it, f.of)
			if !hasItem(value, i) {
				c.content(it)
			}
		}
	}
	c.path[len(c.path)-1].index = -1
}

// hasItem reports whether an array has a value at i.
func hasItem(v *element.Value, i int) bool {
	return v != nil && i < len(v.Items) && v.Items[i].Kind != element.Null
}
