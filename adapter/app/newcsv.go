package app

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/csvdoc"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/scaffold"
)

// maxLooked bounds the rows of a sample that are looked at.
const maxLooked = 200

// sheet is what the first rows of a sample look like.
type sheet struct {
	rows      [][]string
	lines     []int   // of the sample, in which the rows begin
	starts    []int64 // bytes before each row, and before what follows the last
	width     int     // columns that most rows have
	separator byte
}

// looked reads the first rows of a text with a separator.
func looked(text string, separator byte) sheet {
	s := sheet{separator: separator, starts: []int64{0}}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = rune(separator), true, -1
	count := map[int]int{}
	for range maxLooked {
		cells, err := r.Read()
		if err != nil {
			break
		}
		line, _ := r.FieldPos(0)
		s.rows, s.lines, s.starts = append(s.rows, cells), append(s.lines, line), append(s.starts, r.InputOffset())
		n := len(cells)
		count[n]++
		if count[n] > count[s.width] || count[n] == count[s.width] && n > s.width {
			s.width = n
		}
	}
	return s
}

// sheetOf reads a sample with the separator by which most of it falls into equal
// rows.
func sheetOf(text string) sheet {
	best, most := sheet{}, -1
	for _, separator := range []byte(",;\t|") {
		s, equal := looked(text, separator), 0
		for _, cells := range s.rows {
			if len(cells) == s.width {
				equal++
			}
		}
		if n := equal * (s.width - 1); n > most {
			best, most = s, n
		}
	}
	return best
}

// usual are the indexes of the rows that have as many columns as most.
func (s sheet) usual() []int {
	var out []int
	for i, cells := range s.rows {
		if len(cells) == s.width {
			out = append(out, i)
		}
	}
	return out
}

// marks are first cells of lines that are no rows, as senders write them.
var marks = []string{"HDR", "HEAD", "HEADER", "H", "FH", "FHS", "BHS", "BOF", "TRL", "TRAILER", "T", "FT", "FTS", "BTS", "FTR", "FOOTER", "EOF", "END", "TOTAL", "00", "99"}

// passes are the marks of lines in front of the rows and behind them, where no
// row begins with the same.
func (s sheet) passes() []string {
	usual := s.usual()
	var out []string
	for i, cells := range s.rows {
		mark := strings.TrimSpace(cells[0])
		between := len(usual) > 0 && i > usual[0] && i < usual[len(usual)-1]
		if between || len(cells) == s.width || !slices.Contains(marks, strings.ToUpper(mark)) || slices.Contains(out, mark) ||
			slices.ContainsFunc(usual, func(u int) bool { return strings.TrimSpace(s.rows[u][0]) == mark }) {
			continue
		}
		out = append(out, mark)
	}
	return out
}

