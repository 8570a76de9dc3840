package config

// longestName bounds the work of comparing names, in bytes.
const longestName = 80

// nearest returns the candidate that takes the fewest edits to reach from
// name; the first of equals. It returns "" only without candidates.
func nearest(name string, candidates []string) string {
	best, fewest := "", -1
	for _, c := range candidates {
		if d := edits(clip(name), clip(c)); fewest < 0 || d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

func clip(s string) string { return s[:min(len(s), longestName)] }

// edits is the optimal string alignment distance: insert, delete, replace or
// swap two neighbours, each one edit.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
