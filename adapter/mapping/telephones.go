package mapping

import (
	"regexp"
	"strings"
)

// numberIn is what may be a telephone number in a text, with an extension.
// Slashes do not belong to it, because two numbers are often written with one
// between them.
var numberIn = regexp.MustCompile(`(?i)(?:\+|\(\+?)?[0-9][0-9() .\x{a0}\x{2010}\x{2011}\x{2013}-]{6,60}[0-9](?:\s*(?:x|ext\.?|extn\.?|extension)[\s.:]*[0-9]{1,6}\b)?`)

// labels are words for the kind of a telephone number, and how phones writes
// them in front of it; "" says nothing that a FHIR ContactPoint holds.
var labels = map[string]string{
	"home": "home", "h": "home", "hm": "home", "house": "home", "landline": "home",
	"work": "work", "w": "work", "wk": "work", "office": "work", "business": "work",
	"mobile": "mobile", "mob": "mobile", "m": "mobile", "cell": "mobile",
	"fax": "fax", "f": "fax",
	"tel": "", "telephone": "", "phone": "", "ph": "", "t": "",
}

// joins are words that stand between numbers and say nothing.
var joins = map[string]bool{"no": true, "nos": true, "number": true, "numbers": true, "and": true, "or": true}

// labelled is what a word says of the number beside it; false: it is no label.
func labelled(word string) (label string, known bool) {
	word = strings.ToLower(word)
	label, known = labels[word]
	return label, known || joins[word]
}

var wordOrDigits = regexp.MustCompile(`[\p{L}\p{M}0-9@]+`)

// phonesIn takes telephone numbers out of a text: each with a word for its kind
// in front where one stands beside it ("mobile 07700 900123"), as contactUse and
// phone read it. Rest is what is left over, between the numbers.
//
// A number has 9 to 15 digits, one of the UK at most 11, and begins with 0 or +, as
// numbers for dialling in the UK do (Ofcom, National Telephone Numbering Plan), or has ten digits and
// begins with 7 because a spreadsheet took its zero, or twelve and begins with
// the 44 of the UK. So dates and times stay.
//
// Numbers that words tie to somebody else are others; they stand in rest, with
// their words.
func phonesIn(s string) (numbers, others []string, rest string) {
	var found []span
	all := numbersIn(s)
	for i, theirs := range somebodyElses(s, all) {
		if !theirs {
			found = append(found, all[i])
			continue
		}
		others = append(others, strings.Join(strings.Fields(s[all[i].from:all[i].to]), " "))
	}
	var left []string
	before := 0
	label := ""
	for i, p := range found {
		next := len(s)
		if i+1 < len(found) {
			next = found[i+1].from
		}
		if i == 0 {
			var words string
			label, words = labelAtEnd(s[before:p.from])
			left = append(left, words)
		}
		behind := s[p.to:next]
		own, following, words := label, "", behind
		if i+1 < len(found) {
			following, words = labelAtEnd(behind)
		}
		if m := inBrackets.FindStringSubmatch(words); m != nil {
			if l, known := labelled(m[1]); known {
				words = words[len(m[0]):]
				if own == "" {
					own = l
				}
			}
		}
		left = append(left, words)
		number := strings.Join(strings.Fields(s[p.from:p.to]), " ")
		if own != "" {
			number = own + " " + number
		}
		numbers = append(numbers, number)
		label = following
	}
	if len(found) == 0 {
		left = []string{s}
	}
	return numbers, others, tellingWords(left)
}

// span is a piece of a text.
type span struct{ from, to int }

// numbersIn is where telephone numbers stand in a text.
func numbersIn(s string) []span {
	var found []span
	for _, at := range numberIn.FindAllStringIndex(s, -1) {
		for _, p := range separate(s[at[0]:at[1]]) {
			if from, to := at[0]+p[0], at[0]+p[1]; dialled(s[from:to]) {
				found = append(found, span{from, to})
			}
		}
	}
	return found
}

// inBrackets is a word in brackets behind a number: 07700 900123 (m).
var inBrackets = regexp.MustCompile(`^\s*\(\s*([A-Za-z]+)\s*\)`)

