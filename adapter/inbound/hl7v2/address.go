package hl7v2

import (
	"strconv"

	"github.com/linkloop/linkloop/adapter/message"
)

// address writes a place as HL7 people do: PID, PID-3, PID-3[2].1, OBX[2]-5.1.2.
// It is asked for errors and explanations only, so it may walk the siblings.
func address(n message.Node) string {
	if n.Kind() == message.Object && !n.Parent().Ok() {
		return "message"
	}
	return string(appendAddress(nil, n))
}

func appendAddress(out []byte, n message.Node) []byte {
	parent := n.Parent()
	if !parent.Ok() {
		return out
	}
	out = appendAddress(out, parent)
	switch {
	case !parent.Parent().Ok(): // a segment
		out = append(out, n.Name()...)
		if at, count := ordinal(n); count > 1 {
			out = appendIndex(out, at)
		}
	case parent.Kind() == message.List: // a repetition
		if n.Next().Ok() || n.Index() > 0 {
			out = appendIndex(out, n.Index()+1)
		}
	case n.Kind() == message.List: // a field
		out = append(out, '-')
		out = append(out, n.Name()...)
	default:
		out = append(out, '.')
		out = append(out, n.Name()...)
	}
	return out
}

func appendIndex(out []byte, i int) []byte {
	out = append(out, '[')
	out = strconv.AppendInt(out, int64(i), 10)
	return append(out, ']')
}

// ordinal counts the segment among those of its name.
func ordinal(n message.Node) (at, count int) {
	for c := n.Parent().First(); c.Ok(); c = c.Next() {
		if c.Name() != n.Name() {
			continue
		}
		count++
		if c.ID() == n.ID() {
			at = count
		}
	}
	return at, count
}
