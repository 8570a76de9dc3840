package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// nothings are what people write where there is nothing to write.
var nothings = []string{"n/a", "n/k", "na", "nk", "not known", "not given", "not recorded", "not stated", "unknown", "(unknown)", "none", "nil", "-", "--", "tbc", "null"}

// MeansNothing reports a text that says that there is no value.
func MeansNothing(text string) bool { return slices.Contains(nothings, strings.ToLower(text)) }

var (
	nameLike     = regexp.MustCompile(`^(?:\p{Lu}[\p{Lu}'’-]+, ?\p{Lu}\p{L}+|(?i:mr|mrs|ms|miss|mx|dr|prof)\.? \p{L})`)
	practiceLike = regexp.MustCompile(`^[A-HJ-NPVWY][0-9]{5}$`)
	numberLike   = regexp.MustCompile(`^[A-Za-z]{0,6}[-/]?[0-9][0-9/-]{2,}[A-Za-z]?$`)
	professional = regexp.MustCompile(`(?i)^(?:dr|nurse|sister|gp)\b`)
)

// looks is a name for a column by the looks of a value, or "".
func looks(v string) string {
	v = strings.TrimSpace(v)
	_, wrong := nhs.ParseNumber(v)
	_, at, isDate := dateOf(v)
	switch {
	case v == "" || MeansNothing(v):
		return ""
	case wrong == nhs.Valid:
		return "NHSNumber"
	case emailLike.MatchString(v):
		return "Email"
	case isDate:
		if time.Since(at) > 15*365*24*time.Hour || at.After(time.Now().AddDate(1, 0, 0)) {
			return "Born"
		}
		return "ReferralDate"
	case postcodeLike.MatchString(v):
		return "Postcode"
	case strings.ContainsAny(v, ",\n") && postcodeIn.MatchString(v), isStreet(v):
		return "Address"
	case isPhone(v):
		return "Phone"
	case phoneIn.MatchString(v):
		return "Contact"
	case practiceLike.MatchString(v):
		return "PracticeCode"
	case surgeryLike.MatchString(v) && len(v) < 60 && !strings.Contains(v, "\n"):
		return "PracticeName"
	case withRole(v):
		return "Referrer"
	case professional.MatchString(v) && len(v) < 60:
		return "Clinician"
	case nameLike.MatchString(v) && len(v) < 80:
		return "Name"
	case numberLike.MatchString(v):
		return "ReferralNo"
	case slices.Contains(sexes, strings.ToLower(v)):
		return "Sex"
	case slices.Contains([]string{"routine", "urgent", "r", "u"}, strings.ToLower(v)):
		return "Priority"
	case len(v) > 20 && strings.Count(v, " ") > 2:
		return "Notes"
	}
	return ""
}

// Telling says what a value that no rule reads is dangerous to leave out as; ""
// for others. It looks at the value alone.
func Telling(v string) string {
	v = strings.TrimSpace(v)
	switch _, wrong := nhs.ParseNumber(v); {
	case wrong == nhs.Valid:
		return "an NHS number"
	case practiceLike.MatchString(v):
		return "the ODS code of a practice"
	case emailLike.MatchString(v):
		return "an e-mail address"
	case isPhone(v):
		return "a telephone number"
	case len(v) > 20 && strings.Count(v, " ") > 2:
		return "free text"
	}
	return ""
}

var postcodeIn = regexp.MustCompile(`(?i)\b[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}\b`)

// IsData reports a row of values, not of names of columns.
func IsData(cells []string) bool {
	return slices.ContainsFunc(cells, func(c string) bool {
		return slices.Contains([]string{"NHSNumber", "Email", "Born", "ReferralDate", "Postcode", "Phone"}, looks(c))
	})
}

// withRole reports a name with what somebody works as in brackets behind it.
func withRole(v string) bool {
	at := roleIn.FindStringIndex(v)
	return at != nil && at[0] > 1 && at[1] == len(v) && len(v) < 80 && asRole(v[at[0]:]) && strings.Contains(strings.TrimSpace(v[:at[0]]), " ")
}

var street = regexp.MustCompile(`(?i)^(?:(?:flat|apartment|apt|unit|room) [0-9]{1,4}[a-z]?,? *)?[0-9]{1,4}[a-z]?,? (?:[\p{L}'’.-]+ ){0,3}(?:` + streets + `)\b`)

// isStreet reports a text that begins with a house number and a street.
func isStreet(v string) bool {
	return street.MatchString(v) && len(v) < 120 && strings.Count(v, " ") < 12
}

// ColumnNames names the columns of rows by the looks of their cells: of each
// column the first cell that looks like something, but for those that are told by
// all of their cells. What looks like nothing is column7. No name stands twice.
func ColumnNames(rows ...[]string) []string {
	if len(rows) == 0 {
		return nil
	}
	names := make([]string, len(rows[0]))
	for i := range names {
		var cells []string
		for _, row := range rows {
			if i < len(row) && strings.TrimSpace(row[i]) != "" {
				cells = append(cells, strings.TrimSpace(row[i]))
			}
		}
		names[i] = looksOf(cells)
	}
	if referrer := slices.Contains(names, "Referrer"); !referrer {
		if i := slices.Index(names, "Clinician"); i >= 0 {
			names[i] = "Referrer"
		}
	}
	var out []string
	for i, name := range names {
		if name == "" {
			name = fmt.Sprintf("column%d", i+1)
		}
		for n, base := 2, name; slices.Contains(out, name); n++ {
			name = fmt.Sprintf("%s%d", base, n)
		}
		out = append(out, name)
	}
	return out
}

// looksOf is a name for a column by the looks of its cells, or "".
func looksOf(cells []string) string {
	switch {
	case codesIn(cells) != nil:
		return "Codes"
	case slices.ContainsFunc(cells, withRole):
		return "Referrer"
	case slices.ContainsFunc(cells, isStreet):
		return "Address"
	}
	for _, c := range cells {
		if name := looks(c); name != "" {
			return name
		}
	}
	return ""
}
