package mapping

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/message"
)

// What is emitted and what is left out, the one rule of the language: an
// element is left out when it has no value, and an object or a resource is
// left out when every value it wanted from the message (<-, =, ->, $each) came
// out empty, whatever constants stand beside them. An object made of constants
// alone stays, unless a condition says otherwise.

// newValue takes a value from the slab, with its origin.
func (e *eval) newValue(k element.Kind, text string, rule, node int32) *element.Value {
	if e.count++; e.count > maxValues {
		e.tooLarge("the message would become more than %d values", maxValues)
	}
	e.spend(1)
	if e.make(len(text)); e.err != nil {
		return nil
	}
	if len(e.values) == 0 {
		e.values = make([]element.Value, 64)
	}
	v := &e.values[0]
	e.values = e.values[1:]
	if e.m.bare {
		rule, node = 0, 0
	}
	*v = element.Value{Kind: k, Text: text, Origin: element.Origin{Rule: rule, Node: node}}
	return v
}

// slab is a state of the memory that values are cut from. An object that is
// left out gives back what was cut since it was begun.
type slab struct {
	values []element.Value
	fields []element.Field
	items  []*element.Value
	count  int
}

func (e *eval) mark() slab { return slab{e.values, e.fields, e.items, e.count} }

func (e *eval) rewind(s slab) {
	e.values, e.fields, e.items, e.count = s.values, s.fields, s.items, s.count
}

// newFields takes room for n fields from the slab; more may be appended.
func (e *eval) newFields(n int) []element.Field {
	if len(e.fields) < n {
		e.fields = make([]element.Field, max(64, n))
	}
	f := e.fields[:0:n]
	e.fields = e.fields[n:]
	return f
}

// newArray copies the top of the stack into an array value and takes it off.
func (e *eval) newArray(rule int32, base int) *element.Value {
	top := e.stack[base:]
	e.stack = e.stack[:base]
	if len(top) == 0 {
		return nil
	}
	v := e.newValue(element.Array, "", rule, 0)
	if v == nil {
		return nil
	}
	if len(e.items) < len(top) {
		e.items = make([]*element.Value, max(48, len(top)))
	}
	v.Items = e.items[:len(top):len(top)]
	e.items = e.items[len(top):]
	copy(v.Items, top)
	return v
}

// value builds what stands in the place of one member; nil: nothing.
func (e *eval) value(t *template) *element.Value {
	if e.err != nil {
		return nil
	}
	if t.repeat != nil || t.shape == isArray {
		return e.array(t)
	}
	switch t.shape {
	case isObject:
		if !e.allowed(t) {
			return nil
		}
		return e.object(t)
	case isFirst:
		if !e.allowed(t) {
			return nil
		}
		first := e.attempt()
		for _, alt := range t.items {
			began := e.attempt()
			if v := e.value(alt); v != nil {
				e.settle(first, began, v)
				return v
			}
		}
		return nil
	case isArrow:
		if t.arrow.simple {
			e.rule = t.rule
			return e.leaf(t.rule, e.simple(t.arrow))
		}
	case isRef:
		return e.reference(t)
	case isConstant:
		return e.newValue(t.kind, t.text, t.rule, 0)
	}
	base, list := len(e.stack), t.list
	if t.shape == isArrow && t.arrow.mode == copied {
		list = e.copyAll(t)
	} else {
		e.push(t)
	}
	return e.popped(t.rule, base, list)
}

// popped takes the top of the stack off: as an array, or its first.
func (e *eval) popped(rule int32, base int, list bool) *element.Value {
	if list {
		return e.newArray(rule, base)
	}
	var v *element.Value
	if len(e.stack) > base {
		v = e.stack[base]
	}
	e.stack = e.stack[:base]
	return v
}

// leaf makes an element of a value and counts it as asked for.
func (e *eval) leaf(rule int32, v val) *element.Value {
	e.asked++
	if v.text == "" {
		return nil
	}
	if v.node != 0 {
		e.found++
		e.entities(rule, v)
	}
	return e.newValue(v.kind, v.text, rule, v.node)
}

