package fhir

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
)

// maxText is the longest string FHIR allows, in bytes.
// https://hl7.org/fhir/R4/datatypes.html#string
const maxText = 1 << 20

// primitive checks a value against the syntax of its type and returns the rule
// that it breaks, or "". https://hl7.org/fhir/R4/datatypes.html#primitive
func primitive(v *element.Value, of *structure) string {
	typ := of.name
	switch typ {
	case "Boolean":
		if v.Kind != element.Bool {
			return "true or false is expected"
		}
		return ""
	case "Integer", "PositiveInt", "UnsignedInt":
		return integer(v, typ)
	case "Decimal":
		if v.Kind != element.Number {
			return "a number is expected"
		}
		return ""
	}
	if v.Kind != element.String {
		return "a text is expected"
	}
	s := v.Text
	if strings.TrimSpace(s) == "" {
		return "a text is never empty: leave it out"
	}
	if len(s) > maxText && typ != "Base64Binary" {
		return "a text is at most 1 MB long"
	}
	if of.form != nil {
		if !of.form.holds(s) {
			return of.form.says
		}
		return ""
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\t' && c != '\n' && c != '\r' {
			return fmt.Sprintf("the control character U+%04X is not allowed in a text; in a mapping, | text cleans it", c)
		}
	}
	return ""
}

func integer(v *element.Value, typ string) string {
	n, err := strconv.ParseInt(v.Text, 10, 32)
	switch {
	case v.Kind != element.Number || err != nil:
		return "a whole number of 32 bits is expected"
	case typ == "PositiveInt" && n < 1:
		return "a whole number from 1 is expected"
	case typ == "UnsignedInt" && n < 0:
		return "a whole number from 0 is expected"
	}
	return ""
}

// form is the syntax of a primitive type.
type form struct {
	says  string
	holds func(string) bool
}

// syntax is the form of the primitive types that have one.
var syntax = map[string]*form{
	"Date":         {"a date YYYY, YYYY-MM or YYYY-MM-DD that exists is expected", isDate},
	"DateTime":     {"a date, or a date with time and time zone, is expected", isDateTime},
	"Instant":      {"a date with time to the second and time zone is expected", isInstant},
	"Time":         {"a time HH:MM:SS is expected", isTime},
	"Code":         {"a code has no spaces in front, behind, or in a row", isCode},
	"Id":           {"an id is 1 to 64 letters, digits, dashes and dots", isID},
	"Uri":          {"a URI such as https://a.example/b or urn:a:b, without spaces, is expected", isURI},
	"Url":          {"a URL such as https://a.example/b, without spaces, is expected", isURI},
	"Canonical":    {"a URL such as https://a.example/b or https://a.example/b|1.0, without spaces, is expected", isCanonical},
	"Oid":          {"an OID such as urn:oid:1.2.3 is expected", isOID},
	"Uuid":         {"a UUID such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520 is expected", isUUID},
	"Base64Binary": {"base64 is expected", isBase64},
}

func isDate(s string) bool {
	switch len(s) {
	case 4:
		return digits(s) && s != "0000"
	case 7:
		_, err := time.Parse("2006-01", s)
		return err == nil && s[:4] != "0000"
	case 10:
		_, err := time.Parse("2006-01-02", s)
		return err == nil && s[:4] != "0000"
	}
	return false
}

func isDateTime(s string) bool {
	if len(s) <= len("2006-01-02") {
		return isDate(s)
	}
	return isInstant(s)
}

func isInstant(s string) bool {
	_, err := instant(s)
	return err == nil && s[:4] != "0000"
}

// instant reads a time to the second or finer. Offsets go to fourteen hours.
func instant(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, err
	}
	// time.Parse takes hours of one digit and a comma; RFC 3339 has neither.
	if len(s) < len("2006-01-02T15:04:05Z") || s[len("2006-01-02T15")] != ':' || strings.IndexByte(s, ',') >= 0 {
		return t, strconv.ErrSyntax
	}
	if _, offset := t.Zone(); offset > 14*3600 || offset < -14*3600 {
		return t, strconv.ErrRange
	}
	return t, nil
}

func isTime(s string) bool {
	// time.Parse takes hours of one digit, a comma, and a point without digits.
	if len(s) < 8 || len(s) == 9 || s[2] != ':' || strings.IndexByte(s, ',') >= 0 {
		return false
	}
	_, err := time.Parse("15:04:05", s)
	return err == nil
}

func isCode(s string) bool {
	space := true // as if one stood in front
	for i := range len(s) {
		switch s[i] {
		case ' ':
			if space {
				return false
			}
			space = true
		case '\t', '\n', '\r':
			return false
		default:
			space = false
		}
	}
	return !space
}

func isID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return len(s) <= 64
}

// printable reports that there are neither spaces nor control characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// isURI takes what net/url reads and holds no spaces. The plain ones, which are
// nearly all, are known without reading them.
func isURI(s string) bool {
	rest := s
	for _, scheme := range [...]string{"http://", "https://", "urn:"} {
		if after, ok := strings.CutPrefix(s, scheme); ok {
			rest = after
			break
		}
	}
	plain, urn := true, strings.HasPrefix(s, "urn:") && rest != "" && rest[0] != '/'
	for i := range len(rest) {
		c := rest[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '/' && c != '.' && c != '-' && c != '_' && !(c == ':' && urn) {
			plain = false
			break
		}
	}
	if plain {
		return true
	}
	_, err := url.Parse(s)
	return err == nil && printable(s)
}

// isCanonical takes a URI, and behind | the version of what it names.
func isCanonical(s string) bool {
	url, version, _ := strings.Cut(s, "|")
	return isURI(url) && printable(version)
}

func isOID(s string) bool {
	rest, ok := strings.CutPrefix(s, "urn:oid:")
	if !ok || len(rest) < 3 || rest[0] < '0' || rest[0] > '2' || rest[1] != '.' {
		return false
	}
	for i, part := range strings.Split(rest, ".") {
		if !digits(part) || i > 0 && len(part) > 1 && part[0] == '0' {
			return false
		}
	}
	return true
}

func isUUID(s string) bool {
	rest, ok := strings.CutPrefix(s, "urn:uuid:")
	if !ok || len(rest) != 36 {
		return false
	}
	for i := range len(rest) {
		c := rest[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

func isBase64(s string) bool {
	n, pad := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
		case c == '=':
			pad++
			n++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/':
			if pad > 0 {
				return false
			}
			n++
		default:
			return false
		}
	}
	return n%4 == 0 && pad <= 2
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
