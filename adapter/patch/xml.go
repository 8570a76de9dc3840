package patch

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
	"github.com/linkloop/linkloop/adapter/markup"
)

// MediaXML is the media type of an XML Patch.
const MediaXML = "application/xml-patch+xml"

const (
	xhtml        = "http://www.w3.org/1999/xhtml"
	xmlNamespace = "http://www.w3.org/XML/1998/namespace"
	maxXMLDepth  = 80 // levels: those of a resource, and its narrative
)

// xmlPatch is an XML Patch, RFC 5261.
type xmlPatch []xmlOperation

type xmlOperation struct {
	op, pos, typ string
	sel          []selector
	content      []*xmlNode
	place        string
}

// xmlNode is an element, a text (name empty) or a comment.
type xmlNode struct {
	name    xml.Name
	attrs   []xml.Attr
	kids    []*xmlNode
	text    string
	comment bool
}

// selector is one step of a path: a name with conditions, an attribute, a text
// or a comment.
type selector struct {
	name      xml.Name
	attribute bool
	test      string // text() or comment()
	index     int    // from 1; 0: any
	path      []selector
	value     string // what path must be, when there is one
}

// ParseXML reads an XML Patch (RFC 5261): add, replace and remove, over the
// XML form of a resource. Of XPath there are child names, with the prefix f or
// without one for FHIR and h for XHTML, the conditions [n] and [path='value'],
// and at the end @name, text() and comment(). What declares namespaces, and
// processing instructions, are not taken: a FHIR resource has neither.
func ParseXML(body []byte) (Patch, error) {
	root, err := parseXMLNodes(body)
	if err != nil {
		return nil, err
	}
	var out xmlPatch
	for i, n := range root.kids {
		place := fmt.Sprintf("operation %d", i+1)
		if n.name.Local == "" {
			if !n.comment {
				return nil, malformed(place, "a text stands between the operations")
			}
			continue
		}
		op := xmlOperation{op: n.name.Local, place: place, content: n.kids, pos: n.attr("pos"), typ: n.attr("type")}
		if op.sel, err = parseSelectors(n.attr("sel")); err != nil {
			return nil, malformed(place+", sel", err.Error())
		}
		switch {
		case op.op != "add" && op.op != "replace" && op.op != "remove":
			return nil, malformed(place, "one of add, replace, remove is expected")
		case op.typ != "" && !strings.HasPrefix(op.typ, "@"):
			return nil, fault.New(fault.Unsupported, place, "of the types only @name is taken")
		case !slices.Contains([]string{"", "prepend", "before", "after"}, op.pos):
			return nil, malformed(place, "pos is one of prepend, before, after")
		}
		out = append(out, op)
	}
	if len(out) == 0 {
		return nil, malformed("", "the patch has no operations")
	}
	if len(out) > MaxOperations {
		return nil, fault.New(fault.TooLarge, "", "%d operations, at most %d are taken", len(out), MaxOperations)
	}
	return out, nil
}

// Apply implements Patch.
func (p xmlPatch) Apply(doc *element.Value) (*element.Value, error) {
	text, err := fhirxml.Append(nil, doc)
	if err != nil {
		return nil, err
	}
	if text, err = p.applyXML(text); err != nil {
		return nil, err
	}
	v, err := fhirxml.Read(text, element.Limits{})
	var f *fault.Fault
	if errors.As(err, &f) && f.Kind == fault.Malformed {
		f.Kind = fault.Profile // the patch is well-formed; what it makes is no resource
	}
	return v, err
}

// applyXML patches a document.
func (p xmlPatch) applyXML(text []byte) ([]byte, error) {
	root, err := parseXMLNodes(text)
	if err != nil {
		return nil, err
	}
	top := &xmlNode{kids: []*xmlNode{root}}
	for _, op := range p {
		if err := op.apply(top); err != nil {
			return nil, err
		}
	}
	if len(top.kids) != 1 || top.kids[0].name.Local == "" {
		return nil, unfit("", "a patch leaves one resource")
	}
	return top.kids[0].append([]byte(fhirxml.Declaration), ""), nil
}

