package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/spelling"
)

// Problem is one thing wrong in the files of a mapping.
type Problem struct {
	File     string   `json:"file"`             // within the mapping's folder: mapping.yaml, vocabulary/sex.json; or shared/uk-address.yaml
	Line     int      `json:"line,omitempty"`   // from 1; 0: the file as a whole
	Column   int      `json:"column,omitempty"` // from 1; 0: the line as a whole
	Text     string   `json:"text"`             // what is wrong
	Hint     string   `json:"hint,omitempty"`   // what would be right, if that can be guessed
	Severity Severity `json:"severity"`
}

// Severity tells what keeps a mapping from being used from what its author may
// want to know.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// String is the problem in the form editors and terminals make clickable.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	b.WriteString(": ")
	if p.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		b.WriteString(" (")
		b.WriteString(p.Hint)
		b.WriteString(")")
	}
	return b.String()
}

// Problems is every problem of a mapping, in the order of the files.
type Problems []Problem

// Error lists the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems ends a report that nobody would read to the end.
const maxProblems = 200

func (ps *Problems) add(file string, line, column int, hint, format string, args ...any) {
	if len(*ps) < maxProblems {
		*ps = append(*ps, Problem{file, line, column, fmt.Sprintf(format, args...), hint, Error})
	}
}

// err returns the sorted problems, or nil when there are none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(ps)
}

// nearest returns "did you mean x?" for the closest of the names, or "" when
// none is close enough to be meant.
func nearest(word string, names []string) string {
	best, limit := "", min(max(len(word)-1, 1), max(2, len(word)/3))+1
	names = slices.Sorted(slices.Values(names))
	for _, n := range names {
		if d := spelling.Distance(strings.ToLower(word), strings.ToLower(n)); d < limit {
			best, limit = n, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}
