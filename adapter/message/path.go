package message

import "strings"

// Path is a compiled way to a place in a message, written as people of the
// format write it:
//
//	PID-5.1                              HL7 v2: segment, field, component
//	PID-3[2].1                           the second repetition
//	PID-3[where .5 = NH].1               the repetition whose component 5 is NH
//	OBX[where 2 = FT or TX]-5            the segment whose field 2 is one of these
//	patient.name[0].family               JSON and FHIR: member, item, member
//	telecom[where system = phone].value
//	ServiceRequest.subject.resolve()     the resource a reference points to
//	.4 and .                             from, and at, the node at hand
//
// Conditions compare with =, != (none of these), contains and lacks; several
// brackets in a row must all hold. Indexes count as the format counts: HL7 v2
// repetitions and segments from 1, items of JSON arrays from 0. Which of the
// two is meant follows from the name before the bracket: a segment or a field
// number is HL7 v2. A member name with other characters than letters, digits,
// - _ @ $ : stands in backquotes.
//
// Lists disappear along the way: First takes the first item of each list and
// never comes back for another, so that a given name and a surname taken by
// two paths are of the same repetition; All visits every item.
//
// The zero Path, like ".", is the node at hand.
type Path struct {
	text     string
	steps    []step
	hl7      bool
	relative bool
}

// step goes from a node to its children of one name.
type step struct {
	name    string
	selects []selector
	resolve bool // follow the reference instead
}

// selector keeps some of the candidates: one by its position, or those that
// meet a condition.
type selector struct {
	index    int // from 0; -1: by condition
	path     []step
	op       operator
	literals []string
}

type operator uint8

const (
	opEqual operator = iota
	opNotEqual
	opContains
	opLacks
)

// String is the path as it was written.
func (p Path) String() string { return p.text }

// HL7 reports whether the path names an HL7 v2 segment.
func (p Path) HL7() bool { return p.hl7 }

// Relative reports whether the path starts at the node at hand rather than at
// the root of the message.
func (p Path) Relative() bool { return p.relative || p.text == "" }

// Segment is the HL7 v2 segment and the number of the field the path asks
// for; the field is 0 when the path ends at the segment, and both are zero
// when it is no HL7 v2 path.
func (p Path) Segment() (name string, field int) {
	if !p.hl7 {
		return "", 0
	}
	if len(p.steps) > 1 {
		for _, c := range []byte(p.steps[1].name) {
			field = field*10 + int(c-'0')
		}
	}
	return p.steps[0].name, field
}

// First returns the first place the path leads to from n, or the zero Node.
func (p Path) First(n Node) Node {
	if n.t == nil {
		return Node{}
	}
	id := n.id
	for i := range p.steps {
		if id = n.t.firstStep(id, &p.steps[i]); id < 0 {
			return Node{}
		}
	}
	return Node{n.t, id}
}

// All calls visit with every place the path leads to from n, in the order of
// the message, until visit returns false.
func (p Path) All(n Node, visit func(Node) bool) {
	if n.t != nil {
		n.t.allSteps(n.id, p.steps, visit)
	}
}

// leaf reports whether the node has nothing below it.
func (d *node) leaf() bool { return d.kind != Object && d.kind != List }

// XMLText is the name under which an XML element that has attributes holds its
// text.
const XMLText = "$text"

// itself reports whether a leaf is what the step asks of it: HL7 v2.5.1 section
// 2.5.3.3 reads a field without delimiters as its component 1, and an XML
// element whose attributes are not there this time is its own text.
func (s *step) itself() bool { return s.name == "1" || s.name == XMLText }

// firstStep returns the id of the first node the step leads to, or -1.
func (t *Tree) firstStep(id int32, s *step) int32 {
	for t.nodes[id].kind == List {
		if id = t.nodes[id].first; id == 0 {
			return -1
		}
	}
	if s.resolve {
		return Node{t, id}.Resolve().ID()
	}
	if len(s.selects) > 0 {
		found := int32(-1)
		t.eachStep(id, s, func(c int32) bool { found = c; return false })
		return found
	}
	if t.nodes[id].leaf() {
		if s.itself() {
			return id
		}
		return -1
	}
	for c := t.nodes[id].first; c != 0; c = t.nodes[c].next {
		if t.nodes[c].name != s.name {
			continue
		}
		item := c
		for item != 0 && t.nodes[item].kind == List {
			item = t.nodes[item].first
		}
		if item != 0 {
			return item
		}
	}
	return -1
}

// allSteps visits every node that the steps lead to; false: stop.
func (t *Tree) allSteps(id int32, steps []step, visit func(Node) bool) bool {
	if t.nodes[id].kind == List {
		for c := t.nodes[id].first; c != 0; c = t.nodes[c].next {
			if !t.allSteps(c, steps, visit) {
				return false
			}
		}
		return true
	}
	if len(steps) == 0 {
		return visit(Node{t, id})
	}
	return t.eachStep(id, &steps[0], func(c int32) bool { return t.allSteps(c, steps[1:], visit) })
}

// eachStep visits the nodes one step leads to, selectors applied; false: stop.
func (t *Tree) eachStep(id int32, s *step, visit func(int32) bool) bool {
	if s.resolve {
		if n := (Node{t, id}).Resolve(); n.Ok() {
			return visit(n.id)
		}
		return true
	}
	var seen [maxSelectors]int
	if t.nodes[id].leaf() {
		if !s.itself() {
			return true
		}
		if t.selected(id, s.selects, &seen) {
			return visit(id)
		}
		return true
	}
	for c := t.nodes[id].first; c != 0; c = t.nodes[c].next {
		if t.nodes[c].name == s.name {
			if !t.eachItem(c, s.selects, &seen, visit) {
				return false
			}
		}
	}
	return true
}

// eachItem visits a candidate, or every item of it when it is a list.
func (t *Tree) eachItem(id int32, sel []selector, seen *[maxSelectors]int, visit func(int32) bool) bool {
	if t.nodes[id].kind == List {
		for c := t.nodes[id].first; c != 0; c = t.nodes[c].next {
			if !t.eachItem(c, sel, seen, visit) {
				return false
			}
		}
		return true
	}
	if t.selected(id, sel, seen) {
		return visit(id)
	}
	return true
}

// selected runs a candidate through the selectors in order; each counts the
// candidates that reached it, so [where 2 = FT][1] is the first such one.
func (t *Tree) selected(id int32, sel []selector, seen *[maxSelectors]int) bool {
	for i := range sel {
		s := &sel[i]
		n := seen[i]
		seen[i]++
		if s.index >= 0 {
			if n != s.index {
				return false
			}
			continue
		}
		if !t.holds(id, s) {
			return false
		}
	}
	return true
}

// holds reports whether a condition is true of the node. A path that leads
// nowhere has the value "", so that [where 5 != ""] asks whether there is one.
func (t *Tree) holds(id int32, s *selector) bool {
	match, any := false, false
	t.allSteps(id, s.path, func(n Node) bool {
		any, match = true, s.matches(n.Value())
		return !match
	})
	if !any {
		match = s.matches("")
	}
	if s.op == opNotEqual || s.op == opLacks {
		return !match
	}
	return match
}

func (s *selector) matches(value string) bool {
	for _, lit := range s.literals {
		switch s.op {
		case opEqual, opNotEqual:
			if value == lit {
				return true
			}
		default:
			if strings.Contains(value, lit) {
				return true
			}
		}
	}
	return false
}
