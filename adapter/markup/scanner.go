// Package markup reads XML 1.0 texts with namespaces, bounded and strict, for
// the formats that are XML (https://www.w3.org/TR/xml/,
// https://www.w3.org/TR/xml-names/).
//
// It knows no document types: a text with a DOCTYPE is refused, so there are
// no entities but the five of XML, nothing expands to more than was sent and
// nothing is fetched from elsewhere. Values are substrings of the text.
package markup

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
)

// Limits bound what a Scanner reads. A field that is zero takes its value from
// DefaultLimits.
type Limits struct {
	Bytes      int // size of the text
	Depth      int // nesting of elements
	Nodes      int // elements, attributes and pieces of text in all
	Attributes int // of one element, declarations of namespaces included
}

// DefaultLimits fit any referral with attached documents.
var DefaultLimits = Limits{Bytes: 5 << 20, Depth: 64, Nodes: 200_000, Attributes: 64}

// Bounds that no honest text comes near.
const (
	maxName     = 256 // bytes of one name
	maxBindings = 64  // namespaces in force at one place
)

// XMLNamespace is what the prefix xml always stands for.
const XMLNamespace = "http://www.w3.org/XML/1998/namespace"

// withDefaults fills the fields that are zero.
func (l Limits) withDefaults() Limits {
	for _, f := range []struct{ v, d *int }{
		{&l.Bytes, &DefaultLimits.Bytes}, {&l.Depth, &DefaultLimits.Depth},
		{&l.Nodes, &DefaultLimits.Nodes}, {&l.Attributes, &DefaultLimits.Attributes},
	} {
		if *f.v <= 0 {
			*f.v = *f.d
		}
	}
	return l
}

// Kind is what Next found.
type Kind uint8

// The tokens. An element without content gives a Start and a Stop like any
// other; character data may come in several pieces.
const (
	Done  Kind = iota // the end of the text
	Start             // a start tag: Name, Attributes
	Stop              // an end tag: Name
	Text              // character data within an element: Value
)

// Name is an expanded name.
type Name struct {
	Space  string // namespace; empty: none
	Prefix string // as written
	Local  string
}

// Attribute is one attribute of a start tag. Declarations of namespaces
// (xmlns) are not among the attributes.
type Attribute struct {
	Name
	Value string
	At    int // offset of its name
}

// Scanner gives the tokens of one text, one after the other. It is not safe
// for concurrent use.
type Scanner struct {
	text    string
	i       int // next byte to read
	at      int // first byte of the token
	lim     Limits
	nodes   int
	started bool // the root element was met
	empty   bool // the start tag was <a/>: its Stop comes next

	name       Name
	value      string
	attributes []Attribute
	spaces     []declaration // of the start tag, before they are in force
	open       []element
	bindings   []binding
}

// element is one that is open.
type element struct {
	raw      string // the name as written
	name     Name
	at       int // offset of its start tag
	bindings int // how many were in force around it
}

// binding is a namespace in force.
type binding struct{ prefix, space string }

type declaration struct {
	binding
	at int
}

// NewScanner returns a scanner at the start of a text in UTF-8; the encoding
// that its declaration names is not looked at (see Encoding). It refuses texts
// that are too long, are not UTF-8, or hold characters that XML does not have.
func NewScanner(text string, lim Limits) (*Scanner, error) {
	s := &Scanner{text: text, lim: lim.withDefaults()}
	if len(text) > s.lim.Bytes {
		return nil, fault.New(fault.TooLarge, "", "%d bytes, at most %d are taken", len(text), s.lim.Bytes)
	}
	if err := s.characters(); err != nil {
		return nil, err
	}
	s.text = strings.TrimPrefix(text, "\ufeff")
	if err := s.declaration(); err != nil {
		return nil, err
	}
	return s, nil
}

// characters holds the text against the production Char of XML 1.0.
func (s *Scanner) characters() error {
	ascii := true
	for i := 0; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c >= utf8.RuneSelf:
			ascii = false
		case c < ' ' && c != '\t' && c != '\n' && c != '\r':
			return s.Malformed(i, "a control character that XML does not allow")
		}
	}
	if ascii {
		return nil
	}
	for i := 0; i < len(s.text); {
		r, size := utf8.DecodeRuneInString(s.text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return s.Malformed(i, "the text is not UTF-8")
		case r == 0xfffe || r == 0xffff:
			return s.Malformed(i, "a character that XML does not allow")
		}
		i += size
	}
	return nil
}

