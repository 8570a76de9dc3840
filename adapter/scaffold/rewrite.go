package scaffold

import (
	"cmp"
	"encoding/json"
	"html"
	"regexp"
	"strings"
)

// Rewriter is a wire format that can replace values where they stand: value gets
// each as it is read, and gives what stands for it. Names and separators stay.
// The text is UTF-8.
type Rewriter interface {
	Rewrite(text string, value func(string) string) string
}

// rewriterOf is how values are replaced in a text of a format. JSON and XML are
// the same in every format.
func rewriterOf(format any, text string) func(string, func(string) string) string {
	if f, ok := format.(Rewriter); ok {
		return f.Rewrite
	}
	if strings.HasPrefix(strings.TrimLeft(strings.TrimPrefix(text, "\ufeff"), " \t\r\n"), "<") {
		return rewriteXML
	}
	return rewriteJSON
}

var (
	jsonPart   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"(\s*:)?|-?[0-9][0-9.eE+-]*`)
	jsonNumber = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$`)
)

// rewriteJSON replaces texts and numbers; names of members stay.
func rewriteJSON(text string, value func(string) string) string {
	return jsonPart.ReplaceAllStringFunc(text, func(s string) string {
		switch {
		case strings.HasSuffix(s, ":"):
			return s
		case s[0] != '"':
			made := value(s)
			if !jsonNumber.MatchString(made) {
				made = cmp.Or(strings.TrimLeft(onlyDigits(made), "0"), "0")
			}
			return made
		}
		var v string
		if json.Unmarshal([]byte(s), &v) != nil {
			v = s[1 : len(s)-1]
		}
		if strings.TrimSpace(v) == "" {
			return s
		}
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if enc.Encode(value(v)) != nil { // a text always prints
			return `""`
		}
		return strings.TrimSuffix(b.String(), "\n")
	})
}

var (
	xmlPart = regexp.MustCompile(`(?s)<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<![^>]*>|<(?:[^>"']|"[^"]*"|'[^']*')*>|[^<]+`)
	xmlAttr = regexp.MustCompile(`(?s)([^\s=<>"']+)(\s*=\s*)("[^"]*"|'[^']*')`)
)

// rewriteXML replaces texts and attributes. Names and namespaces stay; comments,
// document types and processing instructions go.
func rewriteXML(text string, value func(string) string) string {
	put := func(v string) string {
		if strings.TrimSpace(v) == "" {
			return v
		}
		return inXML.Replace(value(v))
	}
	return xmlPart.ReplaceAllStringFunc(text, func(s string) string {
		switch {
		case strings.HasPrefix(s, "<![CDATA["):
			return put(s[len("<![CDATA[") : len(s)-len("]]>")])
		case strings.HasPrefix(s, "<?xml "):
			return s
		case strings.HasPrefix(s, "<!"), strings.HasPrefix(s, "<?"):
			return ""
		case s[0] != '<':
			return put(html.UnescapeString(s))
		}
		return xmlAttr.ReplaceAllStringFunc(s, func(a string) string {
			m := xmlAttr.FindStringSubmatch(a)
			if m[1] == "xmlns" || strings.HasPrefix(m[1], "xmlns:") {
				return a
			}
			return m[1] + m[2] + `"` + put(html.UnescapeString(m[3][1:len(m[3])-1])) + `"`
		})
	})
}
