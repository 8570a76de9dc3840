package fhirpath

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// Expression is one that compiled. It is safe for use by several goroutines.
type Expression struct {
	eval eval
	text string
}

// eval makes a collection of the focus.
type eval func(e *scope, focus []Item) ([]Item, error)

// scope is what an evaluation sees beside its focus.
type scope struct {
	*run
	this  []Item
	index int
}

type run struct {
	resource, root, context Item
	steps                   *int
}

func (e *scope) step(n int) error {
	if *e.steps -= n + 1; *e.steps < 0 {
		return errCostly
	}
	return nil
}

// Place is where an expression is evaluated: at an element within a resource,
// within the one that contains it, which may be the same.
type Place struct {
	Focus          Item
	Resource, Root *element.Value
}

// Evaluate evaluates at a place. steps are how many may be used, and counted
// down.
func (x *Expression) Evaluate(at Place, steps *int) ([]Item, error) {
	r := &run{context: at.Focus, steps: steps}
	if at.Resource != nil {
		t, _ := fhir.TypeOf(at.Resource.ResourceType())
		r.resource = Element(at.Resource, nil, t)
	}
	r.root = r.resource
	if at.Root != nil {
		t, _ := fhir.TypeOf(at.Root.ResourceType())
		r.root = Element(at.Root, nil, t)
	}
	focus := []Item{at.Focus}
	return x.eval(&scope{run: r, this: focus}, focus)
}

// Holds evaluates an invariant. known is false where its result is empty,
// which is neither true nor false.
func (x *Expression) Holds(at Place, steps *int) (holds, known bool, err error) {
	out, err := x.Evaluate(at, steps)
	if err != nil || len(out) == 0 {
		return false, false, err
	}
	b, known, err := truth(out)
	return b, known, err
}

// String is the expression as it was written.
func (x *Expression) String() string { return x.text }

// truth is a collection as a condition: a single value that is no boolean is
// true. http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections
func truth(list []Item) (is, known bool, err error) {
	switch {
	case len(list) == 0:
		return false, false, nil
	case len(list) > 1:
		return false, false, errSingle
	case list[0].kind == boolean:
		return list[0].is, true, nil
	}
	return true, true, nil
}

// Compile reads an expression. The error says what is not known here, in words
// for people.
func Compile(s string) (x *Expression, err error) {
	if len(s) > maxText {
		return nil, fmt.Errorf("it is longer than %d characters", maxText)
	}
	p := &parser{s: s}
	p.next()
	ev, err := p.expression(0)
	if err == nil && p.err != nil {
		err = p.err
	}
	if err == nil && p.tok != "" {
		err = p.unexpected()
	}
	if err != nil {
		return nil, err
	}
	return &Expression{ev, s}, nil
}

// Bounds on one expression.
const (
	maxText    = 10_000
	maxNesting = 50
)

func constant(items []Item) eval {
	return func(*scope, []Item) ([]Item, error) { return items, nil }
}

// member follows a name from each item of the focus.
func member(name string) eval {
	return func(e *scope, focus []Item) ([]Item, error) {
		if err := e.step(len(focus)); err != nil {
			return nil, err
		}
		var out []Item
		known, typed := false, len(focus) > 0
		for _, it := range focus {
			if it.node && it.value != nil && it.typ.Is() && it.typ.Resource() && it.typ.Name() == name {
				out, known = append(out, it), true // Patient.name begins with the type
				continue
			}
			typed = typed && it.node && it.typ == focus[0].typ && it.typ.Is()
			list, ok := it.children(name)
			known = known || ok
			out = append(out, list...)
		}
		// Of a mixed collection, as descendants() makes, some lack the element.
		if typed && !known {
			return nil, fmt.Errorf("%w: %s", errUnknown, name)
		}
		return out, nil
	}
}

// then evaluates b on what a makes.
func then(a, b eval) eval {
	return func(e *scope, focus []Item) ([]Item, error) {
		list, err := a(e, focus)
		if err != nil {
			return nil, err
		}
		return b(e, list)
	}
}