func (op xmlOperation) apply(top *xmlNode) error {
	sel := op.sel
	var attribute string
	if last := sel[len(sel)-1]; last.attribute {
		sel, attribute = sel[:len(sel)-1], last.name.Local
	}
	found := match(top, sel)
	if len(sel) == 0 || len(found) != 1 {
		return unfit(op.place, fmt.Sprintf("the path finds %d nodes, one is expected", len(found)))
	}
	parent, n := found[0].parent, found[0].node
	at := slices.Index(parent.kids, n)
	if attribute != "" {
		i := slices.IndexFunc(n.attrs, func(a xml.Attr) bool { return a.Name.Local == attribute })
		if i < 0 || op.op == "add" {
			return unfit(op.place, "the path finds no attribute to change")
		}
		if op.op == "remove" {
			n.attrs = slices.Delete(n.attrs, i, i+1)
		} else {
			n.attrs[i].Value = plain(op.content)
		}
		return nil
	}
	content := make([]*xmlNode, len(op.content))
	for i, c := range op.content {
		content[i] = c.clone() // a patch is applied more than once
	}
	switch {
	case op.op == "remove":
		parent.kids = slices.Delete(parent.kids, at, at+1)
	case op.op == "replace":
		if len(content) != 1 || (content[0].name.Local == "") != (n.name.Local == "") || content[0].comment != n.comment {
			return unfit(op.place, "one node of the same kind is expected instead")
		}
		parent.kids[at] = content[0]
	case op.typ != "":
		if n.name.Local == "" || n.attr(op.typ[1:]) != "" {
			return unfit(op.place, "the attribute is there already, or this has none")
		}
		n.attrs = append(n.attrs, xml.Attr{Name: xml.Name{Local: op.typ[1:]}, Value: plain(op.content)})
	case op.pos == "before":
		parent.kids = slices.Insert(parent.kids, at, content...)
	case op.pos == "after":
		parent.kids = slices.Insert(parent.kids, at+1, content...)
	case n.name.Local == "":
		return unfit(op.place, "only elements can be added to")
	case op.pos == "prepend":
		n.kids = slices.Insert(n.kids, 0, content...)
	default:
		n.kids = append(n.kids, content...)
	}
	return nil
}

// plain is the text of nodes, without the space around it.
func plain(nodes []*xmlNode) string {
	var b strings.Builder
	for _, n := range nodes {
		if !n.comment {
			b.WriteString(n.text)
		}
	}
	return strings.TrimSpace(b.String())
}

type place struct{ parent, node *xmlNode }

// match finds the nodes of a path below a node.
func match(n *xmlNode, sel []selector) []place {
	out := []place{{nil, n}}
	for _, s := range sel {
		var next []place
		for _, p := range out {
			i := 0
			for _, kid := range p.node.kids {
				if !s.fits(kid) {
					continue
				}
				if i++; s.index == 0 || s.index == i {
					next = append(next, place{p.node, kid})
				}
			}
		}
		out = next
	}
	return out
}

func (s selector) fits(n *xmlNode) bool {
	switch s.test {
	case "text()":
		return n.name.Local == "" && !n.comment
	case "comment()":
		return n.comment
	}
	if n.name != s.name {
		return false
	}
	if s.path == nil {
		return true
	}
	path := s.path
	last := path[len(path)-1]
	if last.attribute {
		path = path[:len(path)-1]
	}
	for _, p := range match(n, path) {
		if last.attribute && p.node.attr(last.name.Local) == s.value || !last.attribute && plain(p.node.kids) == s.value {
			return true
		}
	}
	return false
}

var errSelector = errors.New("the path is not one of those that are taken: names, [n], [path='value'], @name, text(), comment()")

// parseSelectors reads a path.
func parseSelectors(s string) ([]selector, error) {
	if len(s) > maxExpression {
		return nil, errors.New("the path is too long")
	}
	s = strings.TrimPrefix(strings.TrimSpace(s), "/")
	var out []selector
	for {
		end := strings.IndexAny(s, "/[")
		if end < 0 {
			end = len(s)
		}
		st, err := parseName(s[:end])
		if err != nil {
			return nil, err
		}
		s = s[end:]
		for strings.HasPrefix(s, "[") {
			end := strings.IndexByte(s, ']')
			if end < 0 || st.attribute {
				return nil, errSelector
			}
			if err := st.condition(s[1:end]); err != nil {
				return nil, err
			}
			s = s[end+1:]
		}
		out = append(out, st)
		if s == "" {
			return out, nil
		}
		if s[0] != '/' || st.attribute || st.test != "" {
			return nil, errSelector
		}
		s = s[1:]
	}
}

