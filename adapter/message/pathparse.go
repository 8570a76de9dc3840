package message

import (
	"fmt"
	"strings"
)

// Bounds on a path, far above what a mapping needs.
const (
	maxPathText  = 500
	maxSteps     = 16
	maxSelectors = 4
	maxLiterals  = 32
	maxIndex     = 9999
)

// PathError says what is wrong with the text of a path and where.
type PathError struct {
	Offset int // in bytes from the start of the text
	Text   string
}

// Error is the reason with the column, counted from 1.
func (e *PathError) Error() string { return fmt.Sprintf("column %d: %s", e.Offset+1, e.Text) }

// ParsePath compiles a path. The error is a *PathError.
func ParsePath(text string) (Path, error) {
	p := pathParser{s: text}
	path, err := p.path()
	if err != nil {
		return Path{}, err
	}
	path.text = text
	return path, nil
}

type pathParser struct {
	s string
	i int
}

func (p *pathParser) errorf(format string, args ...any) error {
	return &PathError{Offset: p.i, Text: fmt.Sprintf(format, args...)}
}

func (p *pathParser) more() bool { return p.i < len(p.s) }

func (p *pathParser) at(c byte) bool { return p.i < len(p.s) && p.s[p.i] == c }

func (p *pathParser) skipSpace() {
	for p.at(' ') {
		p.i++
	}
}

func (p *pathParser) path() (Path, error) {
	switch {
	case p.s == "":
		return Path{}, p.errorf("a path is expected here")
	case len(p.s) > maxPathText:
		return Path{}, p.errorf("the path is longer than %d characters", maxPathText)
	case p.s == ".":
		return Path{relative: true}, nil
	case p.s[0] == '.':
		p.i = 1
		steps, err := p.steps(true)
		return Path{steps: steps, relative: true}, err
	case isSegment(p.s):
		steps, err := p.segment()
		return Path{steps: steps, hl7: true}, err
	default:
		steps, err := p.steps(true)
		return Path{steps: steps}, err
	}
}

func upperOrDigit(c byte) bool { return c >= 'A' && c <= 'Z' || digit(c) }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// isSegment tells PID, PID-3, PID[2] and the misspelt PID.3 from the member
// names of JSON.
func isSegment(s string) bool {
	if len(s) < 3 || digit(s[0]) || !upperOrDigit(s[0]) || !upperOrDigit(s[1]) || !upperOrDigit(s[2]) {
		return false
	}
	if len(s) == 3 {
		return true
	}
	next := byte('0')
	if len(s) > 4 {
		next = s[4]
	}
	return s[3] == '[' || (s[3] == '-' || s[3] == '.') && digit(next)
}

// segment reads SEG[..]-field[..].component.subcomponent.
func (p *pathParser) segment() ([]step, error) {
	steps := []step{{name: p.s[:3]}}
	p.i = 3
	var err error
	if steps[0].selects, err = p.selectors(1); err != nil || !p.more() {
		return steps, err
	}
	if p.at('.') {
		return nil, p.errorf("a field number follows a hyphen: %s-5, not %s.5", p.s[:3], p.s[:3])
	}
	if !p.at('-') {
		return nil, p.errorf("a field number is expected here, as in %s-5", p.s[:3])
	}
	p.i++
	for {
		start := p.i
		for p.more() && digit(p.s[p.i]) {
			p.i++
		}
		name := p.s[start:p.i]
		if name == "" || name[0] == '0' || len(name) > 3 {
			p.i = start
			return nil, p.errorf("a number from 1 to 999 is expected here")
		}
		st := step{name: name}
		if st.selects, err = p.selectors(1); err != nil {
			return nil, err
		}
		if steps = append(steps, st); !p.more() {
			return steps, nil
		}
		if len(steps) == 4 {
			return nil, p.errorf("an HL7 v2 path ends at the subcomponent")
		}
		if !p.at('.') {
			return nil, p.errorf("a dot and a component number are expected here")
		}
		p.i++
	}
}

// steps reads name[..].name[..]; inside a condition brackets are refused and
// the path ends at the first character that cannot belong to it.
func (p *pathParser) steps(selectors bool) ([]step, error) {
	var steps []step
	for {
		name, quoted, err := p.name()
		if err != nil {
			return nil, err
		}
		st := step{name: name}
		switch {
		case strings.HasPrefix(p.s[p.i:], "()") && !quoted:
			if name != "resolve" {
				return nil, p.errorf("only resolve() can stand in a path")
			}
			st = step{resolve: true}
			p.i += 2
		case p.at('[') && !selectors:
			return nil, p.errorf("a condition cannot hold another one")
		case p.at('['):
			base := 0
			if digit(name[0]) && !quoted {
				base = 1
			}
			if st.selects, err = p.selectors(base); err != nil {
				return nil, err
			}
		}
		if steps = append(steps, st); len(steps) > maxSteps {
			return nil, p.errorf("more than %d steps", maxSteps)
		}
		if !p.more() || !selectors && !p.at('.') {
			return steps, nil
		}
		if !p.at('.') {
			return nil, p.errorf("a dot is expected here")
		}
		p.i++
	}
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || upperOrDigit(c) || c == '_' || c == '-' || c == '@' || c == ':' || c == '$' || c >= 0x80
}

