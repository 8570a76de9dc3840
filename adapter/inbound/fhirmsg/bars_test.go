package fhirmsg_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/inbound/inboundtest"
)

var target = &fhirmsg.BaRS{Target: "https://fhir.nhs.uk/Id/dos-service-id|111111111"}

// envelope is a BaRS message with what is given in place of its parts.
func envelope(version, definition, destination string) []byte {
	return []byte(`{"resourceType":"Bundle","id":"b1","meta":{"versionId":"` + version + `"},"type":"message","entry":[{"fullUrl":"urn:uuid:1","resource":` +
		`{"resourceType":"MessageHeader","eventCoding":{"system":"https://fhir.nhs.uk/CodeSystem/message-events-bars","code":"servicerequest-request"},` +
		`"destination":[{"endpoint":"` + destination + `"}],"source":{"endpoint":"https://fhir.nhs.uk/Id/dos-service-id|222"},"definition":"` + definition + `"}},` +
		`{"fullUrl":"urn:uuid:2","resource":{"resourceType":"ServiceRequest","status":"active"}},{"fullUrl":"urn:uuid:3","resource":{"resourceType":"Patient","id":"theirs"}}]}`)
}

const (
	referral = "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral"
	here     = "https://fhir.nhs.uk/Id/dos-service-id|111111111"
)

func TestBaRSEnvelope(t *testing.T) {
	versions := &fhirmsg.BaRS{Target: here, Versions: []string{"1.1.0"}}
	for _, c := range []struct {
		name   string
		bars   *fhirmsg.BaRS
		body   []byte
		status int
		code   string
		issues []string
	}{
		{"good", target, envelope("1.1.0", referral, here), 200, "", nil},
		{"another spelling of the target", target, envelope("1.1.0", referral, "http://fhir.nhs.uk/id/dos-service-id|111111111"), 200, "", nil},
		{"a definition with a version", target, envelope("1.1.0", referral+"|1.0.0", here), 200, "", nil},
		{"no version", target, bytes.Replace(envelope("1", referral, here), []byte(`"meta":{"versionId":"1"},`), nil, 1), 400, "REC_BAD_REQUEST", []string{"invariant"}},
		{"version not supported", versions, envelope("9.9.9", referral, here), 422, "REC_UNPROCESSABLE_ENTITY", []string{"not-supported"}},
		{"definition unknown", target, envelope("1.1.0", "urn:x", here), 400, "REC_BAD_REQUEST", []string{"invariant"}},
		{"for somebody else", target, envelope("1.1.0", referral, "https://fhir.nhs.uk/Id/dos-service-id|3"), 400, "REC_BAD_REQUEST", []string{"value"}},
		{"everything", target, bytes.Replace(envelope("1", "urn:x", "urn:y"), []byte(`"meta":{"versionId":"1"},`), nil, 1), 400, "REC_BAD_REQUEST", []string{"invariant", "invariant", "value"}},
		{"no message", target, []byte(`{"resourceType":"Patient"}`), 400, "REC_BAD_REQUEST", []string{"invalid"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := format(t, fhirmsg.Options{BaRS: c.bars})
			m, err := f.Decode(c.body)
			a := inbound.Answer{Request: "r1", Task: "t1", MessageID: 4}
			if err != nil {
				a.Fault = fault.Of(err)
			}
			r := f.Reply(m, a)
			if r.Status != c.status {
				t.Fatalf("status %d, want %d: %s", r.Status, c.status, r.Body)
			}
			if c.status == 200 {
				return
			}
			if codes, issues := outcomeCodes(t, r.Body); !slices.Equal(issues, c.issues) || codes[0] != c.code {
				t.Errorf("%v %v, want %s %v", codes, issues, c.code, c.issues)
			}
		})
	}
}

func outcomeCodes(t *testing.T, body []byte) (codes, issues []string) {
	t.Helper()
	v, err := element.Parse(body, element.Limits{})
	if err != nil || v.ResourceType() != "OperationOutcome" {
		t.Fatalf("no OperationOutcome: %s", body)
	}
	for _, is := range v.List("issue") {
		issues = append(issues, is.Str("code"))
		codes = append(codes, is.TextAt("details.coding.code"))
		if is.TextAt("details.coding.system") != fhirmsg.BaRSErrors || is.Str("diagnostics") == "" {
			t.Errorf("an issue without system or diagnostics: %s", is.JSON())
		}
	}
	return codes, issues
}

