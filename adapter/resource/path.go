package resource

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// Path is where the values of a search parameter stand: FHIRPath of R4, as far
// as search parameters need it, less the type in front. It has dots, the name
// of a choice without its type, .ofType(X), .where(resolve() is X),
// .where(system='x'), and x.exists() and x != false. Arrays on the way are followed item by item.
// https://hl7.org/fhir/R4/fhirpath.html
type Path struct {
	Text  string
	steps []step
	flag  string // an element: whether it is there and is not false
}

// step goes to an element by name, or keeps what meets a condition.
type step struct {
	name   string
	as     string // a choice: the type that is meant
	target string // keeps references to this type
	system string // keeps values of this system
}

// compile reads a path; ok is false where it has what is not understood.
func compile(text string) (p Path, ok bool) {
	p.Text = text
	rest := text
	if name, _, found := strings.Cut(text, ".exists() and "); found {
		p.flag = name
		return p, true
	}
	for rest != "" && rest != "$this" {
		var s string
		if inside, found := strings.CutPrefix(rest, "where("); found {
			end := strings.LastIndexByte(inside, ')')
			if end < 0 {
				return p, false
			}
			s, rest = inside[:end], strings.TrimPrefix(inside[end+1:], ".")
			if typ, found := strings.CutPrefix(s, "resolve() is "); found {
				p.steps = append(p.steps, step{target: typ})
			} else if v, found := strings.CutPrefix(s, "system='"); found {
				p.steps = append(p.steps, step{system: strings.TrimSuffix(v, "'")})
			} else {
				return p, false
			}
			continue
		}
		s, rest, _ = strings.Cut(rest, ".")
		if typ, found := strings.CutPrefix(s, "ofType("); found {
			if len(p.steps) == 0 {
				return p, false
			}
			p.steps[len(p.steps)-1].as = strings.TrimSuffix(typ, ")")
			continue
		}
		if s == "" || strings.ContainsAny(s, "()[]' ") {
			return p, false
		}
		p.steps = append(p.steps, step{name: s})
	}
	return p, true
}

// visit goes through every value at the path.
func (p Path) visit(v *element.Value, fn func(*element.Value)) {
	if p.flag != "" {
		x := named(v, p.flag)
		fn(element.NewBool(x != nil && x.Text != "false"))
		return
	}
	follow(v, p.steps, fn)
}

func follow(v *element.Value, steps []step, fn func(*element.Value)) {
	if v == nil {
		return
	}
	if v.Kind == element.Array {
		for _, it := range v.Items {
			follow(it, steps, fn)
		}
		return
	}
	if len(steps) == 0 {
		fn(v)
		return
	}
	s, rest := steps[0], steps[1:]
	switch {
	case s.target != "":
		if refersTo(v, s.target) {
			follow(v, rest, fn)
		}
	case s.system != "":
		if v.Str("system") == s.system {
			follow(v, rest, fn)
		}
	case s.as != "":
		follow(v.Get(s.name+strings.ToUpper(s.as[:1])+s.as[1:]), rest, fn)
	default:
		follow(named(v, s.name), rest, fn)
	}
}

// named is the element of the name, or the one of a choice of that name, such
// as effectivePeriod of effective.
func named(v *element.Value, name string) *element.Value {
	if v.Kind != element.Object {
		return nil
	}
	for i := range v.Fields {
		field := v.Fields[i].Name
		if !strings.HasPrefix(field, name) {
			continue
		}
		if len(field) == len(name) || slices.Contains(choices, field[len(name):]) {
			return v.Fields[i].Value
		}
	}
	return nil
}

// choices are the types that the names of choices end in, of those that are
// searched by. https://hl7.org/fhir/R4/datatypes.html#open
var choices = []string{"DateTime", "Period", "Instant", "Timing", "Date", "Reference", "CodeableConcept", "Coding", "Boolean", "Quantity", "Range", "String", "Uri", "Canonical", "Age"}

// refersTo reports whether a reference points to a type, by its text or by what
// it says itself.
func refersTo(v *element.Value, typ string) bool {
	ref := v.Str("reference")
	return strings.HasPrefix(ref, typ+"/") || strings.Contains(ref, "/"+typ+"/") || v.Str("type") == typ
}
