package csvdoc

import (
	"bytes"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/inbound"
)

// The lines of a file that are no row of it: what a sender writes in front of
// the header and behind the last row, told by their first cell.

// marked reports a record whose first cell is one of Passes. Any separator ends
// it: what encloses the rows may be written otherwise than they are.
func (f Format) marked(record []byte) bool {
	if len(f.o.Passes) == 0 || len(record) == 0 {
		return false
	}
	var end int
	if record[0] == '"' && !f.o.Unquoted {
		record = record[1:]
		end = bytes.IndexByte(record, '"')
	} else {
		end = bytes.IndexAny(record, separators)
	}
	if end >= 0 {
		record = record[:end]
	}
	if len(record) > f.o.Limits.Cell {
		return false
	}
	text, _, err := f.text(record)
	return err == nil && slices.Contains(f.o.Passes, strings.TrimSpace(text))
}

// passed is a part of a file that holds n marked rows and no message.
func passed(number, line, n int) inbound.Part {
	return inbound.Part{Number: number, Line: line, Note: "passed over (csv.passes)", Passed: n}
}
