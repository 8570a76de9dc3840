package mapping

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/element"
)

// shapeOf is what a template gives.
type shapeOf uint8

const (
	isConstant shapeOf = iota // a text or boolean of the mapping
	isNamed                   // = name of a constant, alone
	isArrow                   // <- path
	isExpr                    // = expression
	isRef                     // -> resource
	isObject
	isArray
	isFirst // $first: the first alternative that gives something
)

// template is one value of a mapping: the shape of an element with rules in
// the place of its values.
type template struct {
	shape  shapeOf
	rule   int32
	text   string       // isConstant
	kind   element.Kind // isConstant
	index  int32        // isNamed: of the constant
	arrow  *arrow
	expr   *expression
	refs   []int32 // isRef: resources in order of preference; list: to each that the first of them means
	reason string  // isRef: of required
	fields []field
	items  []*template // isArray, isFirst
	repeat *repeat
	when   []condition
	needs  []string
	list   bool // isArrow, isExpr, isRef: gives an array
}

// field is one member of an object.
type field struct {
	name  string
	value *template
}

// repeat is $each: the template once for every place, or for every value.
type repeat struct {
	source source
	values *template // of a rule with functions; nil: places
	slot   int32     // of $as, and always of values; -1: none
	body   *template
}

// condition is $when, or $unless.
type condition struct {
	value  *template
	unless bool
}

const maxResources = 50

// resources compiles the resources in order. A resource may point only to
// those above it, so that whether a target was made is known.
func (c *compiler) resources(n *yaml.Node) {
	c.object(n, "resources", nil)
	if n.Kind != yaml.MappingNode {
		return
	}
	if len(n.Content) == 0 || len(n.Content)/2 > maxResources {
		c.problem(c.start(n), "", "a mapping makes between 1 and %d resources", maxResources)
		return
	}
	c.known, c.later = map[string]int{}, map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		c.later[n.Content[i].Value] = true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		delete(c.later, k.Value)
		if !c.plainName(k) {
			continue
		}
		kind, several := "", false
		if v.Kind == yaml.MappingNode {
			kind = scalarOf(v, "resourceType")
			for j := 0; j+1 < len(v.Content); j += 2 {
				switch d := v.Content[j]; {
				case d.Value == "$first" || d.Value == "$value":
					c.problem(c.start(d), "", "%s makes an element, not a resource: it stands inside one", d.Value)
					v = &yaml.Node{Kind: yaml.MappingNode, Line: v.Line, Column: v.Column}
				case d.Value == "$each" && slices.Contains(once, kind):
					c.problem(c.start(d), "take the document apart: json: {each: ...}, xml: {each: ...}", "a message is one referral, so it makes one %s", kind)
				case d.Value == "$each":
					several = true
				}
			}
		}
		if kind == "" {
			c.problem(c.start(k), "resourceType: Patient", "%s has no resourceType", k.Value)
			kind = "Resource"
		}
		// The path of one of several has no brackets at its root.
		body := c.template(v, place{kind: kind, root: kind, array: several})
		c.known[k.Value] = len(c.m.resources)
		c.m.resources = append(c.m.resources, resource{key: k.Value, kind: kind, body: body})
	}
}

// scalarOf is the text of a member, or "".
func scalarOf(n *yaml.Node, key string) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// place is where in the resource a template stands.
type place struct {
	kind  string // resource type
	root  string // FHIR path with [] for indexes
	path  string // below kind, without indexes, for the Schema
	array bool   // directly in an array
}

func (p place) member(name string) place {
	p.array = false
	p.root += "." + name
	if p.path != "" {
		p.path += "."
	}
	p.path += name
	return p
}

// template compiles a value; nil after a problem.
func (c *compiler) template(n *yaml.Node, at place) *template {
	c.m.sizes++
	switch n.Kind {
	case yaml.ScalarNode:
		return c.scalar(n, at.root)
	case yaml.SequenceNode:
		if at.array {
			c.problem(c.start(n), "", "FHIR has no arrays of arrays")
			return nil
		}
		t := &template{shape: isArray}
		at.root += "[]"
		at.array = true
		for _, item := range n.Content {
			if it := c.template(item, at); it != nil {
				t.items = append(t.items, it)
			}
		}
		return t
	default:
		t := c.structure(n, at)
		if t != nil && t.repeat != nil && t.repeat.body == nil {
			body := *t
			body.repeat, body.when = nil, nil
			t.repeat.body = &body
		}
		return t
	}
}

