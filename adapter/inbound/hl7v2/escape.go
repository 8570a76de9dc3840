package hl7v2

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/inbound"
)

// maxSkip bounds the blank lines of one \.sp<n>\.
const maxSkip = 20

// unescape decodes the escape sequences of HL7 v2.5.1 section 2.7. The ones
// for separators, hexadecimal data, line breaks and vertical space become
// text, highlighting is dropped, and everything else stays as it was sent:
// a backslash in a Windows path is not an error. unknown reports that something
// stayed that is written as a sequence of the standard is.
func (s separators) unescape(text string) (decoded string, unknown bool) {
	i := strings.IndexByte(text, s.escape)
	if i < 0 || s.escape == 0 {
		return text, false
	}
	out := make([]byte, 0, len(text)+8)
	for {
		out = append(out, text[:i]...)
		text = text[i:]
		end := strings.IndexByte(text[1:], s.escape)
		if end < 0 {
			return string(append(out, text...)), unknown
		}
		if decoded, ok := s.sequence(out, text[1:1+end]); ok {
			out = decoded
			text = text[end+2:]
		} else {
			unknown = unknown || meantAsEscape.MatchString(text[1:1+end])
			// The closing character may open the next sequence.
			out = append(out, text[:end+1]...)
			text = text[end+1:]
		}
		if i = strings.IndexByte(text, s.escape); i < 0 {
			return string(append(out, text...)), unknown
		}
	}
}

// meantAsEscape are sequences of the standard that are not decoded: character
// sets, hexadecimal data that is no text, formatting commands, those that
// sender and receiver agree on, and what stands for separators in small letters.
var meantAsEscape = regexp.MustCompile(`^([CMX][0-9A-Fa-f]*|Z\w*|\.(sp|in|ti|sk|fi|nf|ce)[-+0-9 ]*|[fstrephnFSTREPHN])$`)

// sequence appends what stands for the inside of one escape sequence.
func (s separators) sequence(out []byte, name string) ([]byte, bool) {
	switch name {
	case "F":
		return append(out, s.field), true
	case "S":
		return append(out, s.component), true
	case "T":
		return appendKnown(out, s.subcomponent)
	case "R":
		return appendKnown(out, s.repetition)
	case "E":
		return append(out, s.escape), true
	case "P":
		return appendKnown(out, s.truncation)
	case "H", "N":
		return out, true
	case ".br":
		return append(out, '\n'), true
	}
	switch {
	case strings.HasPrefix(name, ".sp"):
		n := 1
		if name != ".sp" {
			var err error
			if n, err = strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(name[3:]), "+")); err != nil || n < 0 || n > maxSkip {
				return nil, false
			}
		}
		for range n {
			out = append(out, '\n')
		}
		return out, true
	case len(name) > 1 && name[0] == 'X':
		return appendHex(out, name[1:])
	}
	return nil, false
}

func appendKnown(out []byte, c byte) ([]byte, bool) {
	if c == 0 {
		return nil, false
	}
	return append(out, c), true
}

// appendHex appends hexadecimal data as text: UTF-8 when it is that, else
// Windows-1252. Data with control characters other than tab and line ends is
// not text and stays as it was sent.
func appendHex(out []byte, digits string) ([]byte, bool) {
	if len(digits)%2 != 0 {
		return nil, false
	}
	raw := make([]byte, 0, len(digits)/2)
	for i := 0; i < len(digits); i += 2 {
		hi, lo := nibble(digits[i]), nibble(digits[i+1])
		if hi > 15 || lo > 15 {
			return nil, false
		}
		c := hi<<4 | lo
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return nil, false
		}
		raw = append(raw, c)
	}
	if utf8.Valid(raw) {
		return append(out, raw...), true
	}
	return append(out, inbound.FromWindows1252(raw)...), true
}

func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// appendEscaped writes a text so that it stays within one component. Control
// characters become spaces, line breaks \.br\. Without an escape character a
// separator in the text becomes a space.
func (s separators) appendEscaped(out []byte, text string) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		name := ""
		switch {
		case c == '\r':
			if i+1 < len(text) && text[i+1] == '\n' {
				continue
			}
			name = ".br"
		case c == '\n':
			name = ".br"
		case c < ' ' || c == 0x7f:
			out = append(out, ' ')
			continue
		case c == s.field:
			name = "F"
		case c == s.component:
			name = "S"
		case c == s.repetition:
			name = "R"
		case c == s.escape:
			name = "E"
		case c == s.subcomponent:
			name = "T"
		case c == s.truncation:
			name = "P"
		default:
			out = append(out, c)
			continue
		}
		if s.escape == 0 {
			out = append(out, ' ')
			continue
		}
		out = append(out, s.escape)
		out = append(out, name...)
		out = append(out, s.escape)
	}
	return out
}
