package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong in the files of a mapping.
type Problem struct {
	File   string // within the mapping's folder: mapping.yaml, vocabulary/sex.json
	Line   int    // from 1; 0: the file as a whole
	Column int    // from 1; 0: the line as a whole
	Text   string // what is wrong
	Hint   string // what would be right, if that can be guessed
}

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
		*ps = append(*ps, Problem{file, line, column, fmt.Sprintf(format, args...), hint})
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
	slices.Sort(names)
	for _, n := range names {
		if d := distance(strings.ToLower(word), strings.ToLower(n), limit); d < limit {
			best, limit = n, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// distance counts the edits between two words (Levenshtein, with a swap of
// neighbours as one edit); limit or more is reported as limit.
func distance(a, b string, limit int) int {
	if len(a) > 60 || len(b) > 60 || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var rows [3][62]int
	for j := 0; j <= len(b); j++ {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, above, twoAbove := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], twoAbove[j-2]+1)
			}
		}
	}
	return min(rows[len(a)%3][len(b)], limit)
}
