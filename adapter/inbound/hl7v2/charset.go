package hl7v2

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
)

// decodeText turns the message into a UTF-8 string.
//
// MSH-18 (table 0211, or what such a set is called elsewhere) is believed when
// it says ISO 8859-1, which is read as Windows-1252, its superset in practice,
// or ISO 8859-15, which has the euro sign. Otherwise bytes that are valid UTF-8
// are UTF-8 and the rest is Windows-1252, because most senders leave MSH-18
// empty and some say UTF-8 without meaning it. A set we have no table for is
// refused only when the bytes need one.
func decodeText(body []byte, sep separators) (string, error) {
	if ascii(body) {
		return string(body), nil
	}
	set := charset(body, sep)
	switch {
	case slices.Contains(latin1, set):
		return inbound.FromWindows1252(body), nil
	case slices.Contains(latin9, set):
		return fromLatin9(body), nil
	case utf8.Valid(body):
		return string(body), nil
	case set == "" || set == "ASCII" || strings.HasPrefix(set, "UNICODE") || strings.HasPrefix(set, "UTF"):
		return inbound.FromWindows1252(body), nil
	}
	return "", fault.New(fault.Unsupported, "MSH-18", "this character set cannot be read; send UNICODE UTF-8 or 8859/1")
}

// The names of the two sets, as charset returns them.
var (
	latin1 = []string{"88591", "ISO88591", "LATIN1", "WINDOWS1252", "CP1252", "1252", "ANSI"}
	latin9 = []string{"885915", "ISO885915", "LATIN9"}
)

// latin9Only are the characters in which ISO 8859-15 differs from ISO 8859-1
// (https://encoding.spec.whatwg.org/index-iso-8859-15.txt).
var latin9Only = map[byte]rune{0xa4: '€', 0xa6: 'Š', 0xa8: 'š', 0xb4: 'Ž', 0xb8: 'ž', 0xbc: 'Œ', 0xbd: 'œ', 0xbe: 'Ÿ'}

func fromLatin9(b []byte) string {
	var out strings.Builder
	out.Grow(len(b) + len(b)/8)
	for _, c := range b {
		if r, ok := latin9Only[c]; ok {
			out.WriteRune(r)
		} else {
			out.WriteRune(rune(c))
		}
	}
	return out.String()
}

// decodeBestEffort never fails; it serves answers to messages already refused.
func decodeBestEffort(body []byte) string {
	if utf8.Valid(body) {
		return string(body)
	}
	return inbound.FromWindows1252(body)
}

// charset is the first repetition of MSH-18, in upper case, letters and digits
// only: UNICODE UTF-8 is UNICODEUTF8.
func charset(body []byte, sep separators) string {
	if end := bytes.IndexAny(body, "\r\n"); end >= 0 {
		body = body[:end]
	}
	// MSH-1 is itself the first separator, so MSH-18 follows the seventeenth.
	for range 17 {
		i := bytes.IndexByte(body, sep.field)
		if i < 0 {
			return ""
		}
		body = body[i+1:]
	}
	for i, c := range body {
		if c == sep.field || c == sep.repetition && c != 0 {
			body = body[:i]
			break
		}
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ToUpper(string(body)))
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
