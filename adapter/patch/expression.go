package patch

import (
	"errors"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// expression is a path of a FHIRPath Patch, the part of FHIRPath that patches
// are made of (https://hl7.org/fhir/R4/fhirpatch.html: "simple" paths):
//
//	path      = step { "." step }
//	step      = name [ "[" n "]" ] | function
//	function  = "where(" condition ")" | "extension('url')" | "first()" | "last()" | "ofType(Type)"
//	condition = test { ("and" | "or") test }        from left to right
//	test      = path ".exists()" | path ("=" | "!=") literal | "(" condition ")"
//	literal   = 'text' | number | true | false
//
// The first name may be that of the resource type.
type expression struct{ steps []step }

type step struct {
	name      string
	index     int // -1: all
	function  string
	condition *condition
	argument  string
}

// condition is a test, or two conditions joined.
type condition struct {
	and         bool
	left, right *condition
	path        *expression
	operator    string // exists, = or !=
	literal     *element.Value
}

// Bounds on one expression.
const (
	maxExpression = 1000 // characters
	maxNesting    = 8
)

type expressionParser struct {
	s     string
	i     int
	depth int
}

var errExpression = errors.New("the path is not one of those that patches are made of: names, [n], where(), extension(), first(), last(), ofType()")

func parseExpression(s string) (*expression, error) {
	if len(s) > maxExpression {
		return nil, errors.New("the path is too long")
	}
	p := &expressionParser{s: s}
	e, err := p.path()
	if err != nil {
		return nil, err
	}
	if p.space(); p.i != len(p.s) {
		return nil, errExpression
	}
	return e, nil
}

func (p *expressionParser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// take passes over a token if it comes next.
func (p *expressionParser) take(token string) bool {
	p.space()
	if !strings.HasPrefix(p.s[p.i:], token) {
		return false
	}
	p.i += len(token)
	return true
}

// word reads a name.
func (p *expressionParser) word() string {
	p.space()
	start := p.i
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (p.i == start || c < '0' || c > '9') {
			break
		}
		p.i++
	}
	return p.s[start:p.i]
}

func (p *expressionParser) path() (*expression, error) {
	e := &expression{}
	for {
		st, err := p.step()
		if err != nil {
			return nil, err
		}
		e.steps = append(e.steps, st)
		if !p.take(".") {
			return e, nil
		}
		// exists() belongs to the test around the path.
		if strings.HasPrefix(p.s[p.i:], "exists(") {
			p.i--
			return e, nil
		}
	}
}

func (p *expressionParser) step() (st step, err error) {
	st = step{index: -1, name: p.word()}
	if st.name == "" {
		return st, errExpression
	}
	if p.take("(") {
		st.function, st.name = st.name, ""
		switch st.function {
		case "where":
			st.condition, err = p.condition()
		case "extension":
			st.argument, err = p.text()
		case "ofType":
			st.argument = p.word()
		case "first", "last":
		default:
			return st, errExpression
		}
		if err == nil && !p.take(")") {
			err = errExpression
		}
		if err != nil {
			return st, err
		}
	}
	if p.take("[") {
		p.space()
		end := strings.IndexByte(p.s[p.i:], ']')
		if end < 0 {
			return st, errExpression
		}
		n, err := strconv.Atoi(strings.TrimSpace(p.s[p.i : p.i+end]))
		if err != nil || n < 0 {
			return st, errExpression
		}
		st.index = n
		p.i += end + 1
	}
	return st, nil
}

func (p *expressionParser) condition() (*condition, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, errors.New("the path is nested too deep")
	}
	defer func() { p.depth-- }()
	left, err := p.test()
	for err == nil {
		at := p.i
		w := p.word()
		if w != "and" && w != "or" {
			p.i = at
			return left, nil
		}
		var right *condition
		right, err = p.test()
		left = &condition{and: w == "and", left: left, right: right}
	}
	return nil, err
}

func (p *expressionParser) test() (*condition, error) {
	if p.take("(") {
		c, err := p.condition()
		if err == nil && !p.take(")") {
			err = errExpression
		}
		return c, err
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	c := &condition{path: path}
	switch {
	case p.take(".exists()"):
		c.operator = "exists"
		return c, nil
	case p.take("!="):
		c.operator = "!="
	case p.take("="):
		c.operator = "="
	default:
		return nil, errExpression
	}
	c.literal, err = p.literal()
	return c, err
}

func (p *expressionParser) literal() (*element.Value, error) {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '\'' {
		s, err := p.text()
		return element.NewString(s), err
	}
	if w := p.word(); w == "true" || w == "false" {
		return element.NewBool(w == "true"), nil
	} else if w != "" {
		return nil, errExpression
	}
	end := p.i
	for end < len(p.s) && strings.IndexByte("+-.0123456789", p.s[end]) >= 0 {
		end++
	}
	n, err := element.Parse([]byte(p.s[p.i:end]), element.Limits{})
	if err != nil {
		return nil, errExpression
	}
	p.i = end
	return n, nil
}

// text reads a quoted text, in which \ stands before a quote or itself.
func (p *expressionParser) text() (string, error) {
	if !p.take("'") {
		return "", errExpression
	}
	var b strings.Builder
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '\'':
			p.i++
			return b.String(), nil
		case c == '\\' && p.i+1 < len(p.s) && strings.IndexByte(`'"\/`, p.s[p.i+1]) >= 0:
			p.i++
			b.WriteByte(p.s[p.i])
		case c == '\\':
			return "", errExpression
		default:
			b.WriteByte(c)
		}
	}
	return "", errExpression
}