func at(list, index eval) eval {
	return func(e *scope, focus []Item) ([]Item, error) {
		items, err := list(e, focus)
		if err != nil {
			return nil, err
		}
		n, err := index(e, e.this)
		if err != nil {
			return nil, err
		}
		i, ok := whole(n)
		if !ok {
			return nil, errType
		}
		if i < 0 || i >= len(items) {
			return nil, nil
		}
		return items[i : i+1], nil
	}
}

// whole is a collection as one whole number.
func whole(list []Item) (int, bool) {
	if len(list) != 1 || list[0].kind != number || !list[0].num.IsInt() || !list[0].num.Num().IsInt64() {
		return 0, false
	}
	return int(list[0].num.Num().Int64()), true
}

// external are the variables that are the same everywhere.
var external = map[string]string{
	"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org",
}

func variable(name string) (eval, error) {
	switch name {
	case "resource":
		return func(e *scope, _ []Item) ([]Item, error) { return []Item{e.resource}, nil }, nil
	case "rootResource":
		return func(e *scope, _ []Item) ([]Item, error) { return []Item{e.root}, nil }, nil
	case "context":
		return func(e *scope, _ []Item) ([]Item, error) { return []Item{e.context}, nil }, nil
	}
	if s, ok := external[name]; ok {
		return constant(ofText(s)), nil
	}
	return nil, fmt.Errorf("the variable %%%s is not known here", name)
}

// operate makes the eval of an operator with two sides.
func operate(op string, a, b eval) eval {
	sides := func(e *scope, focus []Item) (x, y []Item, err error) {
		if x, err = a(e, focus); err != nil {
			return nil, nil, err
		}
		y, err = b(e, focus)
		if err == nil {
			err = e.step(len(x) + len(y))
		}
		return x, y, err
	}
	switch op {
	case "and", "or", "xor", "implies":
		return logic(op, a, b)
	}
	return func(e *scope, focus []Item) ([]Item, error) {
		x, y, err := sides(e, focus)
		if err != nil {
			return nil, err
		}
		switch op {
		case "|":
			return distinct(e, append(append([]Item{}, x...), y...))
		case "=":
			return equalAll(x, y), nil
		case "!=":
			out := equalAll(x, y)
			if len(out) == 1 {
				return ofBool(!out[0].is), nil
			}
			return nil, nil
		case "in", "contains":
			if op == "contains" {
				x, y = y, x
			}
			if len(x) == 0 {
				return nil, nil
			}
			if len(x) > 1 {
				return nil, errSingle
			}
			if err := e.step(len(y)); err != nil {
				return nil, err
			}
			return ofBool(holds(y, x[0])), nil
		}
		if op == "&" && len(x) <= 1 && len(y) <= 1 {
			return concatenate(x, y)
		}
		if len(x) == 0 || len(y) == 0 {
			return nil, nil
		}
		if len(x) > 1 || len(y) > 1 {
			return nil, errSingle
		}
		return single(op, x[0], y[0])
	}
}

func concatenate(x, y []Item) ([]Item, error) {
	s := ""
	for _, list := range [][]Item{x, y} {
		if len(list) == 1 {
			if list[0].kind != text {
				return nil, errType
			}
			s += list[0].text
		}
	}
	return ofText(s), nil
}

