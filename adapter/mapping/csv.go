package mapping

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// CSV is what the csv block of a mapping says about the rows of its sender.
// Fields that are empty leave the choice to the format.
type CSV struct {
	Separator byte     // 0: found in the header
	Header    string   // yes: it names the columns; no: there is none; ignored: passed over
	Encoding  string   // utf-8, windows-1252, or empty: found in each row
	Quotes    bool     // a cell may stand in quotation marks
	Columns   []string // that the header must hold; without a header, all of them in order
	Absent    []string // texts that mean that there is no value; nil: those of the format
	ID        string   // column of the message id
	Type      string   // column of the message type
	Passes    []string // first cells of lines that are passed over
	Pad       bool     // rows may lack cells at their end
	Order     []string // columns; equal values in the first that has one keep rows in the order of the file
}

// CSV is what the mapping says about rows; for the format csv only.
func (m *Mapping) CSV() CSV { return m.csv }

var csvKeys = []string{"separator", "header", "encoding", "quotes", "columns", "absent", "id", "type", "order", "passes", "short_rows"}

// csvSeparators are the words for what stands between cells. Some of the
// characters themselves mean something to YAML.
var csvSeparators = map[string]byte{"comma": ',', "semicolon": ';', "tab": '\t', "bar": '|'}

// maxCSVNames bounds the lists of the block.
const maxCSVNames = 1000

func (c *compiler) csv(n *yaml.Node) {
	c.m.csv = CSV{Header: "yes", Quotes: true}
	if n == nil {
		return
	}
	if c.m.format != "csv" {
		c.problem(c.start(n), "format: csv", "csv is for mappings of the format csv")
		return
	}
	block := c.object(n, "csv", csvKeys)
	s := &c.m.csv
	if word := c.oneOf(block["separator"], "", "comma", "semicolon", "tab", "bar"); word != "" {
		s.Separator = csvSeparators[word]
	}
	s.Header = c.oneOf(block["header"], "yes", "yes", "no", "ignored")
	s.Encoding = c.oneOf(block["encoding"], "", "utf-8", "windows-1252")
	s.Quotes = c.oneOf(block["quotes"], "yes", "yes", "no") == "yes"
	s.Pad = c.oneOf(block["short_rows"], "refuse", "refuse", "pad") == "pad"
	s.Columns = c.csvNames(block["columns"], "column name", true)
	s.Absent = c.csvNames(block["absent"], "text that means that there is no value", false)
	s.Passes = c.csvNames(block["passes"], "first cell of a line that is passed over", true)
	if n := block["passes"]; n != nil && s.Header == "yes" {
		for _, x := range n.Content {
			if slices.Contains(s.Columns, x.Value) {
				c.problem(c.start(x), "", "%q is a column: a header that begins with it would be passed over", x.Value)
			}
		}
	}
	s.ID = c.csvColumn(block["id"])
	s.Type = c.csvColumn(block["type"])
	s.Order = c.csvOrder(block["order"])
	c.order = block["order"]
}

// oneOf reads one of a few words.
func (c *compiler) oneOf(n *yaml.Node, otherwise string, words ...string) string {
	switch {
	case n == nil:
		return otherwise
	case n.Kind != yaml.ScalarNode || !slices.Contains(words, n.Value):
		c.problem(c.start(n), strings.Join(words, ", "), "one of these words is expected here")
		return otherwise
	}
	return n.Value
}

func (c *compiler) csvNames(n *yaml.Node, what string, once bool) []string {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxCSVNames {
		c.problem(c.start(n), "", "a list of texts is expected here, %d at most", maxCSVNames)
		return nil
	}
	out := make([]string, 0, len(n.Content))
	for _, x := range n.Content {
		switch {
		case x.Kind != yaml.ScalarNode || strings.TrimSpace(x.Value) == "":
			c.problem(c.start(x), "", "a %s is a text", what)
		case once && slices.Contains(out, x.Value):
			c.problem(c.start(x), "", "the %s stands twice", what)
		default:
			out = append(out, x.Value)
		}
	}
	return out
}

func (c *compiler) csvColumn(n *yaml.Node) string {
	name := c.csvText(n)
	if name != "" {
		c.checkColumn(c.start(n), name)
	}
	return name
}

func (c *compiler) csvText(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		c.problem(c.start(n), "", "the name of a column is expected here")
		return ""
	}
	return n.Value
}

// csvOrder reads a column, several with "or" between them, or a list of them.
func (c *compiler) csvOrder(n *yaml.Node) []string {
	if n == nil || n.Kind != yaml.SequenceNode {
		name := c.csvText(n)
		if name == "" {
			return nil
		}
		var out []string
		for one := range strings.SplitSeq(name, " or ") {
			out = append(out, strings.Trim(strings.TrimSpace(one), "`"))
		}
		if len(out) == 1 || slices.Contains(c.m.csv.Columns, name) {
			out = []string{strings.Trim(name, "`")}
		}
		for _, one := range out {
			c.checkColumn(c.start(n), one)
		}
		return out
	}
	out := c.csvNames(n, "column name", true)
	for _, one := range out {
		c.checkColumn(c.start(n), one)
	}
	return out
}

// checkColumn reports a column that cannot be there. Only a file without names
// of its own has exactly those that the mapping lists.
func (c *compiler) checkColumn(at position, name string) {
	s := &c.m.csv
	if s.Header == "yes" || len(s.Columns) == 0 || slices.Contains(s.Columns, name) {
		return
	}
	c.problem(at, nearest(name, slices.Clone(s.Columns)), "there is no column %q in csv.columns", name)
}

// csvPath checks the column that a path begins with.
func (c *compiler) csvPath(at position, text string) {
	if c.m.format != "csv" {
		return
	}
	name := text
	if strings.HasPrefix(text, "`") {
		name, _, _ = strings.Cut(text[1:], "`")
	} else if end := strings.IndexAny(text, ".["); end >= 0 {
		name = text[:end]
	}
	c.checkColumn(at, name)
}
