package element

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
)

// Limits bound what Parse accepts; the zero value means DefaultLimits.
type Limits struct {
	Bytes int // size of the text
	Depth int // nesting of objects and arrays
	Nodes int // values in all
}

// DefaultLimits fit any resource or message of this field.
var DefaultLimits = Limits{Bytes: 5 << 20, Depth: 40, Nodes: 200_000}

// Parse reads one JSON value. It is strict where RFC 8259 leaves room: a
// repeated member, an invalid UTF-8 byte, a lone surrogate, a raw control
// character and anything behind the value are refused. Errors are *fault.Fault
// of kind Malformed or TooLarge, located as "line L, column C".
func Parse(b []byte, lim Limits) (*Value, error) {
	if lim == (Limits{}) {
		lim = DefaultLimits
	}
	if len(b) > lim.Bytes {
		return nil, fault.New(fault.TooLarge, "", "%d bytes, at most %d are taken", len(b), lim.Bytes)
	}
	p := &parser{b: bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), lim: lim}
	p.space()
	v, err := p.value(1)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i < len(p.b) {
		return nil, p.errorf("unexpected content behind the JSON value")
	}
	return v, nil
}

type parser struct {
	b    []byte
	i    int
	n    int
	lim  Limits
	slab []Value
}

func (p *parser) errorf(format string, args ...any) error {
	return fault.New(fault.Malformed, p.where(), format, args...)
}

func (p *parser) where() string {
	at := min(p.i, len(p.b))
	line := 1 + bytes.Count(p.b[:at], []byte{'\n'})
	col := at - bytes.LastIndexByte(p.b[:at], '\n')
	return fmt.Sprintf("line %d, column %d", line, col)
}

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) alloc(k Kind) (*Value, error) {
	if p.n++; p.n > p.lim.Nodes {
		return nil, fault.New(fault.TooLarge, p.where(), "more than %d values", p.lim.Nodes)
	}
	if len(p.slab) == 0 {
		p.slab = make([]Value, 32)
	}
	v := &p.slab[0]
	p.slab = p.slab[1:]
	v.Kind = k
	return v, nil
}

func (p *parser) value(depth int) (*Value, error) {
	if p.i >= len(p.b) {
		return nil, p.errorf("the JSON text ends too early")
	}
	switch c := p.b[p.i]; {
	case c == '{' || c == '[':
		if depth > p.lim.Depth {
			return nil, p.errorf("nested deeper than %d levels", p.lim.Depth)
		}
		if c == '{' {
			return p.object(depth)
		}
		return p.array(depth)
	case c == '"':
		v, err := p.alloc(String)
		if err != nil {
			return nil, err
		}
		v.Text, err = p.text()
		return v, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	default:
		for _, w := range [...]struct {
			word string
			kind Kind
		}{{"true", Bool}, {"false", Bool}, {"null", Null}} {
			if bytes.HasPrefix(p.b[p.i:], []byte(w.word)) {
				v, err := p.alloc(w.kind)
				if err != nil {
					return nil, err
				}
				if w.kind == Bool {
					v.Text = w.word
				}
				p.i += len(w.word)
				return v, nil
			}
		}
		return nil, p.errorf("a JSON value is expected here")
	}
}

func (p *parser) object(depth int) (*Value, error) {
	v, err := p.alloc(Object)
	if err != nil {
		return nil, err
	}
	p.i++
	var seen map[string]bool
	for {
		p.space()
		if p.i < len(p.b) && p.b[p.i] == '}' && len(v.Fields) == 0 {
			p.i++
			return v, nil
		}
		if p.i >= len(p.b) || p.b[p.i] != '"' {
			return nil, p.errorf("a member name in quotes is expected here")
		}
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if len(v.Fields) < 16 {
			if v.Get(name) != nil {
				return nil, p.errorf("a member name stands twice in the object")
			}
		} else {
			if seen == nil {
				seen = make(map[string]bool, 64)
				for _, f := range v.Fields {
					seen[f.Name] = true
				}
			}
			if seen[name] {
				return nil, p.errorf("a member name stands twice in the object")
			}
			seen[name] = true
		}
		p.space()
		if p.i >= len(p.b) || p.b[p.i] != ':' {
			return nil, p.errorf("a colon is expected here")
		}
		p.i++
		p.space()
		x, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.Fields = append(v.Fields, Field{name, x})
		p.space()
		if p.i < len(p.b) && p.b[p.i] == ',' {
			p.i++
			continue
		}
		if p.i < len(p.b) && p.b[p.i] == '}' {
			p.i++
			return v, nil
		}
		return nil, p.errorf("a comma or the end of the object is expected here")
	}
}

