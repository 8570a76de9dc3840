package hl7v2

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
)

// decodeText turns the message into a UTF-8 string.
//
// MSH-18 (table 0211) is believed when it says ISO 8859-1, which is read as
// Windows-1252, its superset in practice. Otherwise bytes that are valid UTF-8
// are UTF-8 and the rest is Windows-1252, because most senders leave MSH-18
// empty and some say UTF-8 without meaning it. A set we have no table for is
// refused only when the bytes need one.
func decodeText(body []byte, sep separators) (string, error) {
	if ascii(body) {
		return string(body), nil
	}
	set := charset(body, sep)
	switch {
	case set == "8859/1" || set == "ISO 8859/1" || set == "ISO-8859-1" || set == "WINDOWS-1252" || set == "CP1252":
		return fromWindows1252(body), nil
	case utf8.Valid(body):
		return string(body), nil
	case set == "" || set == "ASCII" || strings.HasPrefix(set, "UNICODE") || set == "UTF-8":
		return fromWindows1252(body), nil
	}
	return "", fault.New(fault.Unsupported, "MSH-18", "this character set cannot be read; send UNICODE UTF-8 or 8859/1")
}

// decodeBestEffort never fails; it serves answers to messages already refused.
func decodeBestEffort(body []byte) string {
	if utf8.Valid(body) {
		return string(body)
	}
	return fromWindows1252(body)
}

// charset is the first repetition of MSH-18, in upper case.
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
	return strings.ToUpper(strings.TrimSpace(string(body)))
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// windows1252 holds the characters at 0x80 to 0x9f; the five positions that
// the code page leaves open stay the control characters of ISO 8859-1
// (https://encoding.spec.whatwg.org/index-windows-1252.txt).
var windows1252 = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
}

func fromWindows1252(b []byte) string {
	var out strings.Builder
	out.Grow(len(b) + len(b)/8)
	for _, c := range b {
		switch {
		case c < utf8.RuneSelf:
			out.WriteByte(c)
		case c < 0xa0:
			out.WriteRune(windows1252[c-0x80])
		default:
			out.WriteRune(rune(c))
		}
	}
	return out.String()
}
