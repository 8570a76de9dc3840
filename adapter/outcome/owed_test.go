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
		"how a contact was held": {false, "185317003", []string{"10-Mar-2026: By telephone or video\n", "Video call", "did not attend"},
			[]string{`"185317003"`, "Telephone encounter"}},
		"that nobody came": {false, "281399006", []string{"24-Mar-2026: Face to face, cancelled\n", "Telephone encounter"},
			[]string{`"281399006"`, "Did not attend", "did not attend"}},
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

// TestHazardWrongCodeContact: the code by which a letter says how a contact was
// held is among those that leave, and is replaced or taken out where it stands:
// in the document, and in the line of its contact.
func TestHazardWrongCodeContact(t *testing.T) {
	list := shipped(t)
	owed, err := list.Build(golden(t, "everything"))
	if err != nil {
		t.Fatal(err)
	}
	if codes, _ := spoken(t, owed.Bundle); codes[len(codes)-1] != "185317003" {
		t.Errorf("the codes that leave are %v", codes)
	}
	consultation, _ := list.Find("386472008")
	advice, _ := list.Find("418043000")
	reason, _ := list.Find("185326000")
	for name, c := range map[string]struct {
		from    string
		to      outcome.Code
		want    []string
		without []string
	}{
		"replaced":                    {"185317003", consultation, []string{"10-Mar-2026: Telephone consultation\n"}, []string{`"185317003"`, "Telephone encounter"}},
		"taken out":                   {"185317003", outcome.Code{}, []string{"10-Mar-2026: By telephone or video\n"}, []string{`"185317003"`, "Telephone encounter"}},
		"nobody came, for a reason":   {"281399006", reason, []string{"24-Mar-2026: Face to face, did not attend\n"}, []string{`"281399006"`}},
		"nobody came, taken out":      {"281399006", outcome.Code{}, []string{"24-Mar-2026: Face to face, cancelled\n"}, []string{`"281399006"`, "did not attend"}},
		"nobody came, something else": {"281399006", advice, []string{"24-Mar-2026: Face to face, cancelled\n"}, []string{`"281399006"`, "did not attend"}},
	} {
		bundle := parse(t, string(owed.Bundle))
		display := ""
		for _, l := range outcome.Codes(owed.Bundle) {
			if l.Code == c.from {
				display = l.Display
			}
		}
		for _, e := range bundle.List("entry") {
			r := e.Get("resource")
			if r.ResourceType() == "DocumentReference" {
				r = outcome.Recode(r, outcome.Leaving{Code: c.from, Display: display}, c.to, "a")
				e.Set("resource", r)
			}
		}
		_, letter := spoken(t, bundle.JSON())
		document, err := outcome.Document(bundle.JSON())
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range append(c.want, "Video call") {
			if !strings.Contains(letter, w) {
				t.Errorf("%s: %q is missing:\n%s", name, w, letter)
			}
		}
		for _, w := range c.without {
			if strings.Contains(letter+string(document.JSON()), w) {
				t.Errorf("%s: %q is told", name, w)
			}
		}
	}
}

// TestRetoldContactsOfOneDay: who missed one contact and came to another one of
// that day is not told to have missed either when the code for it was wrong.
func TestRetoldContactsOfOneDay(t *testing.T) {
	encounter := func(id, hour, status, more string) string {
		return `{"resourceType":"Encounter","id":"` + id + `","status":"` + status + `","subject":{"reference":"Patient/p1"},"class":{"code":"AMB"},` +
			more + `"period":{"start":"2026-03-02T` + hour + `:00:00Z"}}`
	}
	missed := `"reasonCode":[{"coding":[{"system":"http://snomed.info/sct","code":"281399006"}]}],`
	owed, err := with(t, `[`+signposted+`,`+reference("Encounter/a", "Encounter/b")+`]`, map[string]string{
		"Encounter/a": encounter("a", "09", "finished", ""), "Encounter/b": encounter("b", "15", "cancelled", missed)})
	if err != nil {
		t.Fatal(err)
	}
	bundle := parse(t, string(owed.Bundle))
	for _, e := range bundle.List("entry") {
		if r := e.Get("resource"); r.ResourceType() == "DocumentReference" {
			e.Set("resource", outcome.Recode(r, outcome.Leaving{Code: "281399006", Display: "Did not attend"}, outcome.Code{}, "a"))
		}
	}
	_, letter := spoken(t, bundle.JSON())
	if strings.Contains(letter, "did not attend") || !strings.Contains(letter, "02-Mar-2026: Face to face\n") ||
		!strings.Contains(letter, "02-Mar-2026: Face to face, cancelled\n") {
		t.Errorf("the letter tells:\n%s", letter)
	}
}
