package jsondoc

import (
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/message"
)

// maxName bounds one name of an address: a document may use data as names.
const maxName = 60

// address writes a place as the path that leads to it.
func address(n message.Node) string {
	if !n.Parent().Ok() {
		return "document"
	}
	return string(appendAddress(nil, n))
}

func appendAddress(out []byte, n message.Node) []byte {
	parent := n.Parent()
	if !parent.Ok() {
		return out
	}
	out = appendAddress(out, parent)
	if parent.Kind() == message.List {
		out = append(out, '[')
		out = strconv.AppendInt(out, int64(n.Index()), 10)
		return append(out, ']')
	}
	if len(out) > 0 {
		out = append(out, '.')
	}
	return appendName(out, n.Name(), len(out) == 0)
}

// appendName writes one member name, in backquotes where a path needs them.
// At the start of a path three capitals would be read as an HL7 v2 segment.
func appendName(out []byte, name string, first bool) []byte {
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "") + "..."
	}
	plain := name != "" && (name[0] < '0' || name[0] > '9') && name != "resolve"
	capitals := first && len(name) == 3
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		digit := c >= '0' && c <= '9'
		if c < ' ' || c == 0x7f {
			return strconv.AppendQuote(out, name) // no path can say it, but it stays one line
		}
		plain = plain && (letter || digit || c == '_' || c == '-' || c == '@' || c == '$' || c >= 0x80)
		capitals = capitals && (digit || c >= 'A' && c <= 'Z')
	}
	if plain && !capitals {
		return append(out, name...)
	}
	out = append(out, '`')
	out = append(out, name...)
	return append(out, '`')
}
