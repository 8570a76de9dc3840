package routing_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/routing"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

func TestWindows(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ windows, at, until string }{
		{"18:30-08:00", "2026-03-02T12:00", ""},
		{"18:30-08:00", "2026-03-02T18:30", "2026-03-03T08:00"},
		{"18:30-08:00", "2026-03-03T07:59", "2026-03-03T08:00"},
		{"18:30-08:00", "2026-03-03T08:00", ""},
		{"12:00-13:00", "2026-03-02T12:30", "2026-03-02T13:00"},
		{"sat,sun 00:00-24:00", "2026-03-06T23:59", ""},
		{"sat,sun 00:00-24:00", "2026-03-07T10:00", "2026-03-09T00:00"},
		{"18:30-08:00;sat,sun 08:00-18:30", "2026-03-06T19:00", "2026-03-09T08:00"},
		{"fri 22:00-06:00", "2026-03-07T05:00", "2026-03-07T06:00"},
		{"fri 22:00-06:00", "2026-03-08T05:00", ""},
		{"00:00-03:00", "2026-03-29T00:30", "2026-03-29T03:00"}, // the clock goes forward
	} {
		p := routing.Practice{ODS: "A81001"}
		for w := range strings.SplitSeq(c.windows, ";") {
			q, err := routing.ParseWindow(w)
			if err != nil {
				t.Fatal(err)
			}
			p.Quiet = append(p.Quiet, q)
		}
		table, err := routing.NewTable([]routing.Practice{p}, nil, london)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := time.ParseInLocation("2006-01-02T15:04", c.at, london)
		got := ""
		if until := table.Quiet("A81001", at); !until.IsZero() {
			got = until.In(london).Format("2006-01-02T15:04")
		}
		if got != c.until {
			t.Errorf("%s at %s: until %q, want %q", c.windows, c.at, got, c.until)
		}
	}
	for _, bad := range []string{"", "18-8", "24:00-08:00", "25:00-01:00", "08:00-08:00", "mon", "foo 10:00-11:00", "10:00-11:60", "mon,  10:00-11:00"} {
		if w, err := routing.ParseWindow(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, w)
		}
	}
}

func FuzzParseWindow(f *testing.F) {
	f.Add("18:30-08:00")
	f.Add("sat,sun 00:00-24:00")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := routing.ParseWindow(text)
		if err == nil && (w.From < 0 || w.From >= 24*60 || w.To < 0 || w.To > 24*60) {
			t.Errorf("%q: %+v", text, w)
		}
	})
}

func TestTable(t *testing.T) {
	_, err := routing.NewTable([]routing.Practice{
		{ODS: "A"}, {ODS: "A"}, {ODS: "B", GroupsOff: []string{"none"}},
		{ODS: "C", Hops: []routing.Hop{{Channel: "x", FallBack: []string{"because"}}, {Channel: "x"}}},
	}, map[string]string{"1": "referral"}, nil)
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("not every problem at once: %v", err)
	}
}

// outcome is a transaction with a code, a score with words beside it, and a letter.
const outcome = `{"resourceType":"Bundle","type":"transaction","entry":[
{"resource":{"resourceType":"Procedure","identifier":[{"system":"s","value":"1"}],"status":"completed","code":{"coding":[{"system":"http://snomed.info/sct","code":"975131000000104","display":"Signposting"}],"text":"Signposting"},"subject":{"reference":"Patient?identifier=x"},"note":[{"text":"WORDS"}],"reasonCode":[{"text":"WORDS"}]}},
{"resource":{"resourceType":"Observation","identifier":[{"system":"s","value":"2"}],"status":"final","code":{"coding":[{"system":"http://snomed.info/sct","code":"871711000000103","display":"Social prescribing declined"}],"text":"WORDS"},"valueString":"WORDS","valueQuantity":{"value":7}}},
{"resource":{"resourceType":"Observation","identifier":[{"system":"s","value":"4"}],"status":"final","code":{"text":"WORDS"}}},
{"resource":{"resourceType":"QuestionnaireResponse","item":[{"text":"WORDS"}]}},
{"resource":{"resourceType":"DocumentReference","identifier":[{"system":"s","value":"3"}],"content":[{"attachment":{"data":"TEVUVEVS"}}]}}]}`

