package markup

import (
	"bytes"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
)

// longestDeclaration bounds what stands before the first tag of its own.
const longestDeclaration = 200

// Encoding is the encoding that the XML declaration of a text names, in lower
// case, or "" when it names none, which means UTF-8. Texts in UTF-16 and
// UTF-32, known by their byte order mark or by the zero bytes of the first
// characters, are refused as Unsupported.
func Encoding(body []byte) (string, error) {
	head := body[:min(len(body), longestDeclaration)]
	for _, mark := range []string{"\xfe\xff", "\xff\xfe", "\x00\x00\xfe\xff"} {
		if bytes.HasPrefix(head, []byte(mark)) {
			return "", wide()
		}
	}
	if bytes.IndexByte(head[:min(len(head), 4)], 0) >= 0 {
		return "", wide()
	}
	text := strings.TrimPrefix(string(head), "\ufeff")
	if !declared(text) {
		return "", nil
	}
	end := strings.Index(text, "?>")
	if end < 0 {
		return "", nil // the scanner says what is wrong
	}
	_, rest, found := strings.Cut(text[:end], "encoding")
	if rest = strings.TrimLeft(rest, " \t\r\n"); !found || !strings.HasPrefix(rest, "=") {
		return "", nil
	}
	rest = strings.TrimLeft(rest[1:], " \t\r\n")
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return "", nil
	}
	name, _, closed := strings.Cut(rest[1:], rest[:1])
	if !closed {
		return "", nil
	}
	return strings.ToLower(name), nil
}

func wide() error {
	return fault.New(fault.Unsupported, "line 1, column 1", "UTF-16 and UTF-32 are not taken; send UTF-8")
}

// declared reports whether an XML declaration, and not <?xml-stylesheet, is
// what the text starts with.
func declared(text string) bool {
	return strings.HasPrefix(text, "<?xml") && len(text) > len("<?xml") && isSpace(text[len("<?xml")])
}

// declaration reads the XML declaration, if there is one: version 1.0, an
// encoding, and standalone, in this order (section 2.8 of XML).
func (s *Scanner) declaration() error {
	if !declared(s.text) {
		return nil
	}
	end := strings.Index(s.text[:min(len(s.text), longestDeclaration)], "?>")
	if end < 0 {
		return s.Malformed(0, "the XML declaration does not end")
	}
	s.i = len("<?xml")
	version, err := s.pseudo("version", end)
	if err != nil {
		return err
	}
	if version != "1.0" {
		return fault.New(fault.Unsupported, s.Place(0), "only XML 1.0 is taken")
	}
	encoding, err := s.pseudo("encoding", end)
	if err != nil {
		return err
	}
	standalone, err := s.pseudo("standalone", end)
	if err != nil {
		return err
	}
	s.space()
	if s.i != end || strings.ContainsAny(encoding, " <>&") || standalone != "" && standalone != "yes" && standalone != "no" {
		return s.Malformed(s.i, "the XML declaration holds version, encoding and standalone, in this order")
	}
	s.i = end + len("?>")
	return nil
}

// pseudo reads one entry of the declaration, if it comes next.
func (s *Scanner) pseudo(name string, end int) (string, error) {
	from := s.i
	if !s.space() || !strings.HasPrefix(s.text[s.i:end], name) {
		s.i = from
		return "", nil
	}
	s.i += len(name)
	s.space()
	if s.i >= end || s.text[s.i] != '=' {
		return "", s.Malformed(s.i, "= is expected here")
	}
	s.i++
	s.space()
	value, err := s.quoted()
	if err == nil && s.i > end {
		err = s.Malformed(from, "the XML declaration does not end")
	}
	return value, err
}
