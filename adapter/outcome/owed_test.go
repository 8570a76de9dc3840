package outcome_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestHazardDisclosureSummary: who wants a summary gets none of the link
// worker's own words, in no form of the message, and codes that do not leave are
// not in its document either.
func TestHazardDisclosureSummary(t *testing.T) {
	owed, err := shipped(t).Build(golden(t, "everything"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		summary bool
		off     string
		want    []string
		without []string
	}{
		"all":           {false, "", []string{"Feels less alone", "Go to the shop", "Video call", "No known risks"}, nil},
		"summary":       {true, "", []string{"No action needed", "No known risks", "Signposted to", "Amfield Walkers"}, []string{"Feels less alone", "Go to the shop", "Video call", "leaflet", `"Goal"`, `"Encounter"`}},
		"a code is off": {false, "390893007", []string{"Feels less alone"}, []string{`"390893007"`, "Referral to physical activity program"}},
	} {
		t.Run(name, func(t *testing.T) {
			bundle := parse(t, string(owed.Bundle))
			for _, e := range bundle.List("entry") {
				if r := e.Get("resource"); r.ResourceType() == "DocumentReference" {
					e.Set("resource", outcome.Redraw(r, c.summary, func(code string) bool { return code != c.off }))
				}
			}
			_, letter := spoken(t, bundle.JSON())
			document, err := outcome.Document(bundle.JSON())
			if err != nil {
				t.Fatal(err)
			}
			both := letter + string(document.JSON())
			for _, w := range c.want {
				if !strings.Contains(letter, w) {
					t.Errorf("%q is missing:\n%s", w, letter)
				}
			}
			for _, w := range c.without {
				if strings.Contains(both, w) {
					t.Errorf("%q is told", w)
				}
			}
		})
	}
	for text, kept := range map[string]bool{
		`{"content":[{"attachment":{"contentType":"text/plain","data":"AAAA"}}]}`:                             true,
		`{"content":[{"attachment":{"contentType":"application/fhir+json; fhirVersion=4.0","data":"%"}}]}`:    false,
		`{"content":[{"attachment":{"contentType":"application/fhir+json; fhirVersion=4.0","data":"e30="}}]}`: false,
	} {
		if got := outcome.Redraw(parse(t, text), true, func(string) bool { return true }); (got != nil) != kept {
			t.Errorf("%s: kept %t", text, got != nil)
		}
	}
}
