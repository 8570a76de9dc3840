package csvdoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
)

// probed is how many rows at the start of a file are looked at together.
const probed = 20

// separatorNames are what people call separators.
var separatorNames = map[byte]string{',': "commas", ';': "semicolons", '\t': "tabs", '|': "bars"}

func separatorName(c byte) string {
	if name, ok := separatorNames[c]; ok {
		return name
	}
	return fmt.Sprintf("the character %q", c)
}

// probe reads the parts up to the first row that has the separator. Where none of
// the first rows has it, the file is written in another way than is expected,
// and that is one fault of the file and not one of every row. A single row is
// left to itself: it may be a trailer.
func (s *splitter) probe() ([]inbound.Part, error) {
	var held []inbound.Part
	rows, size := 0, 0
	var others [len(separators)]int
	for len(held) < probed && size <= s.f.o.Limits.Row {
		p, ok, err := s.part()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return held, err
		}
		if !ok {
			continue
		}
		held = append(held, p)
		if p.Body == nil && p.Err == nil {
			continue // passed over
		}
		record := bytes.TrimPrefix(p.Body, s.first)
		if p.Err != nil || !s.f.undivided(record, s.lexer.separator, len(s.header.names)) {
			return held, nil
		}
		rows++
		size += len(record)
		for i := range others {
			others[i] += bytes.Count(record, []byte{separators[i]})
		}
	}
	if rows < 2 {
		return held, nil
	}
	several := "several"
	if n := len(s.header.names); n > 0 {
		several = fmt.Sprint(n)
	}
	return nil, fault.New(fault.Malformed, "", "the first %d rows have one column each, and %s are expected, with %s between them%s",
		rows, several, separatorName(s.lexer.separator), found(others))
}

// undivided reports a record without a separator where one must be.
func (f Format) undivided(record []byte, separator byte, columns int) bool {
	switch {
	case columns == 1 || bytes.IndexByte(record, separator) >= 0:
		return false
	case columns > 1 && !f.o.Pad:
		return true
	}
	return bytes.ContainsAny(record, separators) // it may be short, but not by being divided otherwise
}

// found says which of the other separators stand in a text, by their counts, and
// what to do.
func found(others [len(separators)]int) string {
	most := 0
	for i, n := range others {
		if n > others[most] {
			most = i
		}
	}
	if others[most] == 0 {
		return "; lines that are no rows are passed over when csv.passes lists their first cells"
	}
	return "; there are " + separatorName(separators[most]) + " in them: say so in csv.separator, if the sender writes them between the columns"
}

// dividedOtherwise refuses a header that is one column only because another
// separator than the configured one stands in it.
func (f Format) dividedOtherwise(record []byte) error {
	if f.o.Separator == 0 || bytes.IndexByte(record, f.o.Separator) >= 0 || !bytes.ContainsAny(record, separators) {
		return nil
	}
	var others [len(separators)]int
	for i := range others {
		others[i] = bytes.Count(record, []byte{separators[i]})
	}
	return fault.New(fault.Malformed, "header", "the header has one column, and several are expected, with %s between them%s",
		separatorName(f.o.Separator), strings.Replace(found(others), "in them", "in it", 1))
}