// labelAtEnd takes words for the kind of a number off the end of the text in
// front of it.
func labelAtEnd(s string) (label, rest string) {
	rest = s
	for range 4 {
		trimmed := strings.TrimRight(rest, " .:=-\u00a0\n\t(")
		i := strings.LastIndexFunc(trimmed, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
		l, known := labelled(trimmed[i+1:])
		if !known {
			return label, rest
		}
		if label == "" {
			label = l
		}
		rest = trimmed[:i+1]
	}
	return label, rest
}

// tellingWords joins what is left over, without separators and words that only
// join numbers.
func tellingWords(left []string) string {
	var out []string
	for _, s := range left {
		tells := false
		for _, w := range wordOrDigits.FindAllString(s, -1) {
			if l, known := labelled(w); !known || l != "" {
				tells = true
			}
		}
		if tells {
			out = append(out, strings.Trim(strings.Join(strings.Fields(s), " "), " ,;/|&+-.:"))
		}
	}
	return strings.Join(out, "; ")
}

// separate cuts numbers apart that stand with no more than a space between
// them, or a dash between spaces: where one has ten digits, and the next begins
// with 0 or +. It gives from and to.
func separate(s string) [][2]int {
	var out [][2]int
	from, digits := 0, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= '0' && c <= '9' {
			if digits >= 10 && i > 0 && (s[i-1] < '0' || s[i-1] > '9') && (c == '0' || c == '7' && strings.HasSuffix(s[:i], " - ")) {
				start := i
				if s[i-1] == '(' {
					start--
				}
				out, from, digits = append(out, [2]int{from, start}), start, 0
			}
			digits++
		}
	}
	out = append(out, [2]int{from, len(s)})
	for i := range out {
		cut := s[out[i][0]:out[i][1]]
		out[i][1] = out[i][0] + len(strings.TrimRight(cut, " .-(\u00a0\u2010\u2011\u2013"))
	}
	return out
}

var beginsAsDate = regexp.MustCompile(`^[0-9]{1,2}[.-][0-9]{1,2}[.-](?:[0-9]{4}|[0-9]{2})\b`)

// dialled reports whether a piece of text is a telephone number.
func dialled(s string) bool {
	if _, why := normalPhone(s); why != "" {
		return false
	}
	number, _ := extension(s)
	digits := onlyDigits(number)
	switch n := len(digits); {
	case n < 9 || n > 15 || beginsAsDate.MatchString(number):
		return false
	case strings.HasPrefix(strings.TrimLeft(number, " ("), "+"), digits[0] == '0':
		return true
	case n == 12 && strings.HasPrefix(digits, "44"): // of which numbers in use begin with 1, 2, 3, 7 or 8
		return strings.IndexByte("12378", digits[2]) >= 0
	default:
		return n == 10 && digits[0] == '7'
	}
}

// phones gives each telephone number of a text; with the argument rest, what is
// left over, and with others the numbers of other people.
func phones(e *eval, c *call, v val, out []val) []val {
	numbers, others, rest := phonesIn(v.text)
	if len(c.args) > 0 {
		switch {
		case c.args[0] == "others":
			numbers = others
		case rest == "":
			return out
		default:
			return append(out, text(v, rest))
		}
	}
	for _, n := range numbers {
		out = append(out, text(v, n))
	}
	if len(c.args) > 0 {
		return out
	}
	if len(others) > 0 {
		e.report(v.node, "somebody-elses-number", "words beside a telephone number say that it is somebody else's: it is not taken for the person's; phones(rest) gives it with its words, for a note")
	}
	switch {
	case len(others) > 0 && len(numbers) == 0:
	case len(numbers) == 0 && strings.TrimSpace(v.text) != "":
		_, why := normalPhone(v.text)
		if why == "" { // words only
			why = noNumber
		}
		e.report(v.node, "not-a-phone-number", why)
	case rest != "" && !e.m.rests[c.of]:
		e.report(v.node, "words-left", "beside the telephone numbers there is more in the text: phones(rest) gives it, for a note")
	}
	return out
}