func (p *pathParser) name() (name string, quoted bool, err error) {
	if p.at('`') {
		end := strings.IndexByte(p.s[p.i+1:], '`')
		if end < 1 {
			return "", true, p.errorf("a name between backquotes is expected here")
		}
		name = p.s[p.i+1 : p.i+1+end]
		p.i += end + 2
		return name, true, nil
	}
	start := p.i
	for p.more() && nameByte(p.s[p.i]) {
		p.i++
	}
	if p.i == start {
		return "", false, p.errorf("a name is expected here")
	}
	return p.s[start:p.i], false, nil
}

// selectors reads [n] and [where ...]; base is the number of the first item.
func (p *pathParser) selectors(base int) ([]selector, error) {
	var out []selector
	for p.at('[') {
		if len(out) == maxSelectors {
			return nil, p.errorf("more than %d brackets in a row", maxSelectors)
		}
		p.i++
		p.skipSpace()
		var s selector
		var err error
		if strings.HasPrefix(p.s[p.i:], "where ") {
			p.i += len("where ")
			s, err = p.condition()
		} else {
			s, err = p.index(base)
		}
		if err != nil {
			return nil, err
		}
		p.skipSpace()
		if !p.at(']') {
			return nil, p.errorf("a closing bracket is expected here")
		}
		p.i++
		out = append(out, s)
	}
	return out, nil
}

func (p *pathParser) index(base int) (selector, error) {
	start, n := p.i, 0
	for p.more() && digit(p.s[p.i]) && n <= maxIndex {
		n = n*10 + int(p.s[p.i]-'0')
		p.i++
	}
	if p.i == start {
		return selector{}, p.errorf("an index or a condition is expected here: [2] or [where 5 = NH]")
	}
	if n < base || n > maxIndex {
		p.i = start
		if n < base {
			return selector{}, p.errorf("HL7 v2 counts from 1")
		}
		return selector{}, p.errorf("the index is above %d", maxIndex)
	}
	return selector{index: n - base}, nil
}

var operators = []struct {
	word string
	op   operator
}{{"!=", opNotEqual}, {"=", opEqual}, {"contains ", opContains}, {"lacks ", opLacks}}

// condition reads path operator literal [or literal]...
func (p *pathParser) condition() (selector, error) {
	p.skipSpace()
	s := selector{index: -1}
	if p.at('.') {
		p.i++
	}
	if p.more() && nameByte(p.s[p.i]) || p.at('`') {
		var err error
		if s.path, err = p.steps(false); err != nil {
			return s, err
		}
	} else if p.i == 0 || p.s[p.i-1] != '.' {
		return s, p.errorf("a condition starts with a path, as in [where 5 = NH]")
	}
	p.skipSpace()
	known := false
	for _, o := range operators {
		if known = strings.HasPrefix(p.s[p.i:], o.word); known {
			s.op = o.op
			p.i += len(o.word)
			break
		}
	}
	if !known {
		return s, p.errorf("=, !=, contains or lacks is expected here")
	}
	for {
		lit, err := p.literal()
		if err != nil {
			return s, err
		}
		if s.literals = append(s.literals, lit); len(s.literals) > maxLiterals {
			return s, p.errorf("more than %d alternatives", maxLiterals)
		}
		p.skipSpace()
		if !strings.HasPrefix(p.s[p.i:], "or ") {
			return s, nil
		}
		p.i += len("or ")
	}
}

// literal reads a quoted text, or a bare one up to the bracket or the next or.
func (p *pathParser) literal() (string, error) {
	p.skipSpace()
	if p.at('"') || p.at('\'') {
		end := strings.IndexByte(p.s[p.i+1:], p.s[p.i])
		if end < 0 {
			return "", p.errorf("the quote is not closed")
		}
		lit := p.s[p.i+1 : p.i+1+end]
		p.i += end + 2
		return lit, nil
	}
	end := strings.IndexByte(p.s[p.i:], ']')
	if end < 0 {
		end = len(p.s) - p.i
	}
	if or := strings.Index(p.s[p.i:p.i+end], " or "); or >= 0 {
		end = or
	}
	lit := strings.TrimSpace(p.s[p.i : p.i+end])
	if lit == "" {
		return "", p.errorf("a value to compare with is expected here")
	}
	p.i += end
	return lit, nil
}
