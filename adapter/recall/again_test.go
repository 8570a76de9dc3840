package recall_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/fhirapi"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/recordtest"
	"github.com/linkloop/linkloop/adapter/routing"
	"github.com/linkloop/linkloop/adapter/store"
)

const (
	social = "306238000" // Referral to Social Services
)

// mapped is the hash of a mapping.
var mapped = strings.Repeat("0123456789abcdef", 4)

// practice is a record with the store and the gate of what is sent to it.
type practice struct {
	*recall.Service
	url  string
	gate *routing.Gate
	send func(id int64)
}

// atPractice is a practice, and one outcome owed to it with these outputs, of a
// referral that was mapped by mapped, in one of the stores.
func atPractice(t *testing.T, in, outputs string) practice {
	t.Helper()
	s := openedIn(t, in, outputs)
	if err := s.Decide(t.Context(), func(tx store.Tx) error { return tx.Deliveries().Mark(1, []string{outbound.MappingMark(mapped)}) }); err != nil {
		t.Fatal(err)
	}
	record := recordtest.NewRecord()
	record.Know(nhs.SystemNHSNumber, outboundtest.Patient)
	srv := httptest.NewServer(record)
	t.Cleanup(srv.Close)
	fc := fhirapi.DefaultConfig()
	fc.BaseURL = srv.URL
	ch, err := fhirapi.New(fc)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := gateOf(t, routing.All, routing.Practice{}, nil)
	p := practice{&recall.Service{Store: s, List: shipped, Unsaid: g.Unsaid}, srv.URL, g, nil}
	p.send = func(id int64) {
		t.Helper()
		d, plan := leaves(t, s, g, id)
		if plan.Do != outbound.Sent {
			t.Fatalf("%d: %s (%s)", id, plan.Do, plan.Reason)
		}
		if res := ch.Deliver(t.Context(), outbound.Delivery{ID: id, Payload: plan.Payload}); res.State != outbound.Proven {
			t.Fatalf("%d: %+v", id, res)
		}
		if err := s.Decide(t.Context(), func(tx store.Tx) error {
			d.State, d.Marks = store.Proven, plan.Marks
			return tx.Deliveries().Advance(d, store.Attempt{Channel: d.Channel, State: "proven"})
		}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// recalled runs an order and returns the report.
func (p practice) recalled(t *testing.T, o recall.Order) recall.Report {
	t.Helper()
	o.Reason = "x"
	rep, err := p.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%s: %v", o.ID, err)
	}
	return rep
}

// unknown ends an attempt of which nobody knows whether it arrived.
func (p practice) unknown(t *testing.T, id int64, state store.DeliveryState) {
	t.Helper()
	d, plan := leaves(t, p.Store, p.gate, id)
	if err := p.Store.Decide(t.Context(), func(tx store.Tx) error {
		d.State, d.Marks = state, plan.Marks
		return tx.Deliveries().Advance(d, store.Attempt{Channel: d.Channel, State: string(outbound.Unknown)})
	}); err != nil {
		t.Fatal(err)
	}
}

// holds is what a record says now: codes that are not in error, and the words of
// the letters that stand, without those that only tell of a correction.
func (p practice) holds(t *testing.T) (codes string, letters []string) {
	t.Helper()
	var all []string
	for _, typ := range []string{"Procedure", "Observation", "DocumentReference"} {
		for _, e := range list(t, p.url, typ) {
			r := e.Get("resource")
			switch id := r.TextAt("identifier.value"); {
			case r.Str("status") == "entered-in-error" || strings.Contains(id, ".correction."):
			case typ == "DocumentReference":
				text := said(t, element.NewObject(element.S("resourceType", "Bundle"), element.F("entry", element.NewArray(e))).JSON())
				letters = append(letters, text)
			default:
				all = append(all, r.TextAt("code.coding.code"))
			}
		}
	}
	return strings.Join(all, " "), letters
}

const (
	both = `{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"390893007"}]}},
		{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"306238000"}]}},{"valueReference":{"reference":"Encounter/e1"}},
		{"type":{"text":"Note"},"valueString":"We spoke of the referral to physical activity program"}`
	automatic = "871731000000106" // is added by itself
)

// TestHazardStaleMappingAgain: recalls of what earlier recalls put right leave
// nothing wrong in the record, say nothing twice, and one letter tells of it.
func TestHazardStaleMappingAgain(t *testing.T) {
	type step struct {
		order  recall.Order
		wait   bool // its corrections are not sent before the next one
		action string
	}
	byCode := func(id, from, to string) recall.Order {
		return recall.Order{ID: id, Query: recall.Query{Code: from}, Replace: recall.Code{Code: to}}
	}
	byMapping := recall.Order{ID: "z", Query: recall.Query{Mapping: mapped}}
	for name, c := range map[string]struct {
		steps []step
		codes string
	}{
		"replaced, and replaced again by its first code": {[]step{{byCode("a", wrong, right), false, recall.Correct}, {byCode("b", wrong, social), false, recall.Known}}, automatic + " " + right + " " + social},
		"taken back, then replaced":                      {[]step{{byCode("a", wrong, ""), false, recall.Correct}, {byCode("b", wrong, right), false, recall.Correct}}, automatic + " " + right + " " + social},
		"taken back twice":                               {[]step{{byCode("a", wrong, ""), false, recall.Correct}, {byCode("b", wrong, ""), false, recall.Known}}, automatic + " " + social},
		"replaced, then all by the mapping":              {[]step{{byCode("a", wrong, right), false, recall.Correct}, {byMapping, false, recall.Correct}}, ""},
		"replaced and not sent, then all by the mapping": {[]step{{byCode("a", wrong, right), true, recall.Correct}, {byMapping, false, recall.Correct}}, ""},
		"replaced by what it says elsewhere, then that":  {[]step{{byCode("a", wrong, social), false, recall.Correct}, {byCode("b", social, right), false, recall.Correct}}, automatic + " " + right + " " + right},
		"replaced twice, then all by the mapping":        {[]step{{byCode("a", wrong, right), false, recall.Correct}, {byCode("b", right, social), false, recall.Correct}, {byMapping, false, recall.Correct}}, ""},
		"a contact, then another code":                   {[]step{{byCode("a", telephone, consultation), false, recall.Correct}, {byCode("b", wrong, right), false, recall.Correct}}, automatic + " " + right + " " + social},
		"a contact, then what took its place":            {[]step{{byCode("a", telephone, consultation), false, recall.Correct}, {byCode("b", consultation, ""), false, recall.Correct}}, automatic + " " + wrong + " " + social},
	} {
		again := func(t *testing.T, in string) {
			p := atPractice(t, in, both)
			p.send(1)
			for _, s := range c.steps {
				rep := p.recalled(t, s.order)
				if rep.Actions[s.action] == 0 {
					t.Errorf("%s: %v, want %s", s.order.ID, rep.Actions, s.action)
				}
				if s.wait {
					continue
				}
				// What waits leaves in the order in which it was owed.
				var owed []int64
				if err := p.Store.View(t.Context(), func(r store.Reader) error {
					ds, err := r.Deliveries().List(store.DeliveryFilter{State: store.Owed, Limit: 100})
					for _, d := range ds {
						owed = append([]int64{d.ID}, owed...)
					}
					return err
				}); err != nil {
					t.Fatal(err)
				}
				for _, id := range owed {
					p.send(id)
				}
			}
			codes, letters := p.holds(t)
			sorted := strings.Fields(codes)
			for _, want := range strings.Fields(c.codes) {
				found := false
				for i, code := range sorted {
					if found = code == want; found {
						sorted = append(sorted[:i], sorted[i+1:]...)
						break
					}
				}
				if !found {
					t.Errorf("the record says %s, without %s", codes, want)
				}
			}
			if len(sorted) > 0 {
				t.Errorf("the record says %s, want %s", codes, c.codes)
			}
			if len(letters) != 1 {
				t.Fatalf("%d letters stand:\n%s", len(letters), strings.Join(letters, "\n\n"))
			}
			for code, display := range map[string]string{wrong: "- Referral to physical activity program\n", right: "- Signposting\n", social: "- Referral to Social Services\n"} {
				if strings.Contains(letters[0], display) && !strings.Contains(codes, code) {
					t.Errorf("the letter tells of %s:\n%s", code, letters[0])
				}
			}
			contact := map[bool]string{true: telephone, false: consultation}
			for first, code := range contact {
				if strings.Contains(letters[0], code) && (strings.HasPrefix(name, "a contact") == first || strings.HasSuffix(name, "by the mapping") || strings.HasSuffix(name, "took its place")) {
					t.Errorf("the letter tells of the contact by %s:\n%s", code, letters[0])
				}
			}
			// The same again finds nothing to do.
			for _, s := range c.steps {
				if rep := p.recalled(t, s.order); rep.Actions[recall.Correct]+rep.Actions[recall.Recall] > 0 {
					t.Errorf("%s again: %v", s.order.ID, rep.Actions)
				}
			}
		}
		for in := range stores {
			t.Run(name+"/"+in, func(t *testing.T) { again(t, in) })
		}
	}
}

// TestHazardNegationAgain: a letter that was taken back, because what it says as its
// outcome hangs on a code that was wrong, is not told again by a later recall.
func TestHazardNegationAgain(t *testing.T) {
	p := atPractice(t, "sqlite", `{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"871711000000103"}]}},
		{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"418043000"}]}},{"valueReference":{"reference":"Encounter/e1"}}`)
	p.send(1)
	for _, o := range []recall.Order{
		{ID: "a", Query: recall.Query{Code: "871711000000103"}},
		{ID: "b", Query: recall.Query{Code: "418043000"}, Replace: recall.Code{Code: "811871000000107"}},
	} {
		rep := p.recalled(t, o)
		if rep.Actions[recall.Correct] != 1 {
			t.Fatalf("%s: %v", o.ID, rep.Actions)
		}
		p.send(rep.Items[0].By)
		if codes, letters := p.holds(t); len(letters) != 0 {
			t.Errorf("%s: the record says %s, and\n%s", o.ID, codes, letters)
		}
	}
	if rep := p.recalled(t, recall.Order{ID: "c", Query: recall.Query{Code: telephone}}); rep.Actions[recall.Known] != 1 {
		t.Errorf("what the letter told: %v", rep.Actions)
	}
}

// TestHazardLostByRecall: of what may have arrived, and does not leave any more
// because it is recalled, nothing is lost that is right: of an outcome it is in
// front of a human, of a correction the next one does it.
func TestHazardLostByRecall(t *testing.T) {
	for name, c := range map[string]struct {
		state store.DeliveryState
		rest  store.DeliveryState
	}{
		"to be tried again": {store.Owed, store.Dead},
		"given up":          {store.Dead, store.Dead},
		"held":              {store.Held, store.Dead},
		"withheld since":    {store.Withheld, store.Held},
		"arrived":           {store.Proven, ""},
		"on its way":        {store.Sent, ""},
	} {
		p := atPractice(t, "sqlite", both)
		p.unknown(t, 1, c.state)
		order := recall.Order{ID: "a", Query: recall.Query{Code: wrong}, DryRun: true}
		dry := p.recalled(t, order)
		order.DryRun = false
		rep := p.recalled(t, order)
		if rests := map[bool]int{true: 1}[c.rest != ""]; dry.Rests != rests || rep.Rests != rests || rep.Items[0].Rest != 0 != (c.rest != "") {
			t.Errorf("%s: %+v and then %+v", name, dry, rep)
		}
		if c.rest == "" || rep.Items[0].Rest == 0 {
			continue
		}
		d := payload(t, p.Store, rep.Items[0].Rest)
		if d.State != c.rest || d.Reason == "" && c.rest == store.Dead || !strings.Contains(string(d.Payload), social) || !strings.Contains(string(d.Payload), automatic) ||
			strings.Contains(string(d.Payload), wrong) || strings.Contains(string(d.Payload), "DocumentReference") || outbound.IsCorrection(d.Key) {
			t.Errorf("%s: the rest is %s (%s): %s", name, d.State, d.Reason, d.Payload)
		}
		if found, err := p.Find(t.Context(), recall.Query{Code: social}); err != nil || len(found) != 2 {
			t.Errorf("%s: the rest is not found: %v", name, err)
		}
		p.send(rep.Items[0].By)
		p.send(d.ID)
		if codes, letters := p.holds(t); codes != automatic+" "+social && codes != social+" "+automatic || len(letters) != 1 {
			t.Errorf("%s: the record says %s, and %d letters", name, codes, len(letters))
		}
	}
	p := atPractice(t, "sqlite", both)
	p.send(1)
	first := p.recalled(t, recall.Order{ID: "a", Query: recall.Query{Code: wrong}, Replace: recall.Code{Code: right}})
	p.unknown(t, first.Items[0].By, store.Owed) // and it had not arrived
	second := p.recalled(t, recall.Order{ID: "b", Query: recall.Query{Code: right}})
	p.send(second.Items[0].By)
	if codes, letters := p.holds(t); codes != automatic+" "+social && codes != social+" "+automatic || len(letters) != 1 || strings.Contains(letters[0], "- Signposting\n") {
		t.Errorf("the record says %s, and %q", codes, letters)
	}
}

// TestHazardDisclosureByPracticeLetter: a practice is not told of what never left,
// which the person may have kept from it.
func TestHazardDisclosureByPracticeLetter(t *testing.T) {
	p := atPractice(t, "sqlite", both)
	for range 2 { // the second time it is known
		rep := p.recalled(t, recall.Order{ID: "a", Query: recall.Query{Code: wrong}, Letters: true})
		if len(rep.Letters) != 0 || rep.Found != 1 {
			t.Errorf("%+v", rep)
		}
	}
}

// TestRecallNames: a name stands for one recall; what is refused uses up none.
func TestRecallNames(t *testing.T) {
	p := atPractice(t, "sqlite", both)
	run := func(o recall.Order) error {
		o.Reason = "x"
		_, err := p.Run(t.Context(), o)
		return err
	}
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	query := recall.Query{Code: wrong, Until: day.AddDate(10, 0, 0)}
	if err := run(recall.Order{ID: "a", Query: query, Replace: recall.Code{Code: "418043000"}}); err == nil {
		t.Error("another kind is taken")
	}
	if err := run(recall.Order{ID: "a", Query: query, Replace: recall.Code{Code: right}}); err != nil {
		t.Error(err)
	}
	in := query
	in.Until = in.Until.In(time.FixedZone("", 3600))
	for name, c := range map[string]struct {
		order recall.Order
		want  string
	}{
		"the same":           {recall.Order{ID: "a", Query: in, Replace: recall.Code{Code: right, Display: "Signposting"}}, ""},
		"another name":       {recall.Order{ID: "b", Query: query, Replace: recall.Code{Code: social}}, ""},
		"another code":       {recall.Order{ID: "a", Query: recall.Query{Code: social}}, "id: another recall"},
		"another in place":   {recall.Order{ID: "a", Query: query, Replace: recall.Code{Code: social}}, "id: another recall"},
		"a practice, dry":    {recall.Order{ID: "a", Query: recall.Query{Code: wrong, Practice: "A81001"}, DryRun: true}, "id: another recall"},
		"no concept":         {recall.Order{ID: "c", Query: recall.Query{Code: "390893008"}}, "query.code: this is no"},
		"a period backwards": {recall.Order{ID: "c", Query: recall.Query{Code: wrong, Since: day, Until: day}}, "query.until: it is not"},
	} {
		if err := run(c.order); (err == nil) != (c.want == "") || err != nil && (fault.KindOf(err) != fault.Unmappable || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
