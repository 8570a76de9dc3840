package inbound

import (
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/message"
)

// manyMembers is how many members an object may have before their names are
// kept in a map to find one that stands twice.
const manyMembers = 24

// Value reads one value into a tree, under the parent: an object as Object
// with a child for each member, an array as List whose items have no name, and
// the rest as leaves. It returns the node it added.
func (r *JSONReader) Value(tree *message.Tree, parent message.Node, name string) (message.Node, error) {
	switch kind := r.Kind(); kind {
	case message.Object:
		n := tree.Add(parent, name, message.Object, "")
		return n, r.ObjectInto(tree, n)
	case message.List:
		n := tree.Add(parent, name, message.List, "")
		if err := r.open('['); err != nil {
			return n, err
		}
		for first := true; ; first = false {
			more, err := r.next(first, ']')
			if err != nil || !more {
				return n, err
			}
			if _, err := r.Value(tree, n, ""); err != nil {
				return n, err
			}
		}
	default:
		text, err := r.Scalar()
		if err != nil {
			return message.Node{}, err
		}
		return tree.Add(parent, name, kind, text), nil
	}
}

// ObjectInto reads the members of an object as children of a node that is
// there already.
func (r *JSONReader) ObjectInto(tree *message.Tree, n message.Node) error {
	if err := r.open('{'); err != nil {
		return err
	}
	var many map[string]bool
	for count := 0; ; count++ {
		more, err := r.next(count == 0, '}')
		if err != nil || !more {
			return err
		}
		name, err := r.name()
		if err != nil {
			return err
		}
		twice := false
		switch {
		case count < manyMembers:
			twice = n.Child(name).Ok()
		case many == nil:
			many = make(map[string]bool, 2*manyMembers)
			for c := n.First(); c.Ok(); c = c.Next() {
				many[c.Name()] = true
			}
			fallthrough
		default:
			twice = many[name]
			many[name] = true
		}
		if twice {
			return r.Twice()
		}
		if _, err := r.Value(tree, n, name); err != nil {
			return err
		}
	}
}

// Scalar reads a text, number, true, false or null. Numbers are as written;
// null is "".
func (r *JSONReader) Scalar() (string, error) {
	if err := r.count(); err != nil {
		return "", err
	}
	switch r.Kind() {
	case message.Text:
		return r.string()
	case message.Number:
		return r.number()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(r.text[r.i:], word) {
			r.i += len(word)
			if word == "null" {
				return "", nil
			}
			return word, nil
		}
	}
	if r.i >= len(r.text) {
		return "", r.errorf("the JSON text ends too early")
	}
	return "", r.errorf("a JSON value is expected here")
}

// Skip reads a value and forgets it.
func (r *JSONReader) Skip() error {
	switch r.Kind() {
	case message.Object:
		return r.Members(func(string) error { return r.Skip() })
	case message.List:
		return r.Items(func(int) error { return r.Skip() })
	}
	_, err := r.Scalar()
	return err
}

// Ahead finds a text member of the object the reader stands on, without
// moving; "" when there is none or the object is not well-formed.
func (r *JSONReader) Ahead(member string) string {
	saved := *r
	found := ""
	_ = r.Members(func(name string) error { // a broken object is reported when it is read
		if name != member || r.Kind() != message.Text {
			return r.Skip()
		}
		var err error
		if found, err = r.string(); err == nil {
			err = errFound
		}
		return err
	})
	*r = saved
	return found
}

// errFound ends the look ahead.
var errFound = errors.New("found")

func (r *JSONReader) number() (string, error) {
	start := r.i
	if r.at('-') {
		r.i++
	}
	first := r.i
	if r.digits(); r.i == first || r.text[first] == '0' && r.i > first+1 {
		return "", r.errorf("not a JSON number")
	}
	if r.at('.') {
		r.i++
		if !r.digits() {
			return "", r.errorf("not a JSON number")
		}
	}
	if r.at('e') || r.at('E') {
		r.i++
		if r.at('+') || r.at('-') {
			r.i++
		}
		if !r.digits() {
			return "", r.errorf("not a JSON number")
		}
	}
	return r.text[start:r.i], nil
}

func (r *JSONReader) digits() bool {
	from := r.i
	for r.i < len(r.text) && r.text[r.i] >= '0' && r.text[r.i] <= '9' {
		r.i++
	}
	return r.i > from
}

// string reads a quoted text; the reader stands on the opening quote.
func (r *JSONReader) string() (string, error) {
	r.i++
	start := r.i
	for r.i < len(r.text) {
		switch c := r.text[r.i]; {
		case c == '"':
			r.i++
			return r.text[start : r.i-1], nil
		case c == '\\':
			return r.escaped(start)
		case c < 0x20:
			return "", r.errorf("a raw control character in a text")
		}
		r.i++
	}
	return "", r.errorf("the text has no closing quote")
}

// escaped reads on from the first backslash of a text.
func (r *JSONReader) escaped(start int) (string, error) {
	out := append(make([]byte, 0, r.i-start+64), r.text[start:r.i]...)
	for r.i < len(r.text) {
		c := r.text[r.i]
		r.i++
		switch {
		case c == '"':
			return string(out), nil
		case c < 0x20:
			r.i--
			return "", r.errorf("a raw control character in a text")
		case c != '\\':
			out = append(out, c)
			continue
		}
		var ok bool
		if out, ok = r.escape(out); !ok {
			return "", r.errorf("not a JSON escape")
		}
	}
	return "", r.errorf("the text has no closing quote")
}

// escape appends the character of one escape; the reader stands behind the
// backslash.
func (r *JSONReader) escape(out []byte) ([]byte, bool) {
	if r.i >= len(r.text) {
		return out, false
	}
	c := r.text[r.i]
	r.i++
	switch c {
	case '"', '\\', '/':
		return append(out, c), true
	case 'b':
		return append(out, '\b'), true
	case 'f':
		return append(out, '\f'), true
	case 'n':
		return append(out, '\n'), true
	case 'r':
		return append(out, '\r'), true
	case 't':
		return append(out, '\t'), true
	case 'u':
		u, ok := r.hex4()
		if !ok {
			return out, false
		}
		if utf16.IsSurrogate(u) {
			if !strings.HasPrefix(r.text[r.i:], `\u`) {
				return out, false
			}
			r.i += 2
			low, ok := r.hex4()
			if u = utf16.DecodeRune(u, low); !ok || u == utf8.RuneError {
				return out, false
			}
		}
		return utf8.AppendRune(out, u), true
	}
	return out, false
}

func (r *JSONReader) hex4() (rune, bool) {
	if r.i+4 > len(r.text) {
		return 0, false
	}
	var u rune
	for range 4 {
		c := r.text[r.i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		u = u<<4 | rune(c)
		r.i++
	}
	return u, true
}
