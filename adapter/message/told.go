package message

import "strings"

// Told visits the items among which the conditions of the path choose by the
// value of a member (=), on all ways that it leads from n: the item, the member
// as a path writes it, and the condition's values.
func (p Path) Told(n Node, visit func(item Node, member Path, values []string)) {
	if n.t != nil {
		n.t.told(n.id, p.steps, visit)
	}
}

func (t *Tree) told(id int32, steps []step, visit func(Node, Path, []string)) {
	if t.nodes[id].kind == List {
		for c := t.nodes[id].first; c != 0; c = t.nodes[c].next {
			t.told(c, steps, visit)
		}
		return
	}
	if len(steps) == 0 {
		return
	}
	s := &steps[0]
	for i := range s.selects {
		sel := &s.selects[i]
		if sel.index >= 0 || sel.op != opEqual || len(sel.path) == 0 {
			continue
		}
		member := Path{text: textOf(sel.path), steps: sel.path, relative: true}
		all := step{name: s.name}
		t.eachStep(id, &all, func(c int32) bool {
			visit(Node{t, c}, member, sel.literals)
			return true
		})
	}
	t.eachStep(id, s, func(c int32) bool { t.told(c, steps[1:], visit); return true })
}

// textOf writes the path of a condition.
func textOf(steps []step) string {
	var b strings.Builder
	for i := range steps {
		if i > 0 {
			b.WriteByte('.')
		}
		name := steps[i].name
		switch {
		case steps[i].resolve:
			b.WriteString("resolve()")
		case strings.ContainsFunc(name, func(r rune) bool { return r < 0x80 && !nameByte(byte(r)) }):
			b.WriteString("`" + name + "`")
		default:
			b.WriteString(name)
		}
	}
	return b.String()
}