// TestBundleReturned: an accepted message comes back whole, every resource with
// an id, the same each time.
func TestBundleReturned(t *testing.T) {
	f := format(t, fhirmsg.Options{BaRS: target})
	m, err := f.Decode(envelope("1.1.0", referral, here))
	if err != nil {
		t.Fatal(err)
	}
	a := inbound.Answer{Request: "r1", Task: "t1", MessageID: 4}
	r := f.Reply(m, a)
	if again := f.Reply(m, a); !bytes.Equal(r.Body, again.Body) {
		t.Error("the answer differs when it is given again")
	}
	v, err := element.Parse(r.Body, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	sent, _ := element.Parse(envelope("1.1.0", referral, here), element.Limits{})
	if len(v.List("entry")) != len(sent.List("entry")) || v.ID() != "b1" {
		t.Fatalf("not the whole message: %s", r.Body)
	}
	seen := map[string]bool{}
	for i, e := range v.List("entry") {
		res := e.Get("resource")
		if res.ID() == "" || seen[res.ID()] || res.ID() == "theirs" {
			t.Errorf("%s has the id %q", res.ResourceType(), res.ID())
		}
		seen[res.ID()] = true
		res.Remove("id")
		want := sent.List("entry")[i]
		want.Get("resource").Remove("id")
		if !element.Equal(e, want) {
			t.Errorf("entry %d came back otherwise", i)
		}
	}
	if !seen["r1"] {
		t.Error("the ServiceRequest does not have the id under which it is served")
	}
}

// TestBaRSErrorTable walks the error table of a receiver, and the kinds of this
// house onto it.
func TestBaRSErrorTable(t *testing.T) {
	// BaRS, error codes of a receiver: status, code, issue types.
	table := map[string]string{
		"400 REC_BAD_REQUEST":          "invalid required value invariant not-supported",
		"401 REC_UNAUTHORIZED":         "security forbidden",
		"403 REC_FORBIDDEN":            "forbidden",
		"404 REC_NOT_FOUND":            "not-found",
		"406 REC_NOT_ACCEPTABLE":       "processing",
		"408 REC_TIMEOUT":              "timeout",
		"409 REC_CONFLICT":             "duplicate conflict",
		"422 REC_UNPROCESSABLE_ENTITY": "not-supported too-costly",
		"425 REC_TOO_EARLY":            "duplicate",
		"429 REC_TOO_MANY_REQUESTS":    "throttled",
		"500 REC_SERVER_ERROR":         "exception no-store transient",
		"501 REC_NOT_IMPLEMENTED":      "not-supported",
		"503 REC_UNAVAILABLE":          "transient",
	}
	used := map[string]bool{}
	look := func(row fhirmsg.BaRSError, name string) {
		key := strconv.Itoa(row.Status) + " " + row.Code
		allowed, ok := table[key]
		if !ok {
			t.Errorf("%s: %s is in no row", name, key)
			return
		}
		used[key] = true
		for _, code := range append([]string{"", "structure", "code-invalid"}, row.Issues...) {
			body := row.Outcome("text", []fault.Issue{{Code: code, Place: "/x", Text: "text"}}).JSON()
			codes, issues := outcomeCodes(t, body)
			if codes[0] != row.Code || !slices.Contains(strings.Fields(allowed), issues[0]) {
				t.Errorf("%s with %q: %s %s, allowed are %s", name, code, codes[0], issues[0], allowed)
			}
		}
	}
	for _, k := range fault.Kinds() {
		look(fhirmsg.BaRSErrorOf(k), k.String())
	}
	look(fhirmsg.BaRSTooEarly, "too early")
	look(fhirmsg.BaRSRepeated, "repeated")
	for row := range table {
		if !used[row] {
			t.Errorf("%s is never answered", row)
		}
	}
}

// TestOfficialOutcomes: the published examples say the same as the table.
func TestOfficialOutcomes(t *testing.T) {
	files, _ := filepath.Glob("../../../../shared/corpus/bars/bars-outcome/*-REC_*.json")
	if len(files) == 0 {
		t.Skip("the corpus is not present")
	}
	rows := []fhirmsg.BaRSError{fhirmsg.BaRSTooEarly, fhirmsg.BaRSRepeated}
	for _, k := range fault.Kinds() {
		rows = append(rows, fhirmsg.BaRSErrorOf(k))
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		codes, issues := outcomeCodes(t, body)
		status, _, _ := strings.Cut(filepath.Base(file), "-")
		if !slices.ContainsFunc(rows, func(r fhirmsg.BaRSError) bool {
			return strconv.Itoa(r.Status) == status && r.Code == codes[0] && slices.Contains(r.Issues, issues[0])
		}) {
			t.Errorf("%s: no row says this", filepath.Base(file))
		}
	}
}

// TestOfficialXML reads every official BaRS message of the corpus.
func TestOfficialXML(t *testing.T) {
	for _, c := range []struct{ file, id, typ, reason string }{
		{"REFREQ03", "", "servicerequest-request", ""},
		{"REFREQ06", "", "servicerequest-request", ""},
		{"SERVREQ01", "09b53c07-2a21-4ba5-ac8b-f33e486d794d", "servicerequest-request|update", ""},
		{"REFRESP02", "ca337cfa-f564-4948-97bf-4134968caba6", "servicerequest-response", "/entry[0]/resource/definition"},
	} {
		files, _ := filepath.Glob("../../../../shared/corpus/bars/" + c.file + "*.xml")
		if len(files) == 0 {
			t.Skip("the corpus is not present")
		}
		t.Run(c.file, func(t *testing.T) {
			body, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			m, err := fhirmsg.New().Decode(body)
			if err != nil {
				t.Fatal(err)
			}
			inboundtest.CheckTree(t, m)
			if c.id != "" && m.ID != c.id || m.ID == "" || m.Type != c.typ {
				t.Errorf("id %q, type %q", m.ID, m.Type)
			}
			if got := first(t, m, "ServiceRequest.subject.resolve().name.family").Value(); got != "Jones" {
				t.Errorf("the person is %q", got)
			}
			r := fhirmsg.New().Reply(m, inbound.Answer{Task: "t"})
			if !strings.HasPrefix(r.ContentType, fhirxml.MediaType) || !fhirxml.Is(r.Body) {
				t.Errorf("XML is answered with %s", r.ContentType)
			}
			if back := fhirmsg.AsJSON(r); !json.Valid(back.Body) {
				t.Error("the answer cannot be had in JSON")
			}
			bars := *target
			if c.file == "REFRESP02" {
				bars.Target = "https://fhir.nhs.uk/Id/dos-service-id|2222222222"
			}
			_, err = format(t, fhirmsg.Options{BaRS: &bars}).Decode(body)
			switch {
			case c.reason == "" && err != nil:
				t.Errorf("as BaRS: %v", err)
			case c.reason != "" && (err == nil || fault.Of(err).Issues[0].Place != c.reason):
				t.Errorf("as BaRS: %v, want a refusal at %s", err, c.reason)
			}
		})
	}
}

// TestXMLSaysTheSame: addresses and values of a message are those of its JSON.
func TestXMLSaysTheSame(t *testing.T) {
	v, err := element.Parse(sample(t), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	inXML, err := fhirxml.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	a, err := fhirmsg.New().Decode(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := fhirmsg.New().Decode(inXML)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"Bundle.timestamp", "ServiceRequest.subject.resolve().name.family", "ServiceRequest.basedOn.resolve().addresses.resolve().code.text", "MessageHeader.focus.resolve().status"} {
		x, y := first(t, a, path), first(t, b, path)
		if x.Value() == "" || x.Value() != y.Value() || x.Address() != y.Address() {
			t.Errorf("%s: %q at %s, in XML %q at %s", path, x.Value(), x.Address(), y.Value(), y.Address())
		}
	}
}
