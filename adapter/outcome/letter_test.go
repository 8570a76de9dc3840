package outcome_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outcome"
)

func parse(t testing.TB, text string) *element.Value {
	t.Helper()
	v, err := element.Parse([]byte(text), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// with builds the golden case "completed" with other outputs, and resources
// that they name.
func with(t testing.TB, outputs string, held map[string]string) (outcome.Owed, error) {
	t.Helper()
	in := golden(t, "completed")
	in.Task.Set("output", parse(t, outputs))
	in.Task.Remove("statusReason")
	for ref, text := range held {
		in.Outputs[ref] = parse(t, text)
	}
	return shipped(t).Build(in)
}

const (
	swemwbs    = `"type":{"coding":[{"system":"http://snomed.info/sct","code":"718466001"}]}`
	signposted = `{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"975131000000104"}]}}`
)

func observation(id, when string, value int) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","subject":{"reference":"Patient/p1"},%s
		"code":{"coding":[{"system":"http://snomed.info/sct","code":"718466001"}]},"valueInteger":%d}`, id, when, value)
}

// answered is a Short Warwick-Edinburgh scale of which every answer is the same.
func answered(id, day string, answer int) string {
	var items []string
	for i := range 7 {
		items = append(items, fmt.Sprintf(`{"linkId":"%d","answer":[{"valueInteger":%d}]}`, i+1, answer))
	}
	return fmt.Sprintf(`{"resourceType":"QuestionnaireResponse","id":%q,"status":"completed","questionnaire":"urn:linkloop:questionnaire:swemwbs",
		"subject":{"reference":"Patient/p1"},"authored":%q,"item":[%s]}`, id, day, strings.Join(items, ","))
}

func signposting(id, when string) string {
	return fmt.Sprintf(`{"resourceType":"Procedure","id":%q,"status":"completed","subject":{"reference":"Patient/p1"},%s
		"code":{"coding":[{"system":"http://snomed.info/sct","code":"975131000000104"}]}}`, id, when)
}

func reference(refs ...string) string {
	var out []string
	for _, r := range refs {
		out = append(out, fmt.Sprintf(`{"valueReference":{"reference":%q}}`, r))
	}
	return strings.Join(out, ",")
}

// TestWhichScoreIsLatest: a reader who sees baseline and latest the wrong way
// round sees a person get worse who got better.
func TestWhichScoreIsLatest(t *testing.T) {
	for name, c := range map[string]struct {
		outputs string
		held    map[string]string
		want    string
	}{
		"without a date it is of the end of the Task": {
			`[{` + swemwbs + `,"valueInteger":24},` + reference("Observation/a") + `]`,
			map[string]string{"Observation/a": observation("a", `"effectiveDateTime":"2026-01-05",`, 17)},
			"baseline 17 (05-Jan-2026), latest 24, change +7",
		},
		"by time and not by the look of it": {
			`[` + reference("Observation/a", "Observation/b") + `]`,
			map[string]string{
				"Observation/a": observation("a", `"effectiveDateTime":"2026-06-30T23:45:00Z",`, 24),
				"Observation/b": observation("b", `"effectiveDateTime":"2026-07-01T00:30:00+01:00",`, 17),
			},
			"baseline 17 (01-Jul-2026), latest 24 (01-Jul-2026), change +7",
		},
		"by the beginning of a period": {
			`[` + reference("Observation/a", "Observation/b") + `]`,
			map[string]string{
				"Observation/a": observation("a", `"effectivePeriod":{"start":"2026-03","end":"2026-06"},`, 24),
				"Observation/b": observation("b", `"effectiveInstant":"2025-12-31T10:00:00.5Z",`, 17),
			},
			"baseline 17 (31-Dec-2025), latest 24 (Mar-2026), change +7",
		},
		"by the end of one without a beginning": {
			`[` + reference("Observation/a", "Observation/b") + `]`,
			map[string]string{
				"Observation/a": observation("a", `"effectivePeriod":{"end":"2026-06-01"},`, 24),
				"Observation/b": observation("b", `"effectiveDateTime":"2025",`, 17),
			},
			"baseline 17 (2025), latest 24 (01-Jun-2026), change +7",
		},
		"the same one named twice, once in full": {
			`[` + reference("Observation/a", "https://linkloop.example/fhir/Observation/a") + `]`,
			map[string]string{
				"Observation/a": observation("a", `"effectiveDateTime":"2026-01-05",`, 17),
				"https://linkloop.example/fhir/Observation/a": observation("a", `"effectiveDateTime":"2026-01-05",`, 17),
			},
			"score: 17 (05-Jan-2026)",
		},
		"one score in two forms": {
			`[` + reference("Observation/a", "QuestionnaireResponse/q", "Observation/b") + `]`,
			map[string]string{
				"Observation/a":           observation("a", `"effectiveDateTime":"2026-01-05T10:00:00Z",`, 14),
				"QuestionnaireResponse/q": answered("q", "2026-01-05", 2),
				"Observation/b":           observation("b", `"effectiveDateTime":"2026-01-05",`, 14),
			},
			"score (raw score, not converted): 14 (05-Jan-2026)",
		},
		"a score that may be converted beside a raw one": {
			`[` + reference("Observation/a", "QuestionnaireResponse/q") + `]`,
			map[string]string{
				"Observation/a":           observation("a", `"effectiveDateTime":"2026-01-05",`, 17),
				"QuestionnaireResponse/q": answered("q", "2026-06-05", 3),
			},
			"score: 17 (05-Jan-2026)\n- Short Warwick-Edinburgh Mental Well-being Scale score (raw score, not converted): 21 (05-Jun-2026)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			owed, err := with(t, c.outputs, c.held)
			if err != nil {
				t.Fatal(err)
			}
			valid(t, owed.Bundle)
			if s := summary(t, owed.Bundle); !strings.Contains(s, c.want+"\n") {
				t.Errorf("%q is not in:\n%s", c.want, s)
			}
		})
	}
}

// TestRefusedWithAReason: what would be wrong in a record, or lost on the way,
// is refused before anything is owed.
func TestRefusedWithAReason(t *testing.T) {
	for name, c := range map[string]struct {
		outputs    string
		held       map[string]string
		at, reason string
	}{
		"two scores without a date": {`[{` + swemwbs + `,"valueInteger":17},{` + swemwbs + `,"valueInteger":24}]`, nil,
			"Task.output[1]", "nobody could tell which came first"},
		"a code of what is asked for": {`[{"type":{"text":"Action for the GP"},"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"308440001"}]}}]`, nil,
			"Task.output[0].valueCodeableConcept", "say that in words"},
		"two scores of one day": {`[` + reference("Observation/a", "Observation/b") + `]`, map[string]string{
			"Observation/a": observation("a", `"effectiveDateTime":"2026-01-05",`, 17), "Observation/b": observation("b", `"effectiveDateTime":"2026-01-05T10:00:00Z",`, 24)},
			"Task.output[1].valueReference", "17 and 24, are of the same time"},
		"two scores of one instant": {`[` + reference("Observation/a", "Observation/b") + `]`, map[string]string{
			"Observation/a": observation("a", `"effectiveDateTime":"2026-01-05T11:00:00+01:00",`, 17), "Observation/b": observation("b", `"effectiveDateTime":"2026-01-05T10:00:00Z",`, 24)},
			"Task.output[1].valueReference", "nobody could tell which came first"},
		"a score that is still to come": {`[` + reference("Observation/a") + `]`,
			map[string]string{"Observation/a": observation("a", `"effectiveDateTime":"2026-07-03",`, 17)},
			"Task.output[0].valueReference", "still to come"},
		"answers that are still to come": {`[` + reference("QuestionnaireResponse/q") + `]`,
			map[string]string{"QuestionnaireResponse/q": answered("q", "2031-01-05", 2)}, "Task.output[0].valueReference", "still to come"},
		"an activity that is still to come": {`[` + reference("Procedure/a") + `]`,
			map[string]string{"Procedure/a": signposting("a", `"performedPeriod":{"start":"2027"},`)},
			"Task.output[0].valueReference", "still to come"},
		"a contact that is still to come": {`[` + reference("Encounter/e") + `]`, map[string]string{"Encounter/e": `{"resourceType":"Encounter","id":"e","status":"finished",
			"class":{"code":"AMB"},"subject":{"reference":"Patient/p1"},"period":{"start":"2026-08-01"}}`},
			"Task.output[0].valueReference", "still to come"},
		"a score at no single time": {`[` + reference("Observation/a") + `]`,
			map[string]string{"Observation/a": observation("a", `"effectiveTiming":{"event":["2026-01-01"]},`, 17)},
			"Task.output[0].valueReference", "effectiveDateTime or effectivePeriod"},
		"an activity at an age": {`[` + reference("Procedure/a") + `]`,
			map[string]string{"Procedure/a": signposting("a", `"performedString":"last summer",`)},
			"Task.output[0].valueReference", "performedDateTime or performedPeriod"},
		"an activity nobody has": {`[` + reference("Procedure/a") + `]`, nil, "Task.output[0].valueReference", "not held here"},
		"a version of it":        {`[` + reference("https://a.example/Procedure/a/_history/2") + `]`, nil, "Task.output[0].valueReference", "not held here"},
		"a reference to nowhere": {`[{"valueReference":{"display":"x"}}]`, nil, "Task.output[0].valueReference", "not held here"},
		"a contained resource":   {`[` + reference("#a") + `]`, nil, "Task.output[0].valueReference", "not held here"},
		"a response nobody has":  {`[` + reference("QuestionnaireResponse/undefined") + `]`, nil, "Task.output[0].valueReference", "not held here"},
		"a contact nobody has":   {`[` + reference("Encounter/a") + `]`, nil, "Task.output[0].valueReference", "not held here"},
		"a version of a goal":    {`[` + reference("Goal/a/_history/2") + `]`, nil, "Task.output[0].valueReference", "not held here"},
		"a questionnaire misspelt": {`[` + reference("QuestionnaireResponse/a") + `]`,
			map[string]string{"QuestionnaireResponse/a": `{"resourceType":"QuestionnaireResponse","id":"a","status":"completed","questionnaire":"urn:linkloop:questionnaire:SWEMWBS","subject":{"reference":"Patient/p1"}}`},
			"Task.output[0].valueReference", "urn:linkloop:questionnaire:swemwbs"},
		"too many outputs":          {`[` + strings.TrimSuffix(strings.Repeat(`{"valueString":"x"},`, 201), ",") + `]`, nil, "Task.output", "at most 200"},
		"a book":                    {`[{"valueString":"` + strings.Repeat("x", 64<<10) + `"}]`, nil, "Task.output", "a letter a GP reads"},
		"a measure without a value": {`[{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"718466001"}]}}]`, nil, "Task.output[0].valueCodeableConcept", "not on the list"},
	} {
		t.Run(name, func(t *testing.T) {
			owed, err := with(t, c.outputs, c.held)
			if fault.KindOf(err) != fault.Unmappable || owed.Bundle != nil {
				t.Fatalf("%v, %d bytes", err, len(owed.Bundle))
			}
			is := fault.Of(err).Issues
			if len(is) != 1 || is[0].Expression != c.at || !strings.Contains(is[0].Text, c.reason) {
				t.Errorf("%+v, want one at %s with %q", is, c.at, c.reason)
			}
		})
	}
	bad := strings.TrimSuffix(strings.Repeat(`{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"22298006"}]}},`, 200), ",")
	if _, err := with(t, "["+bad+"]", nil); len(fault.Of(err).Issues) != 50 {
		t.Errorf("%d issues, want the first 50", len(fault.Of(err).Issues))
	}
}

