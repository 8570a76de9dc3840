package hl7v2

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
)

// Flags of messages.
const (
	// FlagEncodingDoubtful: the bytes are not in the character set that MSH-18 names.
	FlagEncodingDoubtful = "encoding-doubtful"
	// FlagEscape: an escape sequence that is not known stays in a text.
	FlagEscape = "escape-unknown"
)

// decodeText turns the message into a UTF-8 string. doubt says how it was read
// where the bytes are not what MSH-18 declares; empty: they are.
//
// MSH-18 (table 0211, or what such a set is called elsewhere) is believed when
// it says ISO 8859-1, which is read as Windows-1252, its superset in practice,
// or ISO 8859-15, which has the euro sign, unless the bytes beyond ASCII are
// UTF-8 throughout, which text in those sets next to never is. Otherwise bytes
// that are valid UTF-8 are UTF-8 and the rest is Windows-1252, because most
// senders leave MSH-18 empty and some say UTF-8 without meaning it. A set we
// have no table for is refused only when the bytes need one.
func decodeText(body []byte, sep separators) (text, doubt string, err error) {
	if ascii(body) {
		return string(body), "", nil
	}
	set, is8 := charset(body, sep), utf8.Valid(body)
	one := slices.Contains(latin1, set)
	switch {
	case is8 && (one || slices.Contains(latin9, set)):
		return string(body), "MSH-18 declares a set of one byte for a character, but the message is UTF-8 and was read as that; accented letters in names may be wrong", nil
	case one:
		return inbound.FromWindows1252(body), "", nil
	case slices.Contains(latin9, set):
		return fromLatin9(body), "", nil
	case is8 && set == "ASCII":
		return string(body), "MSH-18 declares ASCII, but the message has other characters; it was read as UTF-8", nil
	case is8:
		return string(body), "", nil
	case set == "":
		return inbound.FromWindows1252(body), "", nil
	case set == "ASCII" || strings.HasPrefix(set, "UNICODE") || strings.HasPrefix(set, "UTF"):
		return inbound.FromWindows1252(body), "the message is not in the character set that MSH-18 declares; it was read as Windows-1252, and accented letters in names may be wrong", nil
	}
	return "", "", fault.New(fault.Unsupported, "MSH-18", "this character set cannot be read; send UNICODE UTF-8 or 8859/1")
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

// declaredSet is the first repetition of MSH-18 as it was sent, and its name;
// nothing when it names no set of one byte for a character that is known here.
func declaredSet(m *inbound.Message) (declared, set string) {
	if m == nil {
		return "", ""
	}
	declared = m.Echo["MSH-18"]
	separators := m.Echo["separators"]
	if sep, err := parseSeparators([]byte("MSH" + separators)); err == nil && sep.repetition != 0 {
		declared, _, _ = strings.Cut(declared, string(rune(sep.repetition)))
	}
	set = setName(declared)
	table := "" // its name in HL7 table 0211
	switch {
	case set == "ASCII":
		table = "ASCII"
	case slices.Contains(latin1, set):
		table = "8859/1"
	case slices.Contains(latin9, set):
		table = "8859/15"
	default:
		return "", ""
	}
	if strings.ContainsAny(declared, separators) || strings.ContainsFunc(declared, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		declared = table // what else stands there is not repeated
	}
	if strings.ContainsAny(declared, separators) {
		return "", "" // its name cannot be written between these
	}
	return declared, set
}

// mimeName is what a set that encodeText writes is called in a Content-Type.
func mimeName(set string) string {
	if slices.Contains(latin9, set) {
		return "iso-8859-15"
	}
	return "iso-8859-1"
}

// encodeText writes an answer in the character set that the sender declared in
// MSH-18; false when the set does not have a character of it. An answer in ASCII
// is in every set.
func encodeText(text []byte, set string) ([]byte, bool) {
	if ascii(text) {
		return text, true
	}
	nine := slices.Contains(latin9, set)
	if !nine && !slices.Contains(latin1, set) {
		return nil, false
	}
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		b, ok := byte(r), r < 0x80 || r >= 0xa0 && r <= 0xff
		if nine {
			if _, other := latin9Only[b]; ok && other {
				ok = false
			}
			for c, its := range latin9Only {
				if its == r {
					b, ok = c, true
				}
			}
		}
		if !ok {
			return nil, false
		}
		out = append(out, b)
	}
	return out, true
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
	return setName(string(body))
}

// setName is the name of a character set in upper case, letters and digits only.
func setName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ToUpper(s))
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