var directives = helpNames(directiveHelp)

// structure compiles an object with its directives.
func (c *compiler) structure(n *yaml.Node, at place) *template {
	c.object(n, "this element", nil)
	t := &template{shape: isObject}
	dir := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; strings.HasPrefix(k.Value, "$") {
			if !slices.Contains(directives, k.Value) {
				c.problem(c.start(k), nearest(k.Value, slices.Clone(directives)), "unknown directive %s", k.Value)
				continue
			}
			dir[k.Value] = n.Content[i+1]
		}
	}
	closeScope := c.repeat(t, dir, &at)
	defer closeScope()
	c.conditions(t, dir)
	switch {
	case dir["$first"] != nil:
		c.alternatives(t, n, dir["$first"], at)
		return t
	case dir["$value"] != nil:
		c.onlyDirectives(n, "$value")
		if t.repeat == nil {
			c.problem(c.start(dir["$value"]), "", "$value stands beside $each: it is the value of one repetition")
			return nil
		}
		t.repeat.body = c.template(dir["$value"], at)
		return t
	}
	if kind := scalarOf(n, "resourceType"); kind != "" {
		at.kind, at.path = kind, ""
		if kind == "Consent" {
			c.refusal(dir["$when"])
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if strings.HasPrefix(k.Value, "$") {
			continue
		}
		if !c.elementName(k, at) {
			continue
		}
		if v.Kind == yaml.ScalarNode && v.Tag == "!!null" {
			c.problem(c.start(k), "leave the line out, or write <- and a path", "%s has no value", k.Value)
			continue
		}
		if f := c.template(v, at.member(k.Value)); f != nil {
			c.fits(v, f, at.member(k.Value))
			t.fields = append(t.fields, field{k.Value, f})
		}
	}
	if len(t.fields) == 0 && len(c.problems) == 0 {
		c.problem(c.start(n), "", "the element is empty")
	}
	c.needs(t, n, dir["$needs"])
	c.coding(n, t)
	return t
}

// elementName checks a member name: its form, and against the Schema.
func (c *compiler) elementName(k *yaml.Node, at place) bool {
	name := strings.TrimPrefix(k.Value, "_")
	ok := name != ""
	for i := 0; ok && i < len(name); i++ {
		ch := name[i]
		ok = ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || i > 0 && ch >= '0' && ch <= '9'
	}
	if !ok {
		c.problem(c.start(k), "", "%q is not the name of a FHIR element", k.Value)
		return false
	}
	if c.schema == nil || at.path == "" && name == "resourceType" {
		return true
	}
	path := name
	if at.path != "" {
		path = at.path + "." + name
	}
	if known, near := c.schema.Element(at.kind, path); !known {
		hint := ""
		if near != "" {
			hint = "did you mean " + near + "?"
		}
		c.problem(c.start(k), hint, "%s has no element %s", at.kind, path)
	}
	return true
}

// repeat reads $each and $as and opens their scope; the returned function
// closes it.
func (c *compiler) repeat(t *template, dir map[string]*yaml.Node, at *place) func() {
	each, as := dir["$each"], dir["$as"]
	if each == nil {
		if as != nil {
			c.problem(c.start(as), "", "$as names the repetition of $each: there is none")
		}
		return func() {}
	}
	if each.Kind != yaml.ScalarNode {
		c.problem(c.start(each), "$each: PID-13", "$each is a path")
		return func() {}
	}
	text, shift := each.Value, 0
	if rest, arrow := strings.CutPrefix(text, "<-"); arrow {
		text = strings.TrimLeft(rest, " ")
		shift = len(each.Value) - len(text)
	}
	r := &repeat{slot: -1}
	if strings.Contains(text, "|") {
		return c.repeatValues(t, r, each, as, at)
	}
	var ok bool
	before := len(c.sought)
	if r.source, ok = c.source(c.start(each).plus(shift), strings.TrimSpace(text)); ok {
		t.repeat = r
		if r.source.from == fromSlot && r.source.path.Relative() && !c.isPlace(r.source.slot) {
			c.problem(c.start(each), "$each goes through places: <- path | split(\",\") in a list makes an item of each value",
				"%s is one text, so there is nothing to repeat", strings.TrimSpace(text))
		}
	}
	if !at.array {
		at.root += "[]"
		at.array = true
	}
	scope := len(c.scope)
	if as != nil && as.Kind == yaml.ScalarNode {
		if slot, declared := c.places[as.Value]; declared {
			r.slot = slot
			c.scope = append(c.scope, name{as.Value, slot, true, as.Value})
			c.fills(before, slot)
		}
	}
	c.enter(-1)
	if len(c.sought) > before {
		c.heres[len(c.heres)-1] = c.sought[before]
	}
	return func() { c.scope = c.scope[:scope]; c.leave() }
}

