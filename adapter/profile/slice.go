package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// discriminator tells the slices of an element apart.
// https://hl7.org/fhir/R4/profiling.html#discriminator
type discriminator struct {
	kind string // value, pattern, exists, type, profile
	path []move
}

// move is one step of the path of a discriminator: a name, extension('url'),
// resolve() or ofType(Type).
type move struct{ do, arg string }

// The moves that are no names.
const (
	toExtension = "extension()"
	toResolved  = "resolve()"
	toType      = "ofType()"
)

// maxDiscriminator bounds the characters of a path.
const maxDiscriminator = 500

func compileSlicing(v *element.Value) *slicing {
	s := &slicing{rules: v.Str("rules")}
	if o := v.Get("ordered"); o != nil && o.Text == "true" {
		s.ordered = true
	}
	for _, d := range v.List("discriminator") {
		path, ok := compileMoves(d.Str("path"))
		kind := d.Str("type")
		if !ok || !slices.Contains([]string{"value", "pattern", "exists", "type", "profile"}, kind) {
			s.why = "what tells its slices apart (" + kind + " of " + d.Str("path") + ") is not known here"
		}
		s.discriminators = append(s.discriminators, discriminator{kind, path})
	}
	if len(s.discriminators) == 0 {
		s.why = "nothing says what tells its slices apart"
	}
	return s
}

func compileMoves(path string) (out []move, ok bool) {
	if len(path) > maxDiscriminator {
		return nil, false
	}
	for path != "" {
		if rest, is := strings.CutPrefix(path, "extension("); is {
			end := strings.IndexByte(rest, ')')
			if end < 0 {
				return nil, false
			}
			out = append(out, move{toExtension, strings.Trim(rest[:end], `'"`)})
			path = rest[end+1:]
			if path != "" && path[0] != '.' {
				return nil, false
			}
			path = strings.TrimPrefix(path, ".")
			continue
		}
		var name string
		name, path, _ = strings.Cut(path, ".")
		switch inner, is := strings.CutPrefix(name, "ofType("); {
		case name == "$this":
		case name == "resolve()":
			out = append(out, move{do: toResolved})
		case is && strings.HasSuffix(inner, ")"):
			out = append(out, move{toType, inner[:len(inner)-1]})
		case name == "" || strings.ContainsAny(name, "()[]' "):
			return nil, false
		default:
			out = append(out, move{do: name})
		}
	}
	return out, true
}

// slice sorts the values of a sliced element into its slices and holds each
// against its own.
func (w *walk) slice(n *node, list []part, name string) {
	s := n.slicing
	if s == nil && strings.HasSuffix(n.name, "[x]") {
		s = byType // slices of a choice are its types, whoever says so
	}
	if s == nil || s.why != "" {
		why := "nothing says what tells its slices apart"
		if s != nil {
			why = s.why
		}
		w.push(name, -1)
		w.note("the slices of " + name + ": " + why)
		w.pop()
		return
	}
	have, open := make([]int, len(n.slices)), make([]bool, len(n.slices))
	highest, unsliced := -1, false
	within := make([][]part, len(n.slices))
	for _, it := range list {
		w.push(it.name, it.index)
		i, undecided := w.which(n, s, it)
		for _, u := range undecided {
			open[u] = true
		}
		switch {
		case i >= 0:
			have[i]++
			within[i] = append(within[i], it)
			if s.ordered && i < highest {
				w.report("error", "structure", n.slices[i].slice, "stands in the wrong order: "+n.slices[i].slice+" comes before "+n.slices[highest].slice)
			}
			if unsliced && s.rules == "openAtEnd" {
				w.report("error", "structure", n.slices[i].slice, "stands behind one that is in no slice")
			}
			highest = max(highest, i)
			w.element(n.slices[i], it)
		case len(undecided) == 0:
			unsliced = true
			if s.rules == "closed" {
				w.report("error", "structure", "closed", "is none of those that may be there: "+strings.Join(sliceNames(n), ", "))
			}
		}
		w.pop()
	}
	w.push(name, -1)
	defer w.pop()
	for i, c := range n.slices {
		if open[i] && have[i] < c.min {
			w.note(fmt.Sprintf("how many of the slice %s there are: it cannot be told of each", c.slice))
			continue
		}
		w.amount(c, have[i], c.slice)
	}
	for i, c := range n.slices {
		if len(c.slices) > 0 && len(within[i]) > 0 {
			w.pop()
			w.slice(c, within[i], name)
			w.push(name, -1)
		}
	}
}

