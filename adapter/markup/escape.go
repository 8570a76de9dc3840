package markup

import "unicode/utf8"

// AppendAttribute writes the value of an attribute in double quotes, line ends
// and tabs as references, since XML reads them as spaces otherwise. A
// character that XML does not have, and a byte that is not UTF-8, becomes
// U+FFFD.
func AppendAttribute(dst []byte, s string) []byte {
	return appendEscaped(dst, s, &inAttribute)
}

// AppendText writes character data in the same way.
func AppendText(dst []byte, s string) []byte { return appendEscaped(dst, s, &inText) }

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
