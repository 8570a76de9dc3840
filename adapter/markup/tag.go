package markup

import (
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
)

// startTag reads a start tag; the scanner stands on its bracket.
func (s *Scanner) startTag() error {
	if len(s.open) == 0 && s.started {
		return s.Malformed(s.i, "a second root element")
	}
	if len(s.open) >= s.lim.Depth {
		return s.Malformed(s.i, "nested deeper than %d levels", s.lim.Depth)
	}
	if err := s.count(); err != nil {
		return err
	}
	s.started = true
	s.i++
	raw, err := s.rawName("the name of an element")
	if err != nil {
		return err
	}
	s.attributes, s.spaces = s.attributes[:0], s.spaces[:0]
	for {
		spaced := s.space()
		if s.i >= len(s.text) {
			return s.Malformed(s.i, "the XML text ends within a tag")
		}
		c := s.text[s.i]
		if c == '>' {
			s.i++
			break
		}
		if c == '/' {
			if !strings.HasPrefix(s.text[s.i:], "/>") {
				return s.Malformed(s.i, "/> is expected here")
			}
			s.i += 2
			s.empty = true
			break
		}
		if !spaced {
			return s.Malformed(s.i, "white space, > or /> is expected here")
		}
		if err := s.attribute(); err != nil {
			return err
		}
	}
	return s.resolve(raw)
}

// attribute reads one attribute or one declaration of a namespace.
func (s *Scanner) attribute() error {
	if len(s.attributes)+len(s.spaces) >= s.lim.Attributes {
		return fault.New(fault.TooLarge, s.Place(s.i), "more than %d attributes", s.lim.Attributes)
	}
	if err := s.count(); err != nil {
		return err
	}
	at := s.i
	raw, err := s.rawName("the name of an attribute")
	if err != nil {
		return err
	}
	s.space()
	if s.i >= len(s.text) || s.text[s.i] != '=' {
		return s.Malformed(s.i, "= is expected here")
	}
	s.i++
	s.space()
	value, err := s.quoted()
	if err != nil {
		return err
	}
	prefix, local, err := s.split(raw, at)
	switch {
	case err != nil:
		return err
	case raw == "xmlns":
		return s.declare("", value, at)
	case prefix == "xmlns":
		return s.declare(local, value, at)
	}
	s.attributes = append(s.attributes, Attribute{Name: Name{Prefix: prefix, Local: local}, Value: value, At: at})
	return nil
}

// declare notes a namespace that the start tag brings (section 3 of
// Namespaces in XML 1.0).
func (s *Scanner) declare(prefix, space string, at int) error {
	switch {
	case prefix == "xml" && space == XMLNamespace:
		return nil
	case prefix == "xml" || prefix == "xmlns" || space == XMLNamespace || space == "http://www.w3.org/2000/xmlns/":
		return s.Malformed(at, "this namespace cannot be declared")
	case prefix != "" && space == "":
		return s.Malformed(at, "a prefix stands for a namespace that is not empty")
	}
	for _, d := range s.spaces {
		if d.prefix == prefix {
			return s.Malformed(at, "an attribute stands twice")
		}
	}
	s.spaces = append(s.spaces, declaration{binding{prefix, space}, at})
	return nil
}

// resolve opens the element and gives its names their namespaces.
func (s *Scanner) resolve(raw string) error {
	before := len(s.bindings)
	for _, d := range s.spaces {
		if len(s.bindings) >= maxBindings {
			return fault.New(fault.TooLarge, s.Place(d.at), "more than %d namespaces at one place", maxBindings)
		}
		s.bindings = append(s.bindings, d.binding)
	}
	prefix, local, err := s.split(raw, s.at+1)
	if err != nil {
		return err
	}
	s.name = Name{Prefix: prefix, Local: local}
	known := false
	if s.name.Space, known = s.lookup(prefix); !known {
		return s.Malformed(s.at+1, "the prefix of the element is not declared")
	}
	for i := range s.attributes {
		a := &s.attributes[i]
		if a.Prefix != "" { // an attribute without a prefix is in no namespace
			if a.Space, known = s.lookup(a.Prefix); !known {
				return s.Malformed(a.At, "the prefix of the attribute is not declared")
			}
		}
		for _, other := range s.attributes[:i] {
			if other.Local == a.Local && other.Space == a.Space {
				return s.Malformed(a.At, "an attribute stands twice")
			}
		}
	}
	s.open = append(s.open, element{raw: raw, name: s.name, bindings: before, at: s.at})
	return nil
}

