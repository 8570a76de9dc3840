package outcome_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outcome"
)

// evidence is each type of resource that an output may name.
func evidence(subject string) map[string]string {
	about := fmt.Sprintf(`"subject":{"reference":%q}`, subject)
	code := func(c string) string {
		return `"code":{"coding":[{"system":"http://snomed.info/sct","code":"` + c + `"}]}`
	}
	return map[string]string{
		"Procedure/x":             `{"resourceType":"Procedure","id":"x","status":"completed",` + about + `,` + code("975131000000104") + `}`,
		"Observation/x":           `{"resourceType":"Observation","id":"x","status":"final",` + about + `,` + code("718466001") + `,"valueInteger":20}`,
		"Encounter/x":             `{"resourceType":"Encounter","id":"x","status":"finished","class":{"code":"AMB"},` + about + `,"period":{"start":"2026-03-01"}}`,
		"Goal/x":                  `{"resourceType":"Goal","id":"x","lifecycleStatus":"active","description":{"text":"Walk"},` + about + `}`,
		"QuestionnaireResponse/x": `{"resourceType":"QuestionnaireResponse","id":"x","status":"completed","questionnaire":"urn:linkloop:questionnaire:ucla-3",` + about + `,"item":[{"linkId":"1","answer":[{"valueInteger":1}]},{"linkId":"2","answer":[{"valueInteger":1}]},{"linkId":"3","answer":[{"valueInteger":1}]}]}`,
	}
}

// TestHazardWrongPatientEvidence: nothing about another person, or about nobody,
// becomes part of an outcome, whatever its type.
func TestHazardWrongPatientEvidence(t *testing.T) {
	for subject, right := range map[string]bool{
		"Patient/p1": true, "https://linkloop.example/fhir/Patient/p1": true,
		"Patient/p2": false, "Patient/p11": false, "Patient/xp1": false, "Group/p1": false, "": false,
	} {
		for ref, text := range evidence(subject) {
			owed, err := with(t, "["+reference(ref)+"]", map[string]string{ref: text})
			if right != (err == nil) || right != (owed.Bundle != nil) {
				t.Errorf("%s about %q: %v", ref, subject, err)
			}
			if err != nil && !strings.Contains(fault.Of(err).Issues[0].Text, "another person") {
				t.Errorf("%s about %q: %v", ref, subject, err)
			}
		}
	}
}

// TestHazardWrongPatientNumber: without exactly one NHS number that passes its
// check a human has to look, and no entry names a record.
func TestHazardWrongPatientNumber(t *testing.T) {
	for numbers, right := range map[string]bool{
		"9990000379": true, "9990000379 9990000379": true, "9990000370": false, "9990000379 9990000743": false, "": false,
	} {
		in := golden(t, "completed")
		in.Patient.Remove("identifier")
		for _, n := range strings.Fields(numbers) {
			in.Patient.Append("identifier", element.NewObject(element.S("system", "https://fhir.nhs.uk/Id/nhs-number"), element.S("value", n)))
		}
		owed, err := shipped(t).Build(in)
		if err != nil {
			t.Fatal(err)
		}
		if right != (owed.NeedsHuman == "") || right != strings.Contains(string(owed.Bundle), "Patient?identifier") {
			t.Errorf("%q: %q", numbers, owed.NeedsHuman)
		}
	}
}

