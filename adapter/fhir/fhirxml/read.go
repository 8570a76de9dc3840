// Package fhirxml turns FHIR R4 resources in XML into the tree that JSON gives,
// and back (https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/json.html).
// The definitions of adapter/fhir say what repeats, what is a number, and in
// which order XML has the elements; every resource type is covered.
//
// Reading is about the representation only: what the values are is for
// fhir.Check to judge, which words it the same for both. So a number that is
// none stays a text, and an element with nothing in it becomes null or an
// empty object. What JSON could not say is refused: an element that the type
// does not have, text between elements, an attribute that FHIR does not use, a
// second value of what does not repeat.
//
// The order of elements is tolerated: FHIR fixes it, senders get it wrong, and
// no meaning hangs on it. Items of one element keep theirs. Comments and
// processing instructions are passed over; xsi:schemaLocation is too.
package fhirxml

import (
	"bytes"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/markup"
)

// Names of the representation.
const (
	MediaType = "application/fhir+xml"
	Namespace = "http://hl7.org/fhir"

	xhtml  = "http://www.w3.org/1999/xhtml"
	schema = "http://www.w3.org/2001/XMLSchema-instance"
)

// Is reports whether a body looks like XML rather than JSON: its first
// character is an opening bracket.
func Is(body []byte) bool {
	body = bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(body) > 0 && body[0] == '<'
}

// JSON is Read, printed: the same resource as compact JSON.
func JSON(body []byte, lim element.Limits) ([]byte, error) {
	v, err := Read(body, lim)
	if err != nil {
		return nil, err
	}
	return v.AppendJSON(make([]byte, 0, len(body))), nil
}

// Read reads one resource. The limits hold for what comes out, so that what
// was read can be printed and parsed again under them; zero means
// element.DefaultLimits. Faults are Malformed, TooLarge or Unsupported (another
// encoding than UTF-8), their place line and column, their expression the
// element in FHIRPath.
func Read(body []byte, lim element.Limits) (*element.Value, error) {
	return read(body, lim, version{"R4", fhir.TypeOf, fhir.NearestType})
}

// ReadSTU3 is Read for a resource of FHIR STU3
// (https://hl7.org/fhir/STU3/xml.html), whose representation is the same.
func ReadSTU3(body []byte, lim element.Limits) (*element.Value, error) {
	return read(body, lim, version{"STU3", fhir.TypeOfSTU3, func(string) string { return "" }})
}

// version is by which definitions a resource is read.
type version struct {
	name    string
	typeOf  func(resourceType string) (fhir.Type, bool)
	nearest func(resourceType string) string // or ""
}

func read(body []byte, lim element.Limits, by version) (*element.Value, error) {
	if lim == (element.Limits{}) {
		lim = element.DefaultLimits
	}
	encoding, err := markup.Encoding(body)
	if err != nil {
		return nil, err
	}
	if encoding != "" && encoding != "utf-8" && encoding != "us-ascii" {
		return nil, fault.New(fault.Unsupported, "line 1, column 1", "FHIR is sent in UTF-8; this encoding is not taken")
	}
	s, err := markup.NewScanner(string(body), markup.Limits{Bytes: lim.Bytes, Depth: lim.Depth + narrativeDepth, Nodes: nodesPerValue * lim.Nodes})
	if err != nil {
		return nil, err
	}
	r := &reader{s: s, lim: lim, by: by}
	if _, err := s.Next(); err != nil { // a Start: nothing else can come first
		return nil, err
	}
	v, err := r.resource()
	if err != nil {
		return nil, err
	}
	if _, err := s.Next(); err != nil {
		return nil, err
	}
	return v, nil
}

// What XML takes more than JSON: levels of a narrative, which is one text in
// JSON, and the tag, the attribute and the line end of one value.
const (
	narrativeDepth = 32
	nodesPerValue  = 4
)

// reader reads one resource. What it allocates comes from slabs; the members
// of the objects at hand and the path are stacks.
type reader struct {
	s       *markup.Scanner
	lim     element.Limits
	by      version
	nodes   int
	depth   int // of JSON
	path    []step
	members []member
	values  []element.Value
	fields  []element.Field
}

// step is one element of the way to the place at hand.
type step struct {
	name  string
	index int // -1: not an item
}

// member is one element of an object while it is read: what becomes name and
// _name.
type member struct {
	of            fhir.Element
	value, beside *element.Value
}

// fail is a fault at an offset that names the element.
func (r *reader) fail(at int, format string, args ...any) error {
	f := r.s.Malformed(at, format, args...)
	f.Issues[0].Expression = expression(r.path)
	return f
}

