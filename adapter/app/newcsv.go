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

// rowsOf tells how the rows of a sample are written: the format to read its
// first row with, the csv block that says so, that row (with the header, if
// there is one), and what is not sure.
func rowsOf(sample []byte) (f inbound.Format, block string, first []byte, check string) {
	text, lines := string(sample), []string{}
	separator := separatorOf(text)
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = rune(separator), true, -1
	var rows [][]string
	var absent []string
	for range maxLooked {
		cells, err := r.Read()
		if err != nil {
			break
		}
		rows = append(rows, cells)
		for _, c := range cells {
			if c = strings.TrimSpace(c); scaffold.MeansNothing(c) && !slices.Contains(absent, c) {
				absent = append(absent, c)
			}
		}
	}
	o := csvdoc.Options{}
	first = firstRows(sample, 2)
	if len(rows) > 0 && scaffold.IsData(rows[0]) {
		first = firstRows(sample, 1)
		o.Header, o.Separator, o.Columns = csvdoc.None, separator, scaffold.ColumnNames(rows...)
		lines = append(lines, "header: no", "separator: "+map[byte]string{',': "comma", ';': "semicolon", '\t': "tab", '|': "bar"}[separator],
			"columns: ["+strings.Join(o.Columns, ", ")+"]")
		check = "the sample has no header, so its columns were named by the looks of their cells: put right the names under csv.columns, and the rules with them"
	}
	if len(absent) > 0 {
		o.Absent = append(absent, "NULL", `\N`)
		quoted := make([]string, len(o.Absent))
		for i, a := range o.Absent {
			quoted[i] = "'" + strings.ReplaceAll(a, "'", "''") + "'"
		}
		lines = append(lines, "absent: ["+strings.Join(quoted, ", ")+"]")
	}
	if len(lines) > 0 {
		block = fmt.Sprintf("csv:\n  %s\n", strings.Join(lines, "\n  "))
	}
	return csvdoc.New(o), block, first, check
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

// separatorOf is the separator that stands most often in the first line of a
// text.
func separatorOf(text string) byte {
	line, _, _ := strings.Cut(text, "\n")
	best, most := byte(','), 0
	for _, c := range []byte(",;\t|") {
		if n := strings.Count(line, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// firstRows is the first rows of a file; line ends in quotation marks belong to
// their row.
func firstRows(file []byte, n int) []byte {
	open := false
	for i, c := range file {
		switch {
		case c == '"':
			open = !open
		case c == '\n' && !open:
			if n--; n == 0 {
				return file[:i+1]
			}
		}
	}
	return file
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
