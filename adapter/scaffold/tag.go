package scaffold

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const lookAttrs = `style|class|align|valign|width|height|dir|lang|border|color|face|size|bgcolor|cellpadding|cellspacing|colspan|rowspan|target|rel`

// htmlMarkup is a tag or an entity of HTML in a text.
const htmlMarkup = `</?(?i:p|br|hr|b|i|u|s|a|em|strong|small|sub|sup|font|center|div|span|section|blockquote|pre|code|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|td|th|h[1-6]|img|html|body|head|style|title)` +
	`(?:\s+(?i:` + lookAttrs + `|href|src|alt|title|name|id|type|value)\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))*\s*/?>|&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});`

var (
	tagIn  = regexp.MustCompile(htmlMarkup)
	attrIn = regexp.MustCompile(`(\s+)([A-Za-z-]+)(\s*=\s*)("[^"]*"|'[^']*')`)
	// lookAttr is an attribute that says how a text looks, and styled what it may
	// hold: nobody's number.
	lookAttr = regexp.MustCompile(`^(?i:` + lookAttrs + `)$`)
	styled   = regexp.MustCompile(`^(?:[A-Za-z :;#.,%()!_-]|[0-9]{1,4}\b|#[0-9A-Fa-f]{3,8}\b)*$`)
)

// tag is a tag of HTML as it stays: with what its attributes say of anything but
// looks made up. An entity stays too, but for one that hides a plain letter.
func (a *anonymiser) tag(s string) string {
	if s[0] == '&' {
		if isEntity(s) {
			return s
		}
		return "&" + a.ident(s[1:len(s)-1]) + ";"
	}
	return attrIn.ReplaceAllStringFunc(s, func(attr string) string {
		m := attrIn.FindStringSubmatch(attr)
		value := m[4][1 : len(m[4])-1]
		if looksOnly(m[2], value) && !named(value, a.names) {
			return attr
		}
		quote := m[4][:1]
		return m[1] + m[2] + m[3] + quote + a.shaped(value) + quote
	})
}

// withoutTags is a text without tags and entities of HTML, but with what may tell
// who somebody is in them.
func (a *anonymiser) withoutTags(text string) string {
	return tagIn.ReplaceAllStringFunc(text, func(s string) string {
		if s[0] == '&' {
			if isEntity(s) {
				return " "
			}
			return s
		}
		var rest strings.Builder
		for _, m := range attrIn.FindAllStringSubmatch(s, -1) {
			if value := m[4][1 : len(m[4])-1]; !looksOnly(m[2], value) || named(value, a.names) {
				rest.WriteString(" " + value)
			}
		}
		return rest.String() + " "
	})
}

func looksOnly(attr, value string) bool {
	return lookAttr.MatchString(attr) && styled.MatchString(value)
}

// marks are those of a text but for its tags and postcodes of no place.
func (a *anonymiser) marks(text string) []string {
	return marks(a.withoutTags(noPlace.ReplaceAllString(text, " ")))
}

// isEntity reports an entity of HTML that is no letter or digit of ASCII.
func isEntity(s string) bool {
	text := html.UnescapeString(s)
	r, size := utf8.DecodeRuneInString(text)
	return text != s && size == len(text) && (r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r))
}
