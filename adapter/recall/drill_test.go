package recall_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/fhirapi"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/recordtest"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
	"github.com/linkloop/linkloop/mappings"
)

const (
	wrong = "390893007"       // Referral to physical activity program
	right = "975131000000104" // Signposting
)

// entered is a coded entry and a letter about a made-up person.
func entered(task, code, display string) []byte {
	subject := element.F("subject", element.NewObject(element.S("reference", "Patient?identifier="+strings.ReplaceAll(nhs.SystemNHSNumber, "/", "%2F")+"%7C"+outboundtest.Patient)))
	procedure := element.NewObject(element.S("resourceType", "Procedure"), element.S("status", "completed"),
		element.F("code", element.NewObject(element.F("coding", element.NewArray(element.NewObject(
			element.S("system", nhs.SystemSNOMED), element.S("code", code), element.S("display", display)))), element.S("text", display))),
		subject, element.S("performedDateTime", "2026-03-02"))
	letter := element.NewObject(element.S("resourceType", "DocumentReference"), element.S("status", "current"), subject,
		element.F("content", element.NewArray(element.NewObject(element.F("attachment", element.NewObject(
			element.S("contentType", "text/plain"), element.S("data", "TGV0dGVy")))))))
	return outboundtest.Transaction(outboundtest.Create(task+".activity", procedure), outboundtest.Create(task+".summary", letter))
}

