package patch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// parameterPatch is a FHIRPath Patch.
type parameterPatch []parameterOperation

type parameterOperation struct {
	typ                        string
	path                       *expression
	name                       string
	index, source, destination int            // -1: not given
	value                      *element.Value // the part that holds it
	place                      string
}

// ParseParameters reads a FHIRPath Patch: a Parameters resource with one
// parameter "operation" for each change. The paths are those of expression.
// https://hl7.org/fhir/R4/fhirpatch.html
func ParseParameters(v *element.Value) (Patch, error) {
	if v.ResourceType() != "Parameters" {
		return nil, malformed("resourceType", "a FHIRPath Patch is a Parameters resource")
	}
	list := v.List("parameter")
	if len(list) > MaxOperations {
		return nil, fault.New(fault.TooLarge, "", "%d operations, at most %d are taken", len(list), MaxOperations)
	}
	out := make(parameterPatch, 0, len(list))
	for i, p := range list {
		place := fmt.Sprintf("Parameters.parameter[%d]", i)
		if p.Str("name") != "operation" {
			return nil, malformed(place+".name", "operation is expected")
		}
		op, err := readParts(p, place)
		if err != nil {
			return nil, err
		}
		out = append(out, op)
	}
	return out, nil
}

// needs says which parts each operation has besides type and path.
var needs = map[string][]string{
	"add": {"name", "value"}, "insert": {"index", "value"}, "delete": nil,
	"replace": {"value"}, "move": {"source", "destination"},
}

func readParts(p *element.Value, place string) (op parameterOperation, err error) {
	op = parameterOperation{index: -1, source: -1, destination: -1, place: place}
	seen := map[string]bool{}
	for i, part := range p.List("part") {
		at := fmt.Sprintf("%s.part[%d]", place, i)
		name := part.Str("name")
		if seen[name] {
			return op, malformed(at, "the part stands twice")
		}
		seen[name] = true
		switch name {
		case "type":
			op.typ = text(part)
		case "path":
			if op.path, err = parseExpression(text(part)); err != nil {
				return op, malformed(at, err.Error())
			}
		case "name":
			op.name = text(part)
		case "index":
			op.index, err = number(part, at)
		case "source":
			op.source, err = number(part, at)
		case "destination":
			op.destination, err = number(part, at)
		case "value":
			op.value = part
		default:
			return op, malformed(at, "one of type, path, name, value, index, source, destination is expected")
		}
		if err != nil {
			return op, err
		}
	}
	want, known := needs[op.typ]
	if !known {
		return op, malformed(place, "the part type is one of add, insert, delete, replace, move")
	}
	for _, name := range append([]string{"path"}, want...) {
		if !seen[name] {
			return op, malformed(place, "the part "+name+" is expected with "+op.typ)
		}
	}
	return op, nil
}

// text is the value of a part, whichever string type it was given.
func text(part *element.Value) string {
	for _, f := range part.Fields {
		if strings.HasPrefix(f.Name, "value") && f.Value.Kind == element.String {
			return f.Value.Text
		}
	}
	return ""
}

func number(part *element.Value, at string) (int, error) {
	for _, name := range []string{"valueInteger", "valueUnsignedInt", "valuePositiveInt"} {
		if v := part.Get(name); v != nil && v.Kind == element.Number {
			if n, err := strconv.Atoi(v.Text); err == nil && n >= 0 {
				return n, nil
			}
		}
	}
	return 0, malformed(at, "valueInteger is expected, from 0")
}

// Apply implements Patch.
func (p parameterPatch) Apply(doc *element.Value) (*element.Value, error) {
	root := doc.Clone()
	typ, known := fhir.TypeOf(root.ResourceType())
	if !known {
		return nil, unfit("", "only resources of R4 are patched")
	}
	e := &evaluator{root: node{value: root, typ: typ}, work: maxWork}
	for _, op := range p {
		if err := e.apply(op); err != nil {
			return nil, err
		}
	}
	return bounded(root)
}

