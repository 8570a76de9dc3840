package mapping

import (
	"regexp"
	"slices"
	"strings"
)

// postalAddress is an address that a sender keeps in one text, taken apart.
type postalAddress struct {
	lines                  []string
	town, county, postcode string
}

// postcodeForm is the form of a UK postcode: outward code, inward code (Royal
// Mail, Programmers' Guide to PAF; BS 7666). It says nothing about whether the
// code was ever given.
var postcodeForm = regexp.MustCompile(`(?i)\b(GIR|[A-Z]{1,2}[0-9][A-Z0-9]?)[ \t\x{a0}]*([0-9][A-Z]{2})\b`)

// maxAddress is longer than any address; a longer text is not taken apart.
const maxAddress = 2_000

// normalPostcode writes a postcode as Royal Mail does, LS13 2AB; a text that is
// none stays what it is, in capitals, because postcodes of other countries and
// of the forces are addresses too.
func normalPostcode(s string) string {
	s = strings.Join(strings.Fields(strings.ToUpper(s)), " ")
	if m := postcodeForm.FindStringSubmatchIndex(s); m != nil && m[0] == 0 && m[1] == len(s) {
		return s[m[2]:m[3]] + " " + s[m[4]:m[5]]
	}
	return s
}

// counties that are no "…shire": where one stands last, the town stands before.
var counties = strings.Split("avon|cleveland|cornwall|county durham|co durham|cumbria|devon|dorset|east sussex|west sussex|"+
	"sussex|essex|greater london|greater manchester|humberside|isle of wight|kent|merseyside|middlesex|norfolk|"+
	"northumberland|rutland|somerset|suffolk|surrey|tyne and wear|tyne & wear|west midlands", "|")

var countries = strings.Split("uk|u.k.|united kingdom|gb|great britain|england|scotland|wales|northern ireland", "|")

// outwardForm is the outward code of a postcode that was not written out: LS6.
var outwardForm = regexp.MustCompile(`(?i)^[A-Z]{1,2}[0-9][A-Z0-9]?$`)

// parseAddress reads "12 Mill Lane, Bramley, Leeds, West Yorkshire, LS13 2AB":
// lines, town, county and postcode between commas or line ends. Without a
// comma all but the postcode is one line, because where the town begins is a
// guess that a person would have to check. What stands behind the postcode
// (key safe 1234), an outward code alone and what has a digit is no town; it
// stays a line.
func parseAddress(s string) postalAddress {
	var a postalAddress
	if len(s) > maxAddress {
		return postalAddress{lines: []string{s}}
	}
	behind := ""
	if all := postcodeForm.FindAllStringSubmatchIndex(s, -1); all != nil {
		m := all[len(all)-1]
		a.postcode = normalPostcode(s[m[0]:m[1]])
		s, behind = s[:m[0]], s[m[1]:]
	}
	a.lines = linesOf(s)
	rest := linesOf(behind)
	if len(a.lines) == 0 { // the postcode stands first
		a.lines, rest = rest, nil
	}
	last := func() string { return strings.ToLower(a.lines[len(a.lines)-1]) }
	take := func() string {
		l := a.lines[len(a.lines)-1]
		a.lines = a.lines[:len(a.lines)-1]
		return l
	}
	var kept []string
	for _, l := range rest {
		switch low := strings.ToLower(l); {
		case slices.Contains(countries, low):
		case a.county == "" && isCounty(low):
			a.county = l
		default:
			kept = append(kept, l)
		}
	}
	for len(a.lines) > 1 && (slices.Contains(countries, last()) || outwardForm.MatchString(last())) {
		if l := take(); outwardForm.MatchString(l) {
			kept = append([]string{l}, kept...)
		}
	}
	if len(a.lines) > 2 && a.county == "" && isCounty(last()) {
		a.county = take()
	}
	if len(a.lines) > 1 && !strings.ContainsAny(last(), "0123456789") {
		a.town = take()
	}
	a.lines = append(a.lines, kept...)
	return a
}

// isCounty reports the name of a county in small letters.
func isCounty(l string) bool {
	return strings.HasSuffix(l, "shire") || slices.Contains(counties, l)
}

// linesOf are the pieces of a text between commas and line ends.
func linesOf(s string) []string {
	var out []string
	for piece := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if piece = strings.Join(strings.Fields(piece), " "); strings.Trim(piece, " .;") != "" {
			out = append(out, piece)
		}
	}
	return out
}
