package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/message"
)

// compiler collects a mapping and everything wrong with it.
type compiler struct {
	m          *Mapping
	problems   Problems
	schema     Schema
	intentions []string // known ones; nil: any
	scope      []name   // lets, and the $as names of the enclosing $each
	places     map[string]int32
	heres      []*sought // of enclosing $each: where a path with a dot starts
	sought     []*sought
	filled     map[*sought][]int32 // the slots that hold where a path leads
	decoder    func(*Mapping) Decode
	texts      []int32 // of enclosing $each: the slot of the text at hand; -1: a place
	known      map[string]int
	later      map[string]bool // resources further down
	cel        *expressions

	own       []txtar.File
	library   library
	loaded    map[string][]byte // shared files in use, by name: shared/uk-address.yaml
	fragments map[string]*fragment
	from      map[*yaml.Node]spot // of nodes that are not of mapping.yaml
	changed   map[*yaml.Node]bool // texts with arguments in them
	expanded  int

	varying []int32 // constants that depend on the message
	letting bool    // compiling a let

	wants, order *yaml.Node // intention, csv.order

	warnings Problems
	names    []declaration
	used     map[string]bool // of names and tables, by kind and name
}

// name is something a rule can start a path from.
type name struct {
	text  string
	slot  int32
	place bool
	says  string // the path of a let
}

// position is a place in mapping.yaml.
type position struct {
	line, column int
	folded       bool // a scalar over several lines, or with arguments in it: offsets say nothing
	spot
}

func (p position) plus(offset int) position {
	if !p.folded {
		p.column += offset
	}
	return p
}

// start is where the text of a node begins.
func (c *compiler) start(n *yaml.Node) position {
	p := position{line: n.Line, column: n.Column, spot: c.from[n], folded: c.changed[n]}
	switch {
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		p.column++
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		p.folded = true
	}
	return p
}

func (c *compiler) problem(at position, hint, format string, args ...any) {
	c.problems.add(at.fileName(), at.line, at.column, at.hint(hint), format, args...)
}

// warn notes what does no harm but was hardly meant.
func (c *compiler) warn(at position, hint, format string, args ...any) {
	c.warnings.add(at.fileName(), at.line, at.column, at.hint(hint), format, args...)
	if n := len(c.warnings); n > 0 {
		c.warnings[n-1].Severity = Warning
	}
}

func (p position) fileName() string { return cmp.Or(p.file, mappingFile) }

// hint names the use of a fragment beside what it would be without it.
func (p position) hint(hint string) string {
	switch {
	case p.via == "":
		return hint
	case hint == "":
		return "used at " + p.via
	default:
		return hint + "; used at " + p.via
	}
}

// placeOf is a position as text: mapping.yaml:12:7.
func (c *compiler) placeOf(at position) string {
	return fmt.Sprintf("%s:%d:%d", at.fileName(), at.line, at.column)
}

// plainReason keeps machine paths out of a problem.
func plainReason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %s", plainReason(err))
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the file is larger than %d bytes", limit)
	}
	return data, nil
}

var headKeys = helpNames(headHelp)

// yamlHint names the two traps of YAML that mappings meet.
const yamlHint = `single quotes around a text with ": " or " #" in it, or with brackets inside {} or []`

// formats is what Format can be; the wire formats of adapter/inbound.
var formats = []string{"hl7v2", "fhirmsg", "json", "xml", "csv"}

func (c *compiler) compile(text []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		line, msg := yamlError(err)
		c.problems.add(mappingFile, line, 0, yamlHint, "not YAML: %s", msg)
		return
	}
	if len(doc.Content) == 0 || !c.sound(doc.Content[0], 0) {
		if len(doc.Content) == 0 {
			c.problem(position{line: 1}, "", "the file is empty")
		}
		return
	}
	root := c.expand(doc.Content[0], 0)
	if root == nil || !c.sound(root, 0) {
		return
	}
	head := c.object(root, "a mapping", headKeys)
	c.m.name = c.headText(head, "mapping", true)
	c.m.title = c.headText(head, "title", true)
	c.m.version = c.headText(head, "version", true)
	c.headText(head, "description", false)
	c.m.format = c.headText(head, "format", true)
	if n := head["format"]; n != nil && c.m.format != "" && !slices.Contains(formats, c.m.format) {
		c.problem(c.start(n), nearest(c.m.format, formats), "unknown format %q", c.m.format)
	}
	c.m.hl7 = c.m.format == "hl7v2"
	c.m.lists = c.m.format == "json" || c.m.format == "xml"
	c.csv(head["csv"])
	c.xml(head["xml"])
	c.json(head["json"])
	c.accepts(head["accepts"])
	c.constants(head["constants"])
	c.constantCases(head["constantsBy"])
	c.predeclare(head["let"], head["resources"])
	c.letting = true
	c.lets(head["let"])
	c.letting = false
	c.constantsValue(head["constantsBy"])
	c.intent(head)
	c.ignore(head["ignores"])
	if head["resources"] == nil {
		c.problem(position{line: 1}, "", "resources is missing: the resources that this mapping makes")
		return
	}
	c.resources(head["resources"])
}

