package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/message"
)

// val is a value on its way from the source to an element.
type val struct {
	text string
	kind element.Kind // String, Number or Bool
	node int32        // 1 + id of the source node; 0: not from the message
}

// shape says what a function does with several values.
type shape uint8

const (
	perValue shape = iota // one in, one out (or none)
	toMany                // one in, several out
	toOne                 // several in, one out
)

// function is one word that can stand behind a pipe. Functions are total: a
// value they cannot convert becomes empty and leaves a Finding.
type function struct {
	name     string
	shape    shape
	min, max int // number of arguments
	says     string

	one  func(e *eval, c *call, v val) val
	many func(e *eval, c *call, v val, out []val) []val
	join func(c *call, vs []val) val

	check func(c *call) string // what is wrong with the arguments; may prepare them
}

// call is one use of a function in a mapping.
type call struct {
	fn     *function
	args   []string
	n      int    // a numeric argument
	table  *table // code, display, system
	layout layout // date, dateTime
}

// functions is every function by name.
var functions = func() map[string]*function {
	m := map[string]*function{}
	for i := range functionList {
		m[functionList[i].name] = &functionList[i]
	}
	return m
}()

// FunctionHelp is one line of the reference of functions.
type FunctionHelp struct{ Name, Says string }

// FunctionReference lists the functions that can stand behind a pipe.
func FunctionReference() []FunctionHelp {
	out := make([]FunctionHelp, 0, len(functionList)+1)
	for i := range functionList {
		out = append(out, FunctionHelp{functionList[i].name, functionList[i].says})
	}
	return append(out, FunctionHelp{requiredWord, `required("reason"): without a value the message is refused for this reason`})
}

// requiredWord is not a function of values but a rule about their absence.
const requiredWord = "required"

func functionNames() []string { return append(slices.Collect(maps.Keys(functions)), requiredWord) }

// text makes a value text, whatever it was.
func text(v val, s string) val {
	v.text, v.kind = s, element.String
	return v
}

func plain(f func(string) string) func(*eval, *call, val) val {
	return func(_ *eval, _ *call, v val) val { return text(v, f(v.text)) }
}

var functionList = []function{
	{name: "text", says: "as text: line ends unified, spaces around removed", one: plain(tidy)},
	{name: "trim", says: "without spaces around", one: plain(strings.TrimSpace)},
	{name: "upper", says: "in capitals", one: plain(strings.ToUpper)},
	{name: "lower", says: "in small letters", one: plain(strings.ToLower)},
	{name: "digits", says: "the digits only", one: plain(onlyDigits)},
	{name: "nhsNumber", says: "without the spaces and dashes of 999 000 0018; whether it is valid is checked later", one: plain(compactNHS)},
	{name: "ods", says: "an ODS code: capitals, no spaces, 3 to 8 letters and digits", one: ods},
	{name: "date", max: 1, says: `a FHIR date from HL7 v2, ISO or date("dd/MM/yyyy")`, one: toDate, check: dateArgs},
	{name: "dateTime", max: 1, says: "a FHIR dateTime; local time without an offset is that of Europe/London", one: toDateTime, check: dateArgs},
	{name: "instant", says: "a FHIR instant: a dateTime with a time of day", one: toInstant},
	{name: "number", says: "a JSON number", one: toNumber},
	{name: "boolean", says: "true for true, yes, Y, 1; false for false, no, N, 0", one: toBoolean},
	{name: "code", min: 1, max: 1, says: "the code that vocabulary/<table>.json gives", one: translate(func(t target) string { return t.code }, true)},
	{name: "display", min: 1, max: 1, says: "the display text of that code", one: translate(func(t target) string { return t.display }, false)},
	{name: "system", min: 1, max: 1, says: "the code system of that code", one: translate(func(t target) string { return t.system }, false)},
	{name: "default", min: 1, max: 1, says: `default("x"): this text when there is no value`, one: orDefault},
	{name: "replace", min: 2, max: 2, says: `replace("a", "b"): every a becomes b`, one: replace, check: notEmpty},
	{name: "part", min: 2, max: 2, says: `part("-", 2): the second part between the separators`, one: part, check: partArgs},
	{name: "split", min: 1, max: 1, shape: toMany, says: `split(","): several values`, many: split, check: notEmpty},
	{name: "lines", shape: toMany, says: "one value a line, empty lines left out", many: lines},
	{name: "join", min: 1, max: 1, shape: toOne, says: `join(", "): all values as one text`, join: join},
}

// maxText bounds one value; functions such as replace can make texts grow.
const maxText = 1 << 20

// tidy unifies line ends and removes spaces at the ends of the text.
func tidy(s string) string {
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
		s = strings.ReplaceAll(s, "\r", "\n")
	}
	return strings.TrimSpace(s)
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// compactNHS takes out what people put between the groups of an NHS number.
func compactNHS(s string) string {
	if strings.IndexAny(s, " -\u00a0\u2010\u2011\t") < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\u00a0', '\u2010', '\u2011', '\t':
			return -1
		}
		return r
	}, s)
}

func ods(e *eval, _ *call, v val) val {
	s := strings.ToUpper(strings.TrimSpace(v.text))
	ok := len(s) >= 3 && len(s) <= 8
	for i := 0; ok && i < len(s); i++ {
		ok = s[i] >= '0' && s[i] <= '9' || s[i] >= 'A' && s[i] <= 'Z'
	}
	if s != "" && !ok {
		return e.unusable(v, "not-ods-code", "not an ODS code: 3 to 8 letters and digits are expected")
	}
	return text(v, s)
}

