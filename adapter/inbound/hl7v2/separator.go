package hl7v2

import (
	"bytes"
	"strconv"

	"github.com/linkloop/linkloop/adapter/fault"
)

// separators are the characters of MSH-1 and MSH-2; 0 where the sender
// declares none.
type separators struct {
	field, component, repetition, escape, subcomponent byte
	truncation                                         byte // v2.7 section 2.5.5.2
}

var defaultSeparators = separators{'|', '^', '~', '\\', '&', 0}

// parseSeparators reads MSH-1 and MSH-2 of a message that starts with MSH.
// Letters, digits, spaces, quotes and the marks of numbers cannot separate, or
// any text would be torn; two equal ones cannot be told apart.
func parseSeparators(body []byte) (separators, error) {
	var s separators
	if len(body) < 4 || !separating(body[3]) {
		return s, fault.New(fault.Malformed, "MSH-1", "a punctuation mark that separates fields is expected behind MSH")
	}
	s.field = body[3]
	rest := body[4:]
	if end := bytes.IndexAny(rest, string(rune(s.field))+"\r\n"); end >= 0 {
		rest = rest[:end]
	}
	if len(rest) < 1 || len(rest) > 5 {
		return s, fault.New(fault.Malformed, "MSH-2", "one to five encoding characters are expected, usually ^~\\&")
	}
	for i, c := range rest {
		if !separating(c) || bytes.IndexByte(rest[:i], c) >= 0 {
			return s, fault.New(fault.Malformed, "MSH-2", "the encoding characters must be different punctuation marks, usually ^~\\&")
		}
		*[]*byte{&s.component, &s.repetition, &s.escape, &s.subcomponent, &s.truncation}[i] = c
	}
	return s, nil
}

// separating reports a character that may be a separator.
func separating(c byte) bool {
	switch {
	case c <= ' ' || c >= 0x7f || c == '"':
		return false
	case c == '.' || c == '+' || c == '-': // numbers, versions and times are written with them
		return false
	case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		return false
	}
	return true
}

// String is MSH-1 and MSH-2 as they stand in a message.
func (s separators) String() string {
	out := make([]byte, 0, 6)
	for _, c := range []byte{s.field, s.component, s.repetition, s.escape, s.subcomponent, s.truncation} {
		if c != 0 {
			out = append(out, c)
		}
	}
	return string(out)
}

func bytePlace(offset int) string { return "byte " + strconv.Itoa(offset+1) }