// TestSaidTwiceIsOnce: an activity named by its code and by its Procedure is
// one activity; two Procedures are two.
func TestSaidTwiceIsOnce(t *testing.T) {
	held := map[string]string{
		"Procedure/a": signposting("a", `"performedDateTime":"2026-05-01",`),
		"Procedure/b": signposting("b", `"performedDateTime":"2026-06-01",`),
	}
	for name, c := range map[string]struct {
		outputs string
		want    int
	}{
		"code and code":               {signposted + "," + signposted, 1},
		"code and Procedure":          {signposted + "," + reference("Procedure/a"), 1},
		"Procedure and code":          {reference("Procedure/a") + "," + signposted, 1},
		"one Procedure twice":         {reference("Procedure/a", "Procedure/a"), 1},
		"two Procedures":              {reference("Procedure/a", "Procedure/b"), 2},
		"two Procedures and the code": {reference("Procedure/a") + "," + signposted + "," + reference("Procedure/b"), 2},
	} {
		owed, err := with(t, "["+c.outputs+"]", held)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n := 0
		codings(parse(t, string(owed.Bundle)), func(v *element.Value) {
			if v.Str("code") == "975131000000104" {
				n++
			}
		})
		if said := strings.Count(summary(t, owed.Bundle), "- Signposting\n"); n != c.want || said != c.want {
			t.Errorf("%s: %d entries and %d lines, want %d", name, n, said, c.want)
		}
	}
}