// yamlError takes the line out of an error of the YAML library, which leaves
// the number of the first line out.
func yamlError(err error) (line int, msg string) {
	line = 1
	msg = strings.TrimPrefix(err.Error(), "yaml: ")
	if _, serr := fmt.Sscanf(msg, "line %d:", &line); serr == nil {
		_, msg, _ = strings.Cut(msg, ": ")
	}
	return line, msg
}

const maxYAMLDepth = 40

// sound refuses what would make a mapping hard to read or costly to walk:
// YAML anchors and aliases, deep nesting, keys that are no plain text.
func (c *compiler) sound(n *yaml.Node, depth int) bool {
	switch {
	case depth > maxYAMLDepth:
		c.problem(c.start(n), "", "nested deeper than %d levels", maxYAMLDepth)
		return false
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		c.problem(c.start(n), "use let", "YAML anchors and aliases are not used in mappings")
		return false
	}
	ok := true
	for i, ch := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && ch.Kind != yaml.ScalarNode {
			c.problem(c.start(ch), "", "a key is a plain word")
			return false
		}
		ok = c.sound(ch, depth+1) && ok
	}
	return ok
}

// object reads the members of a YAML mapping and reports unknown and repeated
// keys; allowed nil takes every key.
func (c *compiler) object(n *yaml.Node, what string, allowed []string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		c.problem(c.start(n), "", "%s is written as name: value lines", what)
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case out[k.Value] != nil:
			c.problem(c.start(k), "", "%s stands twice", k.Value)
		case allowed != nil && !slices.Contains(allowed, k.Value):
			c.problem(c.start(k), nearest(k.Value, slices.Clone(allowed)), "unknown key %q in %s", k.Value, what)
		default:
			out[k.Value] = n.Content[i+1]
		}
	}
	return out
}

func (c *compiler) headText(head map[string]*yaml.Node, key string, required bool) string {
	n := head[key]
	if n == nil {
		if required {
			c.problem(position{line: 1}, "", "%s is missing", key)
		}
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		c.problem(c.start(n), "", "%s is a text", key)
		return ""
	}
	return n.Value
}

func (c *compiler) accepts(n *yaml.Node) {
	if n == nil {
		c.problem(position{line: 1}, "accepts: [REF^I12]", "accepts is missing: the message types that this mapping is for")
		return
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		c.problem(c.start(n), "accepts: [REF^I12]", "accepts is a list of message types")
		return
	}
	for _, t := range n.Content {
		if t.Kind != yaml.ScalarNode || t.Value == "" {
			c.problem(c.start(t), "", "a message type is a text")
			continue
		}
		c.m.accepts = append(c.m.accepts, t.Value)
	}
}

// celKeywords cannot be names, because expressions could not use them.
var celKeywords = []string{"true", "false", "null", "in", "as", "or", "each", "copy", "src", "all", "has", "code",
	"size", "string", "int", "double", "bool", "type", "matches", "break", "const", "continue", "else", "for",
	"function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while"}

// word reports letters, digits and underscores, a small letter first.
func word(s string) bool {
	ok := s != "" && len(s) <= 60
	for i := 0; ok && i < len(s); i++ {
		ch := s[i]
		ok = ch >= 'a' && ch <= 'z' || i > 0 && (ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' || ch == '_')
	}
	return ok
}

// plainName reports a name that rules could not use.
func (c *compiler) plainName(n *yaml.Node) bool {
	ok := word(n.Value) && !slices.Contains(celKeywords, n.Value)
	if !ok {
		c.problem(c.start(n), "", "%q cannot be a name: letters and digits, a small letter first, no word of the language", n.Value)
	}
	return ok
}

func (c *compiler) constants(n *yaml.Node) {
	if n == nil {
		return
	}
	c.object(n, "constants", nil)
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if !c.plainName(k) {
			continue
		}
		if v.Kind != yaml.ScalarNode {
			c.problem(c.start(v), "", "a constant is a text")
			continue
		}
		c.made("constant", k)
		id := int32(len(c.m.constants))
		c.m.celNames[k.Value] = ident{constant: true, index: id}
		c.m.constants = append(c.m.constants, constant{k.Value, v.Value, c.rule(c.start(v), v.Value, "")})
	}
}

