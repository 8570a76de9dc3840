package message

// Lost follows a path from several places at once, without what its brackets
// ask for: All the nodes it leads to, or else the first name on it that none of
// the places has, with the names that they do have. A path through resolve()
// ends there, and nothing of it is lost.
func (p Path) Lost(from []Node) (to []Node, name string, there []string) {
	to = from
	for i := range p.steps {
		s := &p.steps[i]
		if s.resolve {
			return nil, "", nil
		}
		var next []Node
		seen := map[string]bool{}
		for _, n := range to {
			if n.t.nodes[n.id].leaf() && s.itself() {
				next = append(next, n)
			}
			n.members(func(c Node) {
				switch known := seen[c.Name()]; {
				case c.Name() == s.name:
					next = append(next, c)
				case !known:
					seen[c.Name()] = true
					there = append(there, c.Name())
				}
			})
		}
		if len(next) == 0 {
			return nil, s.name, there
		}
		to, there = next, nil
	}
	return to, "", nil
}

// Last is the name at the end of the path; empty: it ends at resolve(), or at the
// node at hand.
func (p Path) Last() string {
	if len(p.steps) == 0 {
		return ""
	}
	return p.steps[len(p.steps)-1].name
}

// members visits the members of a node, of a list those of every item.
func (n Node) members(visit func(Node)) {
	for c := n.First(); c.Ok(); c = c.Next() {
		if n.Kind() == List {
			c.members(visit)
			continue
		}
		visit(c)
	}
}
