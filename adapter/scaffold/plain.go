package scaffold

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Plain is a sample, as text, with every value written in the plainest way its
// format has, so that what is read is what stands there: XML without character
// references, CDATA and comments, JSON without escapes that are not needed,
// HL7 v2 without hexadecimal escapes of ASCII. It means the same. The encoding
// that XML declares is taken out: what comes back is for UTF-8.
func Plain(text string) string {
	switch head := strings.TrimLeft(strings.TrimPrefix(text, "\ufeff"), "\x0b \t\r\n"); {
	case strings.HasPrefix(head, "<"):
		return plainXML(text)
	case strings.HasPrefix(head, "{"), strings.HasPrefix(head, "["):
		return jsonText.ReplaceAllStringFunc(text, plainJSON)
	case strings.HasPrefix(head, "MSH"), strings.HasPrefix(head, "FHS"), strings.HasPrefix(head, "BHS"):
		return hexEscape.ReplaceAllStringFunc(text, plainHex)
	}
	return text
}

// aside are the parts of XML that are not elements and their texts, and the
// references in it.
var aside = regexp.MustCompile(`(?s)<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?xml\s.*?\?>|&#[0-9]{1,7};|&#[xX][0-9A-Fa-f]{1,6};`)

var declaredEncoding = regexp.MustCompile(`\s+encoding\s*=\s*(?:"[^"]*"|'[^']*')`)

func plainXML(text string) string {
	return aside.ReplaceAllStringFunc(text, func(s string) string {
		switch {
		case strings.HasPrefix(s, "<!--"):
			return ""
		case strings.HasPrefix(s, "<?"):
			return declaredEncoding.ReplaceAllString(s, "")
		case strings.HasPrefix(s, "<!["):
			return inXML.Replace(s[len("<![CDATA[") : len(s)-len("]]>")])
		}
		r := html.UnescapeString(s)
		switch {
		case r == "\r" || r == "\n":
			return "\n"
		case r < " ":
			return " "
		case r == s || strings.Contains(r, "\ufffd"):
			return s
		}
		return inXML.Replace(r)
	})
}

var inXML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&apos;", `"`, "&quot;")

var jsonText = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

func plainJSON(s string) string {
	var v string
	if !strings.Contains(s, `\`) || json.Unmarshal([]byte(s), &v) != nil || strings.Contains(v, "\ufffd") {
		return s
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return s
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var hexEscape = regexp.MustCompile(`\\X(?:[0-9A-Fa-f]{2})+\\`)

// plainHex writes letters, digits and spaces out; what may be a delimiter stays
// escaped.
func plainHex(s string) string {
	raw, err := hex.DecodeString(s[2 : len(s)-1])
	if err != nil || bytes.ContainsFunc(raw, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune(" .,-/:()@'", r)
	}) {
		return s
	}
	return string(raw)
}

// constructs are the ways to write a value in which it is not read as it stands.
var constructs = []struct {
	name string
	form *regexp.Regexp
}{
	{"an escape of HL7 v2", regexp.MustCompile(`\\[A-Z.][^\\|^~&\r\n]{0,40}\\`)},
	{"an entity of XML", regexp.MustCompile(`&[A-Za-z#][A-Za-z0-9]{0,30};`)},
	{"an escape of JSON", regexp.MustCompile(`\\u[0-9A-Fa-f]{4}`)},
}

// Construct names the way of writing in which a value of the sample stands that
// Anonymous could not replace, as far as it can be told.
func Construct(text string) string {
	for _, c := range constructs {
		if at := c.form.FindStringIndex(text); at != nil {
			return fmt.Sprintf("%s such as %s, line %d", c.name, text[at[0]:min(at[1], at[0]+6)], 1+strings.Count(text[:at[0]], "\n"))
		}
	}
	if !utf8.ValidString(text) {
		return "an encoding other than UTF-8 and Windows-1252"
	}
	return "a text that is not written as it is read"
}
