package mapping

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/message"
)

// Step explains one element. Value and SourceValue are patient data: they are
// for the eyes of those who may see the message, never for a log.
type Step struct {
	Key           string // of the resource in the mapping
	FHIRPath      string // Patient.name[0].family
	Value         string
	SourceAddress string // PID-5[1].1; empty: a constant or a reference of the mapping
	SourceValue   string
	Rule          string // as written: <- PID-5.1
	File          string // hl7v2-ref/mapping.yaml
	Line          int
	Several       bool `json:"-"` // the result has more of the type
}

func nodeOf(t *message.Tree, node int32) message.Node {
	return t.Node(node - 1)
}

// Element is the FHIR path, with the resource in front where there are several of
// its type.
func (s Step) Element() string {
	if s.Several {
		return s.Key + " " + s.FHIRPath
	}
	return s.FHIRPath
}

// Explain says of every element of a result where it came from and by which
// rule. The tree and the mapping must be those of the result.
func (m *Mapping) Explain(t *message.Tree, r *Result) []Step {
	var steps []Step
	of := map[string]int{}
	for _, res := range r.Resources {
		of[res.Type]++
	}
	for _, res := range r.Resources {
		from := len(steps)
		m.explain(t, res.Key, res.Type, res.Root, &steps)
		for i := from; i < len(steps); i++ {
			steps[i].Several = of[res.Type] > 1
		}
	}
	return steps
}

func (m *Mapping) explain(t *message.Tree, key, path string, v *element.Value, steps *[]Step) {
	switch v.Kind {
	case element.Object:
		for _, f := range v.Fields {
			m.explain(t, key, path+"."+f.Name, f.Value, steps)
		}
		return
	case element.Array:
		for i, it := range v.Items {
			m.explain(t, key, path+"["+strconv.Itoa(i)+"]", it, steps)
		}
		return
	}
	s := Step{Key: key, FHIRPath: path, Value: v.Text}
	if r := v.Origin.Rule; r > 0 && int(r) <= len(m.rules) {
		s.Rule, s.Line = m.rules[r-1].text, m.rules[r-1].line
		s.File = m.fileOf(&m.rules[r-1])
	}
	if v.Origin.Node > 0 {
		n := t.Node(v.Origin.Node - 1)
		s.SourceAddress, s.SourceValue = n.Address(), n.Value()
	}
	*steps = append(*steps, s)
}

// Unmapped lists the places of a message that no element of the result came
// from and that no condition or expression read, in the order of the message:
// what a reader of the resources will not see. Unused alternatives do not count
// as use; what the mapping ignores on purpose is not listed.
func (m *Mapping) Unmapped(t *message.Tree, r *Result) []string {
	var out []string
	for _, n := range m.UnmappedNodes(t, r) {
		out = append(out, n.Address())
	}
	return out
}

// UnmappedNodes is Unmapped for those who may see the values.
func (m *Mapping) UnmappedNodes(t *message.Tree, r *Result) []message.Node {
	used := make([]bool, t.Len())
	m.markUsed(t, r, used)
	markCompared(t, r, used)
	var out []message.Node
	for id := int32(1); int(id) < t.Len(); id++ {
		n := t.Node(id)
		if k := n.Kind(); k == message.Object || k == message.List || used[id] || n.Value() == "" {
			continue
		}
		out = append(out, n)
	}
	return out
}

// maxCell keeps the columns of a printed explanation readable.
const maxCell = 48

// WriteExplanation prints steps as a table: element, value, source, rule.
func WriteExplanation(w io.Writer, steps []Step) error {
	head := []string{"ELEMENT", "VALUE", "FROM", "BY RULE", "LINE"}
	rows := make([][]string, 0, len(steps))
	for _, s := range steps {
		from := s.SourceAddress
		if from == "" {
			from = "(the mapping)"
		}
		rows = append(rows, []string{s.Element(), cell(s.Value), from, cell(s.Rule), strconv.Itoa(s.Line)})
	}
	return writeTable(w, head, rows)
}

// WriteFindings prints findings as a table.
func WriteFindings(w io.Writer, findings []Finding) error {
	head := []string{"FINDING", "FROM", "ELEMENT", "REASON", "RULE"}
	rows := make([][]string, 0, len(findings))
	for _, f := range findings {
		rows = append(rows, []string{f.Code, f.Address, f.Path, f.Text, f.Rule})
	}
	return writeTable(w, head, rows)
}

// cell is a text for one cell, without line ends and without what a terminal
// would take for a command.
func cell(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > maxCell {
		return string([]rune(s)[:maxCell-1]) + "…"
	}
	return s
}

func writeTable(w io.Writer, head []string, rows [][]string) error {
	width := make([]int, len(head))
	for _, row := range append(rows, head) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{head}, rows...) {
		for i, c := range row {
			b.WriteString(c)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)+2))
			}
		}
		b.WriteByte('\n')
	}
	_, err := fmt.Fprint(w, b.String())
	return err
}