var byType = &slicing{rules: "open", discriminators: []discriminator{{kind: "type"}}}

func sliceNames(n *node) []string {
	var out []string
	for _, c := range n.slices {
		out = append(out, c.slice)
	}
	return out
}

// which is the slice that a value is in, or -1, and the slices of which that
// cannot be told.
func (w *walk) which(n *node, s *slicing, it part) (in int, undecided []int) {
	in, rest := -1, -1
	for i, c := range n.slices {
		if c.slice == "@default" {
			rest = i
			continue
		}
		switch w.inSlice(c, s, it) {
		case inside:
			if in < 0 {
				in = i
			}
		case unknown:
			undecided = append(undecided, i)
		}
	}
	if in < 0 && len(undecided) == 0 {
		in = rest
	}
	if in >= 0 {
		undecided = nil
	}
	return in, undecided
}

// inSlice reports whether a value has all that tells a slice apart.
func (w *walk) inSlice(c *node, s *slicing, it part) member {
	is := inside
	for _, d := range s.discriminators {
		switch w.discriminate(c, d, it) {
		case outside:
			return outside
		case unknown:
			is = unknown
		}
	}
	return is
}

func (w *walk) discriminate(c *node, d discriminator, it part) member {
	values, lost := w.follow(it, d.path)
	want := w.wanted(c, d.path)
	switch d.kind {
	case "exists":
		switch {
		case want.node != nil && want.node.max == 0:
			return yes(len(values) == 0 && !lost)
		case want.node != nil && want.node.min > 0:
			return yes(len(values) > 0 || lost)
		}
		return unknown
	case "type":
		return w.ofType(values, lost, want, it, d.path)
	case "profile":
		return w.ofProfile(values, lost, want)
	}
	if len(want.values) > 0 {
		if len(values) == 0 && lost {
			return unknown
		}
		for _, v := range want.values {
			if !slices.ContainsFunc(values, func(x part) bool { return matches(v, x.v) }) {
				return outside
			}
		}
		return inside
	}
	if want.node == nil {
		return unknown
	}
	if b := want.node.binding; b != nil && b.set != nil && b.strength == "required" {
		is := outside
		for _, x := range values {
			if x.v == nil || !x.t.Is() {
				continue
			}
			if m, _ := b.set.holds(x); m == inside {
				return inside
			} else if m == unknown {
				is = unknown
			}
		}
		return is
	}
	if want.node.max == 0 {
		return yes(len(values) == 0 && !lost)
	}
	return unknown
}

func yes(b bool) member {
	if b {
		return inside
	}
	return outside
}

// ofType compares the types of what a discriminator leads to.
func (w *walk) ofType(values []part, lost bool, want expectation, it part, path []move) member {
	var types []string
	resolved := len(path) > 0 && path[len(path)-1].do == toResolved
	if want.node != nil {
		for _, t := range want.node.types {
			if !resolved {
				types = append(types, t.code)
				continue
			}
			for _, c := range t.targets {
				types = append(types, w.l.typeOf(c))
			}
		}
	}
	if len(types) == 0 || slices.Contains(types, "") {
		return unknown
	}
	if resolved && lost { // the reference itself may say the type
		refs, _ := w.follow(it, path[:len(path)-1])
		is := outside
		for _, r := range refs {
			typ := ""
			if r.v != nil {
				typ = w.referred(r)
			}
			if slices.Contains(types, typ) {
				return inside
			}
			if typ == "" {
				is = unknown
			}
		}
		return is
	}
	return yes(slices.ContainsFunc(values, func(x part) bool {
		return slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, x.code()) })
	}))
}