// list splits a path that ends with a plain name into what holds the list and
// its name.
func (e *expression) list() (parent *expression, name string) {
	last := e.steps[len(e.steps)-1]
	if last.function != "" || last.index >= 0 {
		return nil, ""
	}
	return &expression{steps: e.steps[:len(e.steps)-1]}, last.name
}

// node is a place in the resource.
type node struct {
	value  *element.Value // nil when there is only something beside it
	beside *element.Value
	typ    fhir.Type

	owner  *element.Value // the object that has it; nil at the root
	parent fhir.Type      // of the owner
	of     fhir.Element
	index  int // among the values of the element
}

// object is what has the elements below the node: itself, or of a primitive
// what stands beside it; nil when there is none.
func (n node) object() *element.Value {
	if n.typ.Primitive() {
		return n.beside
	}
	if n.value != nil && n.value.Kind == element.Object {
		return n.value
	}
	return nil
}

// open is object, made when a primitive has none yet; close puts it in place.
func (n node) open() *element.Value {
	if o := n.object(); o != nil || !n.typ.Primitive() {
		return o
	}
	return element.NewObject()
}

func (n node) close(object *element.Value) {
	if !n.typ.Primitive() || n.beside != nil || n.owner == nil {
		return
	}
	pairs := load(n.owner, n.of)
	pairs[n.index].beside = object
	save(n.owner, n.of, pairs)
}

// evaluator finds places; work is how many values it may yet look at.
type evaluator struct {
	root node
	work int
}

func (e *evaluator) find(x *expression, place string) ([]node, error) {
	found := e.eval([]node{e.root}, x.steps, true)
	if e.work < 0 {
		return nil, fault.New(fault.TooLarge, place, "the paths of the patch look at too many elements")
	}
	return found, nil
}

func (e *evaluator) eval(nodes []node, steps []step, top bool) []node {
	for i, st := range steps {
		if top && i == 0 && st.name == e.root.typ.Name() {
			continue
		}
		nodes = e.step(nodes, st)
		if st.index >= 0 {
			if st.index >= len(nodes) {
				return nil
			}
			nodes = nodes[st.index : st.index+1]
		}
	}
	return nodes
}

func (e *evaluator) step(nodes []node, st step) []node {
	var out []node
	switch st.function {
	case "first":
		return nodes[:min(1, len(nodes))]
	case "last":
		return nodes[max(0, len(nodes)-1):]
	case "ofType":
		for _, n := range nodes {
			if strings.EqualFold(n.typ.Name(), st.argument) {
				out = append(out, n)
			}
		}
		return out
	case "where":
		for _, n := range nodes {
			if e.holds(n, st.condition) {
				out = append(out, n)
			}
		}
		return out
	case "extension":
		for _, n := range nodes {
			for _, x := range e.children(n, "extension") {
				if x.value.Str("url") == st.argument {
					out = append(out, x)
				}
			}
		}
		return out
	}
	for _, n := range nodes {
		out = append(out, e.children(n, st.name)...)
	}
	return out
}

// children are the elements of a name; of a choice, whichever type is there.
func (e *evaluator) children(n node, name string) []node {
	object := n.object()
	if e.work--; object == nil || e.work < 0 {
		return nil
	}
	of, known := n.typ.Element(name)
	for i := 0; !known && i < len(object.Fields); i++ {
		child, ok := n.typ.Element(strings.TrimPrefix(object.Fields[i].Name, "_"))
		if ok && child.Name() != name && choiceBase(child) == name {
			of, known = child, true
		}
	}
	if !known {
		return nil
	}
	var out []node
	for i, p := range load(object, of) {
		t := of.Type()
		if t.AnyResource() {
			if t, known = fhir.TypeOf(p.value.Str("resourceType")); !known {
				continue
			}
		}
		e.work--
		out = append(out, node{value: p.value, beside: p.beside, typ: t, owner: object, parent: n.typ, of: of, index: i})
	}
	return out
}

func (e *evaluator) holds(n node, c *condition) bool {
	if c.left != nil {
		if c.and {
			return e.holds(n, c.left) && e.holds(n, c.right)
		}
		return e.holds(n, c.left) || e.holds(n, c.right)
	}
	found := e.eval([]node{n}, c.path.steps, false)
	if c.operator == "exists" {
		return len(found) > 0
	}
	// FHIRPath compares single values; nothing is neither equal nor unequal.
	if len(found) != 1 || found[0].value == nil {
		return false
	}
	return same(found[0].value, c.literal) == (c.operator == "=")
}