// repeatValues reads a $each with functions: contact | phones. What it goes
// through are texts, each of which the dot stands for, and the name of $as.
func (c *compiler) repeatValues(t *template, r *repeat, from, as *yaml.Node, at *place) func() {
	if at.path == "" {
		c.problem(c.start(from), "$each: contacts", "a resource is made for each place of the message; $each with functions makes elements")
		return func() {}
	}
	p := arrowParser{c: c, at: c.start(from), s: from.Value}
	if !strings.HasPrefix(p.s, "<-") {
		p.at, p.s = p.at.plus(-len("<- ")), "<- "+p.s
	}
	if !at.array {
		at.root += "[]"
		at.array = true
	}
	rule := c.rule(c.start(from), p.s, at.root)
	r.slot = int32(c.m.slots)
	c.m.slots++
	a := p.parse()
	switch {
	case a == nil:
		c.enter(r.slot)
		return c.leave
	case a.mode == copied || a.reason != "":
		c.problem(c.start(from), "", "copy and required do not stand in $each")
	}
	a.mode, a.simple = each, false
	r.values = &template{shape: isArrow, arrow: a, rule: rule, list: true}
	scope := len(c.scope)
	if as != nil && as.Kind == yaml.ScalarNode {
		if slot, declared := c.places[as.Value]; declared {
			r.slot = slot
			c.scope = append(c.scope, name{as.Value, slot, false, a.sources[0].says})
		}
	}
	t.repeat = r
	c.enter(r.slot)
	return func() { c.scope = c.scope[:scope]; c.leave() }
}

// enter begins a repetition: of texts in a slot, or of places (-1).
func (c *compiler) enter(slot int32) {
	c.texts, c.heres = append(c.texts, slot), append(c.heres, nil)
}

func (c *compiler) leave() {
	c.texts, c.heres = c.texts[:len(c.texts)-1], c.heres[:len(c.heres)-1]
}

// isPlace reports whether what a slot holds is a place of the message.
func (c *compiler) isPlace(slot int32) bool {
	return !slices.Contains(c.texts, slot) && !slices.ContainsFunc(c.scope, func(n name) bool { return n.slot == slot && !n.place })
}

// conditions reads $when and $unless.
func (c *compiler) conditions(t *template, dir map[string]*yaml.Node) {
	for _, key := range []string{"$when", "$unless"} {
		n := dir[key]
		if n == nil {
			continue
		}
		if n.Kind != yaml.ScalarNode {
			c.problem(c.start(n), key+": <- PID-8", "%s is a rule: <- path, -> resource or = expression", key)
			continue
		}
		v := c.scalar(n, "")
		if v == nil {
			continue
		}
		if v.shape != isArrow && v.shape != isRef && v.shape != isExpr {
			c.problem(c.start(n), key+": <- PID-8", "%s is always the same: write <- path, -> resource or = expression", key)
			continue
		}
		t.when = append(t.when, condition{v, key == "$unless"})
	}
	c.contradiction(dir["$when"], dir["$unless"])
}

// alternatives reads $first.
func (c *compiler) alternatives(t *template, n, list *yaml.Node, at place) {
	c.onlyDirectives(n, "$first")
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		c.problem(c.start(list), "", "$first is a list of alternatives")
		return
	}
	t.shape = isFirst
	for _, alt := range list.Content {
		if a := c.template(alt, at); a != nil {
			t.items = append(t.items, a)
		}
	}
	c.unreachable(list, t.items)
}

