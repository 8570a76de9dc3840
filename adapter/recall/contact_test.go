package recall_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/routing"
	"github.com/linkloop/linkloop/adapter/store"
)

const (
	telephone    = "185317003" // Telephone encounter
	consultation = "386472008" // Telephone consultation
	contactToo   = `{"valueReference":{"reference":"Encounter/e1"}},{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"390893007"}]}},
		{"type":{"text":"Note"},"valueString":"We spoke of the referral to physical activity program"}`
)

// payload is what is stored of a delivery.
func payload(t *testing.T, s store.Store, id int64) (d store.Delivery) {
	t.Helper()
	if err := s.View(t.Context(), func(r store.Reader) (err error) {
		d, err = r.Deliveries().Get(id)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return d
}

// standing is what the letters of a payload say that are not in error.
func standing(t *testing.T, payload []byte) string {
	t.Helper()
	b, err := element.Parse(payload, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	kept := element.NewArray()
	for _, e := range b.List("entry") {
		if e.TextAt("resource.status") != "entered-in-error" {
			kept.Items = append(kept.Items, e)
		}
	}
	return said(t, element.NewObject(element.S("resourceType", "Bundle"), element.F("entry", kept)).JSON())
}

// TestHazardWrongCodeContactRecalled: a code by which a letter says how a contact
// was held is found, replaced or taken out, in the document and in the words; only
// where it left, and only by a code of its kind.
func TestHazardWrongCodeContactRecalled(t *testing.T) {
	gate := func(without routing.Share, p routing.Practice) *routing.Gate {
		g, _ := gateOf(t, without, p, map[string]string{telephone: "contact", consultation: "contact", wrong: "activity"})
		return g
	}
	for name, c := range map[string]struct {
		gate    *routing.Gate // nil: it is not sent
		marks   []string      // how an earlier version wrote down what left
		replace recall.Code
		action  string
		says    string
	}{
		"not sent, replaced":       {nil, nil, recall.Code{Code: consultation}, recall.Recall, "- 28-Feb-2026: Telephone consultation\n"},
		"not sent, taken out":      {nil, nil, recall.Code{}, recall.Recall, "- 28-Feb-2026: By telephone or video\n"},
		"sent, replaced":           {gate(routing.All, routing.Practice{}), nil, recall.Code{Code: consultation}, recall.Correct, "- 28-Feb-2026: Telephone consultation\n"},
		"sent, taken out":          {gate(routing.All, routing.Practice{}), nil, recall.Code{}, recall.Correct, "- 28-Feb-2026: By telephone or video\n"},
		"a summary was sent":       {gate(routing.Summary, routing.Practice{}), nil, recall.Code{}, recall.Nothing, ""},
		"codes were sent":          {gate(routing.CodesOnly, routing.Practice{}), nil, recall.Code{}, recall.Nothing, ""},
		"its group was off":        {gate(routing.All, routing.Practice{GroupsOff: []string{"contact"}}), nil, recall.Code{}, recall.Nothing, ""},
		"another group was off":    {gate(routing.All, routing.Practice{GroupsOff: []string{"activity"}}), nil, recall.Code{}, recall.Correct, "- 28-Feb-2026: By telephone or video\n"},
		"by an earlier version":    {nil, []string{outbound.LeftMark("Task/t1/outcome", outbound.LeftAll), outbound.LeftEntryMark("Task/t1/outcome", "t1.summary")}, recall.Code{}, recall.Correct, "- 28-Feb-2026: By telephone or video\n"},
		"before it was written up": {nil, []string{}, recall.Code{}, recall.Correct, ""},
	} {
		s := openedWith(t, contactToo)
		if c.gate != nil {
			sentBy(t, s, c.gate)
		} else if c.marks != nil {
			if err := s.Decide(t.Context(), func(tx store.Tx) error {
				d, err := tx.Deliveries().Get(1)
				if err != nil {
					return err
				}
				d.State, d.Marks = store.Proven, c.marks
				return tx.Deliveries().Advance(d, store.Attempt{Channel: d.Channel, State: "proven"})
			}); err != nil {
				t.Fatal(err)
			}
		}
		order := recall.Order{ID: "a", Query: recall.Query{Code: telephone}, Replace: c.replace, Reason: "x", Letters: true}
		rep, err := (&recall.Service{Store: s, List: shipped}).Run(t.Context(), order)
		if err != nil || rep.Found != 1 || rep.Actions[c.action] != 1 {
			t.Errorf("%s: %+v, %v, want %s", name, rep, err, c.action)
			continue
		}
		if letter, lines := rep.Letters["A81001"], c.action == recall.Correct; strings.Contains(letter, ": Telephone encounter, contact of 28-Feb-2026") != lines {
			t.Errorf("%s: the practice is told\n%s", name, letter)
		}
		if c.action == recall.Nothing {
			continue
		}
		d := payload(t, s, rep.Items[0].By)
		text := standing(t, d.Payload)
		if strings.Contains(string(d.Payload), telephone) || strings.Contains(text, telephone) || strings.Contains(text, "28-Feb-2026: Telephone encounter") || !strings.Contains(text, c.says) {
			t.Errorf("%s: it says\n%s", name, text)
		}
		if c.says != "" && !strings.Contains(text, words) {
			t.Errorf("%s: the words of the link worker are gone", name)
		}
		if c.replace.Code == "" {
			continue
		}
		// What took its place is found in its turn.
		again, err := (&recall.Service{Store: s, List: shipped}).Run(t.Context(), recall.Order{ID: "b", Query: recall.Query{Code: consultation}, Reason: "x", DryRun: true})
		if err != nil || again.Found != 1 || again.Items[0].Delivery != d.ID || again.Items[0].Action == recall.Nothing {
			t.Errorf("%s: what took its place: %+v, %v", name, again, err)
		}
	}
	s := openedWith(t, contactToo)
	for code, instead := range map[string]string{telephone: right, wrong: consultation} {
		if _, err := (&recall.Service{Store: s, List: shipped}).Run(t.Context(),
			recall.Order{ID: "a", Query: recall.Query{Code: code}, Replace: recall.Code{Code: instead}, Reason: "x"}); err == nil || !strings.Contains(err.Error(), "cannot stand where delivery 1 has the wrong code") {
			t.Errorf("%s in place of %s: %v", instead, code, err)
		}
	}
}

// TestHazardStaleMappingOlder: what an earlier version owed is found by the code of
// a contact too, however many there are, and what is done stays done.
func TestHazardStaleMappingOlder(t *testing.T) {
	for in := range stores {
		t.Run(in, func(t *testing.T) { older(t, in) })
	}
}

func older(t *testing.T, in string) {
	s := openedIn(t, in, contactToo)
	bundle := payload(t, s, 1).Payload
	if err := s.Decide(t.Context(), func(tx store.Tx) error {
		for i := range 250 {
			key := "Task/old" + strings.Repeat("i", i) + "/outcome"
			if i%2 == 1 {
				key = outbound.CorrectionKey(key, "x")
			}
			if _, _, err := tx.Deliveries().Owe(store.Delivery{Key: key, Payload: bundle, Marks: []string{outbound.CodeMark(wrong)}}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	service := &recall.Service{Store: s, List: shipped}
	if found, err := service.Find(t.Context(), recall.Query{Code: telephone}); err != nil || len(found) != 1 {
		t.Fatalf("before: %d, %v", len(found), err)
	}
	for _, want := range []int{126, 0} {
		if n, err := service.Remark(t.Context()); err != nil || n != want {
			t.Errorf("%d marked, want %d, %v", n, want, err)
		}
	}
	if found, err := service.Find(t.Context(), recall.Query{Code: telephone}); err != nil || len(found) != 126 {
		t.Errorf("%d found, %v", len(found), err)
	}
	// A recall does not trust that somebody did so before.
	s = openedIn(t, in, contactToo)
	if err := s.Decide(t.Context(), func(tx store.Tx) error {
		_, _, err := tx.Deliveries().Owe(store.Delivery{Key: "Task/old/outcome", Payload: bundle})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	rep, err := (&recall.Service{Store: s, List: shipped}).Run(t.Context(), recall.Order{ID: "a", Query: recall.Query{Code: telephone}, Reason: "x", DryRun: true})
	if err != nil || rep.Found != 2 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// TestHazardWrongCodeNotLetOut: where the right code is not let out, to a practice
// that does not take its group or by the list in use, the wrong one is taken back
// all the same, and whoever orders it and the practice are told so.
func TestHazardWrongCodeNotLetOut(t *testing.T) {
	groups := map[string]string{wrong: "activity", right: "signposting", telephone: "contact", consultation: "consultation"}
	for name, c := range map[string]struct {
		off      []string
		refusal  string
		from, to string
		why      string
	}{
		"taken":                    {nil, "", wrong, right, ""},
		"its group is off":         {[]string{"signposting"}, "", wrong, right, "the practice does not take codes of the group signposting"},
		"not on the list in use":   {nil, "the code is not on the list", wrong, right, "the code is not on the list"},
		"contact, taken":           {nil, "", telephone, consultation, ""},
		"contact, group is off":    {[]string{"consultation"}, "", telephone, consultation, "the practice does not take codes of the group consultation"},
		"contact, not on the list": {nil, "the code is not on the list", telephone, consultation, "the code is not on the list"},
	} {
		s := openedWith(t, contactToo)
		g, table := gateOf(t, routing.All, routing.Practice{}, groups)
		sentBy(t, s, g)
		g, table = gateOf(t, routing.All, routing.Practice{GroupsOff: c.off}, groups)
		table.Refusal = func(b *element.Value) string {
			for _, r := range b.All("entry.resource") {
				if codes := outcome.Codes(element.NewObject(element.S("resourceType", "Bundle"), element.F("entry", element.NewArray(element.NewObject(element.F("resource", r))))).JSON()); r.Str("status") != "entered-in-error" {
					for _, k := range codes {
						if k.Code == c.to {
							return c.refusal
						}
					}
					if r.ResourceType() == "Encounter" && r.TextAt("type.coding.code") == c.to {
						return c.refusal
					}
				}
			}
			return ""
		}
		service := &recall.Service{Store: s, List: shipped, Unsaid: g.Unsaid}
		order := recall.Order{ID: "a", Query: recall.Query{Code: c.from}, Replace: recall.Code{Code: c.to}, Reason: "x", DryRun: true, Letters: true}
		dry, err := service.Run(t.Context(), order)
		if err != nil {
			t.Fatal(err)
		}
		order.DryRun = false
		rep, err := service.Run(t.Context(), order)
		if err != nil {
			t.Fatal(err)
		}
		again, err := service.Run(t.Context(), order)
		if err != nil {
			t.Fatal(err)
		}
		for when, rep := range map[string]recall.Report{"dry run": dry, "run": rep} {
			if rep.Actions[recall.Correct] != 1 || rep.Items[0].Unsaid != c.why || len(rep.Unsaid) > 0 != (c.why != "") || c.why != "" && rep.Unsaid[c.why] != 1 {
				t.Errorf("%s: %s: %+v", name, when, rep)
			}
		}
		for when, rep := range map[string]recall.Report{"dry run": dry, "run": rep, "again": again} {
			letter := rep.Letters["A81001"]
			if strings.Contains(letter, "; it reads now: ") != (c.why == "") || strings.Contains(letter, "; nothing takes its place (") != (c.why != "") {
				t.Errorf("%s: %s: the practice is told\n%s", name, when, letter)
			}
		}
		d, p := leaves(t, s, g, rep.Items[0].By)
		if p.Do != outbound.Sent || p.Reason != "" || string(p.Payload) != string(d.Payload) {
			t.Errorf("%s: %s (%s)", name, p.Do, p.Reason)
		}
		text := standing(t, p.Payload)
		if strings.Contains(text+string(p.Payload), c.to) != (c.why == "") || strings.Contains(text, "it reads now: ") != (c.why == "") {
			t.Errorf("%s: it leaves as\n%s", name, text)
		}
		// A group that is switched off before it leaves is not told of either.
		late, _ := gateOf(t, routing.All, routing.Practice{GroupsOff: []string{groups[c.to]}}, groups)
		_, p = leaves(t, s, late, rep.Items[0].By)
		if text := standing(t, p.Payload); p.Do != outbound.Sent || (p.Reason == "") != (c.why != "") || strings.Contains(text+string(p.Payload), c.to) || c.why == "" && strings.Contains(text, "it reads now: ") {
			t.Errorf("%s: switched off later: %s (%s)\n%s", name, p.Do, p.Reason, text)
		}
	}
}
