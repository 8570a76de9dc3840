package fhirmsg

import (
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/message"
)

// maxName bounds one name of an address; FHIR has none as long.
const maxName = 60

// address writes a place as a pointer into the Bundle.
func address(n message.Node) string {
	switch p := n.Parent(); {
	case !p.Ok():
		return "message"
	case !p.Parent().Ok() && n.Index() == 0:
		return "/"
	}
	return string(appendAddress(nil, n))
}

func appendAddress(out []byte, n message.Node) []byte {
	parent := n.Parent()
	switch {
	case !parent.Parent().Ok(): // an entry, or the Bundle at index 0
		if n.Index() == 0 {
			return out
		}
		out = append(out, "/entry["...)
		out = strconv.AppendInt(out, int64(n.Index()-1), 10)
		return append(out, "]/resource"...)
	case parent.Kind() == message.List:
		out = append(appendAddress(out, parent), '[')
		out = strconv.AppendInt(out, int64(n.Index()), 10)
		return append(out, ']')
	}
	out = append(appendAddress(out, parent), '/')
	return append(out, name(n.Name())...)
}

// name keeps member names that are no FHIR names on one line and short.
func name(s string) string {
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "") + "..."
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) || s == "" {
		return strconv.Quote(s)
	}
	return s
}
