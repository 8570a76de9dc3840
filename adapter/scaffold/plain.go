package scaffold

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"html"
	"regexp"
	"strings"
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
