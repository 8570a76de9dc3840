package fhirxml

import (
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/markup"
)

// Declaration stands at the start of what Append writes.
const Declaration = `<?xml version="1.0" encoding="UTF-8"?>`

// Append writes a resource as an XML text in UTF-8, without white space
// between elements, in the order that FHIR fixes. What Read makes of it is the
// same resource again. The fault of a tree that is no resource of R4, or whose
// narrative is not well-formed, is Malformed and names the element in
// FHIRPath; for what fhir.Check takes only the narrative can fail.
func Append(dst []byte, v *element.Value) ([]byte, error) {
	return (&writer{out: append(dst, Declaration...)}).write(dst, v)
}

// AppendIndented is Append with each element on a line of its own, for people
// to read. White space between elements means nothing in FHIR.
func AppendIndented(dst []byte, v *element.Value) ([]byte, error) {
	w := &writer{out: append(dst, Declaration...), indented: true}
	return w.write(dst, v)
}

func (w *writer) write(dst []byte, v *element.Value) ([]byte, error) {
	if err := w.resource(v, ` xmlns="`+Namespace+`"`); err != nil {
		return dst, err
	}
	return w.out, nil
}

type writer struct {
	out []byte
	// indented puts each element on a line of its own; depth is how far in.
	indented bool
	depth    int

	path  []step
	slots []slot
}

// slot is one element to write: what stands under name and _name.
type slot struct {
	of            fhir.Element
	value, beside *element.Value
}

// line begins a line where the text is indented.
func (w *writer) line() {
	if !w.indented {
		return
	}
	w.out = append(w.out, '\n')
	for range w.depth {
		w.out = append(w.out, "  "...)
	}
}

func (w *writer) fail(text string) error {
	return &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{Expression: expression(w.path), Text: text}}}
}

// resource writes a resource of any type; declare is what its start tag holds
// besides the name.
func (w *writer) resource(v *element.Value, declare string) error {
	if v == nil || v.Kind != element.Object {
		return w.fail("a resource is expected")
	}
	t, known := fhir.TypeOf(v.ResourceType())
	if !known {
		return w.fail("resourceType is no resource type of FHIR R4")
	}
	if len(w.path) == 0 {
		w.path = append(w.path, step{t.Name(), -1})
	}
	w.line()
	w.out = append(append(append(w.out, '<'), t.Name()...), declare...)
	return w.content(v, t, t.Name())
}

// content writes the rest of an element whose start tag is not closed yet: the
// attributes, the elements within and the end tag.
func (w *writer) content(v *element.Value, t fhir.Type, name string) error {
	base := len(w.slots)
	if v != nil {
		if v.Kind != element.Object {
			return w.fail("an object is expected")
		}
		if err := w.collect(v, t, base); err != nil {
			return err
		}
	}
	if len(w.slots) == base {
		w.out = append(w.out, "/>"...)
		return nil
	}
	w.out = append(w.out, '>')
	w.depth++
	for i := base; i < len(w.slots); i++ {
		if err := w.elements(w.slots[i]); err != nil {
			return err
		}
	}
	w.slots = w.slots[:base]
	w.depth--
	w.line()
	w.out = append(append(append(w.out, "</"...), name...), '>')
	return nil
}

// collect writes what is an attribute and sorts the rest by the order of FHIR.
func (w *writer) collect(v *element.Value, t fhir.Type, base int) error {
	for i := range v.Fields {
		name, x := v.Fields[i].Name, v.Fields[i].Value
		if name == "resourceType" && t.Resource() {
			continue
		}
		plain, beside := name, false
		if name != "" && name[0] == '_' {
			plain, beside = name[1:], true
		}
		of, known := t.Element(plain)
		if !known || beside && !of.Type().Primitive() {
			return w.fail("there is an element that " + t.Name() + " does not have")
		}
		if isAttribute(t, plain) {
			if beside || x.Kind != element.String {
				w.path = append(w.path, step{plain, -1})
				return w.fail("a text is expected, without extensions")
			}
			w.attribute(plain, x.Text)
			continue
		}
		at := len(w.slots)
		for at > base && w.slots[at-1].of.Order() >= of.Order() {
			at--
		}
		if at == len(w.slots) || w.slots[at].of != of {
			w.slots = append(w.slots, slot{})
			copy(w.slots[at+1:], w.slots[at:])
			w.slots[at] = slot{of: of}
		}
		if beside {
			w.slots[at].beside = x
		} else {
			w.slots[at].value = x
		}
	}
	return nil
}

func (w *writer) attribute(name, value string) {
	w.out = append(append(append(w.out, ' '), name...), `="`...)
	w.out = append(markup.AppendAttribute(w.out, value), '"')
}

// elements writes one element, or each item of one that repeats.
func (w *writer) elements(s slot) error {
	w.path = append(w.path, step{s.of.Name(), -1})
	defer func() { w.path = w.path[:len(w.path)-1] }()
	if !s.of.Repeats() {
		return w.element(s.of, s.value, s.beside)
	}
	if s.value != nil && s.value.Kind != element.Array || s.beside != nil && s.beside.Kind != element.Array {
		return w.fail("an array is expected")
	}
	var values, besides []*element.Value
	if s.value != nil {
		values = s.value.Items
	}
	if s.beside != nil {
		besides = s.beside.Items
	}
	for i := range max(len(values), len(besides)) {
		var v, b *element.Value
		if i < len(values) {
			v = values[i]
		}
		if i < len(besides) {
			b = besides[i]
		}
		w.path[len(w.path)-1].index = i
		if err := w.element(s.of, v, b); err != nil {
			return err
		}
	}
	return nil
}

// element writes one element; v or beside may be nil or null.
func (w *writer) element(of fhir.Element, v, beside *element.Value) error {
	t, name := of.Type(), of.Name()
	w.line()
	switch {
	case t.AnyResource():
		w.out = append(append(append(w.out, '<'), name...), '>')
		w.depth++
		if err := w.resource(v, ""); err != nil {
			return err
		}
		w.depth--
		w.line()
		w.out = append(append(append(w.out, "</"...), name...), '>')
		return nil
	case t.Name() == xhtmlType:
		if v == nil || v.Kind != element.String || beside != nil {
			return w.fail("a narrative is one text")
		}
		var ok bool
		if w.out, ok = appendNarrative(w.out, v.Text); !ok {
			return w.fail("the narrative is not well-formed XHTML")
		}
		return nil
	case !t.Primitive():
		w.out = append(append(w.out, '<'), name...)
		return w.content(v, t, name)
	}
	w.out = append(append(w.out, '<'), name...)
	if v != nil {
		switch v.Kind {
		case element.Object, element.Array:
			return w.fail("a single value is expected")
		case element.Null:
		default:
			w.attribute("value", v.Text)
		}
	}
	if beside != nil && beside.Kind == element.Null {
		beside = nil
	}
	return w.content(beside, t, name)
}
