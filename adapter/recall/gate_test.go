package recall_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/recall"
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
		"everything":                  {routing.All, routing.Practice{}, "", "", "", recall.Recall, outbound.Sent, true},
		"the person allows nothing":   {routing.Nothing, routing.Practice{}, "", "", "", recall.Recall, outbound.Withheld, false},
		"the person allows codes":     {routing.CodesOnly, routing.Practice{}, "", "", "", recall.Recall, outbound.Sent, false},
		"a practice that takes codes": {routing.All, routing.Practice{CodesOnly: true}, "", "", "", recall.Recall, outbound.Sent, false},
		"a group that is off":         {routing.All, routing.Practice{GroupsOff: []string{"signposting"}, CodesOnly: true}, "", "", "", recall.Recall, outbound.Sent, false},
		"withheld before":             {routing.Nothing, routing.Practice{}, store.Withheld, "withheld", "", recall.Recall, outbound.Withheld, false},
		"withheld, and let try again": {routing.Nothing, routing.Practice{}, store.Owed, "withheld", "", recall.Recall, outbound.Withheld, false},
		"not listed, and tried again": {routing.Nothing, routing.Practice{}, store.Owed, "dead", outbound.NotSent + "x", recall.Recall, outbound.Withheld, false},
		"the channel was not there":   {routing.Nothing, routing.Practice{}, store.Owed, "retry", "", recall.Recall, outbound.Withheld, false},
		"the channel is not taken":    {routing.Nothing, routing.Practice{}, store.Owed, "elsewhere", "", recall.Recall, outbound.Withheld, false},
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
		if want := map[string]string{recall.Recall: recall.Nothing, recall.Correct: recall.Correct}[c.action]; err != nil || later.Actions[want] != 1 {
			t.Errorf("%s: another recall: %+v, %v, want %s", name, later.Actions, err, want)
		}
	}
}
