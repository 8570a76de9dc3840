package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// pieces are what a text is made of, the most telling first: e-mail address,
// date, number of ten digits, telephone number, postcode, code in brackets,
// c/o, year, word, digits. Everything between them stays.
var pieces = regexp.MustCompile(`(?P<mail>[^@\s<>(),;:/]+@[^@\s<>(),;/]+\.[A-Za-z]+)` +
	`|(?P<date>\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b|\b[0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:[0-9]{4}|[0-9]{2})\b` +
	`|\b[0-9]{1,2}[ -](?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -](?:[0-9]{4}|[0-9]{2})\b)` +
	`|(?P<number>\b[1-9][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{4}\b)` +
	`|(?P<phone>(?:\+44|\(?0)[0-9 ()-]{7,14}[0-9])` +
	`|(?P<postcode>\b[A-Za-z]{1,2}[0-9][A-Za-z0-9]? ?[0-9][A-Za-z]{2}\b)` +
	`|(?P<code>[(\[][A-Z]{1,3}[0-9][A-Z0-9]{1,6}[)\]])` +
	`|(?P<tag></?[A-Za-z][A-Za-z0-9]{0,10} ?/?>|&#?[A-Za-z0-9]{1,8};)` +
	`|(?P<careof>\b[cC]/[oO]\b)` +
	`|(?P<year>\b(?:18|19|20)[0-9]{2}\b)` +
	`|(?P<word>\p{L}+)` +
	`|(?P<digits>[0-9]+)`)

// shaped is a text of the same shape about nobody: words become other words and
// digits other digits; punctuation, words for kinds of things, codes in
// brackets, tags of HTML and the layout of dates and telephone numbers stay, because they are
// what a mapping goes by.
func shaped(v string, n int) string {
	names, i := pieces.SubexpNames(), n
	return pieces.ReplaceAllStringFunc(v, func(s string) string {
		m := pieces.FindStringSubmatch(s)
		kind := ""
		for k := 1; k < len(m); k++ {
			if m[k] == s {
				kind = names[k]
				break
			}
		}
		i++
		switch kind {
		case "mail":
			return fmt.Sprintf("person%d@example.org", i)
		case "date":
			return madeDate(s)
		case "number":
			if _, why := nhs.ParseNumber(s); why == nhs.Valid {
				return laid(s, testNumber(i))
			}
			return wrongDigits(s, i)
		case "year":
			return "1970"
		case "phone":
			return madePhone(s, i)
		case "postcode":
			return "LS21 9ZZ"
		case "code":
			if postcodeLike.MatchString(s[1 : len(s)-1]) {
				return s[:1] + "LS219ZZ" + s[len(s)-1:]
			}
		case "word":
			if w := strings.ToLower(s); slices.Contains(kindWords, w) || slices.Contains(titles, w) {
				return s
			}
			return cased(fillers[i%len(fillers)], s)
		case "digits":
			return otherDigits(s, i)
		}
		return s
	})
}

var fillers = []string{"walnut", "copper", "meadow", "lantern", "pebble", "harbour", "saffron", "willow", "marble", "juniper", "thistle", "ember"}

// kindWords say what kind of thing stands beside them, and of whom nothing.
var kindWords = []string{
	"mobile", "mob", "home", "work", "tel", "telephone", "phone", "landline", "email", "mail", "fax", "ext", "day", "evening",
	"surgery", "practice", "medical", "centre", "health", "clinic", "hospital", "trust", "group", "nhs", "gp", "ods",
	"flat", "house", "street", "road", "lane", "avenue", "close", "drive", "court",
	"name", "address", "postcode", "dob", "born", "number", "contact", "kin", "reason", "consent", "interpreter", "risk",
	"and", "or", "of", "the", "for", "to", "with", "in", "at", "by", "is", "no", "not", "yes", "none", "unknown", "urgent", "routine",
	"wife", "husband", "partner", "daughter", "son", "mother", "father", "mum", "dad", "parent", "parents", "sister", "brother",
	"neighbour", "neighbor", "friend", "carer", "nok", "next", "relative", "worker", "own",
	"t", "z", "a", "b", "c", "s", "m", "h", "w", "via", "ref", "id", "am", "pm",
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

// madeName is a made-up name in the order, the capitals and the punctuation of
// a name in one text; titles stay.
func madeName(v string, n int) string {
	words := nameWord.FindAllString(v, -1)
	names := 0
	for _, w := range words {
		if !slices.Contains(titles, strings.ToLower(w)) {
			names++
		}
	}
	comma, at := strings.Contains(v, ","), 0
	return nameWord.ReplaceAllStringFunc(v, func(w string) string {
		if slices.Contains(titles, strings.ToLower(w)) {
			return w
		}
		at++
		if comma && at == 1 || !comma && at == names {
			return cased(strings.ToLower(families[n%len(families)]), w)
		}
		return cased(strings.ToLower(givens[(n+at)%len(givens)]), w)
	})
}

// madePhone is a telephone number of those that Ofcom keeps for drama, a mobile
// one for a mobile one, in the layout of v where it has as many digits.
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
	if len(digits) != len(made) {
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

var digitRuns = regexp.MustCompile(`[0-9]+`)

// madeDate is a day in the layout of another. One that is in no calendar stays
// one: of 31.02.1951 and 29 Feb 51 only the year changes, into one without a
// 29 February.
func madeDate(v string) string {
	if named := strings.ContainsFunc(v, unicode.IsLetter); named {
		at := digitRuns.FindAllStringIndex(v, 2)
		if len(at) < 2 {
			return v
		}
		month := strings.Trim(v[at[0][1]:at[1][0]], " -")
		day, year := v[:at[0][1]], madeYear(v[at[1][0]:])
		if _, err := time.Parse("2 Jan 2006", day+" "+month[:3]+" "+wholeYear(v[at[1][0]:])); err == nil {
			day, month = "14", cased(map[bool]string{true: "jun", false: "june"}[len(month) == 3], month)
		}
		return day + v[at[0][1]:at[0][1]+1] + month + v[at[1][0]-1:at[1][0]] + year
	}
	parts := digitRuns.FindAllString(v, 3)
	if len(parts) < 3 {
		return v
	}
	if len(parts[0]) == 4 {
		if _, err := time.Parse("2006-1-2", strings.Join(parts, "-")); err == nil {
			return "1970-06-14"
		}
		return "1970" + v[4:]
	}
	one, two := string(v[len(parts[0])]), string(v[len(parts[0])+1+len(parts[1])])
	day, month := parts[0], parts[1]
	if _, err := time.Parse("2-1-2006", day+"-"+month+"-"+wholeYear(parts[2])); err == nil {
		day, month = "14", strings.TrimPrefix("06", strings.Repeat("0", 2-len(month)))
	}
	return day + one + month + two + madeYear(parts[2])
}

func madeYear(year string) string { return "1970"[4-len(year):] }

// wholeYear writes a year of two digits out; of those only the leap day matters.
func wholeYear(year string) string { return "2000"[:4-len(year)] + year }

// wrongDigits is another number that is no NHS number either.
func wrongDigits(v string, n int) string {
	for {
		made := otherDigits(v, n)
		if _, why := nhs.ParseNumber(made); why != nhs.Valid {
			return made
		}
		n++
	}
}

// otherDigits changes every digit.
func otherDigits(v string, n int) string {
	shift := rune(n%9) + 3
	if shift == 8 { // which would change none
		shift++
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '1' + (r-'0'+shift)%9
		}
		return r
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