// ofProfile holds what a discriminator leads to against the profiles of the
// slice.
func (w *walk) ofProfile(values []part, lost bool, want expectation) member {
	var canonicals []string
	if want.node != nil {
		for _, t := range want.node.types {
			canonicals = append(canonicals, t.profiles...)
			canonicals = append(canonicals, t.targets...)
		}
	}
	if lost || len(canonicals) == 0 {
		return unknown
	}
	is := outside
	for _, c := range canonicals {
		p, _ := w.l.Profile(c)
		if p == nil {
			is = unknown
			continue
		}
		for _, x := range values {
			if w.conforms(x, p) {
				return inside
			}
		}
	}
	return is
}

// follow goes the moves of a discriminator from a value; lost reports that a
// reference leads out of what is there.
func (w *walk) follow(it part, path []move) (out []part, lost bool) {
	out = []part{it}
	for _, m := range path {
		var next []part
		for _, x := range out {
			if w.over() {
				return nil, true
			}
			switch m.do {
			case toResolved:
				target := w.resolve(x)
				if target == nil {
					lost = true
					continue
				}
				t, _ := fhir.TypeOf(target.ResourceType())
				next = append(next, part{v: target, t: t, index: -1})
			case toType:
				if strings.EqualFold(x.code(), m.arg) {
					next = append(next, x)
				}
			case toExtension:
				for _, e := range parts(x.of(), x.t, "extension") {
					if e.v.Str("url") == m.arg {
						next = append(next, e)
					}
				}
			default:
				name := m.do
				if x.t.Is() && x.t.HasChoice(name) {
					name += "[x]"
				}
				next = append(next, parts(x.of(), x.t, name)...)
			}
		}
		out = next
	}
	return out, lost
}

// expectation is what a slice says at the end of the path of a discriminator:
// its node there, and values from fixed[x] and pattern[x] there and above.
type expectation struct {
	node   *node
	values []*element.Value
}

// wanted goes the moves of a discriminator from the node of a slice.
func (w *walk) wanted(c *node, path []move) expectation {
	e := expectation{node: c}
	e.add(c)
	for _, m := range path {
		switch m.do {
		case toResolved:
			// What is referred to is a resource; its profile has the elements.
			e = expectation{node: e.node}
			continue
		case toType:
			if e.node != nil {
				if i := slices.IndexFunc(e.node.slices, func(s *node) bool {
					return slices.ContainsFunc(s.types, func(t allowedType) bool { return strings.EqualFold(t.code, m.arg) })
				}); i >= 0 {
					e.node = e.node.slices[i]
					e.add(e.node)
				}
			}
			continue
		}
		e = w.below(e, m)
	}
	return e
}

func (e *expectation) add(n *node) {
	if n.fixed != nil {
		e.values = append(e.values, n.fixed)
	}
	if n.pattern != nil {
		e.values = append(e.values, n.pattern)
	}
}

// below goes one name down.
func (w *walk) below(e expectation, m move) expectation {
	name := m.do
	if name == toExtension {
		name = "extension"
	}
	next := expectation{}
	for _, v := range e.values {
		next.values = append(next.values, v.All(name)...)
	}
	if e.node == nil {
		return next
	}
	next.node = child(e.node, name)
	if next.node == nil {
		// The slice says what it is by a profile: of its type, or of what is
		// referred to.
		for _, t := range e.node.types {
			for _, canonical := range append(slices.Clone(t.profiles), t.targets...) {
				p, _ := w.l.Profile(canonical)
				if p != nil {
					next.node = child(p.root, name)
				}
				if name == "url" && t.code == "Extension" && (next.node == nil || next.node.fixed == nil) {
					url, _, _ := strings.Cut(canonical, "|")
					next.values = append(next.values, element.NewString(url))
				}
			}
		}
	}
	if next.node == nil {
		return next
	}
	if m.do == toExtension {
		next.node = extensionNode(next.node, m.arg)
		if next.node == nil {
			return next
		}
	}
	next.add(next.node)
	return next
}

func child(n *node, name string) *node {
	for _, c := range n.children {
		if c.name == name || c.name == name+"[x]" {
			return c
		}
	}
	return nil
}

// extensionNode is the slice of extension for a url.
func extensionNode(n *node, url string) *node {
	for _, s := range n.slices {
		if u := child(s, "url"); u != nil && u.fixed != nil && u.fixed.Text == url {
			return s
		}
		for _, t := range s.types {
			if slices.Contains(t.profiles, url) {
				return s
			}
		}
	}
	return nil
}
