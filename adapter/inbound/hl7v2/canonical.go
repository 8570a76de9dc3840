package hl7v2

import (
	"bytes"

	"github.com/linkloop/linkloop/adapter/inbound"
)

var _ inbound.Canonicalizer = Format{}

// Canonical is a message with one carriage return behind each segment, as HL7
// v2.5.1 section 2.6 wants it: without framing, without empty lines, whatever
// the line ends were. A batch and a file leave the last one off as they like. A
// body that is in this form is returned itself.
func (Format) Canonical(body []byte) []byte {
	inner, offset := unwrap(body)
	if offset == 0 && len(body) == len(inner)+1 && body[len(inner)] == '\r' &&
		bytes.IndexByte(inner, '\n') < 0 && !bytes.Contains(inner, []byte("\r\r")) {
		return body
	}
	out := make([]byte, 0, len(inner)+1)
	for len(inner) > 0 {
		end := bytes.IndexAny(inner, "\r\n")
		if end < 0 {
			end = len(inner)
		}
		if end > 0 {
			out = append(append(out, inner[:end]...), '\r')
		}
		inner = inner[min(end+1, len(inner)):]
	}
	return out
}
