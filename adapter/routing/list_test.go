package routing_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	codes "github.com/linkloop/linkloop/adapter/outcome"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/routing"
	"github.com/linkloop/linkloop/adapter/store"
)

// listOf is a list of the codes of outcome, each line one code.
func listOf(t *testing.T, lines ...string) *codes.List {
	t.Helper()
	text := "list: x\nversion: 2.0.0\ncodes:\n"
	for _, l := range lines {
		text += "  - {" + l + ", source: s}\n"
	}
	l, err := codes.LoadList(fstest.MapFS{"codes.yaml": {Data: []byte(text)}}, "codes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const (
	signposting = `code: "975131000000104", display: Signposting, kind: procedure`
	declined    = `code: "871711000000103", display: Social prescribing declined, kind: situation`
	swemwbs     = `code: "718466001", display: SWEMWBS, kind: measure, minimum: 7, maximum: 35`
)

// TestHazardStaleMappingAtSendTime: what was owed by an earlier list is held against the one
// in use when it is sent; what that does not allow any more goes in front of a
// human, with the code and the list in the reason, and by no other channel.
func TestHazardStaleMappingAtSendTime(t *testing.T) {
	entry := func(resource string) string {
		return `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + resource + `}]}`
	}
	coded := func(status, code, display, more string) string {
		return entry(`{"resourceType":"Observation","status":"` + status + `","code":{"coding":[{"system":"http://snomed.info/sct","code":"` + code + `","display":"` + display + `"}]}` + more + `}`)
	}
	score := func(n string) string {
		return coded("final", "718466001", "SWEMWBS", `,"valueQuantity":{"value":`+n+`}`)
	}
	for name, c := range map[string]struct {
		list    []string
		payload string
		key     string
		want    string // "" for sent
	}{
		"all on the list":         {[]string{signposting, declined}, outcome, "Task/t/outcome", ""},
		"one removed":             {[]string{signposting}, outcome, "Task/t/outcome", "871711000000103 is not on the list of outcomes as it is now (x 2.0.0)"},
		"one switched off":        {[]string{signposting, declined + ", off: true"}, outcome, "Task/t/outcome", "871711000000103 is not on the list"},
		"another display":         {[]string{strings.Replace(signposting, "Signposting", "Something else", 1), declined}, outcome, "Task/t/outcome", "975131000000104 has another display"},
		"the display, a synonym":  {[]string{strings.Replace(signposting, "Signposting", "Something else, synonyms: [Signposting]", 1), declined}, outcome, "Task/t/outcome", ""},
		"a score in its range":    {[]string{swemwbs}, score("21"), "Task/t/outcome", ""},
		"a score out of range":    {[]string{strings.Replace(swemwbs, "35", "20", 1)}, score("21"), "Task/t/outcome", "outside of the range"},
		"taking a code back":      {[]string{signposting}, coded("entered-in-error", "390893007", "x", ""), outbound.CorrectionKey("Task/t/outcome", "a"), ""},
		"a correction that errs":  {[]string{signposting}, coded("final", "390893007", "x", ""), outbound.CorrectionKey("Task/t/outcome", "a"), "390893007 is not on the list"},
		"a contact in a document": {[]string{signposting}, document(`{"resourceType":"Encounter","status":"finished","type":[{"coding":[{"system":"http://snomed.info/sct","code":"185317003"}]}]}`), "Task/t/outcome", "185317003 is not on the list"},
		"a document of codes":     {[]string{signposting}, document(`{"resourceType":"Procedure","code":{"coding":[{"system":"http://snomed.info/sct","code":"975131000000104"}]}}`), "Task/t/outcome", ""},
		"an unreadable document":  {[]string{signposting}, strings.Replace(document(`{"resourceType":"Procedure"}`), `"data":"`, `"data":"!`, 1), "Task/t/outcome", "cannot be read"},
	} {
		h := newGate(t, routing.Practice{ODS: "A81001", Hops: []routing.Hop{{Channel: "a", FallBack: []string{routing.Refused}}, {Channel: "b"}}})
		list := listOf(t, c.list...)
		h.table.Refusal = list.Refusal
		d := store.Delivery{ID: 1, Key: c.key, Lane: "A81001", Channel: "a", Payload: []byte(c.payload)}
		p := h.plan(d)
		if c.want == "" {
			if p.Do != outbound.Sent {
				t.Errorf("%s: %s (%s)", name, p.Do, p.Reason)
			}
			continue
		}
		if p.Do != outbound.Dead || !strings.Contains(p.Reason, c.want) || len(p.Payload) > 0 {
			t.Errorf("%s: %s (%s) with %d bytes, want dead: %s", name, p.Do, p.Reason, len(p.Payload), c.want)
		}
		h.decide(func(tx store.Tx) error {
			next, err := h.gate.Next(tx, d, outbound.Result{State: p.Do, Reason: p.Reason}, nil)
			if next != "" {
				t.Errorf("%s: falls back to %s", name, next)
			}
			return err
		})
	}
}

// TestMadeWithThisList: what was made with the list in use, byte by byte, was
// checked when it was made.
func TestMadeWithThisList(t *testing.T) {
	list := listOf(t, signposting)
	tagged := func(sum string) *element.Value {
		v, err := element.Parse([]byte(strings.Replace(outcome, `"type":"transaction"`,
			fmt.Sprintf(`"meta":{"tag":[{"system":%q,"code":"x","display":"sha256:%s"}]},"type":"transaction"`, codes.SystemList, sum), 1)), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if why := list.Refusal(tagged(list.Sum)); why != "" {
		t.Error(why)
	}
	if why := list.Refusal(tagged(strings.Repeat("0", 64))); why == "" {
		t.Error("made with another list, and not looked at")
	}
}

// TestFallBackWithAGroupOff: what a channel refuses falls back whatever the list
// says of codes that the practice does not take, and that were not sent.
func TestFallBackWithAGroupOff(t *testing.T) {
	for name, c := range map[string]struct {
		off  []string
		do   outbound.State
		next string
	}{
		"the code that is not listed is of a group that is off": {[]string{"signposting"}, outbound.Sent, "b"},
		"it is not": {nil, outbound.Dead, ""},
	} {
		h := newGate(t, routing.Practice{ODS: "A81001", GroupsOff: c.off, Hops: []routing.Hop{{Channel: "a", FallBack: []string{routing.Refused}}, {Channel: "b"}}})
		h.table.Refusal = listOf(t, declined).Refusal
		d := store.Delivery{ID: 1, Key: "Task/t/outcome", Lane: "A81001", Channel: "a", Payload: []byte(outcome)}
		p := h.plan(d)
		if p.Do != c.do {
			t.Errorf("%s: %s (%s)", name, p.Do, p.Reason)
		}
		res := outbound.Result{State: outbound.Dead, Reason: p.Reason}
		if p.Do == outbound.Sent {
			res.Reason, res.Status = "the channel refused it", 400
		}
		h.decide(func(tx store.Tx) error {
			next, err := h.gate.Next(tx, d, res, nil)
			if next != c.next {
				t.Errorf("%s: falls back to %q, want %q", name, next, c.next)
			}
			return err
		})
	}
}
