package message

// Passed visits every list that First goes through from n and takes one item
// of, when the list has more and no bracket of the path says which is meant.
func (p Path) Passed(n Node, visit func(list Node)) {
	if n.t == nil {
		return
	}
	id := n.id
	for i := range p.steps {
		t, s := n.t, &p.steps[i]
		if id = t.passed(id, visit); id < 0 {
			return
		}
		if len(s.selects) == 0 && !s.resolve {
			for c := t.nodes[id].first; c != 0; c = t.nodes[c].next {
				if t.nodes[c].name == s.name && t.passed(c, visit) > 0 {
					break
				}
			}
		}
		if id = t.firstStep(id, s); id < 0 {
			return
		}
	}
}

// passed is the first item of a list, or the node itself when it is none; -1
// when the list is empty.
func (t *Tree) passed(id int32, visit func(list Node)) int32 {
	for t.nodes[id].kind == List {
		first := t.nodes[id].first
		if first == 0 {
			return -1
		}
		if t.nodes[first].next != 0 {
			visit(Node{t, id})
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
