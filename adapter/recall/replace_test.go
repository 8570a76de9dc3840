package recall_test

import (
	"encoding/base64"
	"errors"
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
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/recordtest"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/postgres"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// opened is a store with one outcome that the list itself made, of a made-up
// person who was referred to physical activity, which was wrong.
func opened(t *testing.T) (store.Store, *outcome.List) {
	t.Helper()
	list, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return openedWith(t, `{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"390893007"}]}},
			{"type":{"text":"Note"},"valueString":"We spoke of the referral to physical activity program"}`), list
}

// stores are the stores that there are.
var stores = map[string]func(*testing.T) (store.Store, error){
	"sqlite": func(t *testing.T) (store.Store, error) {
		cfg := sqlite.DefaultConfig()
		cfg.Path = t.TempDir()
		return sqlite.Open(t.Context(), cfg)
	},
	"postgres": func(t *testing.T) (store.Store, error) {
		cfg := postgres.DefaultConfig()
		cfg.DSN = postgrestest.Database(t)
		return postgres.Open(t.Context(), cfg)
	},
}

func TestMain(m *testing.M) { postgrestest.Main(m) }

// openedWith is a store with one outcome of a Task with these outputs, of which
// encounter may be one.
func openedWith(t *testing.T, outputs string) store.Store {
	t.Helper()
	return openedIn(t, "sqlite", outputs)
}

// openedIn is openedWith in one of the stores.
func openedIn(t *testing.T, in, outputs string) store.Store {
	t.Helper()
	s, err := stores[in](t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	list, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	parse := func(text string) *element.Value {
		v, err := element.Parse([]byte(text), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	owed, err := list.Build(outcome.Input{
		Task:    parse(`{"resourceType":"Task","id":"t1","status":"completed","output":[` + outputs + `]}`),
		Request: parse(`{"resourceType":"ServiceRequest","id":"r1"}`),
		Patient: parse(`{"resourceType":"Patient","id":"p1","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000379"}]}`),
		Outputs: map[string]*element.Value{"Encounter/e1": parse(encounter)},
		Now:     time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), FirstInEpisode: func(string) (bool, error) { return true, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Decide(t.Context(), func(tx store.Tx) error {
		_, _, err := tx.Deliveries().Owe(store.Delivery{Key: owed.Key, Lane: "A81001", Channel: "fhirapi", Task: "t1", Patient: "p1",
			Payload: owed.Bundle, Marks: marks(owed.Bundle)})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

const encounter = `{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"VR"},"subject":{"reference":"Patient/p1"},
	"period":{"start":"2026-02-28T10:00:00Z"},"type":[{"coding":[{"system":"http://snomed.info/sct","code":"185317003"}]}]}`

// marks are the marks of a payload by its codes.
func marks(payload []byte) (out []string) {
	for _, c := range outcome.Codes(payload) {
		out = append(out, outbound.CodeMark(c.Code))
	}
	return out
}

// TestHazardWrongCodeReplace: nothing takes the place of a wrong code but a code
// of the list, under its display, of the same kind; else nothing is done at all.
func TestHazardWrongCodeReplace(t *testing.T) {
	s, list := opened(t)
	query := recall.Query{Code: wrong}
	for name, c := range map[string]struct {
		order recall.Order
		want  string // "" for taken
	}{
		"no name":              {recall.Order{Query: query, Reason: "x"}, "id: "},
		"no query":             {recall.Order{ID: "a", Reason: "x"}, "query: "},
		"a typing error":       {recall.Order{ID: "a", Query: recall.Query{Code: "390893008"}, Reason: "x"}, "query.code: this is no SNOMED CT id (check-digit)"},
		"part of a hash":       {recall.Order{ID: "a", Query: recall.Query{Mapping: "0536982746c9"}, Reason: "x"}, "query.mapping: all 64 hexadecimal digits"},
		"a sum as tags say it": {recall.Order{ID: "a", Query: recall.Query{List: "sha256:" + list.Sum}, Reason: "x", DryRun: true}, ""},
		"part of a sum":        {recall.Order{ID: "a", Query: recall.Query{List: "sha256:408c22d5840d"}, Reason: "x"}, "query.list: all 64 hexadecimal digits"},
		"no practice":          {recall.Order{ID: "a", Query: recall.Query{Code: wrong, Practice: "A81-1"}, Reason: "x"}, "query.practice: this is no ODS code"},
		"no time": {recall.Order{ID: "a", Query: recall.Query{Code: wrong, Since: time.Unix(2, 0), Until: time.Unix(1, 0)}, Reason: "x"},
			"query.until: it is not after since"},
		"no reason":          {recall.Order{ID: "a", Query: query}, "reason: "},
		"not listed":         {recall.Order{ID: "a", Query: query, Reason: "x", Replace: recall.Code{Code: "22298006"}}, "no code of the list of outcomes; allowed here: 871711000000103 Social prescribing declined"},
		"listed and off":     {recall.Order{ID: "a", Query: query, Reason: "x", Replace: recall.Code{Code: "871691000000100"}}, "no code of the list"},
		"once":               {recall.Order{ID: "a", Query: query, Reason: "x", Replace: recall.Code{Code: "871731000000106"}}, "once in an episode"},
		"display of another": {recall.Order{ID: "a", Query: query, Reason: "x", Replace: recall.Code{Code: right, Display: "Advice given"}}, "replace.display: the display is not that of the code, so one of the two is wrong: 975131000000104 is Signposting"},
		"display alone":      {recall.Order{ID: "a", Query: query, Reason: "x", Replace: recall.Code{Display: "Signposting"}}, "there is a display and no code"},
		"another kind":       {recall.Order{ID: "a", Query: query, Reason: "x", Replace: recall.Code{Code: "418043000"}}, "418043000 is of kind situation and cannot stand where delivery 1 has the wrong code, in Procedure"},
		"a score":            {recall.Order{ID: "a", Query: query, Reason: "x", Replace: recall.Code{Code: "718466001"}}, "is of kind measure"},
		"the same":           {recall.Order{ID: "a", Query: query, Reason: "x", Replace: recall.Code{Code: wrong}}, "takes the place of another code"},
		"of no code":         {recall.Order{ID: "a", Query: recall.Query{List: list.Sum}, Reason: "x", Replace: recall.Code{Code: right}}, "takes the place of another code"},
		"display in capitals, dry run": {recall.Order{ID: "a", Query: query, Reason: "x", DryRun: true,
			Replace: recall.Code{Code: right, Display: "SIGNPOSTING (procedure)"}}, ""},
	} {
		_, err := (&recall.Service{Store: s, List: shipped}).Run(t.Context(), c.order)
		if (err == nil) != (c.want == "") || err != nil && (fault.KindOf(err) != fault.Unmappable || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	unsigned := &recall.Service{Store: s, List: func() (*outcome.List, error) { return nil, errors.New("not approved") }}
	if _, err := unsigned.Run(t.Context(), recall.Order{ID: "a", Query: query, Reason: "x", Replace: recall.Code{Code: right}}); fault.KindOf(err) != fault.Internal {
		t.Errorf("without a list that is approved: %v", err)
	}
	if c := counts(t, s); c[store.Owed] != 1 || c[store.Closed]+c[store.Held]+c[store.Dead] != 0 {
		t.Errorf("something was done: %v", c)
	}
}

// TestHazardWrongCodeUnsent: what takes the place of an outcome that was not sent
// says the wrong code nowhere: not as an entry, not in the document within, and
// not in its words; what a link worker wrote stays.
func TestHazardWrongCodeUnsent(t *testing.T) {
	for name, c := range map[string]struct {
		replace recall.Code
		says    string
	}{"replaced": {recall.Code{Code: right}, "- Signposting\n"}, "taken back": {recall.Code{}, ""}} {
		s, list := opened(t)
		rep, err := (&recall.Service{Store: s, List: shipped}).Run(t.Context(),
			recall.Order{ID: "a", Query: recall.Query{Code: wrong}, Replace: c.replace, Reason: "x"})
		if err != nil || rep.Actions[recall.Recall] != 1 {
			t.Fatalf("%s: %+v, %v", name, rep, err)
		}
		var d store.Delivery
		if err := s.View(t.Context(), func(r store.Reader) (err error) {
			d, err = r.Deliveries().Get(rep.Items[0].By)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		bundle, err := element.Parse(d.Payload, element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := outcome.Document(d.Payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := base64.StdEncoding.DecodeString(bundle.All("entry.resource.content.attachment.data")[0].Text)
		if err != nil {
			t.Fatal(err)
		}
		if id := doc.TextAt("identifier.value"); id != "t1.document.a" {
			t.Errorf("%s: the document is called %s", name, id)
		}
		l, err := outcome.ReadLetter(doc)
		if err != nil || l.Text() != string(text) {
			t.Errorf("%s: text and document differ: %v", name, err)
		}
		for where, s := range map[string]string{"entries": string(d.Payload), "document": string(doc.JSON())} {
			if strings.Contains(s, wrong) {
				t.Errorf("%s: the wrong code is in the %s", name, where)
			}
		}
		if strings.Contains(string(text), "- Referral to physical activity program\n") || !strings.Contains(string(text), c.says) ||
			!strings.Contains(string(text), "We spoke of the referral to physical activity program") {
			t.Errorf("%s: the letter says\n%s", name, text)
		}
		if why := list.Refusal(bundle); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	}
}

// TestHazardWrongCodeSent: where an outcome was sent, its letter is taken back
// with its entries, and a letter without the wrong code stands beside it; all
// that may leave by the list.
func TestHazardWrongCodeSent(t *testing.T) {
	for name, replace := range map[string]recall.Code{"replaced": {Code: right}, "taken back": {}} {
		s, list := opened(t)
		var original []byte
		if err := s.Decide(t.Context(), func(tx store.Tx) error {
			d, err := tx.Deliveries().Get(1)
			if err != nil {
				return err
			}
			original = d.Payload
			d.State, d.Marks = store.Proven, []string{outbound.LeftMark(d.Key, outbound.LeftWhole)}
			return tx.Deliveries().Advance(d, store.Attempt{Channel: d.Channel, State: "proven"})
		}); err != nil {
			t.Fatal(err)
		}
		rep, err := (&recall.Service{Store: s, List: shipped}).Run(t.Context(),
			recall.Order{ID: "a", Query: recall.Query{Code: wrong}, Replace: replace, Reason: "x"})
		if err != nil || rep.Actions[recall.Correct] != 1 {
			t.Fatalf("%s: %+v, %v", name, rep, err)
		}
		var d store.Delivery
		if err := s.View(t.Context(), func(r store.Reader) (err error) {
			d, err = r.Deliveries().Get(rep.Items[0].By)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		bundle, err := element.Parse(d.Payload, element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		record := recordtest.NewRecord()
		record.Know(nhs.SystemNHSNumber, outboundtest.Patient)
		srv := httptest.NewServer(record)
		fc := fhirapi.DefaultConfig()
		fc.BaseURL = srv.URL
		ch, err := fhirapi.New(fc)
		if err != nil {
			t.Fatal(err)
		}
		for _, sent := range []struct {
			name    string
			payload []byte
		}{{"the outcome", original}, {"its correction", d.Payload}, {"its correction again", d.Payload}} {
			if res := ch.Deliver(t.Context(), outbound.Delivery{ID: 1, Payload: sent.payload}); res.State != outbound.Proven {
				t.Errorf("%s: %s: %+v", name, sent.name, res)
			}
		}
		srv.Close()
		if tally := record.Tally(); tally.Doubled != 0 {
			t.Errorf("%s: doubled in the record: %+v", name, tally)
		}
		letters := map[string]string{}
		for _, e := range bundle.List("entry") {
			r := e.Get("resource")
			if r.ResourceType() != "DocumentReference" {
				continue
			}
			text, err := base64.StdEncoding.DecodeString(r.TextAt("content.attachment.data"))
			if err != nil {
				t.Fatal(err)
			}
			letters[e.TextAt("request.method")+" "+r.Str("status")+" "+r.TextAt("identifier.value")] = string(text)
		}
		const line = "- Referral to physical activity program\n"
		if old := letters["PUT entered-in-error t1.summary"]; !strings.Contains(old, "ENTERED IN ERROR") || strings.Contains(old, line) {
			t.Errorf("%s: the letter is not taken back: %v", name, letters)
		}
		if now := letters["POST current t1.summary.a"]; now == "" || strings.Contains(now, line) || strings.Contains(now, "- Signposting\n") != (replace.Code != "") {
			t.Errorf("%s: the new letter says\n%s", name, now)
		}
		if why := list.Refusal(bundle); len(letters) != 3 || why != "" {
			t.Errorf("%s: %d letters, %s", name, len(letters), why)
		}
	}
}

// TestHazardWrongCodeAgain: what a recall put right may be recalled in its turn:
// the second one takes back what the first said is right, and nothing twice.
func TestHazardWrongCodeAgain(t *testing.T) {
	const third = "306238000" // Referral to Social Services
	for name, sent := range map[string]bool{"sent": true, "not sent": false} {
		s, list := opened(t)
		service := &recall.Service{Store: s, List: shipped}
		proven := func(id int64) (d store.Delivery) {
			if err := s.Decide(t.Context(), func(tx store.Tx) (err error) {
				if d, err = tx.Deliveries().Get(id); err != nil || !sent {
					return err
				}
				d.State, d.Marks = store.Proven, []string{outbound.LeftMark(d.Key, outbound.LeftWhole)}
				return tx.Deliveries().Advance(d, store.Attempt{Channel: d.Channel, State: "proven"})
			}); err != nil {
				t.Fatal(err)
			}
			return d
		}
		recalled := func(id, from, to string) store.Delivery {
			t.Helper()
			rep, err := service.Run(t.Context(), recall.Order{ID: id, Query: recall.Query{Code: from}, Replace: recall.Code{Code: to}, Reason: "x"})
			if err != nil || rep.Found != 1 || rep.Items[0].By == 0 {
				t.Fatalf("%s: %s: %+v, %v", name, id, rep, err)
			}
			return proven(rep.Items[0].By)
		}
		proven(1)
		recalled("first", wrong, right)
		d := recalled("second", right, third)
		bundle, err := element.Parse(d.Payload, element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		live := map[string]int{}
		for _, e := range bundle.List("entry") {
			if r := e.Get("resource"); r.Str("status") != "entered-in-error" {
				live[r.TextAt("code.coding.code")]++
			}
		}
		if live[wrong]+live[right] > 0 || live[third] != 1 {
			t.Errorf("%s: says now %v", name, live)
		}
		if why := list.Refusal(bundle); why != "" {
			t.Errorf("%s: %s", name, why)
		}
		again, err := service.Run(t.Context(), recall.Order{ID: "second", Query: recall.Query{Code: right}, Replace: recall.Code{Code: third}, Reason: "x"})
		if err != nil || again.Found != 1 || again.Actions[recall.Known] != 1 {
			t.Errorf("%s: again: %+v, %v", name, again.Actions, err)
		}
		if rep, err := service.Run(t.Context(), recall.Order{ID: "dry", Query: recall.Query{Code: third}, Reason: "x", DryRun: true}); err != nil || rep.Found != 1 {
			t.Errorf("%s: the last one is not found: %+v, %v", name, rep, err)
		}
	}
}
