package fhirxml

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/element"
)

// scalar is a value as JSON writes it; one that JSON cannot write as this kind
// stays a text. White space around numbers and booleans means nothing in XML.
func scalar(kind element.Kind, text string) (element.Kind, string) {
	plain := text
	if kind != element.String {
		plain = strings.Trim(text, " \t\r\n")
	}
	switch {
	case kind == element.Bool && (plain == "true" || plain == "false"), kind == element.Number && number(plain):
		return kind, plain
	}
	return element.String, text
}

// number reports whether JSON knows the text as a number, RFC 8259 section 6.
func number(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if strings.HasPrefix(s, ".") {
		n := digits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n := digits(s)
		if n == 0 {
			return false
		}
		s = s[n:]
	}
	return s == ""
}

// digits counts those at the start.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// appendAttribute writes the value of an attribute, line ends and tabs as
// references, since XML reads them as spaces otherwise. A character that XML
// does not have becomes U+FFFD; FHIR allows none of them in a text.
func appendAttribute(dst []byte, s string) []byte {
	return appendEscaped(dst, s, &inAttribute)
}

// appendText writes character data.
func appendText(dst []byte, s string) []byte { return appendEscaped(dst, s, &inText) }

const replacement = "\ufffd"

// inAttribute and inText say how characters of ASCII are written; "" is as
// they are.
var inAttribute, inText = func() (a, t [utf8.RuneSelf]string) {
	for c := range ' ' {
		a[c] = replacement
	}
	a['&'], a['<'], a['>'] = "&amp;", "&lt;", "&gt;"
	a['\r'] = "&#xD;"
	t = a
	t['\t'], t['\n'] = "", ""
	a['\t'], a['\n'], a['"'] = "&#x9;", "&#xA;", "&quot;"
	return a, t
}()

func appendEscaped(dst []byte, s string, table *[utf8.RuneSelf]string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if table[c] != "" {
				dst = append(dst, s[start:i]...)
				dst = append(dst, table[c]...)
				start = i + 1
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r == 0xfffe || r == 0xffff {
			dst = append(dst, s[start:i]...)
			dst = append(dst, replacement...)
			start = i + n
		}
		i += n
	}
	return append(dst, s[start:]...)
}

// expression is a path in FHIRPath.
func expression(path []step) string {
	var b []byte
	for i, s := range path {
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, s.name...)
		if s.index >= 0 {
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
		}
	}
	return string(b)
}
