package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/message"
)

// origin says where a path starts.
type origin uint8

const (
	fromRoot origin = iota // the message
	fromHere               // the repetition of the enclosing $each
	fromSlot               // a let or an $as
)

// source is one path of a rule.
type source struct {
	from origin
	slot int32
	path message.Path
	says string // as written, with a let spelt out: the place of a missing value

	conditional bool // the path compares values
}

// mode is the word between the arrow and the path.
type mode uint8

const (
	single mode = iota
	each        // every value, not only the first
	copied      // the whole structure as it is: FHIR to FHIR
)

// arrow is a compiled `<- path or path | function | function`. Sources joined
// by or are alternatives, the first with a value counts; joined by and they
// all count, those without a value left out.
type arrow struct {
	mode    mode
	and     bool
	sources []source
	calls   []call
	reason  string // of required; empty: not required
	simple  bool   // single, and every function takes one value to one
}

// list reports whether the rule gives an array.
func (a *arrow) list() bool {
	list := a.mode == each || a.and
	for i := range a.calls {
		switch a.calls[i].fn.shape {
		case toMany:
			list = true
		case toOne:
			list = false
		}
	}
	return list
}

// asks reports whether the rule asks for values by name: it ends with only.
func (a *arrow) asks() bool {
	n := len(a.calls)
	return n > 0 && a.calls[n-1].fn.name == "only"
}

// arrowParser reads the text behind `<-`; offsets count from the start of the
// scalar so that problems have exact columns.
type arrowParser struct {
	c  *compiler
	at position
	s  string
	i  int
}

func (p *arrowParser) problem(offset int, hint, format string, args ...any) {
	p.c.problem(p.at.plus(offset), hint, format, args...)
}

func (p *arrowParser) skipSpace() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\n' || p.s[p.i] == '\t') {
		p.i++
	}
}

// word takes the word if it stands next, followed by a space.
func (p *arrowParser) word(w string) bool {
	p.skipSpace()
	rest := p.s[p.i:]
	if !strings.HasPrefix(rest, w) || len(rest) == len(w) || rest[len(w)] != ' ' {
		return false
	}
	p.i += len(w)
	return true
}

// Bounds on one rule.
const (
	maxSources = 16
	maxCalls   = 8
)

// parse reads the whole rule; nil when there was a problem.
func (p *arrowParser) parse() *arrow {
	a := &arrow{}
	before := len(p.c.problems)
	p.i = len("<-")
	switch {
	case p.word("each"):
		a.mode = each
	case p.word("copy"):
		a.mode = copied
	}
	from := len(p.c.sought)
	for {
		p.skipSpace()
		start := p.i
		text := p.pathText()
		if src, ok := p.c.source(p.at.plus(start), text); ok {
			a.sources = append(a.sources, src)
		}
		if len(a.sources) > maxSources {
			p.problem(start, "", "more than %d alternatives", maxSources)
			return nil
		}
		and := p.word("and")
		if !and && !p.word("or") {
			break
		}
		if len(a.sources) > 1 && and != a.and {
			p.problem(p.i, "", "or and and do not go together in one rule")
			return nil
		}
		a.and = and
	}
	if list := slices.Clone(p.c.sought[from:]); !a.and {
		for _, x := range list {
			x.others = list
		}
	}
	for p.skipSpace(); p.i < len(p.s); p.skipSpace() {
		if p.s[p.i] != '|' {
			p.problem(p.i, "", "a pipe and a function, or the word or and another path, are expected here")
			return nil
		}
		p.i++
		p.skipSpace()
		if !p.call(a) {
			return nil
		}
	}
	if a.mode == copied && len(a.calls) > 0 {
		p.problem(0, "", "copy takes the structure as it is: no function can follow")
	}
	if a.mode == copied && a.and {
		p.problem(0, "", "copy takes one structure: join alternatives with or")
	}
	if len(p.c.problems) > before {
		return nil
	}
	a.simple = a.mode == single && !a.and
	for i := range a.calls {
		a.simple = a.simple && a.calls[i].fn.shape == perValue
	}
	return a
}

// pathText takes a path: up to a space or a pipe outside brackets and quotes.
func (p *arrowParser) pathText() string {
	start, depth, quote := p.i, 0, byte(0)
	for ; p.i < len(p.s); p.i++ {
		c := p.s[p.i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '`' || depth > 0 && (c == '"' || c == '\''):
			quote = c
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth <= 0 && (c == ' ' || c == '|' || c == '\n' || c == '\t'):
			return p.s[start:p.i]
		}
	}
	return p.s[start:]
}