func (e *evaluator) apply(op parameterOperation) error {
	switch op.typ {
	case "add":
		return e.add(op)
	case "insert", "move":
		return e.list(op)
	}
	found, err := e.find(op.path, op.place)
	if err != nil {
		return err
	}
	switch {
	case len(found) > 1:
		return unfit(op.place, "the path finds several elements; make it narrower")
	case len(found) == 0 && op.typ == "delete":
		return nil // it is gone already, as wanted
	case len(found) == 0:
		return unfit(op.place, "the path finds no element")
	case found[0].owner == nil:
		return unfit(op.place, "the whole resource is not replaced or deleted by a patch")
	}
	n := found[0]
	pairs := load(n.owner, n.of)
	if op.typ == "delete" {
		save(n.owner, n.of, slices.Delete(pairs, n.index, n.index+1))
		return nil
	}
	of, p, err := e.content(n.owner, n.parent, choiceBase(n.of), op.value, op.place, 0)
	if err != nil {
		return err
	}
	if of != n.of { // another type of a choice
		save(n.owner, n.of, nil)
		save(n.owner, of, []pair{p})
		return nil
	}
	pairs[n.index] = p
	save(n.owner, of, pairs)
	return nil
}

// add appends to a list, or makes an element that is not there.
func (e *evaluator) add(op parameterOperation) error {
	found, err := e.find(op.path, op.place)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return unfit(op.place, "the path finds "+strconv.Itoa(len(found))+" elements, one is expected")
	}
	n := found[0]
	object := n.open()
	if object == nil {
		return unfit(op.place, "nothing can be added here")
	}
	of, p, err := e.content(object, n.typ, op.name, op.value, op.place, 0)
	if err != nil {
		return err
	}
	if !of.Repeats() && present(object, n.typ, of) {
		return unfit(op.place, "the element is there already and does not repeat; replace it")
	}
	save(object, of, append(load(object, of), p))
	n.close(object)
	return nil
}

// list does insert and move, which work on all items of an element.
func (e *evaluator) list(op parameterOperation) error {
	parent, name := op.path.list()
	if name == "" {
		return unfit(op.place, "the path of insert and move ends with the name of a list")
	}
	found, err := e.find(parent, op.place)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return unfit(op.place, "the list is in "+strconv.Itoa(len(found))+" elements, one is expected")
	}
	n := found[0]
	of, known := n.typ.Element(name)
	object := n.open()
	if !known || !of.Repeats() || object == nil {
		return unfit(op.place, "the path is not that of a list")
	}
	pairs := load(object, of)
	if op.typ == "move" {
		if op.source >= len(pairs) || op.destination >= len(pairs) {
			return unfit(op.place, "source or destination is beyond the end of the list")
		}
		p := pairs[op.source]
		pairs = slices.Delete(pairs, op.source, op.source+1)
		save(object, of, slices.Insert(pairs, op.destination, p))
		return nil
	}
	if op.index > len(pairs) {
		return unfit(op.place, "the index is beyond the end of the list")
	}
	_, p, err := e.content(object, n.typ, name, op.value, op.place, 0)
	if err != nil {
		return err
	}
	save(object, of, slices.Insert(pairs, op.index, p))
	n.close(object)
	return nil
}