// push puts every value of a rule on the stack.
func (e *eval) push(t *template) {
	wanted := t.shape == isArrow || t.shape == isExpr && !t.expr.fixed
	if wanted {
		e.asked++
	}
	e.each(t, func(v val) {
		if wanted && v.node != 0 {
			e.found++
			e.entities(t.rule, v)
		}
		if x := e.newValue(v.kind, v.text, t.rule, v.node); x != nil {
			e.stack = append(e.stack, x)
		}
	})
}

// reference points to the first of the targets that was made.
func (e *eval) reference(t *template) *element.Value {
	base := len(e.stack)
	e.references(t)
	return e.popped(t.rule, base, t.list)
}

// requireReference notes that none of the targets was made.
func (e *eval) requireReference(t *template) {
	if len(e.missing) < maxMissing {
		e.missing = append(e.missing, fault.Issue{
			Code: "required", Expression: e.pathOf(t.rule), Text: t.reason + " (" + e.m.ruleAt(t.rule) + ")",
		})
	}
}

// allowed reports whether every $when and $unless of the template lets it be.
func (e *eval) allowed(t *template) bool {
	for i := range t.when {
		if c := &t.when[i]; e.truth(c.value) == c.unless {
			return false
		}
	}
	return true
}

// no is the text of a value that makes a condition false, whether it was sent as
// a boolean or as a text.
const no = "false"

// truth: a rule is true when it gives a value other than false. One that ends
// with only asks for values by name, so each of those makes it true.
func (e *eval) truth(t *template) bool {
	if t.shape == isRef {
		return slices.ContainsFunc(t.refs, e.isMade)
	}
	if t.shape == isArrow && t.arrow.simple && len(t.arrow.calls) == 0 && t.arrow.reason == "" {
		for i := range t.arrow.sources {
			s := &t.arrow.sources[i]
			if s.from == fromSlot && e.slots[s.slot].text != "" {
				e.readNode(nodeOf(e.tree, e.slots[s.slot].from))
				return e.slots[s.slot].text != no
			}
			if n := e.place(s); !e.blank(n) {
				e.readBelow(n)
				return !isLeaf(n) || e.textOf(n) != no
			}
		}
		return false
	}
	yes, named := false, t.shape == isArrow && t.arrow.asks()
	e.each(t, func(v val) {
		e.readNode(nodeOf(e.tree, v.node))
		yes = yes || named || v.text != no
	})
	return yes
}

// object builds the members in their order.
func (e *eval) object(t *template) *element.Value {
	asked, found, before := e.asked, e.found, e.mark()
	v := e.newValue(element.Object, "", t.rule, 0)
	if v == nil {
		return nil
	}
	v.Fields = e.newFields(len(t.fields))
	for i := range t.fields {
		f := &t.fields[i]
		if x := e.value(f.value); x != nil {
			v.Fields = append(v.Fields, element.Field{Name: f.name, Value: x})
		}
	}
	if len(v.Fields) == 0 || e.asked > asked && e.found == found {
		e.rewind(before)
		return nil
	}
	for _, name := range t.needs {
		if v.Get(name) == nil {
			if len(t.when) > 0 || stems(v) {
				e.lacking = t
			}
			e.found = found
			e.rewind(before)
			return nil
		}
	}
	return v
}

// stems reports whether anything of a value came from the message.
func stems(v *element.Value) bool {
	return v.Origin.Node != 0 ||
		slices.ContainsFunc(v.Fields, func(f element.Field) bool { return stems(f.Value) }) || slices.ContainsFunc(v.Items, stems)
}

// array builds an array of items, or of the repetitions of one template.
func (e *eval) array(t *template) *element.Value {
	base := len(e.stack)
	level := e.depth
	e.depth++
	if t.shape == isArray && t.repeat == nil {
		for _, it := range t.items {
			e.add(it, base, level)
		}
	} else {
		e.add(t, base, level)
	}
	e.depth = level
	return e.newArray(t.rule, base)
}

// add puts what a template gives on the stack: one item, or several.
func (e *eval) add(t *template, base, level int) {
	if level < maxPathDepth {
		e.index[level] = len(e.stack) - base
	}
	switch {
	case t.repeat != nil:
		e.repetitions(t, base, level)
	case t.shape == isArrow && t.arrow.mode == copied:
		e.copyAll(t)
	case t.shape == isArrow && !t.arrow.simple, t.shape == isExpr:
		e.push(t)
	case t.shape == isRef:
		e.references(t)
	case t.shape == isFirst:
		if !e.allowed(t) {
			return
		}
		first := e.attempt()
		for _, alt := range t.items {
			before, began := len(e.stack), e.attempt()
			if e.add(alt, base, level); len(e.stack) > before {
				e.settle(first, began, e.stack[before:]...)
				return
			}
		}
	default:
		if v := e.value(t); v != nil {
			e.stack = append(e.stack, v)
		}
	}
}

