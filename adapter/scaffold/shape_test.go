package scaffold

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// TestShaped: who somebody is goes, what a mapping goes by stays.
func TestShaped(t *testing.T) {
	for in, want := range map[string]string{
		"Riverside Surgery (A81099)":           "Copper Surgery (A81099)",
		"Mob: 07700 900123; home 0113 4960001": "Mob: 07700 900003; home 0163 2960005",
		"kim@quill.example":                    "person1@example.org",
		"seen 1/2/60, 03.02.2026, 2026-02-03":  "copper 14/6/70, 14.06.1970, 1970-06-14",
		"999 000 0018":                         "999 000 1073",
		"(9990000018)":                         "(9990001073)",
		"Quill (LS62AA)":                       "Copper (LS219ZZ)",
		"hps\\recep46":                         "copper\\meadow24",
		"<p>Kim &amp; Jo</p>":                  "<p>Meadow &amp; Pebble</p>",
		"MARSH/Kim":                            "COPPER/Meadow",
		"31.02.1951, 29 Feb 51, 30/2/51":       "31.02.1970, 29 Feb 70, 30/2/70",
		"1951-02-30 29.02.1952 1-Jan-68":       "1970-02-30 14.06.1970 14-Jun-70",
		"29 February 1951 3 March 1951":        "29 February 1970 14 June 1970",
		"??.??.1940":                           "??.??.1970",
		"c/o daughter Mia 07711 222333":        "c/o daughter Lantern 07700 900005",
	} {
		if got := shaped(in, 0); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestOtherDigits: no digit stays, whichever value it is.
func TestOtherDigits(t *testing.T) {
	const all = "0123456789"
	for n := range 20 {
		for i, r := range otherDigits(all, n) {
			if byte(r) == all[i] {
				t.Errorf("digit %c of value %d stays", r, n)
			}
		}
	}
}

// TestMadeName: order, capitals, punctuation and titles of a name stay.
func TestMadeName(t *testing.T) {
	for in, want := range map[string]string{
		"SMITH, John Paul (Mr)": "TESTPERSON, Cecily Dudley (Mr)",
		"Mr John Smith":         "Mr Barnaby Testperson",
		"Day":                   "Testperson",
	} {
		if got := madeName(in, 0); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestMadePhone: a number keeps its layout and whether it is a mobile.
func TestMadePhone(t *testing.T) {
	for in, want := range map[string]string{
		"07711 222333": "07700 900001", "+44 7711 222333": "+44 7700 900001", "+44 (0)7711 222333": "+44 (0)7700 900001",
		"(0113) 496 1234": "(0163) 296 0001", "0113 49612": "01632960001",
	} {
		if got := madePhone(in, 0); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestMadeNumber: a wrong check digit stays wrong, in a field of its own and
// among words.
func TestMadeNumber(t *testing.T) {
	for in, want := range map[string]nhs.Reason{"999 000 0018": nhs.Valid, "999-000-0019": nhs.CheckDigit} {
		for n := range 50 {
			if _, why := nhs.ParseNumber(madeNumber(in, n)); why != want {
				t.Errorf("%s became %s, which is %v", in, madeNumber(in, n), why)
			}
			if _, why := nhs.ParseNumber(shaped(in, n)); why != want {
				t.Errorf("%s became %s among words, which is %v", in, shaped(in, n), why)
			}
		}
	}
}

// TestKeptCodes: what a table knows stays, in a list as well; what it does not
// know goes, and so does a text with words.
func TestKeptCodes(t *testing.T) {
	codes := map[string]bool{"lon": true, "s": true}
	for in, want := range map[string]string{"LON/ Quill;lon": "LON/ Copper;lon", "S": "S"} {
		if got := keptCodes(in, codes, 0); !coded(in, codes) || got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"Quill", "LON/Quill of 12 Larkspur Row in Leeds", ""} {
		if coded(in, codes) {
			t.Errorf("%q is taken for a list of codes", in)
		}
	}
}
