package recall_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/fhirapi"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/recordtest"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/routing"
	"github.com/linkloop/linkloop/adapter/store"
)

// gateOf is the gate of one practice, for people who allow without.
func gateOf(t *testing.T, without routing.Share, p routing.Practice, groups map[string]string) (*routing.Gate, *routing.Table) {
	t.Helper()
	p.ODS = "A81001"
	table, err := routing.NewTable([]routing.Practice{p}, groups, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &routing.Gate{Consents: routing.Consents{Indexer: resource.NewIndexer([]byte("key of the index, thirty-two byte")), BaseURL: "http://h", Without: without},
		Outcome: func(store.Delivery) bool { return true }, Recheck: time.Hour, Now: time.Now}
	g.Use(table)
	return g, table
}

// leaves is what a gate lets leave of a delivery.
func leaves(t *testing.T, s store.Store, g *routing.Gate, id int64) (d store.Delivery, p outbound.Plan) {
	t.Helper()
	if err := s.View(t.Context(), func(r store.Reader) (err error) {
		if d, err = r.Deliveries().Get(id); err == nil {
			p, err = g.Leaves(r, d)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return d, p
}

// said are all texts of the letters of a payload.
func said(t *testing.T, payload []byte) string {
	t.Helper()
	if len(payload) == 0 {
		return ""
	}
	b, err := element.Parse(payload, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, a := range b.All("entry.resource.content.attachment.data") {
		raw, err := base64.StdEncoding.DecodeString(a.Text)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(raw)
	}
	return out.String()
}

// ended ends delivery 1 in a state, with an attempt that is not on the channel.
func ended(t *testing.T, s store.Store, state store.DeliveryState, a store.Attempt) {
	t.Helper()
	if err := s.Decide(t.Context(), func(tx store.Tx) error {
		d, err := tx.Deliveries().Get(1)
		if err != nil {
			return err
		}
		d.State = state
		return tx.Deliveries().Advance(d, a)
	}); err != nil {
		t.Fatal(err)
	}
}

const words = "We spoke of the referral"

// TestHazardDisclosureByRecall: what takes the place of an outcome that never
// left leaves as that would have: by what the person and the practice allow, and
// by the list. It does so too when the gate had ended the outcome before, and a
// human let it try again.
func TestHazardDisclosureByRecall(t *testing.T) {
	for name, c := range map[string]struct {
		without routing.Share
		p       routing.Practice
		state   store.DeliveryState
		attempt string
		reason  string
		action  string
		do      outbound.State
		words   bool
	}{
		"everything":                   {routing.All, routing.Practice{}, "", "", "", recall.Recall, outbound.Sent, true},
		"the person allows nothing":    {routing.Nothing, routing.Practice{}, "", "", "", recall.Recall, outbound.Withheld, false},
		"the person allows codes":      {routing.CodesOnly, routing.Practice{}, "", "", "", recall.Recall, outbound.Sent, false},
		"a practice that takes codes":  {routing.All, routing.Practice{CodesOnly: true}, "", "", "", recall.Recall, outbound.Sent, false},
		"a group that is off":          {routing.All, routing.Practice{GroupsOff: []string{"signposting"}, CodesOnly: true}, "", "", "", recall.Recall, outbound.Sent, false},
		"withheld before":              {routing.Nothing, routing.Practice{}, store.Withheld, "withheld", "", recall.Recall, outbound.Withheld, false},
		"withheld, and let try again":  {routing.Nothing, routing.Practice{}, store.Owed, "withheld", "", recall.Recall, outbound.Withheld, false},
		"not listed, and tried again":  {routing.Nothing, routing.Practice{}, store.Owed, "dead", outbound.NotSent + "x", recall.Recall, outbound.Withheld, false},
		"the channel was not there":    {routing.Nothing, routing.Practice{}, store.Owed, "retry", "", recall.Recall, outbound.Withheld, false},
		"the channel is not taken":     {routing.Nothing, routing.Practice{}, store.Owed, "elsewhere", "", recall.Recall, outbound.Withheld, false},
		"nobody knows what arrived":    {routing.Nothing, routing.Practice{}, store.Owed, "unknown-send", "", recall.Correct, outbound.Sent, false},
		"withheld after a lost answer": {routing.Nothing, routing.Practice{}, store.Withheld, "unknown-send", "", recall.Correct, outbound.Sent, false},
	} {
		s, _ := opened(t)
		if c.state != "" {
			ended(t, s, c.state, store.Attempt{Channel: "fhirapi", State: c.attempt, Reason: c.reason})
		}
		service := &recall.Service{Store: s, List: shipped}
		order := recall.Order{ID: "a", Query: recall.Query{Code: wrong}, Replace: recall.Code{Code: right}, Reason: "x"}
		rep, err := service.Run(t.Context(), order)
		if err != nil || rep.Actions[c.action] != 1 {
			t.Errorf("%s: %+v, %v, want %s", name, rep.Actions, err, c.action)
			continue
		}
		g, _ := gateOf(t, c.without, c.p, map[string]string{right: "signposting"})
		d, p := leaves(t, s, g, rep.Items[0].By)
		if p.Do != c.do || strings.Contains(said(t, p.Payload), words) != c.words {
			t.Errorf("%s: %s (%s), with the words: %v", name, p.Do, p.Reason, !c.words)
		}
		if outbound.IsCorrection(d.Key) != (c.action == recall.Correct) {
			t.Errorf("%s: its key is %s", name, d.Key)
		}
		again, err := service.Run(t.Context(), order)
		if err != nil || again.Actions[recall.Known] != 1 {
			t.Errorf("%s: again: %+v, %v", name, again.Actions, err)
		}
		// Another recall finds what stands in its place, and leaves it itself alone.
		order.ID, order.Query.Code, order.Replace = "b", wrong, recall.Code{}
		later, err := service.Run(t.Context(), order)
		if want := map[string]string{recall.Recall: recall.Nothing, recall.Correct: recall.Known}[c.action]; err != nil || later.Actions[want] != 1 {
			t.Errorf("%s: another recall: %+v, %v, want %s", name, later.Actions, err, want)
		}
	}
}

// TestHazardDisclosureByReplacement: a correction takes back what is wrong, and
// says in its place nothing of a group of codes that the practice does not take.
func TestHazardDisclosureByReplacement(t *testing.T) {
	for off, want := range map[string]bool{"": true, "activity": true, "signposting": false} {
		s, _ := opened(t)
		ended(t, s, store.Owed, store.Attempt{Channel: "fhirapi", State: "unknown-send"})
		service := &recall.Service{Store: s, List: shipped}
		rep, err := service.Run(t.Context(), recall.Order{ID: "a", Query: recall.Query{Code: wrong}, Replace: recall.Code{Code: right}, Reason: "x"})
		if err != nil || rep.Actions[recall.Correct] != 1 {
			t.Fatalf("%+v, %v", rep.Actions, err)
		}
		g, _ := gateOf(t, routing.All, routing.Practice{GroupsOff: strings.Fields(off)}, map[string]string{right: "signposting", wrong: "activity"})
		_, p := leaves(t, s, g, rep.Items[0].By)
		bundle, err := element.Parse(p.Payload, element.Limits{})
		if err != nil || p.Do != outbound.Sent {
			t.Fatalf("without %q: %s (%s), %v", off, p.Do, p.Reason, err)
		}
		back, says := false, false
		for _, e := range bundle.List("entry") {
			switch e.TextAt("resource.code.coding.code") {
			case wrong:
				back = back || e.TextAt("resource.status") == "entered-in-error"
			case right:
				says = true
			}
		}
		if !back || says != want {
			t.Errorf("without %q: taken back %v, replaced %v", off, back, says)
		}
	}
}

// sentBy is delivery 1 as the relay sends it through a gate, in one attempt each.
func sentBy(t *testing.T, s store.Store, gates ...*routing.Gate) {
	t.Helper()
	for _, g := range gates {
		_, p := leaves(t, s, g, 1)
		if p.Do != outbound.Sent {
			t.Fatalf("%s: %s", p.Do, p.Reason)
		}
		if err := s.Decide(t.Context(), func(tx store.Tx) error {
			d, err := tx.Deliveries().Get(1)
			if err != nil {
				return err
			}
			d.State, d.Marks = store.Proven, p.Marks
			return tx.Deliveries().Advance(d, store.Attempt{Channel: d.Channel, State: "proven"})
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// names are the entries of a payload: method, status and identifier.
func names(t *testing.T, payload []byte) (out []string) {
	t.Helper()
	b, err := element.Parse(payload, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range b.List("entry") {
		out = append(out, e.TextAt("request.method")+" "+e.TextAt("resource.status")+" "+e.TextAt("resource.identifier.value"))
	}
	return out
}

// TestHazardDisclosureByCorrection: the correction of what was sent takes back
// what left and nothing else, and tells no more than had left, whoever sends it.
func TestHazardDisclosureByCorrection(t *testing.T) {
	all := func(without routing.Share, p routing.Practice) *routing.Gate {
		g, _ := gateOf(t, without, p, map[string]string{wrong: "activity", right: "signposting"})
		return g
	}
	const code, letter, told, short = "PUT entered-in-error t1.output-0", "PUT entered-in-error t1.summary", "POST current t1.summary.a", "POST current t1.correction.a"
	for name, c := range map[string]struct {
		gates []*routing.Gate // none: sent before what left was written down
		want  []string
		not   []string
		words bool
	}{
		"whole":                    {[]*routing.Gate{all(routing.All, routing.Practice{})}, []string{code, letter, told, short}, nil, true},
		"codes, by the practice":   {[]*routing.Gate{all(routing.All, routing.Practice{CodesOnly: true})}, []string{code}, []string{letter, told, short}, false},
		"codes, by the person":     {[]*routing.Gate{all(routing.CodesOnly, routing.Practice{})}, []string{code}, []string{letter, told, short}, false},
		"a summary":                {[]*routing.Gate{all(routing.Summary, routing.Practice{})}, []string{code, letter, told, short}, nil, false},
		"without another group":    {[]*routing.Gate{all(routing.All, routing.Practice{GroupsOff: []string{"signposting"}})}, []string{code, letter, told, short}, nil, true},
		"whole and then codes":     {[]*routing.Gate{all(routing.All, routing.Practice{}), all(routing.CodesOnly, routing.Practice{})}, []string{code, letter}, []string{told, short}, false},
		"before it was written up": {nil, []string{code, letter}, []string{told, short}, false},
	} {
		s, _ := opened(t)
		if sentBy(t, s, c.gates...); len(c.gates) == 0 {
			ended(t, s, store.Proven, store.Attempt{Channel: "fhirapi", State: "proven"})
		}
		rep, err := (&recall.Service{Store: s, List: shipped}).Run(t.Context(),
			recall.Order{ID: "a", Query: recall.Query{Code: wrong}, Reason: "x", Replace: recall.Code{Code: right}})
		if err != nil || rep.Actions[recall.Correct] != 1 {
			t.Errorf("%s: %+v, %v", name, rep, err)
			continue
		}
		d, p := leaves(t, s, all(routing.Nothing, routing.Practice{}), rep.Items[0].By)
		if p.Do != outbound.Sent || strings.Contains(said(t, d.Payload), words) != c.words {
			t.Errorf("%s: %s, with the words: %v", name, p.Do, !c.words)
		}
		if strings.Contains(said(t, p.Payload), "- Referral to physical activity program\n") {
			t.Errorf("%s: a letter tells the wrong code again", name)
		}
		if bundle, err := element.Parse(d.Payload, element.Limits{}); err != nil || len(bundle.All("meta.tag")) != 2 ||
			!strings.Contains(string(d.Payload), outcome.SystemList) || !strings.Contains(string(d.Payload), outcome.SystemStatus) {
			t.Errorf("%s: the correction is not tagged as its outcome was", name)
		}
		has := names(t, p.Payload)
		for _, w := range c.want {
			if !slices.Contains(has, w) {
				t.Errorf("%s: no %q in %v", name, w, has)
			}
		}
		for _, w := range c.not {
			if slices.Contains(has, w) {
				t.Errorf("%s: %q in %v", name, w, has)
			}
		}
	}
	// What never left of it at all is not corrected: no entry, and a letter that does
	// not tell of it.
	for _, share := range []routing.Share{routing.CodesOnly, routing.Summary, routing.All} {
		s, _ := opened(t)
		sentBy(t, s, all(share, routing.Practice{GroupsOff: []string{"activity"}}))
		rep, err := (&recall.Service{Store: s, List: shipped}).Run(t.Context(),
			recall.Order{ID: "a", Query: recall.Query{Code: wrong}, Reason: "x", Letters: true})
		if err != nil || rep.Actions[recall.Nothing] != 1 || len(rep.Letters) != 0 {
			t.Errorf("%d: nothing of it left: %+v, %v", share, rep, err)
		}
	}
}

// TestHazardDisclosureInLettersOfRecall: a practice is told of what it may have,
// by a channel or by the hand of a human, and of nothing else.
func TestHazardDisclosureInLettersOfRecall(t *testing.T) {
	for name, c := range map[string]struct {
		state   store.DeliveryState
		attempt store.Attempt
		told    bool
	}{
		"waits":                     {},
		"withheld":                  {store.Withheld, store.Attempt{State: "withheld"}, false},
		"refused by the list":       {store.Dead, store.Attempt{State: "dead", Reason: outbound.NotSent + "x"}, false},
		"the channel was not there": {store.Owed, store.Attempt{State: "retry"}, false},
		"sent":                      {store.Proven, store.Attempt{State: "proven"}, true},
		"nobody knows":              {store.Owed, store.Attempt{State: "unknown-send"}, true},
		"sent as a letter":          {store.Closed, store.Attempt{State: "closed"}, true},
	} {
		s, _ := opened(t)
		if c.state != "" {
			ended(t, s, c.state, c.attempt)
		}
		service := &recall.Service{Store: s, List: shipped}
		for _, dry := range []bool{true, false, false} {
			rep, err := service.Run(t.Context(), recall.Order{ID: "a", Query: recall.Query{Code: wrong}, Reason: "x", Letters: true, DryRun: dry})
			if err != nil || rep.Found != 1 || strings.Contains(rep.Letters["A81001"], "Referral to physical activity program") != c.told {
				t.Errorf("%s: dry %v: %+v, %v", name, dry, rep, err)
			}
		}
	}
}

// TestHazardWrongCodeTwice: two codes of one outcome turn out wrong. Each is taken
// back whatever the list says of the other: a letter that tells of one that is not
// on the list stays out until that one is taken back too. What an earlier
// correction told is taken back, so that at the end one letter stands that tells
// of neither.
func TestHazardWrongCodeTwice(t *testing.T) {
	only, err := outcome.LoadList(fstest.MapFS{"codes.yaml": {Data: []byte(
		"list: x\nversion: 2.0.0\ncodes:\n  - {code: \"871731000000106\", display: Referral to social prescribing service, kind: procedure, source: s}\n")}}, "codes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	both, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	for name, approved := range map[string]*outcome.List{"neither is on the list": only, "both are on the list": both} {
		s := openedWith(t, `{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"390893007"}]}},
			{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"975131000000104"}]}},
			{"type":{"text":"Note"},"valueString":"We spoke of the referral to physical activity program"}`)
		record := recordtest.NewRecord()
		record.Know(nhs.SystemNHSNumber, outboundtest.Patient)
		srv := httptest.NewServer(record)
		fc := fhirapi.DefaultConfig()
		fc.BaseURL = srv.URL
		ch, err := fhirapi.New(fc)
		if err != nil {
			t.Fatal(err)
		}
		deliver := func(id int64, g *routing.Gate) {
			t.Helper()
			d, p := leaves(t, s, g, id)
			if p.Do != outbound.Sent {
				t.Fatalf("%s: %d: %s (%s)", name, id, p.Do, p.Reason)
			}
			if res := ch.Deliver(t.Context(), outbound.Delivery{ID: id, Payload: p.Payload}); res.State != outbound.Proven {
				t.Fatalf("%s: %d: %+v", name, id, res)
			}
			if err := s.Decide(t.Context(), func(tx store.Tx) error {
				d.State, d.Marks = store.Proven, p.Marks
				return tx.Deliveries().Advance(d, store.Attempt{Channel: d.Channel, State: "proven"})
			}); err != nil {
				t.Fatal(err)
			}
		}
		g, table := gateOf(t, routing.All, routing.Practice{}, nil)
		deliver(1, g)
		table.Refusal = approved.Refusal
		service := &recall.Service{Store: s, List: func() (*outcome.List, error) { return approved, nil }}
		for _, r := range [][2]string{{"a", wrong}, {"b", right}} {
			id, code := r[0], r[1]
			rep, err := service.Run(t.Context(), recall.Order{ID: id, Query: recall.Query{Code: code}, Reason: "x"})
			if err != nil || rep.Actions[recall.Correct] != 1 {
				t.Fatalf("%s: %s: %+v, %v", name, id, rep.Actions, err)
			}
			deliver(rep.Items[0].By, g)
		}
		for _, e := range list(t, srv.URL, "Procedure") {
			r := e.Get("resource")
			if code := r.TextAt("code.coding.code"); (r.Str("status") == "entered-in-error") != (code == wrong || code == right) {
				t.Errorf("%s: %s is %s in the record", name, code, r.Str("status"))
			}
		}
		letters := 0
		for _, e := range list(t, srv.URL, "DocumentReference") {
			r := e.Get("resource")
			if r.Str("status") == "entered-in-error" || strings.Contains(r.TextAt("identifier.value"), ".correction.") {
				continue
			}
			letters++
			text := said(t, element.NewObject(element.S("resourceType", "Bundle"), element.F("entry", element.NewArray(e))).JSON())
			if !strings.Contains(text, words) || strings.Contains(text, "- Referral to physical") || strings.Contains(text, "- Signposting") {
				t.Errorf("%s: a letter says\n%s", name, text)
			}
		}
		if letters != 1 {
			t.Errorf("%s: %d letters stand, want one", name, letters)
		}
		srv.Close()
	}
}

// list are the entries of a type in a record.
func list(t *testing.T, base, typ string) []*element.Value {
	t.Helper()
	res, err := http.Get(base + "/" + typ)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	v, err := element.Parse(b, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v.List("entry")
}