// repetitions builds the template once for every place of its $each.
func (e *eval) repetitions(t *template, base, level int) {
	e.asked++
	r := t.repeat
	if r.values != nil {
		e.valued(t, base, level)
		return
	}
	from := len(e.nodes)
	e.places(&r.source, func(n message.Node) bool {
		if !e.blank(n) {
			e.nodes = append(e.nodes, n)
		} else {
			e.asksDeletionOf(t, n)
		}
		return len(e.nodes)-from <= maxRepetitions
	})
	to := len(e.nodes)
	if to-from > maxRepetitions {
		e.tooMany()
	}
	here := e.here
	for i := from; i < to && e.err == nil; i++ {
		e.spend(1)
		e.here = e.nodes[i]
		if r.slot >= 0 {
			e.slots[r.slot] = slot{node: e.here}
		}
		if !e.allowed(t) {
			continue
		}
		before := len(e.stack)
		if e.add(r.body, base, level); len(e.stack) > before {
			e.found++
		}
	}
	e.here, e.nodes = here, e.nodes[:from]
}

// valued builds the template once for every value of its $each.
func (e *eval) valued(t *template, base, level int) {
	var list []val
	e.each(t.repeat.values, func(v val) {
		if len(list) <= maxRepetitions {
			list = append(list, v)
		}
	})
	if len(list) > maxRepetitions {
		e.tooMany()
	}
	outer := e.slots[t.repeat.slot]
	for i := 0; i < len(list) && e.err == nil; i++ {
		e.spend(1)
		e.slots[t.repeat.slot] = slot{text: list[i].text, from: list[i].node, nth: list[i].nth}
		if !e.allowed(t) {
			continue
		}
		before := len(e.stack)
		if e.add(t.repeat.body, base, level); len(e.stack) > before {
			e.found++
		}
	}
	e.slots[t.repeat.slot] = outer
}

// copyAll puts the structures a `<- copy` leads to on the stack as they are
// and reports whether they are an array in the message.
func (e *eval) copyAll(t *template) (list bool) {
	e.asked++
	e.rule = t.rule
	for i := range t.arrow.sources {
		before := len(e.stack)
		e.places(&t.arrow.sources[i], func(n message.Node) bool {
			list = list || n.Parent().Kind() == message.List
			if v := e.copy(n, t.rule, 0); v != nil {
				e.stack = append(e.stack, v)
			}
			return e.err == nil
		})
		if len(e.stack) > before {
			e.found++
			return list
		}
	}
	if t.arrow.reason != "" {
		e.require(t.arrow, e.reports)
	}
	return false
}

// copy makes an element of a node and all below it. Lists of a JSON message
// become arrays; names of an object that stand for one list stay one member.
func (e *eval) copy(n message.Node, rule int32, depth int) *element.Value {
	if depth > maxCopyDepth {
		e.tooLarge("the structure is nested deeper than %d levels", maxCopyDepth)
		return nil
	}
	id := n.ID() + 1
	switch n.Kind() {
	case message.Object:
		v := e.newValue(element.Object, "", rule, id)
		for c := n.First(); c.Ok() && v != nil; c = c.Next() {
			if x := e.copy(c, rule, depth+1); x != nil {
				v.Fields = append(v.Fields, element.Field{Name: c.Name(), Value: x})
			}
		}
		if v == nil || len(v.Fields) == 0 {
			return nil
		}
		return v
	case message.List:
		v := e.newValue(element.Array, "", rule, id)
		for c := n.First(); c.Ok() && v != nil; c = c.Next() {
			if x := e.copy(c, rule, depth+1); x != nil {
				v.Items = append(v.Items, x)
			}
		}
		if v == nil || len(v.Items) == 0 {
			return nil
		}
		return v
	case message.Null:
		return nil
	default:
		if n.Value() == "" {
			return nil
		}
		return e.newValue(kindOf(n), n.Value(), rule, id)
	}
}
