package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// dateNames are words of names of places that hold a date.
var dateNames = append([]string{"date", "datetime", "time", "when", "timestamp"}, birthWords...)

var (
	datePart = regexp.MustCompile(`\p{L}+|[0-9]+`)
	// dateWords are words beside a date that tell nothing of it.
	dateWords = strings.Fields(`of in about around approx approximately circa early late mid before after spring summer autumn winter the unknown year years old aged age and
		mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday`)
	ordinals = map[string][]int{"st": {21, 31}, "nd": {22}, "rd": {23}, "th": {14, 16}}
)

// odd reports a value that stands where dates do and is none that is known.
func (a *anonymiser) odd(v string) bool {
	return slices.ContainsFunc(a.places[v], func(f field) bool { return f.says(dateNames...) && f.oddDate() })
}

// oddDate is another date in the same unusual shape: 22nd Feb 1938.
func (a *anonymiser) oddDate(v string, birth bool) string {
	spans := datePart.FindAllStringIndex(v, -1)
	var b strings.Builder
	end := 0
	for i, at := range spans {
		part, next := v[at[0]:at[1]], ""
		if i+1 < len(spans) && spans[i+1][0] == at[1] {
			next = strings.ToLower(v[spans[i+1][0]:spans[i+1][1]])
		}
		b.WriteString(v[end:at[0]])
		b.WriteString(a.oddPart(part, next, birth))
		end = at[1]
	}
	b.WriteString(v[end:])
	return a.unit(b.String())
}

func (a *anonymiser) oddPart(part, next string, birth bool) string {
	lower := strings.ToLower(part)
	switch {
	case len(part) == 4 && hasDigit(part):
		p, ok := partsOf(part)
		if at, is := p.day(); ok && is {
			return fmt.Sprint(a.cal.made(at, birth).Year())
		}
	case hasDigit(part) && len(part) <= 2 && ordinals[next] != nil:
		days := ordinals[next]
		if len(part) == 1 {
			return fmt.Sprint(days[0] % 10)
		}
		if fmt.Sprint(days[0]) == part {
			return fmt.Sprint(days[len(days)-1])
		}
		return fmt.Sprint(days[0])
	case hasDigit(part):
		return a.ident(part)
	case ordinals[lower] != nil || len(part) == 1 || slices.Contains(dateWords, lower):
		return part
	}
	if at, err := time.Parse("Jan", cased(lower[:min(3, len(lower))], "Jan")); err == nil {
		month := time.June
		if at.Month() == month {
			month = time.March
		}
		if name := month.String(); len(part) > 3 {
			return cased(strings.ToLower(name), part)
		}
		return cased(strings.ToLower(month.String()[:3]), part)
	}
	return cased(a.token(lower, fillers), part)
}

// number is the made-up number for an NHS number, the same however it is
// written.
func (a *anonymiser) number(v string, made func(n int) string) string {
	digits := onlyDigits(v)
	if text, ok := a.numbers[digits]; ok {
		return a.unit(laid(v, text))
	}
	text := a.whole(func(n int) string { return laid(v, made(n)) }, nhsNumber)
	a.numbers[digits] = onlyDigits(text)
	return text
}

// shortNumber makes numbers of too few or too many digits.
func shortNumber(digits int) func(n int) string {
	return func(n int) string { return fmt.Sprintf("999%0*d", digits-3, 101+7*n) }
}

// within is the made-up NHS number for the first one in a text, or "".
func (a *anonymiser) within(v string) string {
	for _, s := range tenDigits.FindAllString(v, -1) {
		if _, wrong := nhs.ParseNumber(s); wrong == nhs.Valid {
			return a.number(s, testNumber)
		}
	}
	return ""
}

var (
	tenDigits   = regexp.MustCompile(`\b[1-9][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{4}\b`)
	beforeHouse = regexp.MustCompile(`(?i)\b(?:flat|apartment|apt|house|unit|room|number|no)[.:]? *$`)
	afterHouse  = regexp.MustCompile(`(?i)^,? +(?:[\p{L}'’.-]+ +){0,3}(?:` + streets + `)\b`)
)

// streets are words that names of streets end with.
const streets = `street|st|road|rd|lane|ln|avenue|ave|close|drive|way|court|place|crescent|terrace|gardens|grove|hill|row|walk|view|square|mews|rise|yard|house|estate|parade|quay`

// house reports a number in a text that is that of a house.
func house(v string, at []int) bool {
	return beforeHouse.MatchString(v[max(0, at[0]-16):at[0]]) || afterHouse.MatchString(v[at[1]:min(len(v), at[1]+60)])
}
