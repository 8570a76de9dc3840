package message

import "slices"

// Unmet is a value that a condition of a path asks for (=), and that no item has.
type Unmet struct {
	Member string   // as a path writes it
	Value  string   // empty: the name in Member is what no item has
	Lost   string   // that name
	There  []string // values, or names, that items have
	Other  bool     // another value of the same condition is there
}

// maxThere bounds the values of one member that are looked at.
const maxThere = 1_000

// Unmet follows a path from several places at once, as Lost does, and lists the
// values of its conditions that are in none of them. What is lost further up is
// not asked for.
func (p Path) Unmet(from []Node) (out []Unmet) {
	for i := range p.steps {
		if p.steps[i].resolve {
			return out
		}
		to, _, _ := Path{steps: []step{{name: p.steps[i].name}}}.Lost(from)
		if len(to) == 0 {
			return out
		}
		for j := range p.steps[i].selects {
			if s := &p.steps[i].selects[j]; s.index < 0 && s.op == opEqual && len(s.path) > 0 {
				out = s.unmet(items(to), out)
			}
		}
		from = to
	}
	return out
}

// items puts the items of lists in the place of the lists.
func items(from []Node) (out []Node) {
	for _, n := range from {
		if n.Kind() != List {
			out = append(out, n)
			continue
		}
		for c := n.First(); c.Ok(); c = c.Next() {
			out = append(out, items([]Node{c})...)
		}
	}
	return out
}

func (s *selector) unmet(from []Node, out []Unmet) []Unmet {
	member := Path{text: textOf(s.path), steps: s.path, relative: true}
	if _, lost, there := member.Lost(from); lost != "" {
		return append(out, Unmet{Member: member.text, Lost: lost, There: there})
	}
	known := map[string]bool{}
	for _, n := range from {
		member.All(n, func(v Node) bool {
			if text := v.Value(); text != "" {
				known[text] = true
			}
			return len(known) < maxThere
		})
	}
	if len(known) >= maxThere {
		return out
	}
	there := make([]string, 0, len(known))
	for v := range known {
		there = append(there, v)
	}
	slices.Sort(there)
	other := slices.ContainsFunc(s.literals, func(v string) bool { return known[v] || v == "" })
	for _, v := range s.literals {
		if v != "" && !known[v] {
			out = append(out, Unmet{Member: member.text, Value: v, There: there, Other: other})
		}
	}
	return out
}

// Wanted lists the values that the conditions of the path ask for (=), each
// behind its member: kind=phone.
func (p Path) Wanted() (out []string) {
	for i := range p.steps {
		for _, s := range p.steps[i].selects {
			if s.index < 0 && s.op == opEqual {
				for _, v := range s.literals {
					out = append(out, textOf(s.path)+"="+v)
				}
			}
		}
	}
	return out
}