func (c *compiler) onlyDirectives(n *yaml.Node, with string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !strings.HasPrefix(k.Value, "$") || k.Value == "$needs" {
			c.problem(c.start(k), "", "%s cannot stand beside %s", k.Value, with)
		}
	}
}

// needs reads $needs: the members without which the object is left out.
func (c *compiler) needs(t *template, n, needs *yaml.Node) {
	if needs == nil {
		return
	}
	list := []*yaml.Node{needs}
	if needs.Kind == yaml.SequenceNode {
		list = needs.Content
	}
	for _, m := range list {
		names := []string{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if k := n.Content[i].Value; !strings.HasPrefix(k, "$") {
				names = append(names, k)
			}
		}
		if m.Kind != yaml.ScalarNode || !slices.Contains(names, m.Value) {
			c.problem(c.start(m), nearest(m.Value, names), "$needs names members of this element; %q is none", m.Value)
			continue
		}
		t.needs = append(t.needs, m.Value)
	}
}

// scalar compiles a YAML scalar by its first characters.
func (c *compiler) scalar(n *yaml.Node, path string) *template {
	at := c.start(n)
	s := n.Value
	t := &template{rule: c.rule(at, s, path)}
	switch {
	case strings.HasPrefix(s, "<-"):
		t.shape = isArrow
		p := arrowParser{c: c, at: at, s: s}
		if t.arrow = p.parse(); t.arrow == nil {
			return nil
		}
		t.list = t.arrow.list()
		for i := range t.arrow.calls {
			t.arrow.calls[i].birth = strings.HasSuffix(path, ".birthDate")
		}
		c.odd(at, t.arrow)
	case strings.HasPrefix(s, "->"):
		t.shape = isRef
		c.m.sizes++ // the Reference and the text in it
		targets, tail, piped := strings.Cut(s, "|")
		if piped {
			p := arrowParser{c: c, at: at, s: s, i: len(s) - len(tail)}
			a := &arrow{}
			if p.skipSpace(); !p.call(a) {
				return nil
			}
			if p.skipSpace(); p.i < len(s) || a.reason == "" {
				c.problem(at.plus(len(targets)), "", "only required can stand behind a reference")
				return nil
			}
			t.reason = a.reason
		}
		if t.refs, t.list = c.targets(at, targets); len(t.refs) == 0 {
			return nil
		}
	case strings.HasPrefix(s, "="):
		return c.equals(t, at, s)
	case n.Tag == "!!bool" && n.Style == 0:
		t.text, t.kind = strings.ToLower(s), element.Bool
	case s == "":
		c.problem(at, "leave the line out", "FHIR has no empty texts")
		return nil
	default:
		t.text, t.kind = strings.TrimPrefix(s, "$$"), element.String
	}
	return t
}

// equals compiles `= name` and `= expression`.
func (c *compiler) equals(t *template, at position, s string) *template {
	if id, ok := c.m.celNames[strings.TrimSpace(s[1:])]; ok && id.constant {
		c.early(at, id.index)
		c.touch("constant", c.m.constants[id.index].name)
		t.shape, t.index = isNamed, id.index
		return t
	}
	t.shape = isExpr
	if t.expr = c.expression(at, s); t.expr == nil {
		return nil
	}
	t.list = t.expr.list
	return t
}

// targets compiles `-> key or key`, and `-> each key`.
func (c *compiler) targets(at position, s string) (out []int32, all bool) {
	offset := len("->")
	if rest, ok := strings.CutPrefix(strings.TrimLeft(s[offset:], " "), "each "); ok {
		all, offset = true, len(s)-len(rest)
	}
	for part := range strings.SplitSeq(s[offset:], " or ") {
		key := strings.TrimSpace(part)
		pos := at.plus(offset + strings.Index(part, key))
		offset += len(part) + len(" or ")
		if i, ok := c.known[key]; ok {
			out = append(out, int32(i))
			continue
		}
		names := make([]string, 0, len(c.known))
		for k := range c.known {
			names = append(names, k)
		}
		switch {
		case c.later[key]:
			c.problem(pos, "move it up", "%s stands further down; a resource points to those above it", key)
		default:
			c.problem(pos, nearest(key, names), "there is no resource %q above", key)
		}
	}
	return out, all
}