func (r *reader) alloc(kind element.Kind, text string) (*element.Value, error) {
	if r.nodes++; r.nodes > r.lim.Nodes {
		return nil, fault.New(fault.TooLarge, r.s.Place(r.s.At()), "more than %d values", r.lim.Nodes)
	}
	if len(r.values) == 0 {
		r.values = make([]element.Value, 32)
	}
	v := &r.values[0]
	r.values = r.values[1:]
	v.Kind, v.Text = kind, text
	return v, nil
}

// deeper counts levels of JSON.
func (r *reader) deeper(levels int) error {
	if r.depth += levels; r.depth > r.lim.Depth {
		return r.fail(r.s.At(), "nested deeper than %d levels", r.lim.Depth)
	}
	return nil
}

// resource reads a resource whose start tag was the last token.
func (r *reader) resource() (*element.Value, error) {
	name := r.s.Name()
	if name.Space != Namespace {
		return nil, r.fail(r.s.At(), "a resource in the namespace %s is expected here", Namespace)
	}
	t, known := r.by.typeOf(name.Local)
	if !known {
		if near := r.by.nearest(name.Local); near != "" {
			return nil, r.fail(r.s.At(), "no resource type of FHIR %s; the nearest is %s", r.by.name, near)
		}
		return nil, r.fail(r.s.At(), "no resource type of FHIR %s", r.by.name)
	}
	if len(r.path) == 0 {
		r.path = append(r.path, step{t.Name(), -1})
	}
	v, _, _, err := r.object(t)
	return v, err
}

// object reads what has elements of its own; its start tag was the last token.
// value is the attribute of this name, which only primitives have.
func (r *reader) object(t fhir.Type) (v *element.Value, value string, hasValue bool, err error) {
	if v, err = r.alloc(element.Object, ""); err != nil {
		return nil, "", false, err
	}
	if err = r.deeper(1); err != nil {
		return nil, "", false, err
	}
	base := len(r.members)
	if value, hasValue, err = r.attributes(t); err != nil {
		return nil, "", false, err
	}
	for {
		kind, err := r.s.Next()
		switch {
		case err != nil:
			return nil, "", false, err
		case kind == markup.Start:
			if err := r.child(t, base); err != nil {
				return nil, "", false, err
			}
		case kind == markup.Stop:
			err := r.finish(v, t, base)
			r.depth--
			return v, value, hasValue, err
		case !markup.Blank(r.s.Value()):
			return nil, "", false, r.fail(r.s.At(), "text between elements; FHIR has values in the attribute value")
		}
	}
}

// attributes reads those of the start tag.
func (r *reader) attributes(t fhir.Type) (value string, hasValue bool, err error) {
	for _, a := range r.s.Attributes() {
		switch {
		case a.Space == schema && (a.Local == "schemaLocation" || a.Local == "noNamespaceSchemaLocation"):
		case a.Space == "" && a.Local == "value" && t.Primitive():
			value, hasValue = a.Value, true
		case a.Space == "" && isAttribute(t, a.Local):
			of, _ := t.Element(a.Local)
			v, err := r.alloc(element.String, a.Value)
			if err != nil {
				return "", false, err
			}
			r.members = append(r.members, member{of: of, value: v})
		default:
			return "", false, r.fail(a.At, "there is an attribute that FHIR does not have here")
		}
	}
	return value, hasValue, nil
}

// isAttribute reports whether an element is an attribute in XML: the id of
// what is no resource, and the url of an extension.
func isAttribute(t fhir.Type, name string) bool {
	switch name {
	case "id":
		return !t.Resource()
	case "url":
		return t.Name() == "Extension"
	}
	return false
}

// child reads one element; the members from base on are its siblings.
func (r *reader) child(t fhir.Type, base int) error {
	name := r.s.Name()
	of, known := t.Element(name.Local)
	if !known || isAttribute(t, name.Local) {
		near := t.Nearest(name.Local)
		if isAttribute(t, near) {
			near = ""
		}
		return r.fail(r.s.At(), "%s", t.Lacks(near))
	}
	narrative := of.Type().Name() == xhtmlType
	if name.Space != Namespace && !(narrative && name.Space == xhtml) {
		return r.fail(r.s.At(), "the element is not in the namespace %s", Namespace)
	}
	at := len(r.members)
	for i := at - 1; i >= base; i-- {
		if r.members[i].of == of {
			at = i
			break
		}
	}
	index := -1
	switch {
	case at == len(r.members):
		m := member{of: of}
		if of.Repeats() {
			v, err := r.alloc(element.Array, "")
			if err != nil {
				return err
			}
			m.value, index = v, 0
		}
		r.members = append(r.members, m)
	case of.Repeats():
		index = len(r.members[at].value.Items)
	default:
		return r.fail(r.s.At(), "%s stands twice and does not repeat", of.Name())
	}
	r.path = append(r.path, step{of.Name(), index})
	err := r.element(of, at)
	r.path = r.path[:len(r.path)-1]
	return err
}