// TestHazardNegation: what was declined or did not happen never leaves as its
// opposite, nor the other way round.
func TestHazardNegation(t *testing.T) {
	const sct = `"coding":[{"system":"http://snomed.info/sct","code":`
	for name, c := range map[string]struct {
		output  string
		refused string // part of the reason, or "" for accepted
		leaves  string // a code that does
	}{
		"declined":                     {`{"valueCodeableConcept":{` + sct + `"871711000000103"}]}}`, "", "871711000000103"},
		"declined, in the same words":  {`{"valueCodeableConcept":{` + sct + `"871711000000103","display":"social prescribing DECLINED (situation)"}],"text":"She declined"}}`, "", "871711000000103"},
		"not declined":                 {`{"valueCodeableConcept":{` + sct + `"871711000000103"}],"text":"Has not declined"}}`, "deny", ""},
		"declined called an activity":  {`{"valueCodeableConcept":{` + sct + `"871711000000103","display":"Signposting"}]}}`, "display", ""},
		"an activity that was refused": {`{"valueCodeableConcept":{` + sct + `"975131000000104"}],"text":"Signposting refused"}}`, "deny", ""},
		"an activity that wasn’t done": {`{"valueCodeableConcept":{` + sct + `"975131000000104"}],"text":"Wasn’t signposted"}}`, "deny", ""},
		"an activity that couldn't be": {`{"valueCodeableConcept":{` + sct + `"975131000000104"}],"text":"Couldn't be signposted"}}`, "deny", ""},
		"an activity that failed":      {`{"type":{"text":"Unsuccessful signposting"},"valueCodeableConcept":{` + sct + `"975131000000104"}]}}`, "deny", ""},
		"after another that failed":    {`{"valueCodeableConcept":{` + sct + `"975131000000104"}],"text":"Signposting after her cancelled appointment, and about a failed claim"}}`, "", "975131000000104"},
		"with an outcome that failed":  {`{"valueCodeableConcept":{` + sct + `"975131000000104"}],"text":"Signposting with an unsuccessful outcome"}}`, "deny", ""},
		"failed after an assessment":   {`{"valueCodeableConcept":{` + sct + `"975131000000104"}],"text":"After the assessment, failed signposting"}}`, "deny", ""},
		"under a heading that denies":  {`{"type":{"text":"Declined"},"valueCodeableConcept":{` + sct + `"975131000000104"}]}}`, "deny", ""},
		"did not attend":               {`{"valueCodeableConcept":{` + sct + `"281399006"}],"text":"Did not attend twice"}}`, "", "281399006"},
		"a name with not in it":        {`{"valueCodeableConcept":{` + sct + `"975131000000104"}],"text":"Notting Hill, nothing else"}}`, "", "975131000000104"},
		"declined and a referral":      {`{"valueCodeableConcept":{` + sct + `"871711000000103"}]}},{"valueCodeableConcept":{` + sct + `"871731000000106"}]}}`, "contradicts", ""},
		"said in words alone":          {`{"valueCodeableConcept":{"text":"Signposting declined"}}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			owed, err := with(t, "["+c.output+"]", nil)
			if c.refused != "" {
				if err == nil || !strings.Contains(fault.Of(err).Issues[0].Text, c.refused) {
					t.Errorf("%v, want %q", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, l := range owed.Codes {
				codes = append(codes, l.Code)
			}
			if c.leaves != "" && !strings.Contains(strings.Join(codes, " "), c.leaves) || c.leaves == "871711000000103" && len(codes) != 1 {
				t.Errorf("%q leave", codes)
			}
		})
	}
}

// TestHazardWrongScore: a score in the letter and in the record is that of the
// answers, with the same date.
func TestHazardWrongScore(t *testing.T) {
	owed, err := shipped(t).Build(golden(t, "everything"))
	if err != nil {
		t.Fatal(err)
	}
	codes, letter := spoken(t, owed.Bundle)
	if !strings.Contains(letter, "baseline 14 (10-Mar-2026), latest 21 (30-Jun-2026), change +7") || !strings.Contains(letter, "raw score, not converted") {
		t.Errorf("%s", letter)
	}
	found := map[string]string{}
	for _, e := range parse(t, string(owed.Bundle)).List("entry") {
		if r := e.Get("resource"); r.TextAt("code.coding.code") == "718466001" {
			found[r.TextAt("valueQuantity.value")] = r.Str("effectiveDateTime")
		}
	}
	if len(found) != 2 || found["14"] != "2026-03-10T10:30:00Z" || found["21"] != "2026-06-30T10:30:00Z" {
		t.Errorf("%v of %q", found, codes)
	}
	// A measure whose code is not on the list, or goes beyond its range, is not
	// used at all.
	list := shipped(t)
	for i := range list.Codes {
		if list.Codes[i].Code == "718466001" {
			low := 8.0
			list.Codes[i].Minimum = &low
		}
	}
	if err := list.Use(shippedMeasures(t)); err == nil || !strings.Contains(err.Error(), "7 to 35") {
		t.Errorf("%v", err)
	}
}

// TestHazardMissedAction: actions come first in every form of the message, and
// that there are none is said; that none is needed only of who was helped.
func TestHazardMissedAction(t *testing.T) {
	for _, name := range []string{"completed", "everything", "declined", "rejected", "failed", "cancelled-bare"} {
		owed, err := shipped(t).Build(golden(t, name))
		if err != nil {
			t.Fatal(err)
		}
		document, err := outcome.Document(owed.Bundle)
		if err != nil {
			t.Fatal(err)
		}
		l, err := outcome.ReadLetter(document)
		if err != nil {
			t.Fatal(err)
		}
		if first := l.Sections[0]; first.ID != outcome.SectionActions || len(first.Lines) == 0 || first.Lines[0] == "" {
			t.Errorf("%s begins with %+v", name, first)
		}
		helped := name == "completed" || name == "everything"
		if first := l.Sections[0].Lines[0]; helped && strings.HasPrefix(first, "None requested") || !helped && !strings.HasPrefix(first, "None requested") {
			t.Errorf("%s begins with %q", name, first)
		}
		if last := l.Sections[len(l.Sections)-1]; last.ID != outcome.SectionRisks || len(last.Lines) == 0 {
			t.Errorf("%s ends with %+v", name, last)
		}
	}
}

// TestHazardDisclosure: the document has neither address nor extensions of the
// person, and never sex and gender both.
func TestHazardDisclosure(t *testing.T) {
	owed, err := shipped(t).Build(golden(t, "everything"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := outcome.Document(owed.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	text := string(document.JSON()) + string(owed.Bundle)
	for _, w := range []string{"AM1 4EF", "address", "birthSex", "telecom"} {
		if strings.Contains(text, w) {
			t.Errorf("%s is disclosed", w)
		}
	}
	if _, letter := spoken(t, owed.Bundle); strings.Contains(letter, "emale") {
		t.Errorf("%s", letter)
	}
}