func (c *compiler) rule(at position, text, path string) int32 {
	c.m.rules = append(c.m.rules, rule{at.file, at.line, at.column, text, path})
	return int32(len(c.m.rules)) // 1 + index, as element.Origin wants it
}

// predeclare gives every let and every $as its slot, because an expression
// declares all of them; where one may be used is checked at each use.
func (c *compiler) predeclare(lets, resources *yaml.Node) {
	c.places = map[string]int32{}
	declare := func(kind string, k *yaml.Node) {
		if !c.plainName(k) {
			return
		}
		c.made(kind, k)
		if id, taken := c.m.celNames[k.Value]; taken && (id.constant || slices.Contains(c.letNames(lets), k.Value)) {
			c.problem(c.start(k), "", "the name %s is taken", k.Value)
			return
		}
		slot := int32(c.m.slots)
		c.m.slots++
		c.places[k.Value] = slot
		c.m.celNames[k.Value] = ident{index: slot}
	}
	if lets != nil && lets.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(lets.Content); i += 2 {
			if _, twice := c.places[lets.Content[i].Value]; !twice {
				declare("let", lets.Content[i])
			}
		}
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for i, ch := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "$as" && ch.Kind == yaml.ScalarNode {
				declare("$as", ch)
			}
			walk(ch)
		}
	}
	if resources != nil {
		walk(resources)
	}
}

func (c *compiler) letNames(lets *yaml.Node) []string {
	var out []string
	if lets != nil && lets.Kind == yaml.MappingNode {
		for i := 0; i < len(lets.Content); i += 2 {
			out = append(out, lets.Content[i].Value)
		}
	}
	return out
}

func (c *compiler) lets(n *yaml.Node) {
	if n == nil {
		return
	}
	c.object(n, "let", nil)
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		slot, ok := c.places[k.Value]
		if !ok {
			continue
		}
		if v.Kind != yaml.ScalarNode || !strings.HasPrefix(v.Value, "<-") && !strings.HasPrefix(v.Value, "=") {
			c.problem(c.start(v), "a fixed text belongs into constants", "a let comes from the message (<- path) or from an expression (= ...)")
			continue
		}
		before := len(c.sought)
		t := c.scalar(v, "")
		c.fills(before, slot)
		l := let{name: k.Value, slot: slot, value: t}
		if t != nil && t.arrow != nil {
			if t.arrow.mode != single {
				c.problem(c.start(v), "", "a let is one place or one text")
			}
			l.place = len(t.arrow.calls) == 0 && t.arrow.reason == ""
		}
		if t != nil && t.arrow != nil && t.arrow.mode == single && t.arrow.list() {
			c.problem(c.start(v), "join(\", \") behind it makes one text; or write the rule where its values belong: <- path | split(\",\")",
				"a let is one place or one text, and this gives several values")
		}
		if t != nil && t.expr != nil && t.expr.list {
			c.problem(c.start(v), "join(\", \") makes one text", "a let is one place or one text, not a list")
		}
		c.m.lets = append(c.m.lets, l)
		says := k.Value
		if t != nil && t.arrow != nil {
			says = t.arrow.sources[0].says
		}
		c.scope = append(c.scope, name{k.Value, slot, l.place, says})
	}
}