// single makes the result of an operator on two items.
func single(op string, x, y Item) ([]Item, error) {
	switch op {
	case "<", ">", "<=", ">=":
		c, known, err := compare(x, y)
		if err != nil || !known {
			return nil, err
		}
		switch op {
		case "<":
			return ofBool(c < 0), nil
		case ">":
			return ofBool(c > 0), nil
		case "<=":
			return ofBool(c <= 0), nil
		}
		return ofBool(c >= 0), nil
	case "+":
		if x.kind == text && y.kind == text {
			return ofText(x.text + y.text), nil
		}
	}
	if x.kind != number || y.kind != number {
		return nil, errType
	}
	out := new(big.Rat)
	switch op {
	case "+":
		out.Add(x.num, y.num)
	case "-":
		out.Sub(x.num, y.num)
	case "*":
		out.Mul(x.num, y.num)
	case "/", "div", "mod":
		if y.num.Sign() == 0 {
			return nil, nil
		}
		out.Quo(x.num, y.num)
		if op != "/" {
			q := new(big.Int).Quo(out.Num(), out.Denom())
			out.SetInt(q)
			if op == "mod" {
				out.Sub(x.num, new(big.Rat).Mul(y.num, out))
			}
		}
	}
	if out.Num().BitLen()+out.Denom().BitLen() > 4096 {
		return nil, errCostly
	}
	return []Item{{kind: number, num: out}}, nil
}

// logic is three-valued. http://hl7.org/fhirpath/N1/#boolean-logic
func logic(op string, a, b eval) eval {
	return func(e *scope, focus []Item) ([]Item, error) {
		if err := e.step(1); err != nil {
			return nil, err
		}
		list, err := a(e, focus)
		if err != nil {
			return nil, err
		}
		x, knowX, err := truth(list)
		if err != nil {
			return nil, err
		}
		switch { // what the left side decides
		case op == "and" && knowX && !x:
			return ofBool(false), nil
		case (op == "or" || op == "implies") && knowX && x == (op == "or"):
			return ofBool(true), nil
		}
		if list, err = b(e, focus); err != nil {
			return nil, err
		}
		y, knowY, err := truth(list)
		if err != nil {
			return nil, err
		}
		switch {
		case op == "and" && knowY && !y:
			return ofBool(false), nil
		case (op == "or" || op == "implies") && knowY && y:
			return ofBool(true), nil
		case !knowX || !knowY:
			return nil, nil
		case op == "xor":
			return ofBool(x != y), nil
		case op == "and":
			return ofBool(x && y), nil
		}
		return ofBool(y), nil // or with false, implies with true
	}
}

// isType reports whether an item has a type, or with below one derived from
// it: of FHIR or of System, by the names that R4 has.
func isType(it Item, name string, below bool) (bool, error) {
	space, plain, qualified := strings.Cut(name, ".")
	if !qualified {
		space, plain = "", name
	}
	own := it.typeName()
	if !it.node {
		if space == "FHIR" {
			return false, nil
		}
		if it.kind == number && it.num.IsInt() && !strings.Contains(it.text, ".") {
			own = "Integer"
		}
		return own == plain || plain == "Date" && it.kind == date && !strings.Contains(it.text, "T"), nil
	}
	if space == "System" {
		return false, nil
	}
	if own == plain || !below {
		return own == plain, nil
	}
	switch plain {
	case "Resource":
		return it.typ.Is() && it.typ.Resource(), nil
	case "DomainResource":
		return it.typ.Is() && it.typ.Resource() && it.typ.Name() != "Bundle" && it.typ.Name() != "Binary" && it.typ.Name() != "Parameters", nil
	case "Element", "BackboneElement":
		return false, fmt.Errorf("the type %s is not told here", plain)
	case "string":
		return own == "code" || own == "id" || own == "markdown", nil
	case "uri":
		return own == "url" || own == "canonical" || own == "oid" || own == "uuid", nil
	case "integer":
		return own == "positiveInt" || own == "unsignedInt", nil
	case "Quantity":
		return own == "SimpleQuantity" || own == "Age" || own == "Count" || own == "Distance" || own == "Duration" || own == "MoneyQuantity", nil
	}
	return false, nil
}

func distinct(e *scope, list []Item) ([]Item, error) {
	if err := e.step(len(list) * len(list)); err != nil {
		return nil, err
	}
	var out []Item
	for _, it := range list {
		if !holds(out, it) {
			out = append(out, it)
		}
	}
	return out, nil
}
