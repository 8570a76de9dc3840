package profile

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/fhirpath"
)

// Profile is a StructureDefinition made ready for checking.
// https://hl7.org/fhir/R4/structuredefinition.html
type Profile struct {
	URL, Version string
	Name         string // for people: UKCorePatient
	Type         string // what it constrains: Patient, Extension

	root *node
	bare bool // of a type of R4 only what the differential is about

	contexts []extensionContext // of an extension: where it may stand
}

// Canonical is url|version, or the url when there is no version.
func (p *Profile) Canonical() string {
	if p.Version == "" {
		return p.URL
	}
	return p.URL + "|" + p.Version
}

// node is one ElementDefinition with those below it.
// https://hl7.org/fhir/R4/elementdefinition.html
type node struct {
	name      string // last part of the path: value[x]
	slice     string // name of the slice, or ""
	min, max  int    // max is unbounded when it is many
	types     []allowedType
	fixed     *element.Value
	pattern   *element.Value
	maxLength int // characters; 0: any
	binding   *binding
	rules     []*constraint
	unheld    []string // what the definition asks for and nothing here checks
	children  []*node
	slicing   *slicing
	slices    []*node
}

// many is a max of "*".
const many = int(^uint(0) >> 1)

type allowedType struct {
	code     string
	profiles []string
	targets  []string // canonicals of what a reference may point to
}

type binding struct {
	strength string
	canon    string
	set      *valueSet // nil: not loaded
}

// constraint is an invariant; where it cannot be evaluated, why says so.
type constraint struct {
	key      string
	severity string
	human    string
	advice   bool // best practice, not a rule
	expr     *fhirpath.Expression
	why      string
}

type slicing struct {
	discriminators []discriminator
	rules          string // open, closed, openAtEnd
	ordered        bool
	why            string // why the slices cannot be told apart here
}

// heldByBase are constraints that fhir.Check holds every resource against, so
// that they are not evaluated once more for each element of a profile.
var heldByBase = map[string]bool{
	"hasValue() or (children().count() > id.count())":                                                                     true, // ele-1
	"hasValue() or (children().count() > id.count()) or $this is Parameters":                                              true, // ele-1 of later editions
	"extension.exists() != value.exists()":                                                                                true, // ext-1
	"reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))": true, // ref-1
}

// maxElements bounds one snapshot; the largest of R4 has about 1,000.
const maxElements = 20_000

// compile reads a StructureDefinition; why says what makes it unusable.
func (l *Library) compile(v *element.Value) (p *Profile, why string) {
	p = &Profile{URL: v.Str("url"), Version: v.Str("version"), Name: v.Str("name"), Type: v.Str("type"), contexts: contexts(v)}
	if p.URL == "" || p.Type == "" {
		return nil, "it has no url or no type"
	}
	list, bare, why := l.elements(v, 0)
	p.bare = bare
	switch {
	case why != "":
		return nil, why
	case len(list) > maxElements:
		return nil, "its snapshot has more than " + strconv.Itoa(maxElements) + " elements"
	case v.Str("kind") == "resource" && !fhir.Known(p.Type):
		return nil, p.Type + " is no resource type of R4"
	}
	if p.Name == "" {
		p.Name = p.URL[strings.LastIndexByte(p.URL, '/')+1:]
	}
	byID := map[string]*node{}
	for i, e := range list {
		id := e.Str("id")
		if id == "" {
			id = e.Str("path")
		}
		n, why := l.node(e, id)
		if why != "" {
			return nil, "element " + id + ": " + why
		}
		if byID[id] != nil {
			return nil, "element " + id + " stands twice in its snapshot"
		}
		byID[id] = n
		if i == 0 {
			p.root = n
			continue
		}
		if why := attach(n, id, byID); why != "" {
			return nil, "element " + id + ": " + why
		}
	}
	for i, e := range list {
		if to, ok := strings.CutPrefix(e.Str("contentReference"), "#"); ok && i > 0 {
			from := byID[e.Str("id")]
			if from == nil || byID[to] == nil {
				return nil, "its content is that of " + to + ", which is not there"
			}
			from.children = byID[to].children
		}
	}
	return p, ""
}

// attach puts an element below its parent, or a slice beside what it slices.
func attach(n *node, id string, byID map[string]*node) (why string) {
	at := strings.LastIndexByte(id, '.')
	if at < 0 {
		return "there is more than one root"
	}
	above, last := id[:at], id[at+1:]
	if name, slice, sliced := strings.Cut(last, ":"); sliced {
		// A slice of a slice, a/b, belongs to the slice a where that is sliced.
		n.slice = slice
		if up := strings.LastIndexByte(slice, '/'); up > 0 {
			if of := byID[above+"."+name+":"+slice[:up]]; of != nil {
				of.slices = append(of.slices, n)
				return ""
			}
		}
		of := byID[above+"."+name]
		if of == nil {
			return "what it is a slice of is not there"
		}
		of.slices = append(of.slices, n)
		return ""
	}
	parent := byID[above]
	if parent == nil {
		return "the element above it is not there"
	}
	parent.children = append(parent.children, n)
	return ""
}

