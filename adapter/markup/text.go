package markup

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// characterData reads text up to the next tag.
func (s *Scanner) characterData() error {
	if err := s.count(); err != nil {
		return err
	}
	end := strings.IndexByte(s.text[s.i:], '<')
	if end < 0 {
		end = len(s.text) - s.i
	}
	raw := s.text[s.i : s.i+end]
	if i := strings.Index(raw, "]]>"); i >= 0 {
		return s.Malformed(s.i+i, "]]> cannot stand in a text")
	}
	var err error
	if s.value, err = s.unescape(raw, s.i, false); err != nil {
		return err
	}
	s.i += end
	return nil
}

// quoted reads the value of an attribute.
func (s *Scanner) quoted() (string, error) {
	if s.i >= len(s.text) || s.text[s.i] != '"' && s.text[s.i] != '\'' {
		return "", s.Malformed(s.i, "a value in quotes is expected here")
	}
	end := strings.IndexByte(s.text[s.i+1:], s.text[s.i])
	if end < 0 {
		return "", s.Malformed(s.i, "the value has no closing quote")
	}
	from := s.i + 1
	raw := s.text[from : from+end]
	if i := strings.IndexByte(raw, '<'); i >= 0 {
		return "", s.Malformed(from+i, "< cannot stand in the value of an attribute")
	}
	value, err := s.unescape(raw, from, true)
	s.i = from + end + 1
	return value, err
}

// unescape resolves references and normalises line ends, and in attributes
// white space (sections 2.11 and 3.3.3 of XML). from is the offset of raw.
func (s *Scanner) unescape(raw string, from int, attribute bool) (string, error) {
	i := special(raw, attribute)
	if i < 0 {
		return raw, nil
	}
	var out strings.Builder
	out.Grow(len(raw))
	for i >= 0 {
		out.WriteString(raw[:i])
		raw, from = raw[i:], from+i
		n := 1
		switch c := raw[0]; {
		case c == '&':
			r, length, err := s.reference(raw, from)
			if err != nil {
				return "", err
			}
			out.WriteRune(r)
			n = length
		case c == '\r' && len(raw) > 1 && raw[1] == '\n': // the line feed stands for both
		case attribute:
			out.WriteByte(' ')
		default:
			out.WriteByte('\n')
		}
		raw, from = raw[n:], from+n
		i = special(raw, attribute)
	}
	out.WriteString(raw)
	return out.String(), nil
}

// special finds the first character that is not as it is written, or -1.
func special(raw string, attribute bool) int {
	for i := range len(raw) {
		switch c := raw[i]; {
		case c > '&':
		case c == '&' || c == '\r' || attribute && (c == '\n' || c == '\t'):
			return i
		}
	}
	return -1
}

// reference reads &amp; or &#38; at the start of raw.
func (s *Scanner) reference(raw string, from int) (r rune, length int, err error) {
	const longest = len("&#x0010FFFF;")
	end := strings.IndexByte(raw[:min(len(raw), longest+1)], ';')
	if end < 0 {
		return 0, 0, s.Malformed(from, "& starts a reference such as &amp; and nothing else")
	}
	name := raw[1:end]
	switch name {
	case "amp":
		return '&', end + 1, nil
	case "lt":
		return '<', end + 1, nil
	case "gt":
		return '>', end + 1, nil
	case "quot":
		return '"', end + 1, nil
	case "apos":
		return '\'', end + 1, nil
	}
	digits, numeric := strings.CutPrefix(name, "#")
	if !numeric {
		return 0, 0, s.Malformed(from, "only the entities amp, lt, gt, quot and apos are taken")
	}
	base := 10
	if strings.HasPrefix(digits, "x") {
		digits, base = digits[1:], 16
	}
	n, failed := strconv.ParseUint(digits, base, 32)
	if failed != nil || strings.HasPrefix(digits, "+") || !allowed(rune(n)) || n > utf8.MaxRune {
		return 0, 0, s.Malformed(from, "not the number of a character that XML allows")
	}
	return rune(n), end + 1, nil
}

// allowed is the production Char, section 2.2 of XML 1.0.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= utf8.MaxRune
}

// exclamation reads a comment, which is passed over, or a CDATA section; a
// document type and whatever else starts so is refused.
func (s *Scanner) exclamation() (data bool, err error) {
	rest := s.text[s.i:]
	switch {
	case strings.HasPrefix(rest, "<!--"):
		end := strings.Index(rest[4:], "--")
		if end < 0 || !strings.HasPrefix(rest[4+end:], "-->") {
			return false, s.Malformed(s.i, "the comment does not end, or holds two dashes")
		}
		s.i += 4 + end + 3
		return false, nil
	case strings.HasPrefix(rest, "<![CDATA[") && len(s.open) > 0:
		const start = len("<![CDATA[")
		end := strings.Index(rest[start:], "]]>")
		if end < 0 {
			return false, s.Malformed(s.i, "the CDATA section does not end")
		}
		s.value = LineEnds(rest[start : start+end])
		s.i += start + end + 3
		return true, nil
	case strings.HasPrefix(rest, "<!DOCTYPE"):
		return false, s.Malformed(s.i, "a document type (DOCTYPE) is not allowed")
	}
	return false, s.Malformed(s.i, "this markup is not allowed")
}

// LineEnds makes every line end \n, section 2.11 of XML.
func LineEnds(text string) string {
	if strings.IndexByte(text, '\r') < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}

// instruction passes over a processing instruction.
func (s *Scanner) instruction() error {
	s.i += len("<?")
	target, err := s.rawName("the target of a processing instruction")
	if err != nil {
		return err
	}
	if strings.EqualFold(target, "xml") || strings.Contains(target, ":") {
		return s.Malformed(s.at, "an XML declaration stands at the very start only")
	}
	end := strings.Index(s.text[s.i:], "?>")
	if end < 0 || end > 0 && !isSpace(s.text[s.i]) {
		return s.Malformed(s.at, "the processing instruction does not end")
	}
	s.i += end + len("?>")
	return nil
}
