package outcome_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outcome"
)

// spoken is what a payload says: its codes, and its letter as text and as the
// document has it, which must be the same.
func spoken(t *testing.T, payload []byte) (codes []string, letter string) {
	t.Helper()
	for _, c := range outcome.Codes(payload) {
		codes = append(codes, c.Code)
	}
	if !strings.Contains(string(payload), "DocumentReference") {
		return codes, ""
	}
	valid(t, payload)
	document, err := outcome.Document(payload)
	if err != nil {
		t.Fatal(err)
	}
	judged(t, document)
	l, err := outcome.ReadLetter(document)
	if err != nil {
		t.Fatal(err)
	}
	letter = summary(t, payload)
	if diff := cmp.Diff(letter, l.Text()); diff != "" {
		t.Errorf("text and document differ (-text +document):\n%s", diff)
	}
	// Whatever is referred to within the document is there.
	for _, ref := range document.All("entry.resource.section.entry.reference") {
		if !strings.Contains(string(document.JSON()), `"fullUrl":"`+ref.Text+`"`) {
			t.Errorf("%s leads nowhere", ref.Text)
		}
	}
	return codes, letter
}

// TestLetterReadBack: what channels read from the document is the text letter,
// word for word, with every kind of section.
func TestLetterReadBack(t *testing.T) {
	owed, err := shipped(t).Build(golden(t, "scores"))
	if err != nil {
		t.Fatal(err)
	}
	if codes, letter := spoken(t, owed.Bundle); len(codes) != len(owed.Codes) || !strings.Contains(letter, "baseline") {
		t.Errorf("%q\n%s", codes, letter)
	}
}

// TestHazardDisclosureRestricted: a practice or a person who wants codes only gets no word, and
// who wants a summary gets none of the link worker's own words.
func TestHazardDisclosureRestricted(t *testing.T) {
	list := shipped(t)
	owed, err := list.Build(golden(t, "completed"))
	if err != nil {
		t.Fatal(err)
	}
	const own, risk = "Tuesday walking group", "Trips on stairs"
	for _, c := range []struct {
		name    string
		sharing outcome.Sharing
		codes   string
		text    string // "", "summary" or "all"
		without string
	}{
		{"all", outcome.Sharing{}, "390893007 871731000000106", "all", ""},
		{"all, said", outcome.Sharing{Amount: outcome.All}, "390893007 871731000000106", "all", ""},
		{"summary", outcome.Sharing{Amount: outcome.Summary}, "390893007 871731000000106", "summary", ""},
		{"codes", outcome.Sharing{Amount: outcome.CodesOnly}, "390893007 871731000000106", "", ""},
		{"codes, a group off", outcome.Sharing{Amount: outcome.CodesOnly, Off: []string{"Onward-Referral"}}, "871731000000106", "", "390893007"},
		{"a group off", outcome.Sharing{Off: []string{"onward-referral"}}, "871731000000106", "all", "390893007"},
		{"codes, all groups off", outcome.Sharing{Amount: outcome.CodesOnly, Off: []string{"onward-referral", "referral"}}, "", "", "390893007 871731000000106"},
		{"nothing", outcome.Sharing{Amount: outcome.Nothing}, "", "", "390893007 871731000000106"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rest, without, err := list.Restrict(owed.Bundle, c.sharing)
			if err != nil {
				t.Fatal(err)
			}
			codes, letter := spoken(t, rest)
			if strings.Join(codes, " ") != c.codes {
				t.Errorf("codes %q, want %q", codes, c.codes)
			}
			var names []string
			for _, w := range without {
				names = append(names, w.Code)
			}
			if strings.Join(names, " ") != c.without {
				t.Errorf("without %q, want %q", names, c.without)
			}
			if (c.text == "") != (letter == "") || (c.text == "all") != strings.Contains(letter, own) || (c.text != "") != strings.Contains(letter, risk) {
				t.Errorf("letter:\n%s", letter)
			}
			if c.codes == "" && rest != nil {
				t.Errorf("%d bytes leave", len(rest))
			}
			if c.text == "" && strings.Contains(string(rest), "attachment") {
				t.Error("words leave")
			}
		})
	}
	if _, _, err := list.Restrict([]byte("{}"), outcome.Sharing{}); fault.KindOf(err) != fault.Malformed {
		t.Errorf("%v", err)
	}
}

// TestHazardWrongCodeListOfToday: a code that was taken off the list does not leave any more, also
// from what waited for its practice since before.
func TestHazardWrongCodeListOfToday(t *testing.T) {
	list := shipped(t)
	owed, err := list.Build(golden(t, "completed"))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list.Codes, func(c outcome.Code) bool { return c.Code == "390893007" })
	list.Codes[i].Off = true
	rest, without, err := list.Restrict(owed.Bundle, outcome.Sharing{})
	if err != nil || len(without) != 1 || without[0].Code != "390893007" {
		t.Fatalf("%v, %v", without, err)
	}
	document, err := outcome.Document(rest)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []*element.Value{parse(t, string(rest)), document} {
		codings(v, func(c *element.Value) {
			if c.Str("code") == "390893007" {
				t.Error("the code leaves")
			}
		})
	}
}
