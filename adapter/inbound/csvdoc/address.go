package csvdoc

import (
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/message"
)

// address writes a place as "column" and the path that leads to it.
func address(n message.Node) string {
	parent := n.Parent()
	switch {
	case !parent.Ok():
		return "row"
	case parent.Kind() == message.List:
		return place(parent.Name()) + "[" + strconv.Itoa(n.Index()) + "]"
	}
	return place(n.Name())
}

// place is the address of a column.
func place(name string) string { return "column " + pathOf(name) }

// pathOf writes a column name as a path needs it, in backquotes where it has
// characters with a meaning, or would be read as an HL7 v2 segment.
func pathOf(name string) string {
	plain := name != "" && name != "resolve" && (name[0] < '0' || name[0] > '9')
	capitals := len(name) == 3
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		digit := c >= '0' && c <= '9'
		if c < ' ' || c == 0x7f || c == '`' {
			return strconv.Quote(name) // no path can say it, but it stays one line
		}
		plain = plain && (letter || digit || strings.IndexByte("_-@$", c) >= 0 || c >= 0x80)
		capitals = capitals && (digit || c >= 'A' && c <= 'Z')
	}
	if plain && !capitals && !segmentLike(name) {
		return name
	}
	return "`" + name + "`"
}

// segmentLike tells DOB-2, which a path reads as field 2 of a segment.
func segmentLike(name string) bool {
	if len(name) < 5 || name[3] != '-' || name[4] < '0' || name[4] > '9' {
		return false
	}
	for _, c := range []byte(name[:3]) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
