package mapping

import (
	"html"
	"strings"
)

// blocks are the elements of HTML that begin a new line.
var blocks = map[string]bool{
	"address": true, "article": true, "blockquote": true, "br": true, "dd": true, "div": true, "dl": true, "dt": true, "footer": true,
	"h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "header": true, "hr": true, "li": true, "ol": true, "p": true,
	"pre": true, "section": true, "table": true, "tr": true, "ul": true,
}

// plainHTML is the text of a piece of HTML as somebody would read it: tags,
// comments, scripts and styles left out, elements of their own line on one,
// character references written as what they stand for. In a text without tags
// line ends stay. It reads the text once, and gives no more than it has.
//
// What counts as a tag is that of the HTML standard: "<" with a letter, "/",
// "!" or "?" behind it (https://html.spec.whatwg.org/multipage/parsing.html,
// tag open state). So "a < b" stays.
func plainHTML(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return tidy(s)
	}
	s = strings.ReplaceAll(s, string(rune(newLine)), "")
	var b strings.Builder
	b.Grow(len(s))
	tags := false
	for s != "" {
		at := strings.IndexByte(s, '<')
		if at < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:at])
		if s = s[at:]; len(s) == 1 || !opens(s[1]) {
			b.WriteByte('<')
			s = s[1:]
			continue
		}
		end := ">"
		if strings.HasPrefix(s, "<!--") {
			end = "-->"
		}
		stop := strings.Index(s, end)
		if stop < 0 { // no tag ends any more
			b.WriteString(s)
			break
		}
		name := tagName(s[1:stop])
		s = s[stop+len(end):]
		tags = true
		switch {
		case blocks[name]:
			b.WriteByte(newLine)
		case name == "td" || name == "th":
			b.WriteByte(' ')
		case name == "script" || name == "style":
			s = behind(s, name)
		}
	}
	text := b.String()
	if tags { // white space of HTML is no more than a space
		text = strings.Map(func(r rune) rune {
			switch r {
			case '\r', '\n', '\t':
				return ' '
			case rune(newLine), '\v', '\f':
				return '\n'
			}
			return r
		}, text)
	}
	return squeezeLines(html.UnescapeString(text), tags)
}

// newLine stands for a line end that HTML made, until those of the text itself
// are spaces. Where a text of a message holds it, it means nothing.
const newLine = 0x1e

func opens(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '/' || c == '!' || c == '?'
}

// tagName is the name in a tag, in small letters.
func tagName(tag string) string {
	tag = strings.TrimPrefix(tag, "/")
	n := 0
	for n < len(tag) && n < 12 && (opens(tag[n]) && tag[n] > '?' || tag[n] >= '0' && tag[n] <= '9') {
		n++
	}
	return strings.ToLower(tag[:n])
}

// behind is what follows the end tag of a script or style; nothing without one.
func behind(s, name string) string {
	for {
		at := strings.Index(s, "</")
		if at < 0 {
			return ""
		}
		s = s[at+2:]
		if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
			_, rest, _ := strings.Cut(s, ">")
			return rest
		}
	}
}

// squeezeLines takes the spaces around lines, and where the text had tags
// several spaces and empty lines, out of a text.
func squeezeLines(s string, all bool) string {
	s = strings.ReplaceAll(tidy(s), "\u00a0", " ")
	if !all {
		return s
	}
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// entityLeft reports a text that still holds a character reference, such as
// &nbsp; or &#228;: somebody would read it as it stands.
func entityLeft(s string) bool {
	for {
		at := strings.IndexByte(s, '&')
		if at < 0 {
			return false
		}
		s = s[at:]
		end := strings.IndexByte(s[:min(len(s), maxEntity)], ';')
		if end > 1 && html.UnescapeString(s[:end+1]) != s[:end+1] && plainEntity(s[1:end]) {
			return true
		}
		s = s[1:]
	}
}

// maxEntity bounds the name of a character reference; the longest of HTML has 33
// characters.
const maxEntity = 34

func plainEntity(name string) bool {
	for i := range len(name) {
		if c := name[i]; !(opens(c) && c > '?') && (c < '0' || c > '9') && (c != '#' || i > 0) {
			return false
		}
	}
	return true
}

// entities reports a text with character references left in it. Narratives
// (text.div) are XHTML, where they belong.
func (e *eval) entities(rule int32, v val) {
	if strings.IndexByte(v.text, '&') < 0 || !entityLeft(v.text) || strings.HasSuffix(e.m.rules[max(rule, 1)-1].path, ".div") {
		return
	}
	e.rule = rule
	e.report(v.node, "markup-left", "the text still holds character references such as &nbsp; or &amp;: html makes plain text of it")
}