// xhtmlType is the type of the narrative.
const xhtmlType = "Xhtml"

// element reads the value of an element, or one more item of it, into the
// member.
func (r *reader) element(of fhir.Element, at int) error {
	t := of.Type()
	if of.Repeats() {
		if err := r.deeper(1); err != nil {
			return err
		}
		defer func() { r.depth-- }()
	}
	var v, beside *element.Value
	var err error
	switch {
	case t.AnyResource():
		v, err = r.wrapped()
	case t.Name() == xhtmlType:
		v, err = r.narrative()
	case t.Primitive():
		v, beside, err = r.primitive(t)
	default:
		v, _, _, err = r.object(t)
	}
	if err != nil {
		return err
	}
	m := &r.members[at]
	if !of.Repeats() {
		m.value, m.beside = v, beside
		return nil
	}
	m.value.Items = append(m.value.Items, v)
	if beside == nil {
		return nil
	}
	if m.beside == nil {
		if m.beside, err = r.alloc(element.Array, ""); err != nil {
			return err
		}
	}
	if err := r.pad(m.beside, len(m.value.Items)-1); err != nil {
		return err
	}
	m.beside.Items = append(m.beside.Items, beside)
	return nil
}

// wrapped reads the one resource that stands within contained and the like.
func (r *reader) wrapped() (v *element.Value, err error) {
	if a := r.s.Attributes(); len(a) > 0 {
		return nil, r.fail(a[0].At, "there is an attribute that FHIR does not have here")
	}
	for {
		kind, err := r.s.Next()
		switch {
		case err != nil:
			return nil, err
		case kind == markup.Start && v != nil:
			return nil, r.fail(r.s.At(), "one resource stands here, not two")
		case kind == markup.Start:
			if v, err = r.resource(); err != nil {
				return nil, err
			}
		case kind == markup.Stop && v == nil:
			return nil, r.fail(r.s.At(), "a resource is expected here")
		case kind == markup.Stop:
			return v, nil
		case !markup.Blank(r.s.Value()):
			return nil, r.fail(r.s.At(), "text between elements; FHIR has values in the attribute value")
		}
	}
}

// primitive reads a value with what stands beside it; an element with neither
// is null.
func (r *reader) primitive(t fhir.Type) (v, beside *element.Value, err error) {
	beside, text, has, err := r.object(t)
	if err != nil {
		return nil, nil, err
	}
	empty := len(beside.Fields) == 0
	if empty {
		beside.Kind, v = element.Null, beside // the same value serves
		beside = nil
	} else if v, err = r.alloc(element.Null, ""); err != nil {
		return nil, nil, err
	}
	if has {
		v.Kind, v.Text = scalar(t.JSON(), text)
	}
	return v, beside, nil
}

// finish puts the members of an object in place.
func (r *reader) finish(v *element.Value, t fhir.Type, base int) error {
	members := r.members[base:]
	n := 0
	for i := range members {
		m := &members[i]
		if m.beside != nil {
			n++
			if !m.of.Repeats() {
				if m.value.Kind == element.Null {
					m.value = nil
				}
			} else {
				if err := r.pad(m.beside, len(m.value.Items)); err != nil {
					return err
				}
				if allNull(m.value.Items) {
					m.value = nil
				}
			}
		}
		if m.value != nil {
			n++
		}
	}
	if t.Resource() {
		n++
	}
	v.Fields = r.room(n)
	if t.Resource() {
		kind, err := r.alloc(element.String, t.Name())
		if err != nil {
			return err
		}
		v.Fields = append(v.Fields, element.F("resourceType", kind))
	}
	for i := range members {
		m := &members[i]
		if m.value != nil {
			v.Fields = append(v.Fields, element.F(m.of.Name(), m.value))
		}
		if m.beside != nil {
			v.Fields = append(v.Fields, element.F("_"+m.of.Name(), m.beside))
		}
	}
	clear(members)
	r.members = r.members[:base]
	return nil
}

// room is space for n members.
func (r *reader) room(n int) []element.Field {
	if len(r.fields) < n {
		r.fields = make([]element.Field, max(n, 64))
	}
	out := r.fields[:0:n]
	r.fields = r.fields[n:]
	return out
}

// pad fills an array of what stands beside primitives with null up to n items.
func (r *reader) pad(a *element.Value, n int) error {
	for len(a.Items) < n {
		v, err := r.alloc(element.Null, "")
		if err != nil {
			return err
		}
		a.Items = append(a.Items, v)
	}
	return nil
}

func allNull(items []*element.Value) bool {
	for _, it := range items {
		if it.Kind != element.Null {
			return false
		}
	}
	return true
}