// TestHeadings: what an output is called decides where a GP reads it, by whole
// words.
func TestHeadings(t *testing.T) {
	const actions, told, risks = "Actions for the practice", "In the link worker's words", "Risks"
	for heading, want := range map[string]string{
		"Action": actions, "Actions": actions, "Actions for the GP": actions, "GP action": actions, "Action required": actions,
		"Actions requested": actions, "Action: practice": actions, "Actions needed by the surgery": actions,
		"For the GP": actions, "Follow-up by the surgery": actions, "GP to review": actions, "Request to practice": actions, "Please, doctor": actions,
		"GP informed": told, "Referral from GP": told, "Good practice": told, "Practice for the interview": told, "GP to do": actions, "For the person": told,
		"Actions taken": told, "Action plan": told, "Satisfaction": told, "Social interaction": told, "": told, "GP": told,
		"Risk": risks, "Risks": risks, "Risk of falls": risks, "Known risks": risks,
		"Brisk walking": told, "Asterisk": told,
	} {
		owed, err := with(t, fmt.Sprintf(`[{"type":{"text":%q},"valueString":"Said here."}]`, heading), nil)
		if err != nil {
			t.Fatal(err)
		}
		s := summary(t, owed.Bundle)
		if !strings.Contains(s, "\n"+want+"\n- Said here.\n") {
			t.Errorf("%q is not under %q:\n%s", heading, want, s)
		}
		if (want == actions) == strings.Contains(s, "No action needed") || (want == risks) == strings.Contains(s, "No known risks") {
			t.Errorf("%q: none is said where there is some, or not said where there is none:\n%s", heading, s)
		}
		// A concept without a code is words as well.
		owed, err = with(t, fmt.Sprintf(`[{"type":{"text":%q},"valueCodeableConcept":{"text":"Said here."}}]`, heading), nil)
		if err != nil {
			t.Fatal(err)
		}
		if want == told {
			want = "What was done"
		}
		if s := summary(t, owed.Bundle); !strings.Contains(s, "\n"+want+"\n- Said here.\n") {
			t.Errorf("as a concept, %q is not under %q:\n%s", heading, want, s)
		}
	}
}