// content makes the value of a part: value[x], a resource, or an object of
// parts for types that have no name. The element is that of name in the type;
// of a choice, the one of the type of the value.
func (e *evaluator) content(owner *element.Value, t fhir.Type, name string, part *element.Value, place string, depth int) (fhir.Element, pair, error) {
	if depth > element.DefaultLimits.Depth {
		return fhir.Element{}, pair{}, unfit(place, "the value is nested too deep")
	}
	var p pair
	suffix := ""
	var parts []*element.Value
	for _, f := range part.Fields {
		switch {
		case f.Name == "resource":
			p.value = f.Value
		case f.Name == "part":
			parts = f.Value.Items
		case strings.HasPrefix(f.Name, "_value"):
			p.beside, suffix = f.Value, f.Name[len("_value"):]
		case strings.HasPrefix(f.Name, "value"):
			p.value, suffix = f.Value, f.Name[len("value"):]
		}
	}
	of, known := t.Element(name)
	if !known && suffix != "" {
		of, known = t.Element(name + suffix)
	}
	if !known {
		return of, p, unfit(place, t.Name()+" has no such element for this value")
	}
	if p.value == nil && p.beside == nil {
		if len(parts) == 0 {
			return of, p, malformed(place, "the part value holds a value or parts")
		}
		if of.Type().Primitive() || of.Type().AnyResource() {
			return of, p, unfit(place, "parts make up an element with elements of its own")
		}
		p.value = element.NewObject()
		for _, sub := range parts {
			child, cp, err := e.content(p.value, of.Type(), sub.Str("name"), sub, place, depth+1)
			if err != nil {
				return of, p, err
			}
			if !child.Repeats() && present(p.value, of.Type(), child) {
				return of, p, malformed(place, "a part that does not repeat stands twice")
			}
			save(p.value, child, append(load(p.value, child), cp))
		}
		return of, p, nil
	}
	n, ok := 0, true
	for _, v := range []*element.Value{p.value, p.beside} {
		if v != nil && ok {
			n, ok = measure(v, 1)
			e.work -= n
		}
	}
	if !ok || e.work < 0 {
		return of, p, fault.New(fault.TooLarge, place, "the patch makes the resource too large")
	}
	return of, pair{p.value.Clone(), p.beside.Clone()}, nil
}

// pair is one value: what stands under name and under _name.
type pair struct{ value, beside *element.Value }

// load reads the values of an element of an object.
func load(object *element.Value, of fhir.Element) []pair {
	v, beside := object.Get(of.Name()), object.Get("_"+of.Name())
	if !of.Repeats() {
		if v == nil && beside == nil {
			return nil
		}
		return []pair{{v, beside}}
	}
	values, besides := items(v), items(beside)
	out := make([]pair, max(len(values), len(besides)))
	for i := range out {
		if i < len(values) && values[i].Kind != element.Null {
			out[i].value = values[i]
		}
		if i < len(besides) && besides[i].Kind != element.Null {
			out[i].beside = besides[i]
		}
	}
	return out
}

func items(v *element.Value) []*element.Value {
	if v == nil || v.Kind != element.Array {
		return nil
	}
	return v.Items
}

// save writes the values of an element, of which there are none, one or, when
// it repeats, several.
func save(object *element.Value, of fhir.Element, pairs []pair) {
	set := func(name string, side func(pair) *element.Value) {
		if !slices.ContainsFunc(pairs, func(p pair) bool { return side(p) != nil }) {
			object.Remove(name)
			return
		}
		if !of.Repeats() {
			object.Set(name, side(pairs[0]))
			return
		}
		a := element.NewArray()
		for _, p := range pairs {
			v := side(p)
			if v == nil {
				v = &element.Value{}
			}
			a.Items = append(a.Items, v)
		}
		object.Set(name, a)
	}
	set(of.Name(), func(p pair) *element.Value { return p.value })
	if of.Type().Primitive() {
		set("_"+of.Name(), func(p pair) *element.Value { return p.beside })
	}
}

// present reports whether an element, or of a choice any of its types, is
// there.
func present(object *element.Value, t fhir.Type, of fhir.Element) bool {
	base := choiceBase(of)
	for _, f := range object.Fields {
		if child, ok := t.Element(strings.TrimPrefix(f.Name, "_")); ok && (child == of || base != of.Name() && choiceBase(child) == base) {
			return true
		}
	}
	return false
}

// choiceBase is value of valueString, and the name itself of what is no choice.
func choiceBase(of fhir.Element) string {
	if c := of.Choice(); c != "" {
		return c
	}
	return of.Name()
}