// document is a transaction with a letter that holds a document of one resource.
func document(resource string) string {
	doc := `{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Composition"}},{"resource":` + resource + `}]}`
	return `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"DocumentReference","content":[{"attachment":{` +
		`"contentType":"application/fhir+json; fhirVersion=4.0","data":"` + base64.StdEncoding.EncodeToString([]byte(doc)) + `"}}]}}]}`
}

// TestHazardDisclosureOfFreeText: what a practice or a person does not want does not leave, free text
// least of all.
func TestHazardDisclosureOfFreeText(t *testing.T) {
	table, err := routing.NewTable(nil, map[string]string{"975131000000104": "signposting", "871711000000103": "referral"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		off    []string
		share  routing.Share
		kept   int
		words  bool
		letter bool
	}{
		{nil, routing.All, 5, true, true},
		{nil, routing.Summary, 3, false, true},
		{nil, routing.CodesOnly, 2, false, false},
		{nil, routing.Nothing, 0, false, false},
		{[]string{"signposting"}, routing.All, 4, true, true},
		{[]string{"signposting", "referral"}, routing.CodesOnly, 0, false, false},
	} {
		out, kept := table.Trim([]byte(outcome), c.off, c.share)
		if kept != c.kept || strings.Contains(string(out), "WORDS") != c.words || strings.Contains(string(out), "TEVUVEVS") != c.letter {
			t.Errorf("%v %d: %d kept of\n%s", c.off, c.share, kept, out)
		}
		if kept > 0 && c.share == routing.CodesOnly {
			v, err := element.Parse(out, element.Limits{})
			if err != nil || v.List("entry")[0].TextAt("resource.code.text") != "Signposting" || v.List("entry")[1].TextAt("resource.valueQuantity.value") != "7" {
				t.Errorf("codes are not whole: %s", out)
			}
		}
	}
	if out, kept := table.Trim([]byte("{}"), nil, routing.CodesOnly); kept != 1 || string(out) != "{}" {
		t.Errorf("what is no Bundle became %s", out)
	}
}

// gateHouse is a gate over a real store.
type gateHouse struct {
	t    *testing.T
	s    *sqlite.Store
	gate *routing.Gate
	ix   *resource.Indexer
	now  time.Time

	table *routing.Table
}

func newGate(t *testing.T, practices ...routing.Practice) *gateHouse {
	t.Helper()
	h := &gateHouse{t: t, ix: resource.NewIndexer([]byte("key of the index, thirty-two byte")), now: time.Now().UTC()}
	cfg := sqlite.DefaultConfig()
	cfg.Path = t.TempDir()
	var err error
	if h.s, err = sqlite.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.s.Close() })
	table, err := routing.NewTable(practices, map[string]string{"975131000000104": "signposting"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.gate = &routing.Gate{
		Consents: routing.Consents{Indexer: h.ix, BaseURL: "http://here/fhir", Without: routing.All},
		Outcome:  func(store.Delivery) bool { return true }, Recheck: time.Hour, Now: func() time.Time { return h.now },
	}
	h.gate.Use(table)
	h.table = table
	return h
}

func (h *gateHouse) plan(d store.Delivery) (p outbound.Plan) {
	h.t.Helper()
	if err := h.s.View(h.t.Context(), func(r store.Reader) (err error) {
		p, err = h.gate.Plan(r, d, h.now)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *gateHouse) decide(fn func(tx store.Tx) error) {
	h.t.Helper()
	if err := h.s.Decide(h.t.Context(), fn); err != nil {
		h.t.Fatal(err)
	}
}

// consent writes a Consent of patient p.
func (h *gateHouse) consent(id string, version int64, body string) {
	h.t.Helper()
	v, err := element.Parse([]byte(`{"resourceType":"Consent","id":"`+id+`","patient":{"reference":"Patient/p"},`+body+`}`), element.Limits{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.decide(func(tx store.Tx) error {
		_, err := tx.Resources().Put(store.Write{Key: store.Key{Type: "Consent", ID: id}, Body: element.Canonical(v), Index: h.ix.Index(v), Expect: version})
		return err
	})
}

func sharing(code string) string {
	return `"status":"active","provision":{"code":[{"coding":[{"system":"` + referral.SystemSharing + `","code":"` + code + `"}]}]}`
}

// TestHazardDisclosureWithoutConsent: what the person said last counts at the time of sending.
func TestHazardDisclosureWithoutConsent(t *testing.T) {
	h := newGate(t)
	d := store.Delivery{Lane: "A81001", Channel: "fhirapi", Patient: "p", Payload: []byte(outcome)}
	want := func(what string, do outbound.State, entries int) {
		t.Helper()
		p := h.plan(d)
		n := strings.Count(string(p.Payload), `"resourceType"`) - 1
		if p.Do != do || do == outbound.Sent && n != entries || do != outbound.Sent && p.Reason == "" {
			t.Errorf("%s: %s (%s) with %d entries, want %s with %d", what, p.Do, p.Reason, n, do, entries)
		}
	}
	want("nothing chosen", outbound.Sent, 5)
	h.consent("c1", 0, sharing("codes-only"))
	want("codes only", outbound.Sent, 2)
	h.consent("c1", 1, sharing("summary"))
	want("summary", outbound.Sent, 3)
	h.consent("c1", 2, sharing("whatever"))
	want("a word nobody knows", outbound.Withheld, 0)
	h.consent("c1", 3, sharing("all"))
	want("all", outbound.Sent, 5)
	h.consent("c2", 0, `"status":"entered-in-error"`)
	want("an error", outbound.Sent, 5)
	h.consent("c1", 4, `"status":"inactive"`)
	want("withdrawn", outbound.Withheld, 0)
	h.consent("c3", 0, `"status":"active","dateTime":"2020-01-01T10:00:00Z"`)
	want("an old permission that comes late", outbound.Withheld, 0)
	h.consent("c3", 1, sharing("all"))
	want("given again", outbound.Sent, 5)
	h.consent("c4", 0, `"status":"active","provision":{"type":"deny"}`)
	want("denied", outbound.Withheld, 0)
	h.consent("c4", 1, `"status":"active","policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTOUT"}]}`)
	want("opted out", outbound.Withheld, 0)
	d.Key = outbound.CorrectionKey("Task/t/outcome", "r1")
	want("a correction", outbound.Sent, 5)
}

// TestHazardDisclosureWithoutAnAnswer: a Consent that is not decided keeps back, unless
// one that is was written after it; and it never allows more than that.
func TestHazardDisclosureWithoutAnAnswer(t *testing.T) {
	h := newGate(t)
	d := store.Delivery{Lane: "A81001", Channel: "fhirapi", Patient: "p", Payload: []byte(outcome)}
	want := func(what string, do outbound.State, entries int, why string) {
		t.Helper()
		p := h.plan(d)
		n := strings.Count(string(p.Payload), `"resourceType"`) - 1
		if p.Do != do || do == outbound.Sent && n != entries || !strings.Contains(p.Reason, why) {
			t.Errorf("%s: %s (%s) with %d entries, want %s with %d", what, p.Do, p.Reason, n, do, entries)
		}
	}
	h.consent("c1", 0, `"status":"proposed"`)
	want("proposed", outbound.Withheld, 0, "newest Consent is not decided")
	h.consent("c1", 1, `"status":"draft"`)
	want("draft", outbound.Withheld, 0, "newest Consent is not decided")
	h.gate.Consents.Unclear = routing.CodesOnly
	want("as configured", outbound.Sent, 2, "")
	h.consent("c2", 0, `"status":"active","dateTime":"2020-01-01T10:00:00Z"`)
	want("answered, on a day before", outbound.Sent, 5, "")
	h.consent("c2", 1, `"status":"rejected"`)
	want("refused", outbound.Withheld, 0, "does not allow")
	h.consent("c3", 0, `"status":"proposed"`)
	want("asked again after a refusal", outbound.Withheld, 0, "newest Consent is not decided")
	h.consent("c3", 1, `"status":"active"`)
	want("which permits in the end", outbound.Sent, 5, "")
}

// TestHazardDoubledByFallBack: the next channel is tried for the reasons that were agreed, and
// never for what may have arrived.
func TestHazardDoubledByFallBack(t *testing.T) {
	h := newGate(t,
		routing.Practice{ODS: "A81001", Hops: []routing.Hop{{Channel: "a"}, {Channel: "b", FallBack: []string{routing.Refused, routing.GivenUp}}, {Channel: "c"}}, CodesOnly: true, GroupsOff: []string{"signposting"}})
	d := store.Delivery{Lane: "A81001", Channel: "fhirapi", Payload: []byte(outcome)}
	if p := h.plan(d); p.Channel != "a" || strings.Contains(string(p.Payload), "975131000000104") || strings.Contains(string(p.Payload), "WORDS") {
		t.Errorf("%s: %s", p.Channel, p.Payload)
	}
	next := func(channel string, res outbound.Result, made ...store.Attempt) (out string) {
		d.Channel = channel
		h.decide(func(tx store.Tx) (err error) {
			out, err = h.gate.Next(tx, d, res, made)
			return err
		})
		return out
	}
	tried := store.Attempt{Channel: "b", State: string(outbound.Unknown)}
	for i, c := range []struct {
		from string
		res  outbound.Result
		made []store.Attempt
		want string
	}{
		{"a", outbound.Result{State: outbound.Dead}, nil, ""},
		{"b", outbound.Result{State: outbound.Dead}, nil, "c"},
		{"b", outbound.Result{State: outbound.Dead}, []store.Attempt{tried}, ""},
		{"b", outbound.Result{State: outbound.Dead, Arrived: true}, nil, ""},
		{"b", outbound.Result{State: outbound.Retry, Unsent: true}, nil, "c"},
		{"b", outbound.Result{State: outbound.Retry}, nil, ""},
		{"b", outbound.Result{State: outbound.Retry, Unsent: true}, []store.Attempt{tried}, ""},
		{"b", outbound.Result{State: outbound.Elsewhere}, nil, ""},
		{"c", outbound.Result{State: outbound.Dead}, nil, ""},
		{"gone", outbound.Result{State: outbound.Dead}, nil, ""},
		{"a", outbound.Result{State: outbound.Elsewhere}, nil, "b"},
	} {
		if got := next(c.from, c.res, c.made...); got != c.want {
			t.Errorf("%d: from %s on %s: %q, want %q", i, c.from, c.res.State, got, c.want)
		}
	}
	d.Channel = "fhirapi"
	if p := h.plan(d); p.Channel != "b" {
		t.Errorf("a practice that does not take a is asked by %s", p.Channel)
	}
	h.now = h.now.Add(2 * time.Hour)
	if p := h.plan(d); p.Channel != "a" {
		t.Errorf("after a while a is not tried again but %s", p.Channel)
	}
	d.Channel, d.Attempts = "c", 3
	if p := h.plan(d); p.Channel != "c" {
		t.Errorf("what has come to c goes by %s", p.Channel)
	}
}

// TestStop: a stop counts from the next look on, for one practice or for all.
func TestStop(t *testing.T) {
	h := newGate(t)
	d := store.Delivery{Lane: "A81001", Channel: "fhirapi", Payload: outboundtest.Payload("t")}
	set := func(ods string, value []byte) {
		h.decide(func(tx store.Tx) error { return tx.Switches().Set(routing.StopName(ods), value) })
	}
	open := func() (out string) {
		if err := h.s.View(t.Context(), func(r store.Reader) error {
			closed, err := h.gate.Open(r, h.now)
			for _, lane := range []string{"A81001", "B2", "sender/x"} {
				out += fmt.Sprint(!closed(lane).After(h.now), " ")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := open() + string(h.plan(d).Do); got != "true true true sent" {
		t.Error(got)
	}
	set("A81001", []byte(`{"reason":"x"}`))
	if got := open() + string(h.plan(d).Do); got != "false true true retry" {
		t.Error(got)
	}
	set("A81001", nil)
	set(routing.Any, []byte("nonsense stops too"))
	if got := open() + string(h.plan(d).Do); got != "false false true retry" {
		t.Error(got)
	}
}