// SizeHint is near how many elements and attributes the text has at most.
func (s *Scanner) SizeHint() int {
	return min(strings.Count(s.text, "<")+strings.Count(s.text, "=\""), s.lim.Nodes) + 16
}

// Name is the expanded name of a Start or Stop.
func (s *Scanner) Name() Name { return s.name }

// Attributes are those of a Start, valid until the next token.
func (s *Scanner) Attributes() []Attribute { return s.attributes }

// Value is the character data of a Text, references resolved and line ends
// as \n (section 2.11 of XML).
func (s *Scanner) Value() string { return s.value }

// At is the offset of the first byte of the token; a byte order mark does not
// count.
func (s *Scanner) At() int { return s.at }

// Offset is the offset behind the token.
func (s *Scanner) Offset() int { return s.i }

// Source is a part of the text as written.
func (s *Scanner) Source(from, to int) string { return s.text[from:to] }

// Depth is how many elements are open.
func (s *Scanner) Depth() int { return len(s.open) }

// Own reports whether the namespace of the prefix is declared on the element
// that stands at the depth, from 1, or on one within it.
func (s *Scanner) Own(prefix string, depth int) bool {
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if s.bindings[i].prefix == prefix {
			return i >= s.open[depth-1].bindings
		}
	}
	return false
}

// Place is where an offset is, in the words of errors: line 3, column 7.
// Columns count bytes.
func (s *Scanner) Place(at int) string {
	at = min(at, len(s.text))
	line := 1 + strings.Count(s.text[:at], "\n")
	column := at - strings.LastIndexByte(s.text[:at], '\n')
	return "line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column)
}

// Malformed is a fault at an offset.
func (s *Scanner) Malformed(at int, format string, args ...any) *fault.Fault {
	return fault.New(fault.Malformed, s.Place(at), format, args...)
}

// count counts one more node.
func (s *Scanner) count() error {
	if s.nodes++; s.nodes > s.lim.Nodes {
		return fault.New(fault.TooLarge, s.Place(s.at), "more than %d elements, attributes and texts", s.lim.Nodes)
	}
	return nil
}

// Next moves to the next token; comments and processing instructions are
// passed over. Faults are Malformed or TooLarge, located by line and column.
// After a fault the scanner is of no use.
func (s *Scanner) Next() (Kind, error) {
	if s.empty {
		s.empty = false
		s.close()
		return Stop, nil
	}
	for {
		s.at = s.i
		switch {
		case s.i >= len(s.text):
			return Done, s.end()
		case s.text[s.i] != '<':
			if len(s.open) == 0 {
				if err := s.outside(); err != nil {
					return Done, err
				}
				continue
			}
			return Text, s.characterData()
		case s.i+1 >= len(s.text):
			return Done, s.Malformed(s.i, "the XML text ends within a tag")
		}
		switch s.text[s.i+1] {
		case '/':
			return Stop, s.endTag()
		case '?':
			if err := s.instruction(); err != nil {
				return Done, err
			}
		case '!':
			data, err := s.exclamation()
			if err != nil {
				return Done, err
			}
			if data {
				return Text, s.count()
			}
		default:
			return Start, s.startTag()
		}
	}
}

// end refuses a text that ends too early.
func (s *Scanner) end() error {
	if n := len(s.open); n > 0 {
		return s.Malformed(s.i, "the XML text ends before the end tag of what starts at %s", s.Place(s.open[n-1].at))
	}
	if !s.started {
		return s.Malformed(s.i, "an XML element is expected")
	}
	return nil
}

// outside passes over the space around the root.
func (s *Scanner) outside() error {
	s.space()
	if s.i < len(s.text) && s.text[s.i] != '<' {
		return s.Malformed(s.i, "text outside of the root element")
	}
	return nil
}

func (s *Scanner) space() bool {
	from := s.i
	for s.i < len(s.text) && isSpace(s.text[s.i]) {
		s.i++
	}
	return s.i > from
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// Blank reports whether a text is white space or nothing.
func Blank(text string) bool {
	for i := range len(text) {
		if !isSpace(text[i]) {
			return false
		}
	}
	return true
}

// Skip reads on to the Stop of the element whose Start was the last token.
func (s *Scanner) Skip() error {
	for depth := len(s.open); ; {
		kind, err := s.Next()
		if err != nil {
			return err
		}
		if kind == Stop && len(s.open) < depth {
			return nil
		}
	}
}
