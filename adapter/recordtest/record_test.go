package recordtest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/recordtest"
)

// start serves a record that knows the patient of Payload.
func start(t *testing.T) (*recordtest.Record, string) {
	t.Helper()
	r := recordtest.NewRecord()
	r.Know(nhs.SystemNHSNumber, outboundtest.Patient)
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	return r, srv.URL
}

func post(t *testing.T, base string, payload []byte) (int, *element.Value, error) {
	t.Helper()
	res, err := http.Post(base, "application/fhir+json", bytes.NewReader(payload))
	if err != nil {
		return 0, nil, err
	}
	return read(t, res)
}

func read(t *testing.T, res *http.Response) (int, *element.Value, error) {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	v, err := element.Parse(b, element.Limits{})
	if err != nil {
		t.Fatalf("the answer is no JSON: %v", err)
	}
	return res.StatusCode, v, nil
}

func subject(number string) element.Field {
	return element.F("subject", element.NewObject(element.S("reference", "Patient?identifier="+url.QueryEscape(nhs.SystemNHSNumber+"|"+number))))
}

func procedure(number string) *element.Value {
	return element.NewObject(element.S("resourceType", "Procedure"), element.S("status", "completed"), subject(number))
}

func create(value string, r *element.Value, change func(entry *element.Value)) *element.Value {
	e := outboundtest.Create(value, r)
	change(e)
	return e
}

// TestRecordRefuses sends a good entry together with one that is wrong: the
// whole is refused and nothing is kept.
func TestRecordRefuses(t *testing.T) {
	const me = outboundtest.Patient
	same := func(*element.Value) {}
	for name, c := range map[string]struct {
		entry  *element.Value
		status int
	}{
		"unknown patient":    {create("b", procedure("9990000743"), same), 422},
		"no patient":         {create("b", element.NewObject(element.S("resourceType", "Procedure"), element.S("status", "completed")), same), 422},
		"no condition":       {create("b", procedure(me), func(e *element.Value) { e.Get("request").Remove("ifNoneExist") }), 400},
		"another condition":  {create("b", procedure(me), func(e *element.Value) { e.Get("request").SetString("ifNoneExist", "identifier=x|y") }), 400},
		"a put":              {create("b", procedure(me), func(e *element.Value) { e.Get("request").SetString("method", "PUT") }), 400},
		"another type":       {create("b", procedure(me), func(e *element.Value) { e.Get("request").SetString("url", "Observation") }), 400},
		"no resource":        {create("b", procedure(me), func(e *element.Value) { e.Remove("resource") }), 400},
		"the same twice":     {create("a", procedure(me), same), 400},
		"unknown element":    {create("b", procedure(me), func(e *element.Value) { e.Get("resource").SetString("mood", "good") }), 422},
		"unknown code":       {create("b", procedure(me), func(e *element.Value) { e.Get("resource").SetString("status", "done") }), 422},
		"no status":          {create("b", procedure(me), func(e *element.Value) { e.Get("resource").Remove("status") }), 422},
		"attachment no text": {create("b", document("%%%"), same), 422},
	} {
		t.Run(name, func(t *testing.T) {
			r, base := start(t)
			status, answer, err := post(t, base, outboundtest.Transaction(outboundtest.Create("a", procedure(me)), c.entry))
			if err != nil || status != c.status || answer.ResourceType() != "OperationOutcome" {
				t.Errorf("%d %s %v, want %d", status, answer.ResourceType(), err, c.status)
			}
			if got := r.Tally(); len(got.ByType) != 0 || got.Creating != 0 {
				t.Errorf("kept some of it: %+v", got)
			}
		})
	}
}

func document(data string) *element.Value {
	return element.NewObject(element.S("resourceType", "DocumentReference"), element.S("status", "current"), subject(outboundtest.Patient),
		element.F("content", element.NewArray(element.NewObject(element.F("attachment", element.NewObject(
			element.S("contentType", "text/plain"), element.S("data", data)))))))
}