// TestValuesInWords: what has no code is still said, and said whole.
func TestValuesInWords(t *testing.T) {
	for output, want := range map[string]string{
		`"type":{"text":"Weight lost"},"valueQuantity":{"value":10,"unit":"kg"}`:                    "- Weight lost: 10 kg\n",
		`"type":{"text":"Walks a week"},"valueQuantity":{"comparator":">=","value":3}`:              "- Walks a week: >=3\n",
		`"type":{"text":"Weight"},"valueQuantity":{"value":80,"code":"kg"}`:                         "- Weight: 80 kg\n",
		`"type":{"text":"Visits"},"valueInteger":6`:                                                 "- Visits: 6\n",
		`"type":{"text":"Came"},"valueBoolean":true`:                                                "- Came: yes\n",
		`"type":{"text":"Came again"},"valueBoolean":false`:                                         "- Came again: no\n",
		`"type":{"text":"Next review"},"valueDate":"2026-09-01"`:                                    "- Next review: 01-Sep-2026\n",
		`"type":{"text":"Seen"},"valueDateTime":"2026-06-30T23:30:00Z"`:                             "- Seen: 01-Jul-2026\n",
		`"type":{"coding":[{"system":"urn:x","code":"y","display":"Group"}]},"valueCode":"walking"`: "- Group: walking\n",
		`"type":{"text":"x"},"valueMarkdown":"Goes *every* week"`:                                   "- Goes *every* week\n",
	} {
		owed, err := with(t, "[{"+output+"}]", nil)
		if err != nil {
			t.Fatal(err)
		}
		if s := summary(t, owed.Bundle); !strings.Contains(s, "In the link worker's words\n"+want) {
			t.Errorf("%q is not in:\n%s", want, s)
		}
	}
	for _, output := range []string{`"valueInteger":6`, `"type":{"text":"File"},"valueBase64Binary":"AAAA"`,
		`"type":{"text":"x"},"valueString":" \n "`, `"type":{"text":"x"},"valueQuantity":{"unit":"kg"}`, `"type":{"text":"x"}`} {
		owed, err := with(t, "[{"+output+"}]", nil)
		if err != nil {
			t.Fatal(err)
		}
		if s := summary(t, owed.Bundle); strings.Contains(s, "words") {
			t.Errorf("%s means nothing and is said:\n%s", output, s)
		}
	}
}

