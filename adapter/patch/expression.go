package patch

import (
	"errors"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/fhirpath"
)

// expression is a path of a FHIRPath Patch, the part of FHIRPath that patches
// are made of (https://hl7.org/fhir/R4/fhirpatch.html: "simple" paths):
//
//	path      = step { "." step }
//	step      = name [ "[" n "]" ] | function
//	function  = "where(" condition ")" | "extension('url')" | "first()" | "last()" | "ofType(Type)"
//
// Each step leads to places that can be written at. A condition only answers
// yes or no, and is any FHIRPath of adapter/fhirpath.
//
// The first name may be that of the resource type.
type expression struct{ steps []step }

type step struct {
	name      string
	index     int // -1: all
	function  string
	condition *fhirpath.Expression
	argument  string
}

// maxExpression bounds one expression, in characters.
const maxExpression = 1000

type expressionParser struct {
	s string
	i int
}

var errExpression = errors.New("the path is not one of those that patches are made of: names, [n], where(), extension(), first(), last(), ofType()")

var errCondition = errors.New("what stands in where() is no FHIRPath that is known here")

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

// condition reads what stands in where(), up to the parenthesis that ends it.
func (p *expressionParser) condition() (*fhirpath.Expression, error) {
	start, open := p.i, 0
	var quote byte
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case quote != 0 && c == '\\':
			p.i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '(':
			open++
		case c == ')' && open > 0:
			open--
		case c == ')':
			x, err := fhirpath.Compile(p.s[start:p.i])
			if err != nil {
				return nil, errCondition // the text is the client's, and not said again
			}
			return x, nil
		}
	}
	return nil, errExpression
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
	root       node
	work       int
	unanswered bool // a condition asked what cannot be asked of the resource
}

func (e *evaluator) find(x *expression, place string) ([]node, error) {
	found := e.eval([]node{e.root}, x.steps, true)
	if e.work < 0 {
		return nil, fault.New(fault.TooLarge, place, "the paths of the patch look at too many elements")
	}
	if e.unanswered {
		return nil, malformed(place, "the condition of where() cannot be answered: it names an element that is not there in R4, or compares what cannot be compared")
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

// holds evaluates a condition. What has no answer does not hold; what cannot be
// asked ends the patch.
func (e *evaluator) holds(n node, x *fhirpath.Expression) bool {
	if e.work < 0 || e.unanswered {
		return false
	}
	holds, known, err := x.Holds(fhirpath.Place{Focus: fhirpath.Element(n.value, n.beside, n.typ), Resource: e.root.value}, &e.work)
	e.unanswered = e.unanswered || err != nil
	return err == nil && known && holds
}
