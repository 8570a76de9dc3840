package mapping

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// personName is a name that a sender keeps in one text, taken apart. Spelling
// and capitals stay as they were sent.
type personName struct {
	prefix, family string
	given          []string
}

// titles stand in front of a name; those of trailingTitles also behind one
// without a comma, where Lord and Dean are surnames more often than titles.
var (
	titles = strings.Fields("mr mrs ms miss mx master mstr dr doctor prof professor rev revd reverend sir dame lady lord hon canon")

	trailingTitles = strings.Fields("mr mrs ms miss mx dr prof rev revd")

	particles = strings.Fields("van von de der den del della di da dos du la le el al bin ibn ben ter ten st st.")
)

// maxName is longer than any name; a longer text is not taken apart.
const maxName = 300

// parseName reads the usual ways to write a name in one text: "SMITH, John
// (Mr)", "Smith, Mr John", "Mr John Smith", "SMITH John Mr", "John SMITH",
// "Ludwig van der Berg". A text with a comma is unambiguous; without one,
// words in capitals are the surname, else the last word with its particles.
func parseName(s string) personName {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxName {
		return personName{family: s}
	}
	var n personName
	s = n.brackets(s)
	if family, rest, comma := strings.Cut(s, ","); comma {
		n.family = strings.Join(n.untitled(strings.Fields(family), titles, nil), " ")
		n.given = n.untitled(strings.Fields(strings.ReplaceAll(rest, ",", " ")), titles, titles)
		return n
	}
	before := n.prefix
	words := n.untitled(strings.Fields(s), titles, nil)
	front := n.prefix
	words = n.untitled(words, nil, trailingTitles)
	titleBehind := n.prefix != front && before == front
	n.family, n.given = surname(words, titleBehind)
	return n
}

// brackets takes out what stands in brackets; a title among it is kept.
func (n *personName) brackets(s string) string {
	for {
		before, rest, ok := strings.Cut(s, "(")
		if !ok {
			return s
		}
		inside, after, _ := strings.Cut(rest, ")")
		n.untitled(strings.Fields(inside), titles, titles)
		s = before + " " + after
	}
}

// untitled takes titles off both ends of the words, never the last word.
func (n *personName) untitled(words, front, back []string) []string {
	add := func(w string) {
		if n.prefix != "" {
			n.prefix += " "
		}
		n.prefix += strings.Trim(w, ".")
	}
	is := func(list []string, w string) bool {
		return slices.Contains(list, strings.ToLower(strings.Trim(w, ".")))
	}
	for len(words) > 0 && (len(words) > 1 || back != nil) && is(front, words[0]) {
		add(words[0])
		words = words[1:]
	}
	for len(words) > 1 && is(back, words[len(words)-1]) {
		add(words[len(words)-1])
		words = words[:len(words)-1]
	}
	return words
}

func surname(words []string, familyFirst bool) (string, []string) {
	if len(words) < 2 {
		return strings.Join(words, " "), nil
	}
	first, last := 0, len(words)
	for first < len(words) && capitals(words[first]) {
		first++
	}
	for last > 0 && capitals(words[last-1]) {
		last--
	}
	switch {
	case first > 0 && first < len(words) && last == len(words):
		return strings.Join(words[:first], " "), words[first:]
	case last < len(words) && first == 0:
		return strings.Join(words[last:], " "), words[:last]
	case familyFirst || letters(words[len(words)-1]) == 1:
		return words[0], words[1:]
	}
	last = len(words) - 1
	for last > 1 && slices.Contains(particles, strings.ToLower(words[last-1])) {
		last--
	}
	return strings.Join(words[last:], " "), words[:last]
}

// capitals reports a word of capitals, as surnames are often written: SMITH,
// O'NEILL, McDONALD. An initial is no such word.
func capitals(w string) bool {
	w = strings.TrimPrefix(strings.TrimPrefix(w, "Mc"), "Mac")
	return letters(w) > 1 && !strings.ContainsFunc(w, unicode.IsLower)
}

func letters(w string) int {
	n := 0
	for len(w) > 0 {
		r, size := utf8.DecodeRuneInString(w)
		if unicode.IsLetter(r) {
			n++
		}
		w = w[size:]
	}
	return n
}