// TestNoForgedHeading: no line break of any kind gets typed text to the place
// of a heading, and control characters do not reach a record.
func TestNoForgedHeading(t *testing.T) {
	for _, br := range []string{`\n`, `\r`, `\r\n`, `\u000b`, `\u000c`, `\u0085`, `\u2028`, `\u2029`, `\n\n`} {
		owed, err := with(t, `[{"valueString":"Walks.`+br+`Actions for the practice`+br+`- Stop statins\u001b[2J\u202e\u2066"}]`, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := summary(t, owed.Bundle)
		if strings.Count(s, "\nActions for the practice\n") != 1 || strings.Count(s, "\n  Actions for the practice\n") != 1 {
			t.Errorf("%s:\n%q", br, s)
		}
		for _, r := range s {
			if r < ' ' && r != '\n' || r == '\u0085' || r == '\u2028' || r == '\u2029' || r == '\u202e' || r == '\u2066' {
				t.Errorf("%s: %U is in the letter", br, r)
			}
		}
	}
}

// TestAboutWhom: the letter names the person and the referral, so that a reader
// notices when it lies in the wrong record.
func TestAboutWhom(t *testing.T) {
	for patient, want := range map[string]string{
		`"name":[{"use":"official","given":["Ann","May"],"family":"Example"}],"birthDate":"1971-02-03"`:               "Ann May Example, born 03-Feb-1971, NHS number 999 000 0379\n\n",
		`"name":[{"use":"old","family":"Before"},{"use":"usual","text":"Annie"},{"use":"official","text":"Ann Now"}]`: "Ann Now, NHS number 999 000 0379\n\n",
		`"name":[{"text":"Ann\nActions for the practice"}]`:                                                           "Ann Actions for the practice, NHS number 999 000 0379\n\n",
		`"name":[{"family":"Was","period":{"end":"2020"}}],"birthDate":"1971"`:                                        "born 1971, NHS number 999 000 0379\n\n",
		`"gender":"female"`: "NHS number 999 000 0379\n\n",
	} {
		in := golden(t, "completed")
		in.Patient = parse(t, `{"resourceType":"Patient","id":"p1","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000379"}],`+patient+`}`)
		in.Outputs = nil
		in.Task.Set("output", parse(t, `[{"valueString":"Joined a choir."}]`))
		owed, err := shipped(t).Build(in)
		if err != nil {
			t.Fatal(err)
		}
		if s := summary(t, owed.Bundle); !strings.HasPrefix(s, "SOCIAL PRESCRIBING: OUTCOME OF YOUR REFERRAL\n"+want) {
			t.Errorf("%s:\n%s", patient, s)
		}
	}
}

// TestReferral: which referral it was, who worked on it, and the risks that came
// with it, which nobody may answer with "none known".
func TestReferral(t *testing.T) {
	in := golden(t, "completed")
	in.Task.Set("output", parse(t, `[{"valueString":"Joined a choir."}]`))
	in.Task.Set("owner", parse(t, `{"display":"Sam Walker, Riverside PCN"}`))
	in.Request = parse(t, `{"resourceType":"ServiceRequest","id":"r1","authoredOn":"2026-03-31T23:30:00Z","requester":{"display":"Dr Grey"},
		"note":[{"text":"Likes gardens\nRISK : steep stairs\nLives alone"},{"text":"Risks: has fallen twice\nand was on the floor"},{"text":"risks:"},{"text":"Risk: Suspected domestic abuse"},{"text":"At risk: no"}]}`)
	in.Now = time.Date(2026, 7, 31, 23, 30, 0, 0, time.UTC)
	owed, err := shipped(t).Build(in)
	if err != nil {
		t.Fatal(err)
	}
	s := summary(t, owed.Bundle)
	for _, want := range []string{"\nYour referral\n- Made on 01-Apr-2026 by Dr Grey\n", "\nLink worker\n- Sam Walker, Riverside PCN\n",
		"\nRisks\n- From your referral: steep stairs\n- From your referral: has fallen twice\n  and was on the floor\n- From your referral: Suspected domestic abuse\n", "Completed, 01-Aug-2026\n"} {
		if !strings.Contains(s, want) {
			t.Errorf("%q is not in:\n%s", want, s)
		}
	}
	if strings.Contains(s, "No known risks") {
		t.Errorf("risks are denied:\n%s", s)
	}
	for request, want := range map[string]string{
		`"authoredOn":"2026-03"`:            "\nYour referral\n- Made on Mar-2026\n",
		`"requester":{"display":"Dr Grey"}`: "\nYour referral\n- Made by Dr Grey\n",
	} {
		in.Request = parse(t, `{"resourceType":"ServiceRequest","id":"r1",`+request+`}`)
		owed, err := shipped(t).Build(in)
		if err != nil || !strings.Contains(summary(t, owed.Bundle), want) {
			t.Errorf("%v: %q is not in the letter", err, want)
		}
	}
}

// TestGoals: how far a goal was reached, or else what became of it.
func TestGoals(t *testing.T) {
	const goal = `{"resourceType":"Goal","id":"g","lifecycleStatus":%q,"description":{"text":"Join a choir"},"subject":{"reference":"Patient/p1"}%s}`
	const achieved = `,"achievementStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/goal-achievement","code":"not-achieved"}]}`
	for _, c := range []struct{ status, more, want string }{
		{"active", "", "- Join a choir\n"}, {"cancelled", "", "- Join a choir: given up\n"}, {"rejected", "", "- Join a choir: not taken up\n"},
		{"completed", "", "- Join a choir: no longer pursued\n"}, {"completed", achieved, "- Join a choir: not achieved\n"},
	} {
		owed, err := with(t, "["+reference("Goal/g")+"]", map[string]string{"Goal/g": fmt.Sprintf(goal, c.status, c.more)})
		if err != nil {
			t.Fatal(err)
		}
		if s := summary(t, owed.Bundle); !strings.Contains(s, "\nNeeds and goals\n"+c.want) {
			t.Errorf("%s: %q is not in:\n%s", c.status, c.want, s)
		}
	}
}

// TestOtherTypesAreNoOutcome: a plan or a form of the link worker's may be held
// elsewhere and does not keep a Task from ending.
func TestOtherTypesAreNoOutcome(t *testing.T) {
	owed, err := with(t, "["+reference("CarePlan/9", "https://tool.example/fhir/QuestionnaireResponse/1/_history/3")+"]", nil)
	if err != nil || len(parse(t, string(owed.Bundle)).List("entry")) != 2 {
		t.Errorf("%v", err)
	}
}

// TestOnceByAReason: a code of a list of one's own that leaves once does so
// however it is asked for, and asked for again it is refused with the rule.
func TestOnceByAReason(t *testing.T) {
	list := shipped(t)
	for i := range list.Codes {
		if list.Codes[i].Code == "281399006" { // Did not attend
			list.Codes[i].Once = "episode"
		}
	}
	for _, left := range []bool{false, true} {
		in := golden(t, "cancelled-bare")
		in.Task.Set("statusReason", parse(t, `{"coding":[{"system":"http://snomed.info/sct","code":"281399006"}]}`))
		in.FirstInEpisode = func(string) (bool, error) { return !left, nil }
		owed, err := list.Build(in)
		if left {
			if fault.KindOf(err) != fault.Unmappable || !strings.Contains(err.Error(), "leaves once in an episode of care, and left for this referral before") {
				t.Errorf("asked for again: %v", err)
			}
			continue
		}
		if err != nil || !strings.Contains(string(owed.Bundle), `"281399006"`) {
			t.Errorf("asked for: %v", err)
		}
	}
}

// TestOnceSaidTwice: two Procedures of the code that leaves once are one too many.
func TestOnceSaidTwice(t *testing.T) {
	procedure := func(id string) string {
		return `{"resourceType":"Procedure","id":"` + id + `","status":"completed","subject":{"reference":"Patient/p1"},
			"code":{"coding":[{"system":"http://snomed.info/sct","code":"871731000000106"}]}}`
	}
	_, err := with(t, "["+reference("Procedure/1", "Procedure/2")+"]", map[string]string{"Procedure/1": procedure("1"), "Procedure/2": procedure("2")})
	if fault.KindOf(err) != fault.Unmappable || !strings.Contains(err.Error(), "Task.output[1].valueReference") || !strings.Contains(err.Error(), "says it twice") {
		t.Errorf("%v", err)
	}
}

// TestCorrectionAsksThePractice: what a practice is to do about a correction is not denied
// by what stood first in the letter that it corrects.
func TestCorrectionAsksThePractice(t *testing.T) {
	text := base64.StdEncoding.EncodeToString([]byte(outcome.CorrectionText("the list was wrong", []string{"Signposting; nothing takes its place"})))
	payload := []byte(`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"DocumentReference","status":"current",
		"type":{"text":"` + outcome.CorrectionType + `"},"content":[{"attachment":{"data":"` + text + `"}}]}}]}`)
	for _, name := range []string{"completed", "rejected", "failed"} {
		owed, err := shipped(t).Build(golden(t, name))
		if err != nil {
			t.Fatal(err)
		}
		document, err := outcome.Document(owed.Bundle)
		if err != nil {
			t.Fatal(err)
		}
		l, err := outcome.ReadLetter(document)
		if err == nil {
			l, err = outcome.Corrected(l, payload)
		}
		if err != nil {
			t.Fatal(err)
		}
		actions := l.Sections[0].Lines
		if len(actions) == 0 || !strings.HasPrefix(actions[0], "This takes the place") ||
			slices.ContainsFunc(actions, func(a string) bool {
				return strings.HasPrefix(a, "No action") || strings.HasPrefix(a, "None requested")
			}) {
			t.Errorf("%s: the practice is asked: %q", name, actions)
		}
	}
}
