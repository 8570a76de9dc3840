package scaffold

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// swap is a value of the sample and what stands for it in the example.
type swap struct{ old, made string }

var (
	families = []string{"Testperson", "Madeup", "Exemplar", "Pretend"}
	givens   = []string{"Amelia", "Barnaby", "Cecily", "Dudley"}
)

// swaps says what stands for each value that may tell who somebody is. The
// same value always gets the same. Of a standard format, short values that
// nothing is known of are words of the standard and stay.
func swaps(list []field, standard bool) []swap {
	var out []swap
	counts := map[kind]int{}
	for _, f := range list {
		if slices.ContainsFunc(out, func(s swap) bool { return s.old == f.value }) {
			continue
		}
		k := kindOf(f)
		n := counts[k]
		made := ""
		switch k {
		case nhsNumber:
			made = testNumber(n)
		case familyName:
			made = families[n%len(families)]
		case givenName:
			made = givens[n%len(givens)]
		case fullName:
			made = givens[n%len(givens)] + " " + families[n%len(families)]
		case birthDate:
			i, _ := layoutOf(f.value)
			made = time.Date(1970, 6, 14+n, 0, 0, 0, 0, time.UTC).Format(layouts[i].golang)
		case phone:
			made = fmt.Sprintf("01632 960%03d", n+1) // kept for drama by Ofcom
		case email:
			made = fmt.Sprintf("person%d@example.org", n+1)
		case postcode:
			made = "LS21 9ZZ"
		case addressLine:
			made = fmt.Sprintf("%d Quetzal Lane", n+1)
		case town:
			made = "Otley"
		case reasonText, needText:
			made = fmt.Sprintf("Words of the referral, made up (%d).", n+1)
		case unclear, referralID, messageID, orgName:
			if _, date := layoutOf(f.value); !date && (k != unclear || !standard || strings.Contains(f.value, " ")) {
				made = masked(f.value, k, n)
			}
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

// masked replaces what nobody knows the meaning of: words get other words,
// numbers of some length other digits. Short codes stay, for they are what a
// mapping tells apart.
func masked(v string, k kind, n int) string {
	digits := strings.IndexFunc(v, unicode.IsDigit) >= 0
	switch {
	case k == orgName:
		return fmt.Sprintf("Made-up Organisation %d", n+1)
	case strings.Contains(v, " ") || utf8.RuneCountInString(v) > 24 && !digits:
		return fmt.Sprintf("text %d", n+1)
	case digits && len(v) >= 5 && !strings.Contains(v, ":"):
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return '1' + (r-'0'+rune(n)+3)%9
			}
			return r
		}, v)
	}
	return ""
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

// Anonymous replaces in the bytes of a sample what may tell who somebody is.
// Where a value does not stand in the bytes as the format means it, because it
// is escaped there, it is not replaced: check with Leaks.
func (p *Proposal) Anonymous(body []byte) []byte {
	text := string(body)
	for _, s := range p.swaps {
		for _, written := range spellings(s.old) {
			text = replaceWhole(text, written, s.made)
		}
	}
	return []byte(text)
}

// spellings are the ways in which formats write a text.
func spellings(s string) []string {
	out := []string{s}
	for _, r := range []*strings.Replacer{
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&apos;", `"`, "&quot;"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;"),
		strings.NewReplacer("\\", "\\\\", `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "/", `\/`),
		strings.NewReplacer("\\", "\\\\", `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`),
		strings.NewReplacer(`"`, `""`),
		strings.NewReplacer("\\", `\E\`, "&", `\T\`, "|", `\F\`, "^", `\S\`, "~", `\R\`),
	} {
		if w := r.Replace(s); !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
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