func TestRecordRefusesRequests(t *testing.T) {
	r, base := start(t)
	for name, c := range map[string]struct {
		method, path, contentType, body string
		status                          int
	}{
		"no FHIR":              {"POST", "/", "application/json", "{}", 415},
		"no JSON":              {"POST", "/", "application/fhir+json", "x", 400},
		"a batch":              {"POST", "/", "application/fhir+json", `{"resourceType":"Bundle","type":"batch"}`, 400},
		"empty":                {"POST", "/", "application/fhir+json", `{"resourceType":"Bundle","type":"transaction"}`, 400},
		"huge":                 {"POST", "/", "application/fhir+json", strings.Repeat(" ", 6<<20), 413},
		"a create":             {"POST", "/Procedure", "application/fhir+json", "{}", 405},
		"a read":               {"GET", "/Procedure/r1", "", "", 405},
		"an unknown parameter": {"GET", "/Procedure?code=1", "", "", 400},
	} {
		req, err := http.NewRequest(c.method, base+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.contentType)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if status, v, _ := read(t, res); status != c.status || v.ResourceType() != "OperationOutcome" {
			t.Errorf("%s: %d %s, want %d", name, status, v.ResourceType(), c.status)
		}
	}
	if got := r.Tally(); len(got.ByType) != 0 {
		t.Errorf("kept %+v", got)
	}
}

// TestRecordOnce: sixteen writers of the same transaction make it once.
func TestRecordOnce(t *testing.T) {
	r, base := start(t)
	var created atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			status, answer, err := post(t, base, outboundtest.Payload("t1"))
			if err != nil || status != 200 || answer.Str("type") != "transaction-response" {
				t.Errorf("%d %v", status, err)
				return
			}
			for _, e := range answer.List("entry") {
				if e.TextAt("response.status") == "201 Created" {
					created.Add(1)
				}
			}
		})
	}
	all.Wait()
	got := r.Tally()
	if created.Load() != 2 || got.Asked != 16 || got.Creating != 1 || got.Repeats != 30 || got.Doubled != 0 || fmt.Sprint(got.ByType) != "map[DocumentReference:1 Procedure:1]" {
		t.Errorf("%d created; %+v", created.Load(), got)
	}
}

// TestRecordHolds: what stands where, and a patient nobody named.
func TestRecordHolds(t *testing.T) {
	r := recordtest.NewRecord()
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	if status, _, err := post(t, srv.URL, outboundtest.Payload("t1")); err != nil || status != 422 {
		t.Fatalf("an unknown patient: %d %v, want 422", status, err)
	}
	r.KnowEveryone()
	for range 2 {
		if status, _, err := post(t, srv.URL, outboundtest.Payload("t1")); err != nil || status != 200 {
			t.Fatalf("%d %v", status, err)
		}
	}
	held := r.Held()
	for name, n := range held {
		if n != 1 {
			t.Errorf("%s stands %d times", name, n)
		}
	}
	if len(held) != 2 {
		t.Errorf("%d identifiers are held, want those of two entries: %v", len(held), held)
	}
}

// TestRecordModes: what each mode answers and what it keeps.
func TestRecordModes(t *testing.T) {
	for _, c := range []struct {
		name   string
		mode   recordtest.Mode
		status int // 0: the connection breaks
		kept   int
	}{
		{"up", recordtest.Up, 200, 2},
		{"down", recordtest.Down, 503, 0},
		{"loses answers", recordtest.LosesAnswers, 0, 2},
		{"lies", recordtest.Lies, 200, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, base := start(t)
			r.Set(c.mode)
			status, _, err := post(t, base, outboundtest.Payload("t1"))
			if status != c.status || (err != nil) != (c.status == 0) {
				t.Errorf("%d %v, want %d", status, err, c.status)
			}
			r.Set(recordtest.Up)
			res, err := http.Get(base + "/")
			if err != nil {
				t.Fatal(err)
			}
			if _, v, _ := read(t, res); len(v.List("entry")) != c.kept {
				t.Errorf("%d entries kept, want %d", len(v.List("entry")), c.kept)
			}
		})
	}
}
