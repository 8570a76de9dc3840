package csvdoc

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/spelling"
)

// byteOrderMark stands in front of UTF-8 that a spreadsheet wrote.
const byteOrderMark = "\xef\xbb\xbf"

// separators are looked for when none is configured; among equals the first
// counts.
const separators = ",;\t|"

// header is what is known of the columns.
type header struct {
	separator byte
	names     []string        // empty: not known, and rows may have any number of columns
	repeated  map[string]bool // names that stand more than once
	guessed   bool            // read as Windows-1252 without being asked to
}

// name is the name of a column, counted from 0.
func (h *header) name(i int) string {
	if i < len(h.names) {
		return h.names[i]
	}
	return "column" + strconv.Itoa(i+1)
}

// separatorOf finds the separator of a text that begins with the header; false
// when the text ends before the header does. Separators between quotation
// marks are text.
func (f Format) separatorOf(text []byte) (byte, bool) {
	switch {
	case f.o.Separator != 0:
		return f.o.Separator, true
	case f.o.Header != Named:
		return ',', true
	}
	var counts [len(separators)]int
	within, started, any, start := false, true, false, 0
	for at, c := range text {
		i := strings.IndexByte(separators, c)
		switch {
		case c == '\n' && !within && any && !f.marked(chomp(bytes.TrimPrefix(text[start:at+1], []byte(byteOrderMark)))):
			return separators[slices.Index(counts[:], slices.Max(counts[:]))], true
		case c == '\n' && !within:
			counts, any, started, start = [len(separators)]int{}, false, true, at+1
		case c == '"' && (within || started) && !f.o.Unquoted:
			within, started = !within, within // the second of two opens again
		case i >= 0 && !within:
			counts[i]++
			started, any = true, true
		default:
			started = started && c == '\r' && !within
			any = any || c != '\r' && c != '\n'
		}
	}
	return ',', false
}

func (f Format) lexer(text []byte) lexer {
	separator, _ := f.separatorOf(text)
	return lexer{separator: separator, unquoted: f.o.Unquoted}
}

// positions are columns without names of their own.
func (f Format) positions(names []string) *header {
	separator, _ := f.separatorOf(nil)
	return &header{separator: separator, names: names}
}

// header reads the record that names the columns. Names are never repeated in
// a fault: where a file has no header they are somebody's data.
func (f Format) header(record []byte, separator byte) (*header, error) {
	if err := f.dividedOtherwise(record); err != nil {
		return nil, err
	}
	h := &header{separator: separator}
	cells, err := f.cells(record, h.separator)
	if err != nil {
		flt := fault.Of(err)
		return nil, fault.New(flt.Kind, "header", "%s", flt.Issues[0].Text)
	}
	h.names = make([]string, len(cells))
	seen := make(map[string]bool, len(cells))
	for i, c := range cells {
		number := "header, column " + strconv.Itoa(i+1)
		name, how, err := f.text(c.bytes())
		if err != nil {
			return nil, fault.New(fault.Malformed, number, "%s", err)
		}
		h.guessed = h.guessed || how == guess
		// A name may be broken over lines to be narrow on a screen.
		name = strings.Join(strings.Fields(name), " ")
		if len(name) > maxName {
			return nil, fault.New(fault.Malformed, number, "the name is longer than %d characters", maxName)
		}
		if name == "" {
			name = "column" + strconv.Itoa(i+1)
		}
		if seen[name] {
			if h.repeated == nil {
				h.repeated = map[string]bool{}
			}
			h.repeated[name] = true
		}
		seen[name] = true
		h.names[i] = name
	}
	return h, f.complete(h)
}

// complete refuses a header that lacks a column which the mapping counts on: a
// renamed column would otherwise be missing from every row, unnoticed where it
// is optional.
func (f Format) complete(h *header) error {
	flt := &fault.Fault{Kind: fault.Malformed}
	needed := slices.Concat(f.o.Columns, []string{f.o.ID, f.o.Type}, f.o.Order)
	for i, want := range needed {
		if want == "" || slices.Contains(h.names, want) || slices.Contains(needed[:i], want) {
			continue
		}
		text := "the column " + want + " is missing"
		for _, have := range h.names {
			// Only a name that is nearly the wanted one is no secret.
			if !slices.Contains(needed, have) && near(have, want) {
				text += "; is it the one called " + have + "?"
				break
			}
		}
		flt.Issues = append(flt.Issues, fault.Issue{Place: "header", Text: text})
	}
	if len(flt.Issues) > 0 {
		return flt
	}
	return nil
}

func near(a, b string) bool {
	letters := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == ' ' || r == '_' || r == '-' || r == '.' {
				return -1
			}
			return r
		}, strings.ToLower(s))
	}
	a, b = letters(a), letters(b)
	return a == b || len(b) > 4 && spelling.Distance(a, b) <= 1
}
