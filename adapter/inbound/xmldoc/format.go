// Package xmldoc reads referrals sent as XML of any shape, in a SOAP envelope
// or without one, and answers with a receipt in XML.
//
// The tree mirrors the document. The root element is the child of the root of
// the tree, an element a child with its name, an attribute a child whose name
// begins with @; what repeats under one parent is a List of items without a
// name, wherever among its siblings it stands. An element without attributes
// and children is a text, or Null when nothing or white space is in it. Any
// other element is an Object: its text is the first child, named $text, so
// that a path to the element gives its text; then come its elements, then its
// attributes. The path with $text gives the text of either. Where text and
// elements are mixed, $text is all the text in it, that of the elements within
// included. White space around a text is not kept. CDATA is text like any other.
//
// Names are local names; which prefix a sender uses does not matter. For
// namespaces that Options give a prefix, the name has it: hl7:id. Attributes of
// XML and of XML Schema instances always have theirs: @xml:lang, @xsi:type.
//
// Of a SOAP message the root of the tree has what stands in the Body, and
// behind it soap:Header, so that a path is the same with and without the
// envelope.
//
// Addresses are XPaths by local names, repetitions counted from 1:
// /Referral/Patient/Name[2]/Given, /Envelope/Body/Referral/@id.
package xmldoc

import (
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/markup"
	"github.com/linkloop/linkloop/adapter/message"
)

// Options say where the envelope stands in the document. Fields that are zero
// take their default.
type Options struct {
	Limits markup.Limits

	// ID are paths that may lead to the message id; the first that leads to a
	// text counts. Default: an element or attribute of the root element that is
	// called messageId or id in capitals or not, then the MessageID of a SOAP
	// header; with Each, of the element that is the message.
	ID []message.Path

	// Type is a path to what the message is, and DefaultType what it is
	// without one. Default: the name of the root element.
	Type        message.Path
	DefaultType string

	// Each leads to elements of which each is a message by itself, by plain names
	// from the root: Referrals.Referral. Zero: a document is one message.
	Each message.Path

	// Prefixes are put in front of the names of a namespace, by namespace.
	Prefixes map[string]string
}

// maxID bounds message ids and types, which are kept and sent back.
const maxID = 200

// Format is the wire format. The zero value is not usable; see New.
type Format struct {
	o    Options
	each []string // names of Options.Each
}

var _ inbound.Format = Format{}

// New returns the format; without options every default holds.
func New(options ...Options) Format {
	o := Options{}
	if len(options) > 0 {
		o = options[0]
	}
	if o.Limits.Bytes <= 0 {
		o.Limits.Bytes = markup.DefaultLimits.Bytes
	}
	each, _ := o.Each.Members()
	return Format{o, each}
}

// Decode reads one XML document. Its faults are Malformed, located by line and
// column or by the element at fault, TooLarge, and Unsupported: an encoding
// that is not UTF-8, ISO-8859-1 or Windows-1252. What was read before the fault
// comes with it when a message id or the envelope of SOAP is among it.
func (f Format) Decode(body []byte) (*inbound.Message, error) {
	text, err := f.text(body)
	if err != nil {
		return nil, f.whole(err)
	}
	s, err := markup.NewScanner(text, f.o.Limits)
	if err != nil {
		return nil, f.whole(err)
	}
	r := &reader{s: s, prefixes: f.o.Prefixes, left: f.o.Limits.Bytes}
	err = r.read()
	if len(r.items) == 0 {
		return nil, f.whole(err)
	}
	whole := err != nil
	m := &inbound.Message{}
	var emitted error
	if m.Tree, m.Echo, emitted = r.tree(); err == nil {
		err = emitted
	}
	envelope := f.envelope(m)
	if err == nil {
		err = envelope
	}
	if several := f.alone(m.Tree); several != nil {
		whole = true
		if err == nil {
			err = several
		}
	}
	if whole && len(f.each) > 0 {
		m.ID, err = "", inbound.Whole(err)
	}
	if err != nil && m.ID == "" && m.Echo == nil {
		m = nil
	}
	return m, err
}

// text is the document in UTF-8. ISO-8859-1 is read as Windows-1252, as
// browsers do: the control characters in which they differ are in no text.
func (f Format) text(body []byte) (string, error) {
	if len(body) > f.o.Limits.Bytes {
		return "", fault.New(fault.TooLarge, "", "%d bytes, at most %d are taken", len(body), f.o.Limits.Bytes)
	}
	encoding, err := markup.Encoding(body)
	if err != nil {
		return "", err
	}
	switch encoding {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return string(body), nil
	case "iso-8859-1", "iso8859-1", "latin1", "windows-1252", "cp1252":
		if strings.HasPrefix(string(body[:min(len(body), 3)]), "\xef\xbb\xbf") {
			return string(body), nil // the mark of UTF-8 outweighs the declaration
		}
		return inbound.FromWindows1252(body), nil
	}
	return "", fault.New(fault.Unsupported, "line 1, column 1", "the encoding is not one of UTF-8, ISO-8859-1 and Windows-1252")
}

// envelope takes id and type out of the tree.
func (f Format) envelope(m *inbound.Message) error {
	root := m.Tree.Root()
	payload := root.First()
	if payload.Kind() == message.List {
		payload = payload.First()
	}
	id := message.Node{}
	if len(f.o.ID) > 0 {
		for _, p := range f.o.ID {
			if id = p.First(root); id.Value() != "" {
				break
			}
		}
	} else if len(f.each) > 0 {
		// An id around the elements would be that of every one of them.
		id = ownID(f.item(m.Tree))
	} else {
		id = usualID(root, payload)
	}
	var err error
	if m.ID, err = short(id); err != nil {
		return err
	}
	if f.o.Type.String() != "" {
		if m.Type, err = short(f.o.Type.First(root)); err != nil {
			return err
		}
	}
	if m.Type == "" {
		m.Type = f.o.DefaultType
	}
	if m.Type == "" {
		m.Type = root.First().Name()
		if len(m.Type) > maxID {
			return fault.New(fault.Malformed, "/", "the name of the root element is longer than %d characters", maxID)
		}
	}
	return nil
}

// usualID finds an id where most senders put it.
func usualID(root, payload message.Node) message.Node {
	if id := ownID(payload); id.Ok() {
		return id
	}
	return root.Child(soapHeader).Child("MessageID")
}

// ownID is an element or attribute of another that is called as ids are.
func ownID(payload message.Node) message.Node {
	for _, name := range []string{"messageId", "@messageId", "id", "@id"} {
		for n := payload.First(); n.Ok(); n = n.Next() {
			if strings.EqualFold(n.Name(), name) && isText(n) && n.Value() != "" {
				return n
			}
		}
	}
	return message.Node{}
}

// isText reports whether a node has a text of its own.
func isText(n message.Node) bool {
	k := n.Kind()
	return k == message.Text || k == message.Object && n.First().Name() == textName
}

func short(n message.Node) (string, error) {
	switch {
	case !n.Ok() || n.Kind() == message.Null:
		return "", nil
	case !isText(n):
		return "", fault.New(fault.Malformed, n.Address(), "a text is expected here")
	case utf8.RuneCountInString(n.Value()) > maxID:
		return "", fault.New(fault.Malformed, n.Address(), "longer than %d characters", maxID)
	}
	return n.Value(), nil
}
