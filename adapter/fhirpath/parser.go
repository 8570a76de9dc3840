package fhirpath

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/fhir"
)

// parser is a precedence parser over tokens that are read as they are needed.
// http://hl7.org/fhirpath/N1/#operator-precedence
type parser struct {
	s     string
	i     int
	tok   string // the next token; "" at the end
	class class  // of tok
	depth int
	err   error
}

type class uint8

const (
	symbol class = iota
	name
	quotedName // `div`: never a keyword
	textLiteral
	numberLiteral
	timeLiteral // without the @
	special     // $this
	external_   // %resource
)

var operators = map[string]int{
	"implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4,
	"=": 5, "!=": 5, "~": 5, "!~": 5, "<": 6, ">": 6, "<=": 6, ">=": 6,
	"|": 7, "is": 8, "as": 8, "+": 9, "-": 9, "&": 9, "*": 10, "/": 10, "div": 10, "mod": 10,
}

func (p *parser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
	p.tok, p.i = "", len(p.s)
}

func (p *parser) unexpected() error {
	if p.err != nil {
		return p.err
	}
	if p.tok == "" {
		return errors.New("the expression ends early")
	}
	return fmt.Errorf("%q is not expected at character %d", p.tok, p.i-len(p.tok)+1)
}

// next reads a token.
func (p *parser) next() {
	p.space()
	if p.err != nil || p.i >= len(p.s) {
		p.tok, p.class = "", symbol
		return
	}
	c := p.s[p.i]
	switch {
	case c == '\'' || c == '`' || c == '"':
		p.quoted(c)
	case c == '@':
		p.i++
		p.run(timeLiteral, func(c byte) bool { return digit(c) || strings.IndexByte("-:.TZ+", c) >= 0 })
		p.tok = strings.TrimSuffix(p.tok, ".") // of @2015.toString()
	case c == '$':
		p.i++
		p.run(special, letter)
	case c == '%':
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '\'' || p.s[p.i] == '`' || p.s[p.i] == '"') {
			p.quoted(p.s[p.i])
			p.class = external_
			return
		}
		p.run(external_, letter)
	case digit(c):
		p.number()
	case letter(c):
		p.run(name, func(c byte) bool { return letter(c) || digit(c) })
	default:
		n := 1
		if p.i+1 < len(p.s) && strings.Contains("<= >= != !~", p.s[p.i:p.i+2]) && p.s[p.i+1] != ' ' && c != ' ' {
			n = 2
		}
		p.tok, p.class = p.s[p.i:p.i+n], symbol
		p.i += n
	}
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch {
		case strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0:
			p.i++
		case strings.HasPrefix(p.s[p.i:], "//"):
			end := strings.IndexByte(p.s[p.i:], '\n')
			if end < 0 {
				end = len(p.s) - p.i
			}
			p.i += end
		case strings.HasPrefix(p.s[p.i:], "/*"):
			end := strings.Index(p.s[p.i:], "*/")
			if end < 0 {
				p.fail(errors.New("a comment does not end"))
				return
			}
			p.i += end + 2
		default:
			return
		}
	}
}

func (p *parser) run(c class, in func(byte) bool) {
	start := p.i
	for p.i < len(p.s) && in(p.s[p.i]) {
		p.i++
	}
	p.tok, p.class = p.s[start:p.i], c
	if p.tok == "" {
		p.fail(errors.New("a name is missing"))
	}
}

func (p *parser) number() {
	start := p.i
	for p.i < len(p.s) && digit(p.s[p.i]) {
		p.i++
	}
	if p.i+1 < len(p.s) && p.s[p.i] == '.' && digit(p.s[p.i+1]) {
		for p.i++; p.i < len(p.s) && digit(p.s[p.i]); {
			p.i++
		}
	}
	p.tok, p.class = p.s[start:p.i], numberLiteral
}

func (p *parser) quoted(q byte) {
	var b strings.Builder
	for i := p.i + 1; i < len(p.s); i++ {
		switch c := p.s[i]; c {
		case q:
			p.tok, p.i, p.class = b.String(), i+1, textLiteral
			if q != '\'' {
				p.class = quotedName
			}
			if p.tok == "" {
				p.tok = "\x00" // an empty text is a token
			}
			return
		case '\\':
			i++
			if i >= len(p.s) {
				break
			}
			switch e := p.s[i]; e {
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			case 't':
				b.WriteByte('\t')
			case 'f':
				b.WriteByte('\f')
			case 'u':
				r, err := strconv.ParseUint(p.s[i+1:min(i+5, len(p.s))], 16, 16)
				if err != nil {
					p.fail(errors.New("\\u stands before four hexadecimal digits"))
					return
				}
				b.WriteRune(rune(r))
				i += 4
			case '\\', '/', '\'', '"', '`':
				b.WriteByte(e)
			default:
				p.fail(errors.New("an escape is not known"))
				return
			}
		default:
			b.WriteByte(c)
		}
	}
	p.fail(errors.New("a text does not end"))
}

func letter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// take passes over a symbol if it comes next.
func (p *parser) take(s string) bool {
	if p.tok != s || p.class != symbol {
		return false
	}
	p.next()
	return true
}

// expression reads operators that bind at least as strongly as level.
func (p *parser) expression(level int) (eval, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, errors.New("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	for terms := 0; ; terms++ {
		if terms > maxText {
			return nil, errors.New("it is too long")
		}
		op := p.tok
		binds, ok := operators[op]
		if !ok || binds < level || p.class != symbol && p.class != name {
			return left, nil
		}
		if op == "~" || op == "!~" {
			return nil, fmt.Errorf("the operator %s is not known here", op)
		}
		p.next()
		if op == "is" || op == "as" {
			t, err := p.typeName()
			if err != nil {
				return nil, err
			}
			left = then(left, typeTest(op, t))
			continue
		}
		right, err := p.expression(binds + 1)
		if err != nil {
			return nil, err
		}
		left = operate(op, left, right)
	}
}

