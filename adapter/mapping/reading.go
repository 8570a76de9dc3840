package mapping

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/message"
)

// What a mapping looks at without an element coming from it: the fields that
// conditions and expressions read, and the lists of which it took one item.

// maxReading bounds what is kept about reading one message. Beyond it a place
// may be listed as unused although a condition read it.
const (
	maxReading = 10_000
	maxPassed  = 1_000 // choices
)

// reading is what one application looked at.
type reading struct {
	nodes  []int32    // of values that were read
	wheres []compared // paths whose conditions compared values
}

// compared is a path with conditions, and where it started.
type compared struct {
	path message.Path
	base int32
}

// passing is a choice between items that a rule left to their order.
type passing struct {
	choice message.Choice
	rule   int32
}

// readNode notes a place whose value was looked at.
func (e *eval) readNode(n message.Node) {
	if n.Ok() && len(e.reading.nodes) < maxReading {
		e.reading.nodes = append(e.reading.nodes, n.ID())
	}
}

// readBelow notes the place that a condition asked for: its first value.
func (e *eval) readBelow(n message.Node) {
	if isLeaf(n) {
		e.readNode(n)
	}
}

// isLeaf reports whether a place can have nothing below it.
func isLeaf(n message.Node) bool {
	k := n.Kind()
	return k != message.Object && k != message.List
}

// base is where a source starts; the zero Node where there is nothing.
func (e *eval) base(s *source) message.Node {
	switch s.from {
	case fromHere:
		return e.here
	case fromSlot:
		return e.slots[s.slot].node
	default:
		return e.root
	}
}

// compares notes that the conditions of a path look at values.
func (e *eval) compares(s *source) {
	if n := e.base(s); s.conditional && n.Ok() && len(e.reading.wheres) < maxReading {
		e.reading.wheres = append(e.reading.wheres, compared{s.path, n.ID()})
	}
}

// passes notes where a source takes one of several items. A format whose
// repetitions are fields (HL7 v2) or resources (FHIR) has its own ways to tell
// them apart; documents of any shape have none.
func (e *eval) passes(s *source) {
	if !e.m.lists {
		return
	}
	s.path.Passed(e.base(s), func(c message.Choice) {
		if len(e.passed) < maxPassed && !slices.ContainsFunc(e.passed, func(p passing) bool { return p.choice == c }) {
			e.passed = append(e.passed, passing{c, e.rule})
		}
	})
}

// leftOver reports every choice in which a rule took one item, while nothing came
// of another: records that nobody would miss until somebody needs them.
func (e *eval) leftOver(res *Result) {
	if len(e.passed) == 0 || e.m.bare {
		return
	}
	// What is ignored of an item does not make the rest of it taken.
	taken, ignored := make([]bool, e.tree.Len()), make([]bool, e.tree.Len())
	e.m.markTaken(e.tree, res, taken)
	e.m.markIgnored(e.tree, ignored)
	for _, p := range e.passed {
		reason := "nothing was taken from this item of the list: the rule takes one, and no other rule takes the rest"
		if p.choice.Conditional() {
			reason = "nothing was taken from this item, which meets the condition as well: the rule takes the first, and no other rule takes the rest"
		}
		p.choice.Items(func(item message.Node) bool {
			var named []int32 // by the condition; an item with nothing else is no loss
			p.choice.Named(item, func(n message.Node) { named = append(named, n.ID()) })
			if anyUsed(item, taken) || !e.tells(item, func(id int32) bool { return ignored[id] || slices.Contains(named, id) }) {
				return true
			}
			e.rule = p.rule
			e.report(item.ID()+1, "items-unused", reason)
			return false
		})
	}
}

// tells reports whether a place holds more than spaces, apart from what is no
// loss, if anything is (nil: nothing).
func (e *eval) tells(n message.Node, noLoss func(id int32) bool) bool {
	if isLeaf(n) {
		return e.textOf(n) != "" && (noLoss == nil || !noLoss(n.ID()))
	}
	for c := n.First(); c.Ok(); c = c.Next() {
		if e.tells(c, noLoss) {
			return true
		}
	}
	return false
}

func anyUsed(n message.Node, used []bool) bool {
	if used[n.ID()] {
		return true
	}
	for c := n.First(); c.Ok(); c = c.Next() {
		if anyUsed(c, used) {
			return true
		}
	}
	return false
}

// markUsed marks the places that are taken, and those that the mapping ignores
// on purpose.
func (m *Mapping) markUsed(t *message.Tree, r *Result, used []bool) {
	m.markTaken(t, r, used)
	m.markIgnored(t, used)
}

// markTaken marks the places that elements came from, that were read, or that the
// message is known by.
func (m *Mapping) markTaken(t *message.Tree, r *Result, used []bool) {
	var mark func(v *element.Value)
	mark = func(v *element.Value) {
		markDown(t.Node(v.Origin.Node-1), used)
		for _, f := range v.Fields {
			mark(f.Value)
		}
		for _, it := range v.Items {
			mark(it)
		}
	}
	for _, res := range r.Resources {
		mark(res.Root)
	}
	for _, id := range r.head {
		used[id] = true
	}
	for _, id := range r.reading.nodes {
		markDown(t.Node(id), used)
	}
	m.markHead(t, used)
}

// markHead marks what the format reads of a message before any rule does: its
// id and its type, where the mapping says where they stand.
func (m *Mapping) markHead(t *message.Tree, used []bool) {
	for _, p := range slices.Concat([]message.Path{m.json.ID, m.xml.Type}, m.xml.ID) {
		if !p.Relative() {
			markDown(p.First(t.Root()), used)
		}
	}
	if m.csv.ID == "" && m.csv.Type == "" {
		return
	}
	for c := t.Root().First(); c.Ok(); c = c.Next() {
		if c.Name() == m.csv.ID || c.Name() == m.csv.Type {
			used[c.ID()] = true
		}
	}
}

// markDown marks a place and the value it stands for.
func markDown(n message.Node, used []bool) {
	for ; n.Ok(); n = n.First() {
		used[n.ID()] = true
	}
}

// markCompared marks the places that conditions of paths compared.
func markCompared(t *message.Tree, r *Result, used []bool) {
	for _, w := range r.reading.wheres {
		w.path.Compared(t.Node(w.base), func(n message.Node) { markDown(n, used) })
	}
}