func parseName(s string) (st selector, err error) {
	if s == "text()" || s == "comment()" {
		st.test = s
		return st, nil
	}
	s, st.attribute = strings.CutPrefix(s, "@")
	prefix, local, has := strings.Cut(s, ":")
	if !has {
		prefix, local = "f", s
	}
	if local == "" || strings.ContainsAny(local, "*()@:'\"=. \t\r\n") {
		return st, errSelector
	}
	st.name.Local = local
	switch prefix {
	case "f":
		st.name.Space = fhirxml.Namespace
	case "h":
		st.name.Space = xhtml
	default:
		return st, errSelector
	}
	return st, nil
}

// condition reads what stands in brackets; one number and one comparison.
func (s *selector) condition(text string) error {
	if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && n > 0 && s.index == 0 {
		s.index = n
		return nil
	}
	path, value, ok := strings.Cut(text, "=")
	value = strings.TrimSpace(value)
	if !ok || s.path != nil || s.index != 0 || len(value) < 2 || value[0] != '\'' && value[0] != '"' || value[len(value)-1] != value[0] {
		return errSelector
	}
	var err error
	for _, part := range strings.Split(strings.TrimSpace(path), "/") {
		st, bad := parseName(part)
		if bad != nil || st.test != "" {
			err = errSelector
		}
		s.path = append(s.path, st)
	}
	s.value = value[1 : len(value)-1]
	return err
}

func (n *xmlNode) attr(name string) string {
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (n *xmlNode) clone() *xmlNode {
	c := *n
	c.attrs, c.kids = slices.Clone(n.attrs), slices.Clone(n.kids)
	for i := range c.kids {
		c.kids[i] = c.kids[i].clone()
	}
	return &c
}

// parseXMLNodes reads a document, without the space between elements.
func parseXMLNodes(body []byte) (*xmlNode, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	top := &xmlNode{}
	stack := []*xmlNode{top}
	for work := 0; ; work++ {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, malformed("", "the XML is not well-formed")
		}
		if work > element.DefaultLimits.Nodes || len(stack) > maxXMLDepth {
			return nil, fault.New(fault.TooLarge, "", "the XML is larger or deeper than what is taken")
		}
		parent := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			n := &xmlNode{name: t.Name}
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && a.Name != (xml.Name{Local: "xmlns"}) {
					n.attrs = append(n.attrs, a)
				}
			}
			parent.kids = append(parent.kids, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if parent.name.Space == xhtml || strings.TrimSpace(string(t)) != "" {
				parent.kids = append(parent.kids, &xmlNode{text: string(t)})
			}
		case xml.Comment:
			parent.kids = append(parent.kids, &xmlNode{text: string(t), comment: true})
		case xml.Directive:
			return nil, malformed("", "a document type is not taken")
		}
	}
	for _, n := range top.kids {
		if n.name.Local != "" {
			return n, nil
		}
	}
	return nil, malformed("", "there is no element")
}

// append writes the node; space is the namespace around it.
func (n *xmlNode) append(dst []byte, space string) []byte {
	switch {
	case n.comment:
		return append(append(append(dst, "<!--"...), n.text...), "-->"...)
	case n.name.Local == "":
		return markup.AppendText(dst, n.text)
	}
	dst = append(append(dst, '<'), n.name.Local...)
	if n.name.Space != space {
		dst = append(markup.AppendAttribute(append(dst, ` xmlns="`...), n.name.Space), '"')
	}
	for _, a := range n.attrs {
		name := a.Name.Local
		if a.Name.Space == xmlNamespace {
			name = "xml:" + name
		}
		dst = append(append(append(dst, ' '), name...), `="`...)
		dst = append(markup.AppendAttribute(dst, a.Value), '"')
	}
	dst = append(dst, '>')
	for _, kid := range n.kids {
		dst = kid.append(dst, n.name.Space)
	}
	return append(append(append(dst, "</"...), n.name.Local...), '>')
}