// source compiles the path of a rule, which may start at a let or an $as.
func (c *compiler) source(at position, text string) (source, bool) {
	s := source{says: text}
	end := 0
	for end < len(text) && (text[end] >= 'a' && text[end] <= 'z' || text[end] >= 'A' && text[end] <= 'Z' || text[end] >= '0' && text[end] <= '9' || text[end] == '_') {
		end++
	}
	word, rest := text[:end], text[end:]
	for i := len(c.scope) - 1; i >= 0; i-- {
		if n := c.scope[i]; n.text == word {
			c.touch("let", word)
			c.touch("$as", word)
			s, ok := c.sourceFrom(at, s, n, rest)
			c.seek(at, s, text)
			return s, ok
		}
	}
	if id, ok := c.m.celNames[word]; ok && (rest == "" || c.m.hl7) {
		if id.constant {
			c.problem(at, "= "+word, "%s is a constant, not a place in the message", word)
		} else {
			c.problem(at, "", "%s cannot be used here: it is made further down, or inside another $each", word)
		}
		return s, false
	}
	var err error
	if s.path, err = message.ParsePath(text); err != nil {
		c.pathProblem(at, err)
		return s, false
	}
	s.conditional = s.path.Conditional()
	if s.path.Relative() {
		return c.relative(at, s, text)
	}
	if c.m.hl7 != s.path.HL7() && (c.m.hl7 || strings.Contains(text, "-")) {
		if c.m.hl7 {
			hint := "a path is written like PID-5.1"
			if near := nearest(word, c.scopeNames()); near != "" {
				hint = near
			}
			c.problem(at, hint, "%s is neither a path of HL7 v2 nor a name from let", text)
		} else {
			c.problem(at, "a member is written like patient.name", "%s is a path of HL7 v2, but the format is %s", text, c.m.format)
		}
		return s, false
	}
	if c.m.hl7 { // elsewhere DOB is a member like any other
		c.checkSegment(at, &s)
	}
	c.csvPath(at, text)
	c.seek(at, s, text)
	return s, true
}

// relative is a path from the repetition at hand.
func (c *compiler) relative(at position, s source, text string) (source, bool) {
	if len(c.texts) == 0 {
		c.problem(at, "", "a path that starts with a dot stands inside $each")
		return s, false
	}
	slot := c.texts[len(c.texts)-1]
	switch {
	case slot < 0:
		s.from = fromHere
		c.seek(at, s, text)
	case text != ".":
		c.problem(at, "the dot alone", "this $each goes through texts, and there is nothing below one")
		return s, false
	default:
		s.from, s.slot = fromSlot, slot
	}
	return s, true
}

func (c *compiler) sourceFrom(at position, s source, n name, rest string) (source, bool) {
	s.from, s.slot, s.says = fromSlot, n.slot, n.says+rest
	if rest == "" {
		return s, true
	}
	if !n.place {
		c.problem(at, "", "%s is a text, so nothing can follow it", n.text)
		return s, false
	}
	if rest[0] != '-' && rest[0] != '.' {
		c.problem(at.plus(len(n.text)), "", "%s is one place: write %s-2.1 or %s.name", n.text, n.text, n.text)
		return s, false
	}
	path, err := message.ParsePath("." + rest[1:])
	if err != nil {
		c.pathProblem(at.plus(len(n.text)), err)
		return s, false
	}
	s.path, s.conditional = path, path.Conditional()
	return s, true
}

func (c *compiler) pathProblem(at position, err error) {
	var pe *message.PathError
	if errors.As(err, &pe) {
		c.problem(at.plus(pe.Offset), "", "%s", pe.Text)
		return
	}
	c.problem(at, "", "%s", err)
}

func (c *compiler) scopeNames() []string {
	out := make([]string, len(c.scope))
	for i, n := range c.scope {
		out[i] = n.text
	}
	return out
}

// table finds a vocabulary file: the mapping's own, or else the shared one.
func (c *compiler) table(at position, name string) *table {
	c.used["table "+name] = true
	if t := c.m.tables[name]; t != nil {
		return t
	}
	file := "vocabulary/" + name + ".json"
	if c.library != nil && fileName(name) && len(c.m.tables) < maxTables {
		if data, ok := c.sharedFile(at, file, ""); ok {
			return c.addTable(sharedFolder+"/"+file, name, data)
		}
	}
	names := make([]string, 0, len(c.m.tables))
	for n := range c.m.tables {
		names = append(names, n)
	}
	if c.library != nil {
		for _, n := range c.library.names("vocabulary") {
			names = append(names, strings.TrimSuffix(n, ".json"))
		}
	}
	c.problem(at, nearest(name, names), "there is no vocabulary/%s.json", name)
	return &table{name: name}
}

// addTable reads a code table; what is wrong with it is reported, and uses of
// it are not unknown.
func (c *compiler) addTable(file, name string, data []byte) *table {
	t := parseTable(name, data, func(line, column int, text string) {
		c.problems.add(file, line, column, "", "%s", text)
	})
	if t == nil {
		t = &table{name: name}
	}
	t.file = file
	if c.m.tables[name] == nil {
		c.m.tables[name] = t
		c.m.tableList = append(c.m.tableList, t)
	}
	return c.m.tables[name]
}