// contacted is an outcome of a made-up person whose letter says by a code how a
// contact was held.
func contacted(t *testing.T, list *outcome.List, task, code string) []byte {
	t.Helper()
	parse := func(text string) *element.Value {
		v, err := element.Parse([]byte(text), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	owed, err := list.Build(outcome.Input{
		Task:    parse(`{"resourceType":"Task","id":"` + task + `","status":"completed","output":[{"valueReference":{"reference":"Encounter/e1"}}]}`),
		Request: parse(`{"resourceType":"ServiceRequest","id":"r1"}`),
		Patient: parse(`{"resourceType":"Patient","id":"p1","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000379"}]}`),
		Outputs: map[string]*element.Value{"Encounter/e1": parse(strings.ReplaceAll(encounter, telephone, code))},
		Now:     time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), FirstInEpisode: func(string) (bool, error) { return false, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return owed.Bundle
}

// TestDrill: of 10,000 outcomes 137 carry a wrong code, a quarter of these in the
// letter alone, where it says how a contact was held. They are found, corrected in
// the record by the channel they took, told to their practices, and nothing else is
// touched.
func TestDrill(t *testing.T) {
	const total, bad, contacts, practices = 10_000, 137, 34, 9
	began := time.Now()
	cfg := sqlite.DefaultConfig()
	cfg.Path = t.TempDir()
	s, err := sqlite.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	record := recordtest.NewRecord()
	record.Know(nhs.SystemNHSNumber, outboundtest.Patient)
	srv := httptest.NewServer(record)
	defer srv.Close()
	fc := fhirapi.DefaultConfig()
	fc.BaseURL = srv.URL
	ch, err := fhirapi.New(fc)
	if err != nil {
		t.Fatal(err)
	}
	list, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	isBad := func(i int) bool { return i%73 == 5 && i/73 < bad }
	isContact := func(i int) bool { return isBad(i) && i/73%4 == 3 || !isBad(i) && i%20 == 7 }
	outcomeOf := func(i int) []byte {
		switch task := fmt.Sprint("t", i); {
		case isBad(i) && isContact(i):
			return contacted(t, list, task, telephone)
		case isContact(i):
			return contacted(t, list, task, consultation)
		case isBad(i):
			return entered(task, wrong, "Referral to physical activity program")
		default:
			return entered(task, right, "Signposting")
		}
	}
	// All are on the books as proven; the record itself holds the wrong ones and
	// some of the others, because it looks at each entry closely.
	inRecord := 0
	for from := 0; from < total; from += 500 {
		if err := s.Decide(t.Context(), func(tx store.Tx) error {
			for i := from; i < from+500; i++ {
				d := store.Delivery{Key: fmt.Sprintf("Task/t%d/outcome", i), Lane: fmt.Sprintf("A8100%d", i%practices), Channel: "fhirapi",
					Task: fmt.Sprint("t", i), Patient: "p", Payload: outcomeOf(i)}
				d.Marks = append(marks(d.Payload), outbound.ListMark("list-1"))
				id, _, err := tx.Deliveries().Owe(d)
				if err != nil {
					return err
				}
				if d.ID, d.State = id, store.Proven; i == 5 {
					continue // one that was not sent yet
				}
				if isContact(i) {
					d.Marks = []string{outbound.LeftMark(d.Key, outbound.LeftWhole)}
				}
				if err := tx.Deliveries().Advance(d, store.Attempt{Channel: d.Channel, State: "proven"}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range total {
		if isBad(i) && i != 5 || i%500 == 1 || i%500 == 7 {
			if res := ch.Deliver(t.Context(), outbound.Delivery{ID: 1, Payload: outcomeOf(i)}); res.State != outbound.Proven {
				t.Fatalf("seeding: %+v", res)
			}
			if !isContact(i) {
				inRecord++
			}
		}
	}
	seeded := time.Since(began)

	var mu sync.Mutex
	owed := 0
	service := &recall.Service{Store: s, List: shipped, Owed: func() { mu.Lock(); owed++; mu.Unlock() }}
	orders := []recall.Order{
		{ID: "drill", Query: recall.Query{Code: wrong}, Replace: recall.Code{Code: right}},
		{ID: "drill-contacts", Query: recall.Query{Code: telephone}, Replace: recall.Code{Code: consultation}},
	}
	// run adds up what both recalls did, or would do.
	run := func(dry bool) (rep recall.Report) {
		rep.Actions, rep.Practices, rep.Letters = map[string]int{}, map[string]int{}, map[string]string{}
		for _, o := range orders {
			o.Reason, o.DryRun, o.Letters, o.By = "a mapping gave the wrong code", dry, true, "operator"
			one, err := service.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			rep.Found += one.Found
			for action, n := range one.Actions {
				rep.Actions[action] += n
			}
			for ods, text := range one.Letters {
				rep.Letters[ods] += text
				rep.Practices[ods]++
			}
		}
		return rep
	}
	isWrong := func(key string) bool {
		var i int
		_, err := fmt.Sscanf(key, "Task/t%d/outcome", &i)
		return err != nil || isBad(i)
	}
	before := others(t, s, isWrong)
	began = time.Now()
	dry := run(true)
	drySeconds := time.Since(began)
	if dry.Found != bad || dry.Actions[recall.Correct] != bad-1 || dry.Actions[recall.Recall] != 1 || owed != 0 {
		t.Fatalf("dry run: %d found, %v", dry.Found, dry.Actions)
	}
	if n := counts(t, s)[store.Proven]; n != total-1 {
		t.Errorf("the dry run changed something: %d proven", n)
	}
	if now := others(t, s, func(string) bool { return false }); len(now) != total {
		t.Errorf("after the dry run there are %d deliveries", len(now))
	}
	began = time.Now()
	rep := run(false)
	ran := time.Since(began)
	if again := run(false); again.Actions[recall.Known] != bad {
		t.Errorf("again: %v", again.Actions)
	}

	// The corrections go the way of the outcomes.
	rc := relay.DefaultConfig()
	rc.Workers = 8
	r, err := relay.New(rc, relay.Parts{Store: s, Channels: map[string]outbound.Channel{"fhirapi": ch}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	for range 3000 {
		if c := counts(t, s); c[store.Owed]+c[store.Leased] == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-done
	if c := counts(t, s); c[store.Proven] != total-1+bad || c[store.Closed] != 1 || c[store.Dead] != 0 {
		t.Errorf("after the corrections: %v", c)
	}

	// In the record each wrong entry is in error, with the right one beside it,
	// and nothing else has changed.
	tally := record.Tally()
	if want := inRecord + bad - contacts - 1 + 1; tally.ByType["Procedure"] != want || tally.Doubled != 0 {
		t.Errorf("%d Procedures, want %d; %d doubled", tally.ByType["Procedure"], want, tally.Doubled)
	}
	errors, rightly := 0, 0
	for _, e := range all(t, srv.URL, "Procedure").List("entry") {
		p := e.Get("resource")
		code := p.TextAt("code.coding.code")
		switch inError := p.Str("status") == "entered-in-error"; {
		case inError && code == wrong:
			errors++
		case !inError && code == right:
			rightly++
		default:
			t.Errorf("a Procedure %s is %s with code %s", p.TextAt("identifier.value"), p.Str("status"), code)
		}
	}
	if errors != bad-contacts-1 || rightly != inRecord+1 {
		t.Errorf("%d in error, want %d; %d right, want %d", errors, bad-contacts-1, rightly, inRecord+1)
	}
	telling, told := 0, 0
	for _, e := range all(t, srv.URL, "DocumentReference").List("entry") {
		if r := e.Get("resource"); r.Str("status") != "entered-in-error" {
			for _, c := range outcome.Contacts(r) {
				if c.Code == telephone {
					telling++
				} else {
					told++
				}
			}
		}
	}
	if want := contacts + total/500; telling != 0 || told != want {
		t.Errorf("%d letters tell of a contact by the wrong code, %d by the right one, want %d", telling, told, want)
	}
	after, touched := others(t, s, isWrong), 0
	for key, sum := range before {
		if after[key] != sum {
			touched++
		}
	}
	if len(before) != total-bad || len(after) != len(before) || touched > 0 {
		t.Errorf("of %d others there are %d, and %d were touched", len(before), len(after), touched)
	}
	lines := 0
	for _, text := range rep.Letters {
		lines += strings.Count(text, "- NHS number 999 000 0379: Referral to physical activity program, 02-Mar-2026; it reads now: Signposting\n")
		lines += strings.Count(text, "- NHS number 999 000 0379: Telephone encounter, contact of 28-Feb-2026; it reads now: Telephone consultation\n")
	}
	if len(rep.Letters) != practices || lines != bad-1 { // the practice of the one that never left is not told of it
		t.Errorf("%d letters with %d lines", len(rep.Letters), lines)
	}
	t.Logf("%d outcomes, %d wrong (%d of them in the letter alone) at %d practices: seeded in %s, dry run %s, corrections owed in %s; %d corrected, %d taken back before they left, %d letters; %d others compared byte by byte with their attempts, %d touched",
		total, bad, contacts, len(rep.Practices), seeded.Round(time.Millisecond), drySeconds.Round(time.Millisecond), ran.Round(time.Millisecond),
		rep.Actions[recall.Correct], rep.Actions[recall.Recall], len(rep.Letters), len(before), touched)
}

// shipped is the list in the box.
func shipped() (*outcome.List, error) { return outcome.LoadList(mappings.Files, "outcome/codes.yaml") }

// others are the deliveries that are not left out, each with the sum of all that
// is stored of it, its attempts included.
func others(t *testing.T, s store.Store, leaveOut func(key string) bool) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	if err := s.View(t.Context(), func(r store.Reader) error {
		for f := (store.DeliveryFilter{Limit: 1000}); ; {
			page, err := r.Deliveries().List(f)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, d := range page {
				if f.Before = d.ID; leaveOut(d.Key) {
					continue
				}
				if d, err = r.Deliveries().Get(d.ID); err != nil {
					return err
				}
				made, err := r.Deliveries().Attempts(d.ID)
				if err != nil {
					return err
				}
				out[d.Key] = sha256.Sum256(fmt.Appendf(nil, "%+v %+v", d, made))
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func counts(t *testing.T, s store.Store) (out map[store.DeliveryState]int64) {
	t.Helper()
	if err := s.View(t.Context(), func(r store.Reader) (err error) {
		out, err = r.Deliveries().Counts()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestHazardStaleMapping: what a query says must all hold.
func TestHazardStaleMapping(t *testing.T) {
	cfg := sqlite.DefaultConfig()
	cfg.Path = t.TempDir()
	s, err := sqlite.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	day := func(n int) time.Time { return time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC) }
	if err := s.Decide(t.Context(), func(tx store.Tx) error {
		for i, m := range []string{"code 1|list a", "code 1|list b|mapping m", "code 2|list a", "code 3|recall x"} {
			key := fmt.Sprintf("Task/t%d/outcome", i)
			if i == 3 {
				key = outbound.CorrectionKey("Task/t0/outcome", "x")
			}
			if _, _, err := tx.Deliveries().Owe(store.Delivery{Key: key, Lane: fmt.Sprint("P", i%2), Created: day(i + 1), Marks: strings.Split(m, "|")}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	service := &recall.Service{Store: s, List: shipped}
	for _, c := range []struct {
		q    recall.Query
		want string
	}{
		{recall.Query{Code: "1"}, "[2 1]"},
		{recall.Query{Code: "1", List: "a"}, "[1]"},
		{recall.Query{List: "a"}, "[3 1]"},
		{recall.Query{Mapping: "m"}, "[2]"},
		{recall.Query{Code: "1", Practice: "P1"}, "[2]"},
		{recall.Query{Code: "1", Since: day(2)}, "[2]"},
		{recall.Query{Code: "1", Until: day(2)}, "[1]"},
		{recall.Query{Code: "3"}, "[4]"},
		{recall.Query{Code: "9"}, "[]"},
	} {
		found, err := service.Find(t.Context(), c.q)
		ids := []int64{}
		for _, d := range found {
			ids = append(ids, d.ID)
		}
		if err != nil || fmt.Sprint(ids) != c.want {
			t.Errorf("%+v: %v, %v, want %s", c.q, ids, err, c.want)
		}
	}
}

// all is every resource of a type in a record.
func all(t *testing.T, base, typ string) *element.Value {
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
	v, err := element.Parse(b, element.Limits{Bytes: 64 << 20, Depth: 40, Nodes: 10_000_000})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
