package fhirpath

import (
	"errors"
	"math/big"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// Item is one member of a collection: an element of a resource, or a value
// that was computed.
type Item struct {
	value  *element.Value // nil of a primitive of which only extensions are there
	beside *element.Value // id and extensions of a primitive
	typ    fhir.Type
	node   bool

	kind kind
	text string   // text, date, time; of a number as it was written, where it was
	num  *big.Rat // number
	is   bool     // boolean
}

// kind is the kind of a value; none of what has no value, as a Patient.
type kind uint8

const (
	none kind = iota
	boolean
	text
	number
	date // dates, dateTimes and instants
	clock
)

// Element is an element of a resource as a collection of one. beside is the
// _name member of a primitive, nil where there is none.
func Element(v, beside *element.Value, t fhir.Type) Item {
	it := Item{value: v, beside: beside, typ: t, node: true}
	if v == nil || !t.Is() || !t.Primitive() {
		return it
	}
	switch v.Kind {
	case element.Bool:
		it.kind, it.is = boolean, v.Text == "true"
	case element.Number:
		if n, ok := parseNumber(v.Text); ok {
			it.kind, it.num, it.text = number, n, v.Text
		}
	case element.String:
		it.kind, it.text = text, v.Text
		switch t.Name() {
		case "Date", "DateTime", "Instant":
			it.kind = date
		case "Time":
			it.kind = clock
		}
	}
	return it
}

// parseNumber reads a number that is short enough to count with.
func parseNumber(s string) (*big.Rat, bool) {
	if len(s) > 40 {
		return nil, false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 4 {
		return nil, false // 1e9999 takes a megabyte
	}
	return new(big.Rat).SetString(s)
}

func ofBool(b bool) []Item   { return []Item{{kind: boolean, is: b}} }
func ofText(s string) []Item { return []Item{{kind: text, text: s}} }
func ofInt(n int) []Item     { return []Item{{kind: number, num: big.NewRat(int64(n), 1)}} }

var (
	errSingle  = errors.New("one value is expected where there are several")
	errType    = errors.New("values of these types cannot be used together")
	errCostly  = errors.New("evaluating it takes too many steps")
	errUnknown = errors.New("an element is named that the type does not have")
)

// children are the elements of an item by name, every one when name is "*".
// known reports whether the type has such an element.
func (it Item) children(name string) (out []Item, known bool) {
	if !it.node || !it.typ.Is() {
		return nil, false
	}
	of := it.value
	if it.typ.Primitive() {
		of = it.beside
	}
	if of == nil || of.Kind != element.Object {
		return nil, it.has(name) || name == "*"
	}
	for i := range of.Fields {
		f := of.Fields[i]
		plain, beside := strings.CutPrefix(f.Name, "_")
		if beside && of.Get(plain) != nil {
			continue // comes with its value
		}
		e, ok := it.typ.Element(plain)
		if !ok || name != "*" && (plain != name || e.Choice() != "") && e.Choice() != name {
			continue
		}
		known = true
		var x, y *element.Value
		if beside {
			y = f.Value
		} else {
			x, y = f.Value, of.Get("_"+plain)
		}
		out = appendElement(out, x, y, e.Type())
	}
	return out, known || name == "*" || it.has(name)
}

// has reports whether the type has an element or a choice of the name;
// FHIRPath says value and never valueString.
func (it Item) has(name string) bool {
	if e, ok := it.typ.Element(name); ok {
		return e.Choice() == ""
	}
	return it.typ.HasChoice(name)
}

// appendElement appends the items of an element: x itself, beside it y.
func appendElement(out []Item, x, y *element.Value, t fhir.Type) []Item {
	if x != nil && x.Kind == element.Array || x == nil && y != nil && y.Kind == element.Array {
		n := 0
		if x != nil {
			n = len(x.Items)
		}
		if y != nil && y.Kind == element.Array {
			n = max(n, len(y.Items))
		}
		for i := range n {
			out = appendElement(out, itemOf(x, i), itemOf(y, i), t)
		}
		return out
	}
	if x == nil && y == nil {
		return out
	}
	if t.AnyResource() {
		if x == nil {
			return out
		}
		t, _ = fhir.TypeOf(x.ResourceType())
	}
	return append(out, Element(x, y, t))
}

// itemOf is item i of an array, nil when it is not there or null.
func itemOf(v *element.Value, i int) *element.Value {
	if v == nil || v.Kind != element.Array || i >= len(v.Items) || v.Items[i].Kind == element.Null {
		return nil
	}
	return v.Items[i]
}

// typeName is the name of the type as FHIR writes it: dateTime, HumanName.
func (it Item) typeName() string {
	if !it.node {
		return [...]string{"", "Boolean", "String", "Decimal", "DateTime", "Time"}[it.kind]
	}
	if !it.typ.Is() {
		return ""
	}
	n := it.typ.Name()
	if it.typ.Primitive() {
		return strings.ToLower(n[:1]) + n[1:]
	}
	return n
}
