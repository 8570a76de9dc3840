package xmldoc

import (
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/markup"
	"github.com/linkloop/linkloop/adapter/message"
)

// Names in the tree that are no names of elements.
const (
	textName   = message.XMLText
	soapHeader = "soap:Header"
)

// SOAP envelopes, versions 1.1 and 1.2.
var soapVersions = map[string]string{
	"http://schemas.xmlsoap.org/soap/envelope/": "1.1",
	"http://www.w3.org/2003/05/soap-envelope":   "1.2",
}

// usualPrefixes are those that attributes have in every document.
var usualPrefixes = map[string]string{
	markup.XMLNamespace:                         "xml",
	"http://www.w3.org/2001/XMLSchema-instance": "xsi",
}

// kind is what an item is.
type kind uint8

const (
	isElement kind = iota
	isAttribute
	isCharacters
)

// item is one element, attribute or piece of text, as it was met. What repeats
// is known only at the end of the parent, and a tree grows in its final order;
// so the items are kept first. Numbers are indexes, 0 is none: the root is
// nobody's child.
type item struct {
	name  string
	text  string
	first int32 // first child
	last  int32
	next  int32 // next sibling
	same  int32 // next sibling of the name
	tail  int32 // of the first of its name: the last
	kind  kind
	again bool // not the first of its name
	// What is among the children.
	elements, attributes, characters bool
}

// manyNames is how many children an element may have before they are found by
// a map.
const manyNames = 24

// frame is an element that is open.
type frame struct {
	id    int32
	count int              // children with a name
	heads map[string]int32 // the first child of each name, when there are many
}

// reader reads one document.
type reader struct {
	s        *markup.Scanner
	prefixes map[string]string
	left     int // bytes of text that may still be gathered from within
	items    []item
	open     []frame
	soap     string
}

// read reads the whole document into items.
func (r *reader) read() error {
	r.items = make([]item, 0, r.s.SizeHint())
	for {
		token, err := r.s.Next()
		if err != nil {
			return err
		}
		switch token {
		case markup.Done:
			return nil
		case markup.Start:
			r.start()
		case markup.Stop:
			r.open = r.open[:len(r.open)-1]
		case markup.Text:
			r.add(item{kind: isCharacters, text: r.s.Value()})
		}
	}
}

// start notes an element and its attributes.
func (r *reader) start() {
	name := r.s.Name()
	if len(r.open) == 0 {
		if name.Local == "Envelope" {
			r.soap = soapVersions[name.Space]
		}
		r.items = append(r.items, item{name: r.name("", name, nil)})
		r.open = append(r.open, frame{})
	} else {
		r.open = append(r.open, frame{id: r.add(item{kind: isElement, name: r.name("", name, nil)})})
	}
	for _, a := range r.s.Attributes() {
		r.add(item{kind: isAttribute, name: r.name("@", a.Name, usualPrefixes), text: a.Value})
	}
}

// name is how paths call an element or attribute.
func (r *reader) name(mark string, n markup.Name, usual map[string]string) string {
	if n.Space != "" {
		prefix := r.prefixes[n.Space]
		if prefix == "" {
			prefix = usual[n.Space]
		}
		if prefix != "" {
			return mark + prefix + ":" + n.Local
		}
	}
	if mark == "" {
		return n.Local
	}
	return mark + n.Local
}

// add makes an item the last child of the innermost open element.
func (r *reader) add(it item) int32 {
	id := int32(len(r.items))
	r.items = append(r.items, it)
	f := &r.open[len(r.open)-1]
	parent := &r.items[f.id]
	if it.kind != isCharacters {
		if head := r.head(f, it.name); head != 0 {
			r.items[id].again = true
			r.items[r.items[head].tail].same = id
			r.items[head].tail = id
		} else {
			r.items[id].tail = id
			if f.heads != nil {
				f.heads[it.name] = id
			}
		}
		f.count++
	}
	switch it.kind {
	case isElement:
		parent.elements = true
	case isAttribute:
		parent.attributes = true
	default:
		parent.characters = true
	}
	if parent.last == 0 {
		parent.first = id
	} else {
		r.items[parent.last].next = id
	}
	parent.last = id
	return id
}

// head finds the first child of the name.
func (r *reader) head(f *frame, name string) int32 {
	if f.heads == nil && f.count < manyNames {
		for c := r.items[f.id].first; c != 0; c = r.items[c].next {
			if it := &r.items[c]; it.kind != isCharacters && it.name == name {
				return c
			}
		}
		return 0
	}
	if f.heads == nil {
		f.heads = make(map[string]int32, 2*manyNames)
		for c := r.items[f.id].first; c != 0; c = r.items[c].next {
			if it := &r.items[c]; it.kind != isCharacters && !it.again {
				f.heads[it.name] = c
			}
		}
	}
	return f.heads[name]
}

