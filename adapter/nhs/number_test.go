package nhs_test

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/nhs"
)

func TestParseNumber(t *testing.T) {
	cases := []struct {
		name, in, want string
		why            nhs.Reason
	}{
		{"data dictionary example", "9434765919", "9434765919", nhs.Valid},
		{"spaced", "943 476 5919", "9434765919", nhs.Valid},
		{"hyphened", "943-476-5919", "9434765919", nhs.Valid},
		{"surrounded", "  9434765919\t", "9434765919", nhs.Valid},
		{"no-break spaces from a word processor", "943\u00a0476\u00a05919", "9434765919", nhs.Valid},
		{"no-break hyphens", "943\u2011476\u20115919", "9434765919", nhs.Valid},
		{"PDS sandbox patient", "9000000009", "9000000009", nhs.Valid},
		{"registry convention example", "9449305552", "9449305552", nhs.Valid},
		{"check digit 0", "9999999980", "9999999980", nhs.Valid},
		{"official BaRS samples", "3478526985", "", nhs.CheckDigit},
		{"newest BaRS samples", "7778521234", "", nhs.CheckDigit},
		{"two digits exchanged", "9434756919", "", nhs.CheckDigit},
		{"sum that asks for check digit 10", "0000000400", "", nhs.CheckDigit},
		{"zeros", "0000000000", "", nhs.AllSame},
		{"nines pass modulus 11", "9999999999", "", nhs.AllSame},
		{"ones pass modulus 11", "111 111 1111", "", nhs.AllSame},
		{"empty", "", "", nhs.Length},
		{"separators only", " - ", "", nhs.Length},
		{"nine digits: a lost leading zero", "943476591", "", nhs.Length},
		{"eleven digits", "94347659190", "", nhs.Length},
		{"letter O for zero", "94347659I9", "", nhs.Digits},
		{"old style", "JRDAN269", "", nhs.Digits},
		{"full-width digits", "９434765919", "", nhs.Digits},
		{"not UTF-8", "943\xff476 5919", "", nhs.Digits},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, why := nhs.ParseNumber(c.in)
			if got != c.want || why != c.why {
				t.Errorf("ParseNumber = %q, %v; want %q, %v", got, why, c.want, c.why)
			}
		})
	}
}

// Of the ten numbers that share nine digits at most one is valid, and no
// change of a single digit of a valid number gives another valid one: that is
// what modulus 11 promises.
func TestModulus11FindsEverySingleError(t *testing.T) {
	const number = "9434765919"
	for i := range len(number) {
		for d := byte('0'); d <= '9'; d++ {
			if d == number[i] {
				continue
			}
			b := []byte(number)
			b[i] = d
			if _, why := nhs.ParseNumber(string(b)); why != nhs.CheckDigit {
				t.Errorf("digit %d changed to %c: %v, want %v", i, d, why, nhs.CheckDigit)
			}
		}
	}
}

func TestFormatNumber(t *testing.T) {
	for in, want := range map[string]string{
		"9434765919":  "943 476 5919",
		"943476591":   "943476591",
		"94347659 19": "94347659 19",
		"94347659x9":  "94347659x9",
		"":            "",
	} {
		if got := nhs.FormatNumber(in); got != want {
			t.Errorf("FormatNumber(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestReservedForTests(t *testing.T) {
	for in, want := range map[string]bool{"9990000018": true, "9434765919": false, "999": false} {
		if got := nhs.ReservedForTests(in); got != want {
			t.Errorf("ReservedForTests(%q) = %v", in, got)
		}
	}
}

func TestReasonTextsAreDistinct(t *testing.T) {
	seen := map[string]nhs.Reason{}
	for _, r := range []nhs.Reason{nhs.Valid, nhs.Length, nhs.Digits, nhs.AllSame, nhs.CheckDigit, nhs.Truncated, nhs.Partition, nhs.Local, "?"} {
		if other, twice := seen[r.Text()]; twice || r.Text() == "" || r.String() == "" {
			t.Errorf("%v and %v say the same or nothing", r, other)
		}
		seen[r.Text()] = r
	}
}

func TestParseODS(t *testing.T) {
	cases := []struct {
		name, in, want string
		why            nhs.Reason
	}{
		{"practice", "G82080", "G82080", nhs.Valid},
		{"lower case", " g82080 ", "G82080", nhs.Valid},
		{"trust", "R0A", "R0A", nhs.Valid},
		{"branch surgery", "K81003001", "K81003001", nhs.Valid},
		{"site of letters", "RALAA", "RALAA", nhs.Valid},
		{"a word", "LARKFI", "", nhs.Length},
		{"a longer word", "Larkfield", "", nhs.Length},
		{"two characters", "R0", "", nhs.Length},
		{"eleven characters", "K8100300123", "", nhs.Length},
		{"empty", "", "", nhs.Length},
		{"hyphen", "G82-080", "", nhs.Digits},
		{"letter of another script", "Ġ2080", "", nhs.Digits},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, why := nhs.ParseODS(c.in)
			if got != c.want || why != c.why {
				t.Errorf("ParseODS = %q, %v; want %q, %v", got, why, c.want, c.why)
			}
		})
	}
}