func readIn(c *call, s string) (moment, bool) {
	if c.layout != nil {
		return c.layout.read(s)
	}
	return readMoment(s)
}

func toDate(e *eval, c *call, v val) val {
	if v.text == "" {
		return v
	}
	m, ok := readIn(c, v.text)
	if !ok {
		return e.unusable(v, "not-a-date", "not a date that exists, in a form this rule reads")
	}
	return text(v, m.date())
}

func toDateTime(e *eval, c *call, v val) val {
	if v.text == "" {
		return v
	}
	m, ok := readIn(c, v.text)
	if !ok {
		return e.unusable(v, "not-a-date", "not a date and time that exist, in a form this rule reads")
	}
	return text(v, m.dateTime())
}

func toInstant(e *eval, c *call, v val) val {
	if v.text == "" {
		return v
	}
	m, ok := readMoment(v.text)
	if !ok || m.minute == "" {
		return e.unusable(v, "not-a-date", "not a date with a time of day")
	}
	return text(v, m.dateTime())
}

// dateArgs compiles the optional layout.
func dateArgs(c *call) string {
	if len(c.args) == 0 {
		return ""
	}
	l, err := parseLayout(c.args[0])
	if err != nil {
		return err.Error()
	}
	c.layout = l
	return ""
}

func toNumber(e *eval, _ *call, v val) val {
	s := strings.TrimSpace(v.text)
	if s == "" {
		return text(v, "")
	}
	n, err := element.Parse([]byte(strings.TrimPrefix(s, "+")), element.Limits{Bytes: 64, Depth: 1, Nodes: 1})
	if err != nil || n.Kind != element.Number {
		return e.unusable(v, "not-a-number", "not a number")
	}
	return val{n.Text, element.Number, v.node}
}

func toBoolean(e *eval, _ *call, v val) val {
	switch strings.ToLower(strings.TrimSpace(v.text)) {
	case "":
		return text(v, "")
	case "true", "yes", "y", "1", "t":
		return val{"true", element.Bool, v.node}
	case "false", "no", "n", "0", "f":
		return val{"false", element.Bool, v.node}
	}
	return e.unusable(v, "not-a-boolean", "neither yes nor no")
}

// translate looks the code up; only code reports that it is unknown, so that
// one unknown code is one finding although its display is asked for as well.
func translate(pick func(target) string, report bool) func(*eval, *call, val) val {
	return func(e *eval, c *call, v val) val {
		s := strings.TrimSpace(v.text)
		if s == "" {
			return text(v, "")
		}
		to, ok := c.table.lookup(s)
		if !ok && report {
			return e.unusable(v, "unknown-code", "the code is not in the table "+c.table.name)
		}
		return text(v, pick(to))
	}
}

func orDefault(_ *eval, c *call, v val) val {
	if v.text == "" {
		return val{c.args[0], element.String, 0}
	}
	return v
}

func replace(_ *eval, c *call, v val) val {
	return text(v, strings.ReplaceAll(v.text, c.args[0], c.args[1]))
}

func notEmpty(c *call) string {
	if c.args[0] == "" {
		return "the first argument is empty"
	}
	return ""
}

func part(_ *eval, c *call, v val) val {
	rest := v.text
	for i := 1; ; i++ {
		piece, tail, more := strings.Cut(rest, c.args[0])
		if i == c.n {
			return text(v, strings.TrimSpace(piece))
		}
		if !more {
			return text(v, "")
		}
		rest = tail
	}
}

func partArgs(c *call) string {
	for _, d := range []byte(c.args[1]) {
		if d < '0' || d > '9' || c.n > 999 {
			return "the second argument is the number of the part, from 1"
		}
		c.n = c.n*10 + int(d-'0')
	}
	if c.n == 0 {
		return "the second argument is the number of the part, from 1"
	}
	return notEmpty(c)
}

func split(_ *eval, c *call, v val, out []val) []val {
	for piece := range strings.SplitSeq(v.text, c.args[0]) {
		if piece = strings.TrimSpace(piece); piece != "" {
			out = append(out, text(v, piece))
		}
	}
	return out
}

func lines(_ *eval, _ *call, v val, out []val) []val {
	for piece := range strings.SplitSeq(tidy(v.text), "\n") {
		if piece = strings.TrimSpace(piece); piece != "" {
			out = append(out, text(v, piece))
		}
	}
	return out
}

// join makes one text of all values; it counts as coming from the first.
func join(c *call, vs []val) val {
	if len(vs) == 1 {
		return text(vs[0], vs[0].text)
	}
	var b strings.Builder
	for i, v := range vs {
		if i > 0 {
			b.WriteString(c.args[0])
		}
		b.WriteString(v.text)
	}
	return val{b.String(), element.String, vs[0].node}
}

// textOf is the value of a node, without spaces around it: senders pad their
// fields, and FHIR texts have none. In an HL7 v2 message a repetition with
// components stands for its component 1, never for a later one that happens to
// be the first with a value, and "" is the explicit null of section 2.5.3.
func (e *eval) textOf(n message.Node) string {
	if !e.m.hl7 {
		return strings.TrimSpace(n.Value())
	}
	for n.Ok() {
		switch n.Kind() {
		case message.List:
			n = n.First()
		case message.Object:
			if n = n.First(); n.Name() != "1" {
				return ""
			}
		default:
			if s := n.Value(); s != `""` {
				return strings.TrimSpace(s)
			}
			return ""
		}
	}
	return ""
}
