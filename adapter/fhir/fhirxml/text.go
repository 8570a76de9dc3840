package fhirxml

import (
	"strconv"
	"strings"

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