// call reads function or function(argument, ...).
func (p *arrowParser) call(a *arrow) bool {
	start := p.i
	for p.i < len(p.s) && (p.s[p.i] >= 'a' && p.s[p.i] <= 'z' || p.s[p.i] >= 'A' && p.s[p.i] <= 'Z') {
		p.i++
	}
	name := p.s[start:p.i]
	args, offsets, ok := p.args()
	if !ok {
		return false
	}
	if name == requiredWord {
		if len(args) != 1 || args[0] == "" {
			p.problem(start, `required("a referral needs a surname")`, "required takes the reason in plain English")
			return true
		}
		if a.reason != "" {
			p.problem(start, "", "required stands twice")
		}
		a.reason = args[0]
		return true
	}
	fn := functions[name]
	if fn == nil {
		p.problem(start, nearest(name, functionNames()), "unknown function %q", name)
		return true
	}
	if len(args) < fn.min || len(args) > fn.max {
		p.problem(start, fn.says, "%s takes %s", name, count(fn.min, fn.max))
		return true
	}
	if a.reason != "" {
		p.problem(start, "", "required stands last")
	}
	c := call{fn: fn, args: args}
	if slices.Contains(tableCalls, fn.name) {
		c.table = p.c.table(p.at.plus(offsets[0]), args[0])
	}
	if fn.name == "phones" && len(a.sources) > 0 {
		if c.of = a.sources[0].says; slices.Contains(args, "rest") {
			p.c.m.rests[c.of] = true
		}
	}
	if fn.check != nil {
		if wrong := fn.check(&c); wrong != "" {
			p.problem(start, "", "%s: %s", name, wrong)
		}
	}
	if a.calls = append(a.calls, c); len(a.calls) > maxCalls {
		p.problem(start, "", "more than %d functions", maxCalls)
		return false
	}
	return true
}

func count(low, high int) string {
	words := []string{"no argument", "one argument", "two arguments"}
	if high >= len(words) {
		return fmt.Sprintf("up to %d arguments", high)
	}
	if low == high {
		return words[low]
	}
	return words[low] + " or " + words[high]
}

// args reads an optional argument list: quoted texts or bare words.
func (p *arrowParser) args() (args []string, offsets []int, ok bool) {
	if p.i >= len(p.s) || p.s[p.i] != '(' {
		return nil, nil, true
	}
	open := p.i
	p.i++
	for {
		p.skipSpace()
		if p.i < len(p.s) && p.s[p.i] == ')' && len(args) == 0 {
			p.i++
			return args, offsets, true
		}
		start := p.i
		arg, err := p.arg()
		if err != nil {
			p.problem(start, "", "%s", err)
			return nil, nil, false
		}
		args, offsets = append(args, arg), append(offsets, start)
		p.skipSpace()
		if p.i >= len(p.s) || p.s[p.i] != ',' && p.s[p.i] != ')' {
			p.problem(open, "", "the bracket is not closed")
			return nil, nil, false
		}
		p.i++
		if p.s[p.i-1] == ')' {
			return args, offsets, true
		}
	}
}

var (
	errQuote = errors.New("the quote is not closed")
	errArg   = errors.New("an argument is expected here")

	errEscape = errors.New(`behind a backslash in quotes stands n (new line), r (carriage return), t (tab), u and the four digits of any character (\u000b), a quote, or another backslash`)
)

func (p *arrowParser) arg() (string, error) {
	if p.i < len(p.s) && (p.s[p.i] == '"' || p.s[p.i] == '\'') {
		quote := p.s[p.i]
		var b strings.Builder
		for p.i++; p.i < len(p.s); p.i++ {
			switch c := p.s[p.i]; {
			case c == quote:
				p.i++
				return b.String(), nil
			case c == '\\' && p.i+1 < len(p.s):
				p.i++
				r, ok := p.escaped()
				if !ok {
					return "", errEscape
				}
				b.WriteRune(r)
			default:
				b.WriteByte(c)
			}
		}
		return "", errQuote
	}
	start := p.i
	for p.i < len(p.s) && p.s[p.i] != ',' && p.s[p.i] != ')' {
		p.i++
	}
	if arg := strings.TrimSpace(p.s[start:p.i]); arg != "" {
		return arg, nil
	}
	return "", errArg
}

// escaped reads what stands behind a backslash, up to its last character.
func (p *arrowParser) escaped() (rune, bool) {
	if p.s[p.i] != 'u' {
		r, known := escapes[p.s[p.i]]
		return r, known
	}
	digits := p.s[p.i+1 : min(p.i+5, len(p.s))]
	n, err := strconv.ParseUint(digits, 16, 16)
	p.i += len(digits)
	return rune(n), err == nil && len(digits) == 4 && utf8.ValidRune(rune(n))
}

// escapes is what stands behind a backslash in a quoted argument.
var escapes = map[byte]rune{'n': '\n', 'r': '\r', 't': '\t', '\\': '\\', '"': '"', '\'': '\''}