// tree puts the items in place, and says what an answer needs to know.
func (r *reader) tree() (*message.Tree, map[string]string, error) {
	if r.soap == "" {
		tree := message.NewTree(len(r.items)+len(r.items)/4+1, address)
		return tree, nil, r.emit(tree, tree.Root(), r.items[0].name, 0)
	}
	tree := message.NewTree(len(r.items)+len(r.items)/4+1, soapAddress)
	echo := map[string]string{"soap": r.soap}
	var header, body int32
	for c := r.items[0].first; c != 0; c = r.items[c].next {
		switch it := &r.items[c]; {
		case it.kind == isElement && local(it.name) == "Header":
			header = c
		case it.kind == isElement && local(it.name) == "Body":
			body = c
		}
	}
	if body == 0 || !r.items[body].elements {
		return tree, echo, fault.New(fault.Malformed, "/Envelope/Body", "an element is expected in the body of the envelope")
	}
	err := r.children(tree, tree.Root(), body, isElement)
	if header != 0 && err == nil {
		err = r.emit(tree, tree.Root(), soapHeader, header)
	}
	return tree, echo, err
}

// local is a name without the prefix that Options may have given it.
func local(name string) string { return name[strings.IndexByte(name, ':')+1:] }

// emit adds an element to the tree.
func (r *reader) emit(tree *message.Tree, parent message.Node, name string, id int32) error {
	it := &r.items[id]
	if it.kind == isAttribute {
		tree.Add(parent, name, message.Text, it.text)
		return nil
	}
	text := r.own(id)
	if !it.elements && !it.attributes {
		addText(tree, parent, name, text)
		return nil
	}
	n := tree.Add(parent, name, message.Object, "")
	switch {
	case !it.elements:
		addText(tree, n, textName, text)
	case text != "":
		var out strings.Builder
		if r.gather(&out, id); r.left < 0 {
			return fault.New(fault.TooLarge, n.Address(), "texts and elements are mixed within each other too often")
		}
		addText(tree, n, textName, strings.TrimSpace(out.String()))
	}
	if err := r.children(tree, n, id, isElement); err != nil {
		return err
	}
	return r.children(tree, n, id, isAttribute)
}

// addText adds a text, or that there is none.
func addText(tree *message.Tree, parent message.Node, name, text string) {
	if text == "" {
		tree.Add(parent, name, message.Null, "")
		return
	}
	tree.Add(parent, name, message.Text, text)
}

// children adds those of a kind, as a List where a name repeats.
func (r *reader) children(tree *message.Tree, n message.Node, id int32, k kind) error {
	for c := r.items[id].first; c != 0; c = r.items[c].next {
		it := &r.items[c]
		if it.kind != k || it.again {
			continue
		}
		if it.same == 0 {
			if err := r.emit(tree, n, it.name, c); err != nil {
				return err
			}
			continue
		}
		list := tree.Add(n, it.name, message.List, "")
		for s := c; s != 0; s = r.items[s].same {
			if err := r.emit(tree, list, "", s); err != nil {
				return err
			}
		}
	}
	return nil
}

// own is the text that stands in an element itself.
func (r *reader) own(id int32) string {
	if !r.items[id].characters {
		return ""
	}
	text, pieces := "", 0
	for c := r.items[id].first; c != 0; c = r.items[c].next {
		if it := &r.items[c]; it.kind == isCharacters {
			if pieces++; pieces == 1 {
				text = it.text
			}
		}
	}
	if pieces > 1 {
		var out strings.Builder
		for c := r.items[id].first; c != 0; c = r.items[c].next {
			if it := &r.items[c]; it.kind == isCharacters {
				out.WriteString(it.text)
			}
		}
		text = out.String()
	}
	return strings.Trim(text, " \t\r\n")
}

// gather writes all the text within an element, in the order of the document.
// A br is the end of a line, so that words do not run into each other.
func (r *reader) gather(out *strings.Builder, id int32) {
	for c := r.items[id].first; c != 0 && r.left >= 0; c = r.items[c].next {
		switch it := &r.items[c]; {
		case it.kind == isCharacters:
			r.left -= len(it.text)
			out.WriteString(it.text)
		case it.kind == isElement && it.first == 0 && strings.EqualFold(it.name, "br"):
			out.WriteByte('\n')
		case it.kind == isElement:
			r.left--
			r.gather(out, c)
		}
	}
}
