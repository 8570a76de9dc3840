package message

import "slices"

// Choice is a place at which First takes one of several items, while the path
// does not say by a number which is meant. Choices compare with ==.
type Choice struct {
	t  *Tree
	at int32 // the list; with a condition the node that it starts from
	by *step // with the condition; nil: there is none
}

// Conditional reports whether the items are those that meet a condition.
func (c Choice) Conditional() bool { return c.by != nil }

// Items visits the items that the one was taken of, until visit returns false.
func (c Choice) Items(visit func(Node) bool) {
	if c.by != nil {
		c.t.eachStep(c.at, c.by, func(id int32) bool { return visit(Node{c.t, id}) })
		return
	}
	for item := c.t.nodes[c.at].first; item != 0; item = c.t.nodes[item].next {
		if !visit(Node{c.t, item}) {
			return
		}
	}
}

// Named visits the places in an item that the path names the value of: in
// [where ref = dup] that of ref.
func (c Choice) Named(item Node, visit func(Node)) {
	if c.by == nil {
		return
	}
	for i := range c.by.selects {
		if s := &c.by.selects[i]; s.op == opEqual {
			c.t.allSteps(item.id, s.path, func(n Node) bool { visit(n); return true })
		}
	}
}

// Passed visits every choice that First makes on its way from n.
func (p Path) Passed(n Node, visit func(Choice)) {
	if n.t == nil {
		return
	}
	id := n.id
	for i := range p.steps {
		t, s := n.t, &p.steps[i]
		if id = t.passed(id, visit); id < 0 {
			return
		}
		switch {
		case s.resolve:
		case len(s.selects) == 0:
			for c := t.nodes[id].first; c != 0; c = t.nodes[c].next {
				if t.nodes[c].name == s.name && t.passed(c, visit) > 0 {
					break
				}
			}
		case !s.numbered():
			found := 0
			t.eachStep(id, s, func(int32) bool { found++; return found < 2 })
			if found > 1 {
				visit(Choice{t, id, s})
			}
		}
		if id = t.firstStep(id, s); id < 0 {
			return
		}
	}
}

// numbered reports whether a bracket of the step says by a number what is meant.
func (s *step) numbered() bool {
	return slices.ContainsFunc(s.selects, func(x selector) bool { return x.index >= 0 })
}

// passed is the first item of a list, or the node itself when it is none; -1
// when the list is empty.
func (t *Tree) passed(id int32, visit func(Choice)) int32 {
	for t.nodes[id].kind == List {
		first := t.nodes[id].first
		if first == 0 {
			return -1
		}
		if t.nodes[first].next != 0 {
			visit(Choice{t, id, nil})
		}
		id = first
	}
	return id
}

// Conditional reports whether a bracket of the path compares values.
func (p Path) Conditional() bool {
	for i := range p.steps {
		for j := range p.steps[i].selects {
			if p.steps[i].selects[j].index < 0 {
				return true
			}
		}
	}
	return false
}

// Compared visits every place that the conditions of the path compare when
// all it leads to from n is asked for.
func (p Path) Compared(n Node, visit func(Node)) {
	if n.t != nil {
		n.t.compared(n.id, p.steps, visit)
	}
}

func (t *Tree) compared(id int32, steps []step, visit func(Node)) {
	if t.nodes[id].kind == List {
		for c := t.nodes[id].first; c != 0; c = t.nodes[c].next {
			t.compared(c, steps, visit)
		}
		return
	}
	if len(steps) == 0 {
		return
	}
	s := &steps[0]
	for i := range s.selects {
		if s.selects[i].index >= 0 {
			continue
		}
		all := step{name: s.name}
		t.eachStep(id, &all, func(c int32) bool {
			return t.allSteps(c, s.selects[i].path, func(n Node) bool { visit(n); return true })
		})
	}
	t.eachStep(id, s, func(c int32) bool { t.compared(c, steps[1:], visit); return true })
}
