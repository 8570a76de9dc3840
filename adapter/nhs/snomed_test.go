package nhs_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/nhs"
)

func TestParseSnomedID(t *testing.T) {
	cases := []struct {
		name, in  string
		component nhs.Component
		namespace string
		why       nhs.Reason
	}{
		{"referral to social prescribing service", "871731000000106", nhs.Concept, nhs.NamespaceUKClinical, nhs.Valid},
		{"social prescribing declined", "871711000000103", nhs.Concept, nhs.NamespaceUKClinical, nhs.Valid},
		{"needs reference set", "1373501000000105", nhs.Concept, nhs.NamespaceUKClinical, nhs.Valid},
		{"feeling lonely", "267076002", nhs.Concept, "", nhs.Valid},
		{"homeless", " 32911000 ", nhs.Concept, "", nhs.Valid},
		{"shortest", "138875005", nhs.Concept, "", nhs.Valid},
		{"description", "751689013", nhs.Description, "", nhs.Valid},
		{"EMIS local", "637681000006105", nhs.Concept, nhs.NamespaceEMIS, nhs.Valid},
		{"REFREQ06, true form", "1659111000000107", nhs.Concept, nhs.NamespaceUKClinical, nhs.Valid},
		{"REFREQ06 as published", "1659111000000100", 0, "", nhs.Truncated},
		{"REFREQ07 as published", "1659121000000100", 0, "", nhs.Truncated},
		{"BaRS safeguarding, 16 digits", "1076171000000100", 0, "", nhs.Truncated},
		{"BaRS safeguarding, 15 digits: not a spreadsheet's", "104586100000100", 0, "", nhs.CheckDigit},
		{"UK Core vital signs", "87541000000108", 0, "", nhs.CheckDigit},
		{"five digits", "12345", 0, "", nhs.Length},
		{"nineteen digits", "8717310000001060000", 0, "", nhs.Length},
		{"leading zero", "0267076002", 0, "", nhs.Length},
		{"empty", "", 0, "", nhs.Length},
		{"Read v2", "8T09.", 0, "", nhs.Digits},
		{"scientific notation", "8.71731E+14", 0, "", nhs.Digits},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, why := nhs.ParseSnomedID(c.in)
			if why != c.why || got.Component != c.component || got.Namespace != c.namespace {
				t.Fatalf("ParseSnomedID = %+v, %v; want component %v, namespace %q, %v", got, why, c.component, c.namespace, c.why)
			}
			if why == nhs.Valid && got.ID != strings.TrimSpace(c.in) || why != nhs.Valid && got.ID != "" {
				t.Errorf("ID = %q", got.ID)
			}
		})
	}
}

func TestPartitionsThatDoNotExist(t *testing.T) {
	// Each stem gets its right check digit, so that only the partition is wrong.
	for _, stem := range []string{"12345603", "12345609", "12345620", "1234590", "1234510"} {
		id := withCheckDigit(t, stem)
		if _, why := nhs.ParseSnomedID(id); why != nhs.Partition {
			t.Errorf("%s: %v, want %v", id, why, nhs.Partition)
		}
	}
}

func TestParseConcept(t *testing.T) {
	for in, want := range map[string]nhs.Reason{
		"871731000000106":  nhs.Valid,
		"751689013":        nhs.Partition,
		"637681000006105":  nhs.Local,
		"904231000006109":  nhs.Local,
		"1659111000000100": nhs.Truncated,
		"871731000000107":  nhs.CheckDigit,
	} {
		got, why := nhs.ParseConcept(in)
		if why != want || (got == in) != (want == nhs.Valid) {
			t.Errorf("ParseConcept(%s) = %q, %v; want %v", in, got, why, want)
		}
	}
}

func TestRestoreSnomedID(t *testing.T) {
	for in, want := range map[string]string{
		"1659111000000100": "1659111000000107", // traps.md, finding 1
		"1659121000000100": "1659121000000101",
		"1373501000000100": "1373501000000105",
	} {
		if got, ok := nhs.RestoreSnomedID(in); got != want || !ok {
			t.Errorf("RestoreSnomedID(%s) = %q, %v; want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{
		"871731000000106",  // valid as it is
		"104586100000100",  // 15 digits: nothing was cut
		"1659111000000103", // does not end in zeros
		"1659111000000110", // wrong, and the sixteenth digit alone is zero: partition 11 is a description
		"text", "",
	} {
		if got, ok := nhs.RestoreSnomedID(in); ok || got != "" {
			t.Errorf("RestoreSnomedID(%q) = %q, want nothing", in, got)
		}
	}
}

// Whatever id of 16 to 18 digits a spreadsheet cuts, the guess is the id it
// was, as long as it was a concept.
func TestRestoreUndoesASpreadsheet(t *testing.T) {
	for _, item := range []string{"165911", "9871234", "12345678"} {
		id := withCheckDigit(t, item+nhs.NamespaceUKClinical+"10")
		cut := id[:15] + strings.Repeat("0", len(id)-15)
		if cut == id {
			continue
		}
		if got, ok := nhs.RestoreSnomedID(cut); !ok || got != id {
			t.Errorf("%s cut to %s restores to %q", id, cut, got)
		}
	}
}

func TestVerhoeffFindsEverySingleErrorAndExchange(t *testing.T) {
	const id = "871731000000106"
	for i := range len(id) {
		for d := byte('0'); d <= '9'; d++ {
			b := []byte(id)
			b[i] = d
			if _, why := nhs.ParseSnomedID(string(b)); d != id[i] && why == nhs.Valid {
				t.Errorf("digit %d changed to %c passes", i, d)
			}
		}
		if i > 0 && id[i] != id[i-1] {
			b := []byte(id)
			b[i], b[i-1] = b[i-1], b[i]
			if _, why := nhs.ParseSnomedID(string(b)); why == nhs.Valid {
				t.Errorf("digits %d and %d exchanged pass", i-1, i)
			}
		}
	}
}

// withCheckDigit finds the check digit by trying all ten, so that the test
// does not share code with what it tests.
func withCheckDigit(t *testing.T, stem string) string {
	t.Helper()
	for d := byte('0'); d <= '9'; d++ {
		id := stem + string(d)
		if _, why := nhs.ParseSnomedID(id); why == nhs.Valid || why == nhs.Partition {
			return id
		}
	}
	t.Fatalf("no check digit fits %s", stem)
	return ""
}

func BenchmarkParseConcept(b *testing.B) {
	for b.Loop() {
		nhs.ParseConcept("871731000000106")
	}
}