// node reads one ElementDefinition.
func (l *Library) node(e *element.Value, id string) (n *node, why string) {
	name := id[strings.LastIndexByte(id, '.')+1:]
	name, _, _ = strings.Cut(name, ":")
	n = &node{name: name, max: many}
	if m := e.Get("min"); m != nil {
		var err error
		if n.min, err = strconv.Atoi(m.Text); err != nil || n.min < 0 {
			return nil, "min is a number from 0"
		}
	}
	if m := e.Str("max"); m != "" && m != "*" {
		var err error
		if n.max, err = strconv.Atoi(m); err != nil || n.max < 0 {
			return nil, "max is a number from 0, or *"
		}
	}
	if m := e.Get("maxLength"); m != nil {
		n.maxLength, _ = strconv.Atoi(m.Text)
	}
	for _, t := range e.List("type") {
		n.types = append(n.types, allowedType{code: t.Str("code"), profiles: texts(t.List("profile")), targets: texts(t.List("targetProfile"))})
	}
	for _, f := range e.Fields {
		switch {
		case strings.HasPrefix(f.Name, "fixed"):
			n.fixed = f.Value
		case strings.HasPrefix(f.Name, "pattern"):
			n.pattern = f.Value
		case strings.HasPrefix(f.Name, "minValue"), strings.HasPrefix(f.Name, "maxValue"):
			n.unheld = append(n.unheld, f.Name[:len("minValue")])
		}
	}
	if b := e.Get("binding"); b != nil {
		n.binding = l.binding(b)
	}
	for _, c := range e.List("constraint") {
		if expr := c.Str("expression"); !heldByBase[expr] {
			n.rules = append(n.rules, compileConstraint(c, expr))
		}
	}
	if s := e.Get("slicing"); s != nil {
		n.slicing = compileSlicing(s)
	}
	return n, ""
}

func texts(list []*element.Value) []string {
	var out []string
	for _, v := range list {
		if v.Kind == element.String {
			out = append(out, v.Text)
		}
	}
	return out
}

// binding keeps required and extensible bindings: the others bind nobody.
func (l *Library) binding(b *element.Value) *binding {
	out := &binding{strength: b.Str("strength"), canon: b.Str("valueSet")}
	if out.strength != "required" && out.strength != "extensible" || out.canon == "" {
		return nil
	}
	out.set = l.valueSet(out.canon, 0)
	return out
}

// bestPractice marks a constraint that is advice.
const bestPractice = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice"

func compileConstraint(c *element.Value, expr string) *constraint {
	out := &constraint{key: c.Str("key"), severity: c.Str("severity"), human: c.Str("human")}
	for _, x := range c.List("extension") {
		out.advice = out.advice || x.Str("url") == bestPractice && x.TextAt("valueBoolean") == "true"
	}
	if expr == "" {
		out.why = "it has no FHIRPath"
		return out
	}
	var err error
	if out.expr, err = fhirpath.Compile(expr); err != nil {
		out.why = err.Error()
	}
	return out
}

// boundByBase reports whether fhir.Check has the codes of the element: those of
// the required value sets of R4, which packages leave out.
func (n *node) boundByBase() bool {
	return strings.HasPrefix(n.binding.canon, "http://hl7.org/fhir/ValueSet/") &&
		!slices.ContainsFunc(n.types, func(t allowedType) bool { return t.code != "code" })
}

// Unchecked lists what a profile asks for and nothing here checks whatever the
// resource, each with the reason: invariants that cannot be evaluated, slices
// that cannot be told apart, required value sets that are not loaded.
func (p *Profile) Unchecked() []string {
	found := map[string]bool{}
	if p.bare {
		found[p.withoutBase()] = true
	}
	p.root.unchecked(p.Type, found, map[*node]bool{})
	return slices.Sorted(maps.Keys(found))
}

// withoutBase says what a profile lacks that came without a snapshot.
func (p *Profile) withoutBase() string {
	return "the invariants and value sets that R4 itself has for " + p.Type + ", beyond those that every resource is held against: the profile came without a snapshot"
}

func (n *node) unchecked(at string, found map[string]bool, seen map[*node]bool) {
	if seen[n] { // sections have sections
		return
	}
	seen[n] = true
	for _, r := range n.rules {
		if r.why != "" {
			found["invariant "+r.key+": "+r.why] = true
		}
	}
	if n.slicing != nil && n.slicing.why != "" {
		found["slices of "+at+": "+n.slicing.why] = true
	}
	if b := n.binding; b != nil && b.strength == "required" && b.set == nil && n.max > 0 && !n.boundByBase() {
		found["value set "+b.canon+": it is not loaded"] = true
	}
	for _, u := range n.unheld {
		found[u+" of "+at+": it is not compared"] = true
	}
	for _, list := range [][]*node{n.slices, n.children} {
		for _, c := range list {
			c.unchecked(at+"."+c.name, found, seen)
		}
	}
}