func (p *parser) array(depth int) (*Value, error) {
	v, err := p.alloc(Array)
	if err != nil {
		return nil, err
	}
	p.i++
	p.space()
	if p.i < len(p.b) && p.b[p.i] == ']' {
		p.i++
		return v, nil
	}
	for {
		p.space()
		x, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.Items = append(v.Items, x)
		p.space()
		if p.i < len(p.b) && p.b[p.i] == ',' {
			p.i++
			continue
		}
		if p.i < len(p.b) && p.b[p.i] == ']' {
			p.i++
			return v, nil
		}
		return nil, p.errorf("a comma or the end of the array is expected here")
	}
}

func (p *parser) number() (*Value, error) {
	start := p.i
	digits := func() bool {
		from := p.i
		for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
			p.i++
		}
		return p.i > from
	}
	if p.b[p.i] == '-' {
		p.i++
	}
	zero := p.i < len(p.b) && p.b[p.i] == '0'
	first := p.i
	if !digits() || zero && p.i-first > 1 {
		return nil, p.errorf("not a JSON number")
	}
	if p.i < len(p.b) && p.b[p.i] == '.' {
		p.i++
		if !digits() {
			return nil, p.errorf("not a JSON number")
		}
	}
	if p.i < len(p.b) && (p.b[p.i] == 'e' || p.b[p.i] == 'E') {
		p.i++
		if p.i < len(p.b) && (p.b[p.i] == '+' || p.b[p.i] == '-') {
			p.i++
		}
		if !digits() {
			return nil, p.errorf("not a JSON number")
		}
	}
	v, err := p.alloc(Number)
	if err != nil {
		return nil, err
	}
	v.Text = string(p.b[start:p.i])
	return v, nil
}

// text reads a quoted string; p.i stands on the opening quote.
func (p *parser) text() (string, error) {
	p.i++
	start := p.i
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == '"':
			s := p.b[start:p.i]
			if !utf8.Valid(s) {
				return "", p.errorf("the text is not UTF-8")
			}
			p.i++
			return string(s), nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", p.errorf("a raw control character in a text")
		default:
			p.i++
		}
	}
	return "", p.errorf("the text has no closing quote")
}

func (p *parser) escaped(start int) (string, error) {
	out := append([]byte(nil), p.b[start:p.i]...)
	for p.i < len(p.b) {
		c := p.b[p.i]
		switch {
		case c == '"':
			p.i++
			if !utf8.Valid(out) {
				return "", p.errorf("the text is not UTF-8")
			}
			return string(out), nil
		case c < 0x20:
			return "", p.errorf("a raw control character in a text")
		case c != '\\':
			out = append(out, c)
			p.i++
			continue
		}
		if p.i+1 >= len(p.b) {
			break
		}
		p.i += 2
		switch e := p.b[p.i-1]; e {
		case '"', '\\', '/':
			out = append(out, e)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := p.hex4()
			if !ok {
				return "", p.errorf("not a \\u escape")
			}
			if utf16.IsSurrogate(r) {
				if p.i+1 >= len(p.b) || p.b[p.i] != '\\' || p.b[p.i+1] != 'u' {
					return "", p.errorf("half of a surrogate pair")
				}
				p.i += 2
				low, ok := p.hex4()
				if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
					return "", p.errorf("half of a surrogate pair")
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			return "", p.errorf("not a JSON escape")
		}
	}
	return "", p.errorf("the text has no closing quote")
}

func (p *parser) hex4() (rune, bool) {
	if p.i+4 > len(p.b) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.b[p.i:p.i+4]), 16, 32)
	if err != nil {
		return 0, false
	}
	p.i += 4
	return rune(n), true
}
