package scaffold

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// pieces are what a text is made of, the most telling first: UUID, e-mail
// address, date, number of ten digits, telephone number, postcode, tag of HTML,
// word with digits, word, digits. Everything between them stays.
var pieces = regexp.MustCompile(`(?P<uuid>\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b)` +
	`|(?P<mail>[^@\s<>(),;:/]+@[^@\s<>(),;/]+\.[A-Za-z]+)` +
	`|(?P<date>\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b|\b[0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:[0-9]{4}|[0-9]{2})\b` +
	`|\b[0-9]{1,2}[ -](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[ -](?:[0-9]{4}|[0-9]{2})\b)` +
	`|(?P<number>\b[1-9][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{4}\b)` +
	`|(?P<phone>(?:\+44|\(?\b0)[0-9 ()-]{7,14}[0-9])` +
	`|(?P<postcode>\b[A-Za-z]{1,2}[0-9][A-Za-z0-9]? ?[0-9][A-Za-z]{2}\b)` +
	`|(?P<tag>` + htmlMarkup + `)` +
	`|(?P<year>\b(?:19|20)[0-9]{2}\b)` +
	`|(?P<ident>\p{L}*[0-9][\p{L}0-9]*\p{L}[\p{L}0-9]*|\p{L}+[0-9]+)` +
	`|(?P<word>\p{L}+)` +
	`|(?P<digits>\p{N}+)`)

// shaped is a text of the same shape about nobody: words become other words and
// digits other digits; punctuation, words for kinds of things, tags of HTML and
// the layout of dates and telephone numbers stay, because they are what a mapping
// goes by. A text without spaces keeps the length of its words too.
func (a *anonymiser) shaped(v string) string {
	names := pieces.SubexpNames()
	single := !strings.ContainsAny(v, " \n") && (hasDigit(v) || len(v) > 24)
	k, _ := a.kind(v)
	replace := func(s, part string, at []int) string {
		switch part {
		case "uuid":
			return a.uuid(s)
		case "mail":
			return a.once(s, func(n int) string { return fmt.Sprintf("person%d@example.org", n+1) }, email)
		case "date":
			if p, ok := partsOf(s); ok {
				return a.unit(a.cal.date(p, a.birth(s)))
			}
			return a.digits(s)
		case "number":
			switch _, why := nhs.ParseNumber(s); why {
			case nhs.Valid:
				return a.number(s, testNumber)
			case nhs.CheckDigit:
				return a.number(s, wrongNumber)
			}
			return a.digits(s)
		case "year":
			if p, ok := partsOf(s); ok && !single {
				return a.unit(a.cal.date(p, a.birth(s)))
			}
		case "phone":
			return a.once(s, func(n int) string { return madePhone(s, n) }, phone)
		case "postcode":
			if noPlace.MatchString(s) {
				return s
			}
			if made := a.postcodeFor(s); made != "" {
				return made
			}
			return a.ident(s)
		case "tag":
			return a.tag(s)
		case "word":
			w := strings.ToLower(s)
			switch {
			case a.plain(w):
				return s
			case len([]rune(s)) == 1:
				return s
			case len([]rune(s)) == 2 || single:
				return cased(a.ident(w), s)
			}
			return cased(a.token(w, fillers), s)
		case "digits":
			if len([]rune(s)) < 3 && !single && k != addressLine && !house(v, at) {
				return s
			}
			return a.ident(s)
		}
		return a.ident(s)
	}
	var b strings.Builder
	end := 0
	for _, m := range pieces.FindAllStringSubmatchIndex(v, -1) {
		group := 1 // every piece is of one
		for group < len(names)-1 && (m[2*group] != m[0] || m[2*group+1] != m[1]) {
			group++
		}
		b.WriteString(v[end:m[0]])
		b.WriteString(replace(v[m[0]:m[1]], names[group], m[:2]))
		end = m[1]
	}
	b.WriteString(v[end:])
	return b.String()
}

// digits replaces each run of digits of three and more.
func (a *anonymiser) digits(s string) string {
	return digitsIn.ReplaceAllStringFunc(s, func(d string) string { return a.ident(d) })
}