// lookup finds the namespace of a prefix.
func (s *Scanner) lookup(prefix string) (space string, known bool) {
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if s.bindings[i].prefix == prefix {
			return s.bindings[i].space, true
		}
	}
	if prefix == "xml" {
		return XMLNamespace, true
	}
	return "", prefix == ""
}

// endTag reads an end tag; the scanner stands on its bracket.
func (s *Scanner) endTag() error {
	if len(s.open) == 0 {
		return s.Malformed(s.i, "an end tag without its start tag")
	}
	e := &s.open[len(s.open)-1]
	s.i += len("</")
	if strings.HasPrefix(s.text[s.i:], e.raw) {
		s.i += len(e.raw)
		s.space()
	}
	if s.i >= len(s.text) || s.text[s.i] != '>' || s.i-s.at < len("</")+len(e.raw) {
		return s.Malformed(s.at, "the end tag of what starts at %s is expected here", s.Place(e.at))
	}
	s.i++
	s.close()
	return nil
}

// close leaves the innermost element.
func (s *Scanner) close() {
	e := &s.open[len(s.open)-1]
	s.name = e.name
	s.bindings = s.bindings[:e.bindings]
	s.open = s.open[:len(s.open)-1]
}

// rawName reads a name as written, with its colon.
func (s *Scanner) rawName(what string) (string, error) {
	from := s.i
	for s.i < len(s.text) {
		c := s.text[s.i]
		if c < utf8.RuneSelf {
			if !asciiName[c] || s.i == from && (c == '-' || c == '.' || c >= '0' && c <= '9') {
				break
			}
			s.i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s.text[s.i:])
		if !nameRune(r, s.i == from) {
			break
		}
		s.i += size
	}
	switch {
	case s.i == from:
		return "", s.Malformed(s.i, "%s is expected here", what)
	case s.i-from > maxName:
		return "", fault.New(fault.TooLarge, s.Place(from), "a name is longer than %d bytes", maxName)
	}
	return s.text[from:s.i], nil
}

// split parts a name at its colon.
func (s *Scanner) split(raw string, at int) (prefix, local string, err error) {
	i := strings.IndexByte(raw, ':')
	if i < 0 {
		return "", raw, nil
	}
	prefix, local = raw[:i], raw[i+1:]
	if prefix == "" || local == "" || strings.IndexByte(local, ':') >= 0 {
		return "", "", s.Malformed(at, "a name holds one colon at most, with a prefix before and a name behind it")
	}
	if r, _ := utf8.DecodeRuneInString(local); r < utf8.RuneSelf && (r == '-' || r == '.' || r >= '0' && r <= '9') {
		return "", "", s.Malformed(at, "not a name")
	}
	return prefix, local, nil
}

// asciiName holds the ASCII characters of names.
var asciiName = func() (t [utf8.RuneSelf]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:-.") {
		t[c] = true
	}
	return t
}()

// nameRune is NameStartChar and NameChar beyond ASCII, section 2.3 of XML 1.0,
// fifth edition.
func nameRune(r rune, first bool) bool {
	switch {
	case r == 0xb7 || r >= 0x300 && r <= 0x36f || r == 0x203f || r == 0x2040:
		return !first
	case r >= 0xc0 && r <= 0x2ff:
		return r != 0xd7 && r != 0xf7
	case r >= 0x370 && r <= 0x1fff:
		return r != 0x37e
	}
	return r == 0x200c || r == 0x200d || r >= 0x2070 && r <= 0x218f || r >= 0x2c00 && r <= 0x2fef ||
		r >= 0x3001 && r <= 0xd7ff || r >= 0xf900 && r <= 0xfdcf || r >= 0xfdf0 && r <= 0xfffd || r >= 0x10000 && r <= 0xeffff
}
