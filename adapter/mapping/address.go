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

// parseAddress reads "12 Mill Lane, Bramley, Leeds, West Yorkshire, LS13 2AB":
// lines, town, county and postcode between commas or line ends. Without a
// comma all but the postcode is one line, because where the town begins is a
// guess that a person would have to check.
func parseAddress(s string) postalAddress {
	var a postalAddress
	if len(s) > maxAddress {
		return postalAddress{lines: []string{s}}
	}
	if all := postcodeForm.FindAllStringSubmatchIndex(s, -1); all != nil {
		m := all[len(all)-1]
		a.postcode = normalPostcode(s[m[0]:m[1]])
		s = s[:m[0]] + "," + s[m[1]:]
	}
	for piece := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if piece = strings.Join(strings.Fields(piece), " "); piece != "" && piece != "." {
			a.lines = append(a.lines, piece)
		}
	}
	last := func() string { return strings.ToLower(a.lines[len(a.lines)-1]) }
	if len(a.lines) > 1 && slices.Contains(countries, last()) {
		a.lines = a.lines[:len(a.lines)-1]
	}
	take := func(into *string) {
		*into = a.lines[len(a.lines)-1]
		a.lines = a.lines[:len(a.lines)-1]
	}
	if len(a.lines) > 2 && (strings.HasSuffix(last(), "shire") || slices.Contains(counties, last())) {
		take(&a.county)
	}
	if len(a.lines) > 1 {
		take(&a.town)
	}
	return a
}
