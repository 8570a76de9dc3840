package inbound

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/message"
)

// JSONLimits bound what a JSONReader accepts. A field that is zero takes its
// value from DefaultJSONLimits.
type JSONLimits struct {
	Bytes int // size of the text
	Depth int // nesting of objects and arrays
	Nodes int // values in all
}

// DefaultJSONLimits fit any referral with attached documents.
var DefaultJSONLimits = JSONLimits{Bytes: 5 << 20, Depth: 40, Nodes: 200_000}

// JSONReader reads JSON straight into message trees: one pass, one copy of the
// text, values as substrings of it. The formats that are JSON share it.
//
// It is as strict as RFC 8259 allows, because two readings of one message are
// a danger to a patient: a repeated member, bytes that are not UTF-8, half a
// surrogate pair, raw control characters and anything behind the value are
// refused. Faults are Malformed or TooLarge, located as "line 3, column 7".
type JSONReader struct {
	text  string
	i     int
	depth int
	nodes int
	lim   JSONLimits
}

// NewJSONReader returns a reader that stands on the value of the text.
func NewJSONReader(body []byte, lim JSONLimits) (*JSONReader, error) {
	for _, f := range []struct{ v, d *int }{
		{&lim.Bytes, &DefaultJSONLimits.Bytes}, {&lim.Depth, &DefaultJSONLimits.Depth}, {&lim.Nodes, &DefaultJSONLimits.Nodes},
	} {
		if *f.v <= 0 {
			*f.v = *f.d
		}
	}
	if len(body) > lim.Bytes {
		return nil, fault.New(fault.TooLarge, "", "%d bytes, at most %d are taken", len(body), lim.Bytes)
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	r := &JSONReader{text: string(body), lim: lim}
	if !utf8.ValidString(r.text) {
		for i, c := range r.text {
			if c == utf8.RuneError {
				if _, size := utf8.DecodeRuneInString(r.text[i:]); size == 1 {
					r.i = i
					break
				}
			}
		}
		return nil, r.errorf("the text is not UTF-8")
	}
	r.space()
	return r, nil
}

// SizeHint is how many nodes the tree of the text has at most, near enough to
// allocate it once: every value but the first of its container stands behind
// a comma.
func (r *JSONReader) SizeHint() int {
	n := strings.Count(r.text, ",") + strings.Count(r.text, "{") + strings.Count(r.text, "[")
	return min(n, r.lim.Nodes) + 16
}

// Kind is the shape of the value the reader stands on; Null when there is
// none, which the next reading method will refuse.
func (r *JSONReader) Kind() message.Kind {
	if r.i >= len(r.text) {
		return message.Null
	}
	switch c := r.text[r.i]; {
	case c == '{':
		return message.Object
	case c == '[':
		return message.List
	case c == '"':
		return message.Text
	case c == 't', c == 'f':
		return message.Bool
	case c == '-', c >= '0' && c <= '9':
		return message.Number
	}
	return message.Null
}

// End refuses anything behind the value.
func (r *JSONReader) End() error {
	if r.space(); r.i < len(r.text) {
		return r.errorf("unexpected content behind the JSON value")
	}
	return nil
}

// Offset is how many bytes of the text, a byte order mark not counted, are
// before the reader. Where Members or Items call visit it is where the value
// begins, and when that is read, where it ended.
func (r *JSONReader) Offset() int { return r.i }

// Where is the place of the reader in the text.
func (r *JSONReader) Where() string {
	at := min(r.i, len(r.text))
	line := 1 + strings.Count(r.text[:at], "\n")
	column := at - strings.LastIndexByte(r.text[:at], '\n')
	return "line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column)
}

func (r *JSONReader) errorf(text string) error {
	return fault.New(fault.Malformed, r.Where(), "%s", text)
}

func (r *JSONReader) space() {
	for r.i < len(r.text) {
		switch r.text[r.i] {
		case ' ', '\t', '\r', '\n':
			r.i++
		default:
			return
		}
	}
}

func (r *JSONReader) at(c byte) bool { return r.i < len(r.text) && r.text[r.i] == c }

func (r *JSONReader) count() error {
	if r.nodes++; r.nodes > r.lim.Nodes {
		return fault.New(fault.TooLarge, r.Where(), "more than %d values", r.lim.Nodes)
	}
	return nil
}

// open steps into an object or an array and counts one more level and value.
func (r *JSONReader) open(mark byte) error {
	if !r.at(mark) {
		if mark == '{' {
			return r.errorf("an object is expected here")
		}
		return r.errorf("an array is expected here")
	}
	if r.depth++; r.depth > r.lim.Depth {
		return fault.New(fault.Malformed, r.Where(), "nested deeper than %d levels", r.lim.Depth)
	}
	if err := r.count(); err != nil {
		return err
	}
	r.i++
	r.space()
	return nil
}

// next steps to the next member or item of what ends with the mark, or out of
// it; then more is false.
func (r *JSONReader) next(first bool, mark byte) (more bool, err error) {
	r.space()
	if r.at(mark) {
		r.i++
		r.depth--
		return false, nil
	}
	if first {
		return true, nil
	}
	if !r.at(',') {
		if mark == '}' {
			return false, r.errorf("a comma or the end of the object is expected here")
		}
		return false, r.errorf("a comma or the end of the array is expected here")
	}
	r.i++
	r.space()
	return true, nil
}

// name reads the name of a member and the colon behind it.
func (r *JSONReader) name() (string, error) {
	if !r.at('"') {
		return "", r.errorf("a member name in quotes is expected here")
	}
	name, err := r.string()
	if err != nil {
		return "", err
	}
	r.space()
	if !r.at(':') {
		return "", r.errorf("a colon is expected here")
	}
	r.i++
	r.space()
	return name, nil
}

// Members reads an object. For each member it calls visit with the name while
// the reader stands on the value, which visit must read. A name that stands
// twice is for the caller to find.
func (r *JSONReader) Members(visit func(name string) error) error {
	if err := r.open('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := r.next(first, '}')
		if err != nil || !more {
			return err
		}
		name, err := r.name()
		if err != nil {
			return err
		}
		if err := visit(name); err != nil {
			return err
		}
	}
}

// Items reads an array; visit is called for each item, counted from 0, and
// must read it.
func (r *JSONReader) Items(visit func(index int) error) error {
	if err := r.open('['); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := r.next(n == 0, ']')
		if err != nil || !more {
			return err
		}
		if err := visit(n); err != nil {
			return err
		}
	}
}

// Twice is the fault of a member name that stands twice in one object.
func (r *JSONReader) Twice() error { return r.errorf("a member name stands twice in the object") }
