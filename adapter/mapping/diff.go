package mapping

import "strings"

// maxDiffLines bounds the table of the comparison; longer texts are compared
// line by line in place.
const maxDiffLines = 2_000

// diff shows how got differs from want, with two lines of context: "-" a line
// that was wanted, "+" one that came out instead.
func diff(want, got string) string {
	a, b := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	marks := script(a, b)
	show := make([]bool, len(marks))
	for i, m := range marks {
		if m[0] == ' ' {
			continue
		}
		for j := max(0, i-2); j <= min(len(marks)-1, i+2); j++ {
			show[j] = true
		}
	}
	var out strings.Builder
	gap := false
	for i, m := range marks {
		if !show[i] {
			gap = true
			continue
		}
		if gap {
			out.WriteString("  ...\n")
			gap = false
		}
		out.WriteString(m)
		if !strings.HasSuffix(m, "\n") {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// script is the longest common subsequence of the lines with the rest around
// it, each line marked.
func script(a, b []string) []string {
	if len(a) > maxDiffLines || len(b) > maxDiffLines {
		return inPlace(a, b)
	}
	width := len(b) + 1
	common := make([]uint16, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, "  "+a[i])
			i++
			j++
		case j == len(b) || i < len(a) && common[(i+1)*width+j] >= common[i*width+j+1]:
			out = append(out, mark("- ", a[i])...)
			i++
		default:
			out = append(out, mark("+ ", b[j])...)
			j++
		}
	}
	return out
}

// mark leaves out the empty text behind the last line end.
func mark(m, line string) []string {
	if line == "" {
		return nil
	}
	return []string{m + line}
}

func inPlace(a, b []string) []string {
	var out []string
	for i := range max(len(a), len(b)) {
		switch {
		case i < len(a) && i < len(b) && a[i] == b[i]:
			out = append(out, "  "+a[i])
		default:
			if i < len(a) {
				out = append(out, mark("- ", a[i])...)
			}
			if i < len(b) {
				out = append(out, mark("+ ", b[i])...)
			}
		}
	}
	return out
}
