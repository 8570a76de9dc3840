package mapping

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// val is a value on its way from the source to an element.
type val struct {
	text string
	kind element.Kind // String, Number or Bool
	node int32        // 1 + id of the source node; 0: not from the message
	nth  int32        // of several values of that node; 0: the only one
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
	try      [3]string // a use, a value, and what it gives: the example of the reference

	one  func(e *eval, c *call, v val) val
	many func(e *eval, c *call, v val, out []val) []val
	join func(c *call, vs []val) val

	check func(c *call) string // what is wrong with the arguments; may prepare them
}

// call is one use of a function in a mapping.
type call struct {
	fn      *function
	args    []string
	n       int      // a numeric argument
	table   *table   // code, display, system
	layouts []layout // date, dateTime
	pivot   int      // date, dateTime: the first year that two digits can mean
	birth   bool     // date: of a birth date, which is never in the future
	of      string   // phones: the path of the text
}

// functions is every function by name.
var functions = func() map[string]*function {
	m := map[string]*function{}
	for i := range functionList {
		m[functionList[i].name] = &functionList[i]
	}
	return m
}()

// FunctionHelp is one line of the reference of functions. Use is a way to
// write it, which makes Gives of Value; where it gives several values, they
// stand with " · " between them.
type FunctionHelp struct{ Name, Says, Use, Value, Gives string }