// once is whole for a part of a text: the same part becomes the same.
func (a *anonymiser) once(s string, made func(n int) string, k kind) string {
	if text, ok := a.values[s]; ok && !a.keeps(s) {
		return text
	}
	text := a.whole(made, k)
	a.values[s] = text
	return text
}

func (a *anonymiser) postcodeFor(s string) string {
	if !postcodeLike.MatchString(s) {
		return ""
	}
	made, ok := a.values[s]
	if !ok {
		made = a.postcode()
		a.values[s] = made
	}
	return made
}

// uuid is a made-up UUID of version 4.
func (a *anonymiser) uuid(s string) string {
	key := strings.ToLower(s)
	if made, ok := a.tokens[key]; ok {
		return made
	}
	a.n++
	made := a.unit(fmt.Sprintf("00000000-0000-4000-8000-%012x", a.n))
	for a.input["#"+onlyDigits(made)] || a.input[made] {
		a.n++
		made = a.unit(fmt.Sprintf("00000000-0000-4000-8000-%012x", a.n))
	}
	a.tokens[key] = made
	return made
}

// unitIn finds in a text what may have been made up as a whole.
var unitIn = regexp.MustCompile(pieces.String())

var fillers = []string{"walnut", "copper", "meadow", "lantern", "pebble", "harbour", "saffron", "willow", "marble", "juniper", "thistle", "ember"}

// kindWords say what kind of thing stands beside them, and of whom nothing.
var kindWords = []string{
	"mobile", "mob", "home", "work", "tel", "telephone", "phone", "landline", "email", "mail", "fax", "ext", "evening",
	"surgery", "practice", "medical", "centre", "health", "clinic", "hospital", "trust", "group", "nhs", "gp", "ods",
	"flat", "house", "street", "road", "lane", "avenue", "close", "drive", "court",
	"name", "address", "postcode", "dob", "born", "number", "contact", "kin", "reason", "consent", "interpreter", "risk",
	"wife", "husband", "partner", "daughter", "son", "mother", "father", "mum", "dad", "parent", "parents", "sister", "brother",
	"neighbour", "neighbor", "friend", "carer", "nok", "next", "relative", "worker", "own",
	"and", "or", "of", "the", "for", "to", "with", "in", "at", "by", "is", "no", "not", "yes", "none", "unknown", "urgent", "routine",
	"http", "https", "urn", "uuid", "oid", "mailto", "via", "ref", "id", "am", "pm",
}

// titles stand in names and say nothing of who it is.
var titles = []string{"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "rev", "sir", "dame"}

// cased writes a word in the capitals of another.
func cased(word, as string) string {
	first, _ := utf8.DecodeRuneInString(as)
	switch {
	case utf8.RuneCountInString(as) > 1 && strings.ToUpper(as) == as:
		return strings.ToUpper(word)
	case unicode.IsUpper(first):
		return strings.ToUpper(word[:1]) + word[1:]
	}
	return word
}

var nameWord = regexp.MustCompile(`[\p{L}'’-]+`)

// madePhone is a telephone number of those that Ofcom keeps for drama, a mobile
// one for a mobile one, in the layout of v where it has as many digits. A number
// with too many digits becomes another such number.
func madePhone(v string, n int) string {
	digits := onlyDigits(v)
	mobile := strings.HasPrefix(digits, "07") || strings.HasPrefix(digits, "447") || strings.HasPrefix(digits, "4407")
	made := fmt.Sprintf("01632960%03d", n%1000+1)
	if mobile {
		made = fmt.Sprintf("07700900%03d", n%1000+1)
	}
	switch {
	case strings.HasPrefix(digits, "440"):
		made = "44" + made
	case strings.HasPrefix(digits, "44"):
		made = "44" + made[1:]
	}
	switch more := len(digits) - len(made); {
	case more > 0 && !strings.HasPrefix(v, "+"): // too long to be one, and so it stays
		made += strings.Repeat("9", more)
	case more != 0:
		return made
	}
	return laid(v, made)
}

// laid puts digits in the places of those of v.
func laid(v, digits string) string {
	i := 0
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' || i >= len(digits) {
			return r
		}
		i++
		return rune(digits[i-1])
	}, v)
}

func onlyDigits(v string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, v)
}

func hasDigit(v string) bool { return strings.ContainsAny(v, "0123456789") }
