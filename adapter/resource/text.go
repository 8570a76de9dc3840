package resource

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/linkloop/linkloop/adapter/element"
)

// normal folds case and accents and makes one space of everything between
// words, as a string search compares.
// https://hl7.org/fhir/R4/search.html#string
func normal(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r), r == '\'', r == '’', r == '`':
			// An accent, and the apostrophe of O'Neill, which many leave out.
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteString(folded(r))
		default:
			gap = true
		}
	}
	return b.String()
}

// folded is a letter without case, with the plain letters of those that are no
// letter with an accent.
func folded(r rune) string {
	switch r = unicode.ToLower(unicode.ToUpper(r)); r {
	case 'ß', 'ẞ':
		return "ss"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'ı':
		return "i"
	}
	return string(r)
}

// indexedWords is how many words of a text a search may begin at; the first is
// always one of them, and a name or an address has no more.
const indexedWords = 8

// prefixLengths are the lengths, in letters, of the beginnings of words that
// are indexed. A longer value is found by the longest of them that it has, and
// then compared with the resource itself; a shorter one is looked for.
var prefixLengths = []int{2, 5}

// words are the beginnings of the text, each from one of its words on.
func words(normal string) []string {
	var out []string
	for at := 0; len(out) < indexedWords && normal != ""; {
		out = append(out, normal[at:])
		next := strings.IndexByte(normal[at:], ' ')
		if next < 0 {
			break
		}
		at += next + 1
	}
	return out
}

// beginning is the longest indexed beginning of a normalised text, empty when it
// has none; whole is true when it says everything.
func beginning(text string) (prefix string, whole bool) {
	word, _, more := strings.Cut(text, " ")
	letters := []rune(word)
	n := 0
	for _, l := range prefixLengths {
		if l <= len(letters) {
			n = l
		}
	}
	return string(letters[:n]), n == len(letters) && !more
}

// appendBeginnings adds the indexed beginnings of each word.
func appendBeginnings(out []string, text string) []string {
	for _, w := range words(normal(text)) {
		w, _, _ = strings.Cut(w, " ")
		letters := []rune(w)
		for _, l := range prefixLengths {
			if l <= len(letters) {
				out = append(out, string(letters[:l]))
			}
		}
	}
	return out
}

// nameParts are the elements of a HumanName and of an Address that a string
// search looks at. https://hl7.org/fhir/R4/search.html#string
var nameParts = []string{"text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "postalCode", "country"}

// texts goes through the texts of a string parameter's value.
func texts(v *element.Value, fn func(string)) {
	switch v.Kind {
	case element.String:
		fn(v.Text)
	case element.Object:
		for _, n := range nameParts {
			follow(v.Get(n), nil, func(x *element.Value) {
				if x.Kind == element.String {
					fn(x.Text)
				}
			})
		}
	}
}

// begins reports whether a text has the normalised value at the start of it or
// of one of its first words.
func begins(text, value string) bool {
	for _, w := range words(normal(text)) {
		if strings.HasPrefix(w, value) {
			return true
		}
	}
	return false
}