// FunctionReference lists the functions that can stand behind a pipe.
func FunctionReference() []FunctionHelp {
	out := make([]FunctionHelp, 0, len(functionList)+1)
	for i := range functionList {
		f := &functionList[i]
		out = append(out, FunctionHelp{f.name, f.says, f.try[0], f.try[1], f.try[2]})
	}
	return append(out, FunctionHelp{Name: requiredWord, Use: requiredWord + `("a referral needs a surname")`,
		Says: `required("reason"): without a value the message is refused for this reason`})
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

// maxArgs bounds the arguments of functions that take any number.
const maxArgs = 16

var functionList = []function{
	{name: "text", says: "as text: line ends unified, which the vertical tabs of word processors are too, other control characters and spaces around removed", one: plain(tidy),
		try: [3]string{"text", " a\r\nb ", "a\nb"}},
	{name: "html", says: "the plain text of HTML: no tags, a line for each block, &auml; and &#228; written as ä", one: plain(plainHTML),
		try: [3]string{"html", "<p>Lonely&nbsp;&amp; tired</p>No <b>money</b>", "Lonely & tired\nNo money"}},
	{name: "trim", says: "without spaces around", one: plain(strings.TrimSpace),
		try: [3]string{"trim", " a b ", "a b"}},
	{name: "upper", says: "in capitals", one: plain(strings.ToUpper),
		try: [3]string{"upper", "ls13 2ab", "LS13 2AB"}},
	{name: "lower", says: "in small letters", one: plain(strings.ToLower),
		try: [3]string{"lower", "FEMALE", "female"}},
	{name: "digits", says: "the digits only", one: plain(onlyDigits),
		try: [3]string{"digits", "REF-0012/3", "00123"}},
	{name: "nhsNumber", max: 1, says: "without the spaces and dashes of 999 000 0018; whether it is valid is checked later, or here with nhsNumber(valid)", one: nhsNumber, check: oneOf("valid"),
		try: [3]string{"nhsNumber", "999 000 0018", "9990000018"}},
	{name: "ods", max: 1, says: "an ODS code: capitals, no spaces around, 3 to 10 letters and digits, at most 5 of letters alone; ods(digit): one with a digit, where letters alone may as well be a name", one: ods, check: oneOf("digit"),
		try: [3]string{"ods", " a81001", "A81001"}},
	{name: "date", max: maxArgs, says: `a FHIR date, as precise as it was sent (1953, 1953-04), from HL7 v2, ISO or the first layout that fits: date("dd/MM/yyyy", "MMM yyyy"); iso among the layouts is HL7 v2 and ISO; two digits of a year say which: date("dd/MM/yy", "yy from 1930"); a birthDate is not in the future`, one: toDate, check: dateArgs,
		try: [3]string{`date("dd MMM yyyy", "yyyy")`, "17 Apr 1953", "1953-04-17"}},
	{name: "dateTime", max: maxArgs, says: "a FHIR dateTime; local time without an offset is that of Europe/London", one: toDateTime, check: dateArgs,
		try: [3]string{"dateTime", "202606011030", "2026-06-01T10:30:00+01:00"}},
	{name: "instant", says: "a FHIR instant: a dateTime with a time of day", one: toInstant,
		try: [3]string{"instant", "20260101090000+0000", "2026-01-01T09:00:00+00:00"}},
	{name: "number", says: "a JSON number", one: toNumber,
		try: [3]string{"number", "+30.5", "30.5"}},
	{name: "boolean", says: "true for true, yes, Y, 1; false for false, no, N, 0", one: toBoolean,
		try: [3]string{"boolean", "Y", "true"}},
	{name: "code", min: 1, max: 1, says: "the code that vocabulary/<table>.json gives, of the mapping or shared; an unknown one is reported", one: translate(func(t target) string { return t.code })},
	{name: "display", min: 1, max: 1, says: "the display text of that code; an unknown one is reported", one: translate(func(t target) string { return t.display })},
	{name: "system", min: 1, max: 1, says: "the code system of that code; an unknown one is reported", one: translate(func(t target) string { return t.system })},
	{name: "default", min: 1, max: 1, says: `default("x"): this text when there is no value`, one: orDefault,
		try: [3]string{`default("PH")`, "", "PH"}},
	{name: "only", min: 1, max: maxArgs, says: `only("Y", "J"): the value if it is one of these, otherwise none`, one: only,
		try: [3]string{`only("Y", "J")`, "J", "J"}},
	{name: "except", min: 1, max: maxArgs, says: `except("N/A", "UNKNOWN"): none if it is one of these, capitals or not`, one: except,
		try: [3]string{`except("N/A", "UNKNOWN")`, "Unknown", ""}},
	{name: "replace", min: 2, max: 2, says: `replace("a", "b"): every a becomes b`, one: replace, check: notEmpty,
		try: [3]string{`replace("/", "-")`, "1/2/3", "1-2-3"}},
	{name: "part", min: 2, max: 2, says: `part("-", 2): the second part between the separators`, one: part, check: partArgs,
		try: [3]string{`part("-", 2)`, "A-B-C", "B"}},
	{name: "bracketed", max: 2, says: "what stands in the last brackets of a text; bracketed(ods): the ODS code, with a digit, in the last brackets that hold one, reported where none do; bracketed(ods, rest): the text without them", one: bracketed, check: oneOf("ods", "rest"),
		try: [3]string{"bracketed(ods)", "Oak Surgery (A81001) (Leeds)", "A81001"}},
	{name: "split", min: 1, max: 1, shape: toMany, says: `split(","): several values`, many: split, check: notEmpty,
		try: [3]string{`split(",")`, "a, b", "a · b"}},
	{name: "lines", shape: toMany, says: "one value a line, empty lines left out", many: lines,
		try: [3]string{"lines", "a\n\nb", "a · b"}},
	{name: "join", min: 1, max: 1, shape: toOne, says: `join(", "): all values as one text`, join: join,
		try: [3]string{`split(";") | join(", ")`, "a;b", "a, b"}},
	{name: "familyName", says: `the surname in a name of one text: "SMITH, John (Mr)", "Mr John Smith", "John SMITH"`, one: plain(func(s string) string { return parseName(s).family }),
		try: [3]string{"familyName", "SMITH, John Paul (Mr)", "SMITH"}},
	{name: "givenNames", shape: toMany, says: "the given names in a name of one text, each a value", many: pieces(func(s string) []string { return parseName(s).given }),
		try: [3]string{"givenNames", "SMITH, John Paul (Mr)", "John · Paul"}},
	{name: "namePrefix", says: "the title in a name of one text", one: plain(func(s string) string { return parseName(s).prefix }),
		try: [3]string{"namePrefix", "SMITH, John Paul (Mr)", "Mr"}},
	{name: "postcode", says: "a UK postcode written as Royal Mail does; another text in capitals", one: plain(normalPostcode),
		try: [3]string{"postcode", "ls132ab", "LS13 2AB"}},
	{name: "addressLines", shape: toMany, says: "the lines of an address of one text, without town, county and postcode", many: pieces(func(s string) []string { return parseAddress(s).lines }),
		try: [3]string{"addressLines", "Flat 2, 12 Mill Lane, Leeds, LS13 2AB", "Flat 2 · 12 Mill Lane"}},
	{name: "addressTown", says: "the town in an address of one text: what stands last but for county, postcode and country", one: plain(func(s string) string { return parseAddress(s).town }),
		try: [3]string{"addressTown", "12 Mill Lane, Leeds, West Yorkshire LS13 2AB", "Leeds"}},
	{name: "addressCounty", says: "the county in an address of one text", one: plain(func(s string) string { return parseAddress(s).county }),
		try: [3]string{"addressCounty", "12 Mill Lane, Leeds, West Yorkshire LS13 2AB", "West Yorkshire"}},
	{name: "addressPostcode", says: "the UK postcode in an address of one text", one: plain(func(s string) string { return parseAddress(s).postcode }),
		try: [3]string{"addressPostcode", "12 Mill Lane, Leeds ls132ab", "LS13 2AB"}},
	{name: "phone", says: "a telephone number, digits only: 07700900123, +33123456789, 01632960001 ext. 12; with other words beside it the text stays as it is, and one without a number, or with more or fewer digits than a UK number has, is reported", one: phone,
		try: [3]string{"phone", "+44 (0)7700 900123", "07700900123"}},
	{name: "phones", max: 1, shape: toMany, says: "the telephone numbers in a text, each with the word for its kind, as phone and contactUse read it; what is left over is reported, unless phones(rest) of the same place takes it. A number that words tie to somebody else (wife, c/o, neighbour) is reported, and stands in phones(rest) with its words and in phones(others)", many: phones, check: oneOf("rest", "others"),
		try: [3]string{"phones", "home 01632 960123, mob 07700 900123 (m)", "home 01632 960123 · mobile 07700 900123"}},
	{name: "contactSystem", says: "phone, email, url or fax, by what the text looks like", one: plain(contactSystem),
		try: [3]string{"contactSystem", "someone@example.org", "email"}},
	{name: "contactUse", says: "mobile for a UK mobile number, home or work where the text says so, otherwise none", one: plain(contactUse),
		try: [3]string{"contactUse", "07700 900123", "mobile"}},
	{name: "snomed", max: 1, says: "a SNOMED CT concept id that passes its checks (length, check digit, partition, no supplier's own), or snomed(description), snomed(any)", one: snomed, check: snomedArgs,
		try: [3]string{"snomed", "871731000000106", "871731000000106"}},
	{name: "readCode", says: "a Read v2 or CTV3 code in five characters, as code tables hold it; other codes as they are", one: plain(readCode),
		try: [3]string{"readCode", "8T09.00", "8T09."}},
}

// maxText bounds one value; functions such as replace can make texts grow.
const maxText = 1 << 20

// tidy unifies line ends, takes control characters out and removes spaces at the
// ends of the text. The vertical tab and the form feed, which word processors
// write for a new line and a new page, end lines.
func tidy(s string) string {
	for i := range len(s) {
		if control(rune(s[i])) {
			s = strings.Map(func(r rune) rune {
				switch {
				case r == '\r' || r == '\v' || r == '\f':
					return '\n'
				case control(r):
					return -1
				}
				return r
			}, strings.ReplaceAll(s, "\r\n", "\n"))
			break
		}
	}
	return strings.TrimSpace(s)
}

// control reports a control character that FHIR texts do not hold or that ends
// lines in a way that they should not: all of C0 but tab and line feed.
func control(r rune) bool { return r < ' ' && r != '\t' && r != '\n' }

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

func nhsNumber(e *eval, c *call, v val) val {
	if len(c.args) == 0 || v.text == "" {
		return text(v, compactNHS(v.text))
	}
	n, why := nhs.ParseNumber(v.text)
	if why != nhs.Valid {
		return e.unusable(v, "not-an-nhs-number", "the NHS number "+why.Text())
	}
	return text(v, n)
}

// oneOf checks that every argument is one of the words.
func oneOf(words ...string) func(*call) string {
	return func(c *call) string {
		for _, a := range c.args {
			if !slices.Contains(words, a) {
				return "the argument is " + strings.Join(words, " or ")
			}
		}
		return ""
	}
}

func ods(e *eval, c *call, v val) val {
	code, why := nhs.ParseODS(v.text)
	digit := strings.ContainsAny(v.text, "0123456789")
	switch {
	case strings.TrimSpace(v.text) == "":
	case why == nhs.Length && !digit:
		return e.unusable(v, "not-ods-code", "not an ODS code: of letters alone 3 to 5 are expected")
	case why != nhs.Valid:
		return e.unusable(v, "not-ods-code", "not an ODS code: 3 to 10 letters and digits are expected")
	case len(c.args) > 0 && !digit:
		return e.unusable(v, "not-ods-code", "letters alone may be a name: an ODS code with a digit is expected here")
	}
	return text(v, code)
}

func phone(e *eval, _ *call, v val) val {
	n, why := normalPhone(v.text)
	if why != "" && n != "" {
		return e.unusable(v, "not-a-phone-number", why)
	}
	return text(v, n)
}

func only(_ *eval, c *call, v val) val {
	if slices.Contains(c.args, strings.TrimSpace(v.text)) {
		return v
	}
	return text(v, "")
}

func except(_ *eval, c *call, v val) val {
	s := strings.TrimSpace(v.text)
	if slices.ContainsFunc(c.args, func(a string) bool { return strings.EqualFold(a, s) }) {
		return text(v, "")
	}
	return v
}

// pieces makes a function that gives several values of one that takes a text
// apart.
func pieces(f func(string) []string) func(*eval, *call, val, []val) []val {
	return func(_ *eval, _ *call, v val, out []val) []val {
		for _, s := range f(v.text) {
			out = append(out, text(v, s))
		}
		return out
	}
}

// noSuchDay is why a date that could be read is none.
const noSuchDay = "a day or a time that does not exist, or a year before 1800 or after 2199"

// readIn reads a date in the first of the layouts that fits, or else in the
// ways that HL7 v2 and ISO write one; otherwise it says why there is none.
func readIn(c *call, s string) (m moment, why string) {
	layouts, why := c.layouts, "not a date in a layout that this rule names"
	if len(layouts) == 0 {
		layouts, why = plainLayouts, "not a date as HL7 v2 or ISO 8601 write one"
	}
	for _, l := range layouts {
		m, fits := l.read(s, c.pivot)
		switch {
		case fits && m.plausible():
			return m, ""
		case fits:
			why = noSuchDay
		}
	}
	return moment{}, why
}

var plainLayouts = []layout{{isoWord}}

func toDate(e *eval, c *call, v val) val {
	if v.text == "" {
		return v
	}
	m, why := readIn(c, v.text)
	if why != "" {
		return e.unusable(v, "not-a-date", why)
	}
	if c.birth && m.after(e.today) {
		return e.unusable(v, "in-the-future", "a birth date that lies behind the day of the message")
	}
	return text(v, m.date())
}

func toDateTime(e *eval, c *call, v val) val {
	if v.text == "" {
		return v
	}
	m, why := readIn(c, v.text)
	if why != "" {
		return e.unusable(v, "not-a-date", why)
	}
	return text(v, m.dateTime())
}

func toInstant(e *eval, c *call, v val) val {
	if v.text == "" {
		return v
	}
	m, why := readIn(c, v.text)
	switch {
	case why != "":
		return e.unusable(v, "not-a-date", why)
	case m.minute == "":
		return e.unusable(v, "not-a-date", "a date without a time of day")
	}
	return text(v, m.dateTime())
}

// dateArgs compiles the layouts. A year of two digits is never guessed: the
// mapping says in which hundred years it lies.
func dateArgs(c *call) string {
	short := ""
	for _, a := range c.args {
		var err error
		if strings.HasPrefix(a, pivotWord) {
			if c.pivot > 0 {
				return strconv.Quote(strings.TrimSpace(pivotWord)) + " stands twice"
			}
			if c.pivot, err = parsePivot(a); err != nil {
				return err.Error()
			}
			continue
		}
		l, err := parseLayout(a)
		if err != nil {
			return err.Error()
		}
		if l.short() {
			short = a
		}
		c.layouts = append(c.layouts, l)
	}
	switch {
	case short != "" && c.pivot == 0:
		return "a year of two digits needs the first year that it can mean, as in (" + strconv.Quote(short) + `, "yy from 1930"): 30 is then 1930, and 29 is 2029`
	case short == "" && c.pivot > 0:
		return "no layout has a year of two digits, so " + strconv.Quote(strings.TrimSpace(pivotWord)) + " means nothing"
	}
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
	return val{n.Text, element.Number, v.node, v.nth}
}

func toBoolean(e *eval, _ *call, v val) val {
	switch strings.ToLower(strings.TrimSpace(v.text)) {
	case "":
		return text(v, "")
	case "true", "yes", "y", "1", "t":
		return val{"true", element.Bool, v.node, v.nth}
	case "false", "no", "n", "0", "f":
		return val{"false", element.Bool, v.node, v.nth}
	}
	return e.unusable(v, "not-a-boolean", "neither yes nor no")
}

// translate looks the code up. One unknown code is one finding, although its
// display and system are asked for as well (reportAt).
func translate(pick func(target) string) func(*eval, *call, val) val {
	return func(e *eval, c *call, v val) val {
		s := strings.TrimSpace(v.text)
		if s == "" {
			return text(v, "")
		}
		to, ok := c.table.lookup(s)
		if !ok {
			return e.unusable(v, "unknown-code", "the code is not in the table "+c.table.name)
		}
		return text(v, pick(to))
	}
}

func orDefault(_ *eval, c *call, v val) val {
	if v.text == "" {
		return val{text: c.args[0], kind: element.String}
	}
	return v
}

func replace(e *eval, c *call, v val) val {
	s, ok := replaced(v.text, c.args[0], c.args[1])
	if !ok {
		return e.unusable(v, "too-long", "the text becomes longer than a resource may hold")
	}
	return text(v, s)
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
	before := len(out)
	for piece := range strings.SplitSeq(v.text, c.args[0]) {
		if piece = strings.TrimSpace(piece); piece != "" {
			if out = append(out, text(v, piece)); len(out)-before > maxRepetitions {
				break // too many: the caller says so
			}
		}
	}
	return out
}

func lines(_ *eval, _ *call, v val, out []val) []val {
	before := len(out)
	for piece := range strings.SplitSeq(tidy(v.text), "\n") {
		if piece = strings.TrimSpace(piece); piece != "" {
			if out = append(out, text(v, piece)); len(out)-before > maxRepetitions {
				break // too many: the caller says so
			}
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
		if b.Len() > maxText { // too long: the caller says so
			break
		}
		if i > 0 {
			b.WriteString(c.args[0])
		}
		b.WriteString(v.text)
	}
	return val{text: b.String(), kind: element.String, node: vs[0].node}
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
