package scaffold

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// swap is a value of the sample and what stands for it in the example.
type swap struct{ old, made string }

var (
	families = []string{"Testperson", "Madeup", "Exemplar", "Pretend"}
	givens   = []string{"Amelia", "Barnaby", "Cecily", "Dudley"}
)

// swaps says what stands for each value that may tell who somebody is. The
// same value always gets the same. Of a standard format, short values that
// nothing is known of are words of the standard and stay. Codes, in small
// letters, stay as well.
func swaps(list []field, standard bool, codes map[string]bool) []swap {
	var out []swap
	counts := map[kind]int{}
	for i, f := range list {
		if slices.ContainsFunc(out, func(s swap) bool { return s.old == f.value }) {
			continue
		}
		k := told(f)
		if slices.Contains([]kind{unclear, needText, reasonText, snomed}, k) && coded(f.value, codes) {
			f.value = keptCodes(f.value, codes, counts[k])
			if f.value != list[i].value {
				counts[k]++
				out = append(out, swap{list[i].value, f.value})
			}
			continue
		}
		made := madeFor(f, k, counts[k], standard)
		for try := 0; try < len(list) && made != f.value && slices.ContainsFunc(list, func(g field) bool { return g.value == made }); try++ {
			counts[k]++ // stands in the sample for somebody else
			made = madeFor(f, k, counts[k], standard)
		}
		if made == "" || made == f.value {
			continue
		}
		counts[k]++
		out = append(out, swap{f.value, made})
	}
	// The longest first: an address line may hold the town.
	slices.SortStableFunc(out, func(a, b swap) int { return len(b.old) - len(a.old) })
	return out
}

// madeFor is what stands for the n-th value of a kind; empty: it stays.
func madeFor(f field, k kind, n int, standard bool) (made string) {
	switch k {
	case nhsNumber:
		made = madeNumber(f.value, n)
	case familyName:
		made = families[n%len(families)]
	case givenName:
		made = givens[n%len(givens)]
	case fullName:
		made = madeName(f.value, n)
	case birthDate:
		i, _ := layoutOf(f.value)
		made = time.Date(1970, 6, 14+n%15, 0, 0, 0, 0, time.UTC).Format(layouts[i].golang)
	case phone:
		made = madePhone(f.value, n)
	case email:
		made = fmt.Sprintf("person%d@example.org", n+1)
	case postcode:
		made = "LS21 9ZZ"
	case addressLine:
		if made = fmt.Sprintf("%d Quetzal Lane", n+1); strings.ContainsAny(f.value, ",\n") {
			made = shaped(f.value, n)
		}
	case town:
		made = "Otley"
	case reasonText, needText:
		made = fmt.Sprintf("Words of the referral, made up (%d).", n+1)
		if len(f.value) <= 60 && strings.ContainsAny(f.value, ";,|/") {
			made = shaped(f.value, n) // a list in one text stays a list
		}
	case contacts, orgName:
		made = shaped(f.value, n)
	case unclear, referralID, messageID:
		i, date := layoutOf(f.value)
		if date && k == unclear && !standard && !f.tells() { // it may be anybody's birthday
			return time.Date(1970, 6, 14+n%15, 0, 0, 0, 0, time.UTC).Format(layouts[i].golang)
		}
		if date || f.tells() || k == unclear && standard && !strings.Contains(f.value, " ") {
			break
		}
		if k != unclear || strings.ContainsAny(f.value, " \n") || utf8.RuneCountInString(f.value) > 24 || hasDigit(f.value) && len(f.value) >= 5 {
			made = shaped(f.value, n)
		}
	}
	return made
}

// testNumber is the n-th NHS number of the range that is never given to
// anybody, with its check digit.
func testNumber(n int) string {
	for body := 999_000_100 + 7*n; ; body++ {
		text, sum := fmt.Sprint(body), 0
		for i, c := range text {
			sum += int(c-'0') * (10 - i)
		}
		if check := (11 - sum%11) % 11; check != 10 {
			return text + fmt.Sprint(check)
		}
	}
}

// madeNumber is an NHS number of nobody in the layout of another, with a wrong
// check digit where that has one.
func madeNumber(v string, n int) string {
	number := testNumber(n)
	if _, why := nhs.ParseNumber(v); why != nhs.Valid {
		number = number[:9] + string('0'+(number[9]-'0'+1)%10)
	}
	return laid(v, number)
}

// coded reports a text of short pieces of which one is a code.
func coded(v string, codes map[string]bool) bool {
	some := false
	for piece := range strings.FieldsFuncSeq(v, separates) {
		if piece = strings.TrimSpace(piece); len(piece) > 24 {
			return false
		}
		some = some || codes[strings.ToLower(piece)]
	}
	return some
}

// keptCodes is a text with other pieces in place of those that are no codes.
func keptCodes(v string, codes map[string]bool, n int) string {
	var b strings.Builder
	for v != "" {
		end := strings.IndexFunc(v, separates)
		if end < 0 {
			end = len(v)
		}
		if piece := v[:end]; codes[strings.ToLower(strings.TrimSpace(piece))] {
			b.WriteString(piece)
		} else {
			b.WriteString(shaped(piece, n))
			n++
		}
		if v = v[end:]; v != "" {
			b.WriteByte(v[0])
			v = v[1:]
		}
	}
	return b.String()
}

func separates(r rune) bool { return strings.ContainsRune("/;,|\n", r) }

// Anonymous replaces in the bytes of a sample what may tell who somebody is.
// Where a value does not stand in the bytes as the format means it, because it
// is escaped there, it is not replaced: check with Leaks.
func (p *Proposal) Anonymous(body []byte) []byte {
	text := string(body)
	for _, s := range p.swaps {
		seen := map[string]bool{}
		for _, write := range spellings {
			if old := write(s.old); !seen[old] {
				seen[old] = true
				text = replaceWhole(text, old, write(s.made))
			}
		}
	}
	return []byte(text)
}

// spellings are the ways in which formats write a text. What stands for a text
// is written in the way that the text was.
var spellings = []func(string) string{
	func(s string) string { return s },
	strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace,
	strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&apos;", `"`, "&quot;").Replace,
	strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;").Replace,
	strings.NewReplacer("\\", "\\\\", `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "/", `\/`).Replace,
	strings.NewReplacer("\\", "\\\\", `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace,
	strings.NewReplacer(`"`, `""`).Replace,
	strings.NewReplacer("\\", `\E\`, "&", `\T\`, "|", `\F\`, "^", `\S\`, "~", `\R\`).Replace,
	strings.NewReplacer("\\", `\E\`, "&", `\T\`, "|", `\F\`, "^", `\S\`, "~", `\R\`, "\n", `\.br\`).Replace,
	func(s string) string { return escaped(s, `\u%04x`) },
	func(s string) string { return escaped(s, `\u%04X`) },
}

// escaped is how JSON of ASCII alone writes a text.
func escaped(s, form string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\' || r == '"':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, form+form, high, low)
		case r < ' ' || r > '~' || r == '<' || r == '>' || r == '&':
			fmt.Fprintf(&b, form, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// replaceWhole replaces a text where no letter or digit adjoins it.
func replaceWhole(text, old, made string) string {
	var b strings.Builder
	for {
		i := strings.Index(text, old)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(old):])
		b.WriteString(text[:i])
		if wordy(before) || wordy(after) {
			b.WriteString(old)
		} else {
			b.WriteString(made)
		}
		text = text[i+len(old):]
	}
}

func wordy(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