func (p *parser) unary() (eval, error) {
	if p.class == symbol && (p.tok == "-" || p.tok == "+") {
		minus := p.tok == "-"
		p.next()
		of, err := p.postfix()
		if err != nil || !minus {
			return of, err
		}
		return operate("-", constant(ofInt(0)), of), nil
	}
	return p.postfix()
}

// postfix reads a term with what follows it by . and [].
func (p *parser) postfix() (eval, error) {
	left, err := p.term()
	for err == nil {
		switch {
		case p.take("."):
			var right eval
			if right, err = p.invocation(); err == nil {
				left = then(left, right)
			}
		case p.take("["):
			var index eval
			if index, err = p.expression(0); err == nil {
				if !p.take("]") {
					return nil, p.unexpected()
				}
				left = at(left, index)
			}
		default:
			return left, nil
		}
	}
	return nil, err
}

func (p *parser) term() (eval, error) {
	tok := p.tok
	switch p.class {
	case textLiteral:
		p.next()
		return constant(ofText(strings.TrimPrefix(tok, "\x00"))), nil
	case numberLiteral:
		p.next()
		if p.class == textLiteral || p.class == name && timeUnits[strings.TrimSuffix(p.tok, "s")] {
			return nil, errors.New("quantities are not known here")
		}
		n, ok := new(big.Rat).SetString(tok)
		if !ok || len(tok) > 40 {
			return nil, fmt.Errorf("%q is no number that is known here", tok)
		}
		return constant([]Item{{kind: number, num: n, text: tok}}), nil
	case timeLiteral:
		p.next()
		return timeOf(tok)
	case external_:
		p.next()
		return variable(strings.TrimPrefix(tok, "\x00"))
	case name:
		if tok == "true" || tok == "false" {
			p.next()
			return constant(ofBool(tok == "true")), nil
		}
		return p.invocation()
	case special, quotedName:
		return p.invocation()
	}
	if p.take("(") {
		inner, err := p.expression(0)
		if err == nil && !p.take(")") {
			err = p.unexpected()
		}
		return inner, err
	}
	if p.take("{") {
		if !p.take("}") {
			return nil, p.unexpected()
		}
		return constant(nil), nil
	}
	return nil, p.unexpected()
}

var timeUnits = map[string]bool{"year": true, "month": true, "week": true, "day": true, "hour": true, "minute": true, "second": true, "millisecond": true}

func timeOf(s string) (eval, error) {
	k := date
	if rest, ok := strings.CutPrefix(s, "T"); ok {
		s, k = rest, clock
	}
	s = strings.TrimSuffix(s, "T")
	if s == "" || !digit(s[0]) {
		return nil, errors.New("a date or time is not written as FHIRPath has it")
	}
	return constant([]Item{{kind: k, text: s}}), nil
}

// invocation reads a name, a function call or $this.
func (p *parser) invocation() (eval, error) {
	tok, c := p.tok, p.class
	switch c {
	case special:
		p.next()
		switch tok {
		case "this":
			return func(e *scope, _ []Item) ([]Item, error) { return e.this, nil }, nil
		case "index":
			return func(e *scope, _ []Item) ([]Item, error) { return ofInt(e.index), nil }, nil
		}
		return nil, fmt.Errorf("$%s is not known here", tok)
	case name, quotedName:
	default:
		return nil, p.unexpected()
	}
	p.next()
	if c == quotedName || !p.take("(") {
		return member(strings.TrimPrefix(tok, "\x00")), nil
	}
	if tok == "is" || tok == "as" || tok == "ofType" {
		t, err := p.typeName()
		if err != nil {
			return nil, err
		}
		if !p.take(")") {
			return nil, p.unexpected()
		}
		return typeTest(tok, t), nil
	}
	var args []eval
	for !p.take(")") {
		if len(args) > 0 && !p.take(",") {
			return nil, p.unexpected()
		}
		a, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	return function(tok, args)
}

// typeName reads a type: dateTime, FHIR.Patient, System.String.
func (p *parser) typeName() (string, error) {
	if p.class != name && p.class != quotedName {
		return "", p.unexpected()
	}
	t := p.tok
	p.next()
	if (t == "FHIR" || t == "System") && p.take(".") {
		if p.class != name && p.class != quotedName {
			return "", p.unexpected()
		}
		t += "." + p.tok
		p.next()
	}
	if !isTypeName(t) {
		return "", fmt.Errorf("there is no type %s", t)
	}
	return t, nil
}

// datatypes are the names of R4 beside those of resources.
// https://hl7.org/fhir/R4/datatypes.html
var datatypes = strings.Fields(`base64Binary boolean canonical code date dateTime decimal id instant integer markdown
oid positiveInt string time unsignedInt uri url uuid xhtml
Address Age Annotation Attachment BackboneElement CodeableConcept Coding ContactDetail ContactPoint Contributor Count
DataRequirement Distance Dosage Duration Element Expression Extension HumanName Identifier Meta Money MoneyQuantity
Narrative ParameterDefinition Period Quantity Range Ratio Reference RelatedArtifact SampledData Signature
SimpleQuantity Timing TriggerDefinition UsageContext Resource DomainResource`)

var systemTypes = []string{"Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"}

func isTypeName(t string) bool {
	if plain, ok := strings.CutPrefix(t, "System."); ok {
		return slices.Contains(systemTypes, plain)
	}
	plain, ofFHIR := strings.CutPrefix(t, "FHIR.")
	return fhir.Known(plain) || slices.Contains(datatypes, plain) || !ofFHIR && slices.Contains(systemTypes, plain)
}