// unusual says which rows have another number of columns, or nothing.
func (s sheet) unusual(passes []string) string {
	var lines []string
	passed := 0
	for i, cells := range s.rows {
		if len(cells) == s.width {
			continue
		}
		lines = append(lines, fmt.Sprintf("line %d has %d", s.lines[i], len(cells)))
		if slices.Contains(passes, strings.TrimSpace(cells[0])) {
			passed++
		}
	}
	if len(lines) == 0 {
		return ""
	}
	advice := "each of them would be refused; lines that are no rows are passed over when passes under csv lists their first cells"
	switch {
	case passed == len(lines):
		advice = "passes under csv lists their first cells, so they are passed over"
	case passed > 0:
		advice = "those whose first cells passes under csv lists are passed over, and the others would be refused"
	}
	if more := len(lines) - maxNamed; more > 0 {
		lines = append(lines[:maxNamed], fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("most rows have %d columns, but %s: a preamble, a trailer, or rows that are broken; %s", s.width, strings.Join(lines, ", "), advice)
}

// maxNamed bounds the rows of another width that are named.
const maxNamed = 5

// rowsOf tells how the rows of a sample are written: the format to read them
// with, the csv block that says so, the sample from its header or its first row
// on, of that the first row (with the header, if there is one), and what is not
// sure.
func rowsOf(sample []byte) (f inbound.Format, block string, whole, first []byte, checks []string) {
	var lines []string
	sample = bytes.TrimPrefix(sample, []byte("\ufeff"))
	table := sheetOf(string(sample))
	usual := table.usual()
	var rows [][]string
	var absent []string
	for _, i := range usual {
		rows = append(rows, table.rows[i])
		for _, c := range table.rows[i] {
			if c = strings.TrimSpace(c); scaffold.MeansNothing(c) && !slices.Contains(absent, c) {
				absent = append(absent, c)
			}
		}
	}
	cut := func(i int) []byte { return sample[table.starts[i]:table.starts[i+1]] }
	o := csvdoc.Options{}
	if len(usual) > 0 {
		whole, first = sample[table.starts[usual[0]]:], slices.Clone(cut(usual[0]))
	}
	switch {
	case len(rows) > 0 && scaffold.IsData(rows[0]):
		o.Header, o.Separator, o.Columns = csvdoc.None, table.separator, scaffold.ColumnNames(rows...)
		lines = append(lines, "header: no", "separator: "+map[byte]string{',': "comma", ';': "semicolon", '\t': "tab", '|': "bar"}[table.separator],
			"columns: ["+strings.Join(o.Columns, ", ")+"]")
		checks = append(checks, "the sample has no header, so its columns were named by the looks of their cells: put right the names under csv.columns, and the rules with them")
	case len(rows) > 1:
		first = append(first, cut(usual[1])...)
	}
	o.Passes = table.passes()
	if strange := table.unusual(o.Passes); strange != "" {
		checks = append(checks, strange)
	}
	if len(o.Passes) > 0 {
		lines = append(lines, "passes: "+quotedList(o.Passes))
	}
	if len(absent) > 0 {
		o.Absent = append(absent, "NULL", `\N`)
		lines = append(lines, "absent: "+quotedList(o.Absent))
	}
	if len(lines) > 0 {
		block = fmt.Sprintf("csv:\n  %s\n", strings.Join(lines, "\n  "))
	}
	return csvdoc.New(o), block, whole, first, checks
}

// quotedList is a list of YAML.
func quotedList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = "'" + strings.ReplaceAll(t, "'", "''") + "'"
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// plainRows are rows in UTF-8 with line feeds alone, within cells too, as they
// are read. The note says so where they were written otherwise: an example is a
// file of text with one encoding.
func plainRows(sample []byte) (rows []byte, note string) {
	if !utf8.Valid(sample) {
		sample = []byte(inbound.FromWindows1252(sample))
		note = "The sender writes Windows-1252. This file is UTF-8, as which the row is read here.\n"
	}
	return bytes.ReplaceAll(sample, []byte("\r\n"), []byte("\n")), note
}

// recordsOf are the rows of a sample, as far as they can be read.
func recordsOf(f inbound.Format, sample []byte) []*message.Tree {
	splitter, ok := f.(inbound.Splitter)
	if !ok {
		return nil
	}
	var out []*message.Tree
	for p, err := range splitter.Split(bytes.NewReader(sample)) {
		if err != nil || len(out) == maxLooked {
			break
		}
		if m, err := f.Decode(p.Body); p.Err == nil && p.Note == "" && err == nil {
			out = append(out, m.Tree)
		}
	}
	return out
}

// inEncoding writes a text in the encoding that a sample has: UTF-8, or else
// Windows-1252.
func inEncoding(text string, sample []byte) []byte {
	if utf8.Valid(sample) {
		return []byte(text)
	}
	known := map[rune]byte{}
	for b := range 256 {
		known[[]rune(inbound.FromWindows1252([]byte{byte(b)}))[0]] = byte(b)
	}
	out := make([]byte, 0, len(text))
	for _, r := range text {
		b, ok := known[r]
		if !ok {
			b = '?'
		}
		out = append(out, b)
	}
	return out
}
