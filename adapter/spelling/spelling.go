// Package spelling finds the name that was meant when a name is not known, so
// that every refusal in the house can say it.
package spelling

import "strings"

// longest bounds the work of one comparison, in bytes.
const longest = 80

// Nearest returns the candidate that takes the fewest edits to reach from
// name, upper and lower case alike, the first of equals, and how many edits
// that are. Without candidates it returns "" and -1.
func Nearest(name string, candidates []string) (best string, distance int) {
	distance = -1
	name = strings.ToLower(name)
	for _, c := range candidates {
		if d := Distance(name, strings.ToLower(c)); distance < 0 || d < distance {
			best, distance = c, d
		}
	}
	return best, distance
}

// Distance is the optimal string alignment distance: to insert, delete or
// replace a byte or to swap two neighbours is one edit. Only the first 80
// bytes count.
func Distance(a, b string) int {
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	var rows [3][longest + 1]int
	for j := range len(b) + 1 {
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
	return rows[len(a)%3][len(b)]
}
