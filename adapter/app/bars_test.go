package app_test

import (
	"bytes"
	"encoding/base64"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/recordtest"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/mappings"
)

const (
	barsURL     = "/bars/$process-message"
	barsTarget  = "https://fhir.nhs.uk/Id/dos-service-id|2000099999"
	barsFrom    = "https://fhir.nhs.uk/Id/dos-service-id|2000088888"
	anyCompany  = `{"resourceType":"Organization","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"Z00001"}]}`
	anySoftware = `{"resourceType":"Device"}`
)

// barsMessage is the example of a referral under another number.
func barsMessage(t *testing.T, number string) []byte {
	t.Helper()
	return barsExample(t, "bars-application-5", number)
}

func barsExample(t *testing.T, example, number string) []byte {
	t.Helper()
	b, err := mappings.Files.ReadFile("bars-r4/examples/" + example + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse(b).Files {
		if f.Name == "in.json" {
			return bytes.ReplaceAll(f.Data, []byte("OAK-1"), []byte(number))
		}
	}
	t.Fatal("the example has no in.json")
	return nil
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// barsHeaders are good headers with some of them changed; an empty value
// leaves one out.
func barsHeaders(change ...string) []string {
	out := []string{
		"X-Request-Id", uuid.NewString(), "X-Correlation-Id", uuid.NewString(),
		"NHSD-Target-Identifier", b64(`{"system":"https://fhir.nhs.uk/id/dos-service-id","value":"2000099999"}`),
		"NHSD-End-User-Organisation", b64(anyCompany), "NHSD-Requesting-Software", b64(anySoftware),
		"Content-Type", "application/fhir+json; version=1.4.0", "Accept", "application/fhir+json; version=1.4.0",
	}
	for i := 0; i < len(change); i += 2 {
		at := slices.Index(out, change[i])
		switch {
		case at < 0:
			out = append(out, change[i], change[i+1])
		case change[i+1] == "":
			out = slices.Delete(out, at, at+2)
		default:
			out[at+1] = change[i+1]
		}
	}
	return out
}

// barsRefused checks a refusal in the words of the standard.
func (h *house) barsRefused(r response, status int, code, issue string) {
	h.t.Helper()
	if r.status != status {
		h.t.Errorf("status %d, want %d: %s", r.status, status, r.body)
		return
	}
	v := r.value(h.t)
	if got := v.TextAt("issue.details.coding.code"); got != code || v.TextAt("issue.code") != issue {
		h.t.Errorf("%s %s, want %s %s", got, v.TextAt("issue.code"), code, issue)
	}
}

func openBaRS(t *testing.T, change func(*config.Config)) *house {
	return open(t, func(c *config.Config) {
		c.Senders = []config.Sender{{Name: "oak", Mapping: "bars-r4", BaRSTarget: barsTarget}}
		if change != nil {
			change(c)
		}
	})
}

func TestBaRS(t *testing.T) {
	h := openBaRS(t, nil)
	headers := barsHeaders()

	r := h.want(h.call("POST", barsURL, barsMessage(t, "OAK-1"), headers...), 200)
	if r.header.Get("X-Request-Id") != headers[1] || r.header.Get("X-Correlation-Id") != headers[3] {
		t.Error("the ids are not echoed")
	}
	request := ""
	for _, x := range r.value(t).All("entry.resource") {
		if x.ID() == "" {
			t.Errorf("%s came back without an id", x.ResourceType())
		}
		if x.ResourceType() == "ServiceRequest" {
			request = x.ID()
		}
	}
	h.want(h.call("GET", "/fhir/ServiceRequest/"+request, nil), 200)

	// The same pair of ids is the same message, whatever comes with it.
	h.barsRefused(h.call("POST", barsURL, barsMessage(t, "OAK-1"), headers...), 409, "REC_CONFLICT", "duplicate")
	h.barsRefused(h.call("POST", barsURL, barsMessage(t, "OAK-2"), headers...), 409, "REC_CONFLICT", "duplicate")

	// The same referral by another name is no new one.
	h.barsRefused(h.call("POST", barsURL, bytes.Replace(barsMessage(t, "OAK-1"), []byte("Patricia"), []byte("Patience"), -1), barsHeaders()...),
		409, "REC_CONFLICT", "conflict")

	// What failed fails the same way again, even when it is right by now.
	headers = barsHeaders()
	bad := bytes.ReplaceAll(barsMessage(t, "OAK-3"), []byte("request-referral"), []byte("request-unheard"))
	first := h.call("POST", barsURL, bad, headers...)
	h.barsRefused(first, 400, "REC_BAD_REQUEST", "invariant")
	again := h.call("POST", barsURL, barsMessage(t, "OAK-3"), headers...)
	if again.status != first.status || !bytes.Equal(again.body, first.body) {
		t.Errorf("the failure was not repeated: %d %s", again.status, again.body)
	}
	h.want(h.call("POST", barsURL, barsMessage(t, "OAK-3"), barsHeaders()...), 200)
}

// TestBaRSLife updates and cancels a referral by the id that came back with it.
func TestBaRSLife(t *testing.T) {
	h := openBaRS(t, nil)
	ids := map[string]string{}
	for _, x := range h.want(h.call("POST", barsURL, barsMessage(t, "OAK-1"), barsHeaders()...), 200).value(t).All("entry.resource") {
		ids[x.ResourceType()] = x.ID()
	}
	named := func(example string) []byte {
		b := barsExample(t, example, "unheard-of")
		return bytes.ReplaceAll(b, []byte("0f0c8d1e-5f43-8a7b-9c2d-1e2f3a4b5c6d"), []byte(ids["ServiceRequest"]))
	}
	stands := func(request, task string) {
		t.Helper()
		r := h.want(h.call("GET", "/fhir/ServiceRequest/"+ids["ServiceRequest"], nil), 200).value(t).Str("status")
		if got := h.want(h.call("GET", "/fhir/Task/"+ids["Task"], nil), 200).value(t).Str("status"); got != task || r != request {
			t.Errorf("the request is %s and the Task %s, want %s and %s", r, got, request, task)
		}
	}
	h.barsRefused(h.call("POST", barsURL, barsExample(t, "bars-cancel", "unheard-of"), barsHeaders()...), 404, "REC_NOT_FOUND", "not-found")
	stands("active", "requested")
	h.want(h.call("POST", barsURL, named("bars-update"), barsHeaders()...), 200)
	stands("active", "requested")
	headers := barsHeaders()
	h.want(h.call("POST", barsURL, named("bars-cancel"), headers...), 200)
	stands("revoked", "cancelled")
	h.barsRefused(h.call("POST", barsURL, named("bars-cancel"), headers...), 409, "REC_CONFLICT", "duplicate")
}

// TestBaRSOfficial sends every official sample of the corpus.
func TestBaRSOfficial(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Senders = []config.Sender{{Name: "oak", Mapping: "bars-r4", BaRSTarget: "https://fhir.nhs.uk/Id/dos-service-id|111111111"}}
	})
	for _, c := range []struct {
		file   string
		status int
		code   string
		place  string // which the reason names
	}{
		{"REFREQ03*.xml", 200, "", ""},
		{"REFREQ06*.xml", 200, "", ""},
		{"SERVREQ01*.xml", 404, "REC_NOT_FOUND", ""},
		{"REFRESP02*.xml", 400, "REC_BAD_REQUEST", "/entry[0]/resource/definition"},
		{"ValidationRequest-POST.json", 400, "REC_BAD_REQUEST", "/entry[0]/resource/definition"},
	} {
		files, _ := filepath.Glob("../../../shared/corpus/bars/" + c.file)
		if len(files) == 0 {
			t.Skip("the corpus is not present")
		}
		t.Run(c.file, func(t *testing.T) {
			body, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			h := &house{t: t, base: h.base}
			media := "application/fhir+xml"
			if filepath.Ext(files[0]) == ".json" {
				media = fhirJSON
			}
			r := h.call("POST", barsURL, body, barsHeaders("Content-Type", media,
				"NHSD-Target-Identifier", b64(`{"system":"https://fhir.nhs.uk/Id/dos-service-id","value":"111111111"}`))...)
			if r.status != c.status {
				t.Fatalf("status %d, want %d: %s", r.status, c.status, r.body)
			}
			if c.code == "" {
				return
			}
			v := r.value(t)
			if v.TextAt("issue.details.coding.code") != c.code || !strings.Contains(v.TextAt("issue.diagnostics"), c.place) {
				t.Errorf("refused with %s", r.body)
			}
		})
	}
}

func TestBaRSInXML(t *testing.T) {
	h := openBaRS(t, nil)
	v, err := element.Parse(barsMessage(t, "OAK-1"), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	body, err := fhirxml.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	const xml = "application/fhir+xml; version=1.4.0"
	r := h.want(h.call("POST", barsURL, body, barsHeaders("Content-Type", xml, "Accept", "")...), 200)
	if !strings.HasPrefix(r.header.Get("Content-Type"), fhirxml.MediaType) || !fhirxml.Is(r.body) {
		t.Errorf("XML is answered with %s", r.header.Get("Content-Type"))
	}
	// The answer is in the format that is asked for, that of an error too.
	body = bytes.ReplaceAll(body, []byte("OAK-1"), []byte("OAK-2"))
	h.want(h.call("POST", barsURL, body, barsHeaders("Content-Type", xml)...), 200).value(t)
	r = h.call("POST", barsURL, barsMessage(t, "OAK-3"), barsHeaders("Accept", xml, "NHSD-Requesting-Software", "")...)
	if r.status != 400 || !fhirxml.Is(r.body) || !bytes.Contains(r.body, []byte("REC_BAD_REQUEST")) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestBaRSHeaders(t *testing.T) {
	h := openBaRS(t, nil)
	for _, c := range []struct {
		name, header, value string
		status              int
		code, issue         string
	}{
		{"no request id", "X-Request-Id", "", 400, "REC_BAD_REQUEST", "invalid"},
		{"no correlation id", "X-Correlation-Id", "", 400, "REC_BAD_REQUEST", "invalid"},
		{"request id no GUID", "X-Request-Id", "42", 400, "REC_BAD_REQUEST", "value"},
		{"correlation id no GUID", "X-Correlation-Id", "42", 400, "REC_BAD_REQUEST", "value"},
		{"no target", "NHSD-Target-Identifier", "", 400, "REC_BAD_REQUEST", "required"},
		{"target no base64", "NHSD-Target-Identifier", "{}", 400, "REC_BAD_REQUEST", "value"},
		{"target without value", "NHSD-Target-Identifier", b64(`{"system":"x"}`), 400, "REC_BAD_REQUEST", "value"},
		{"unknown target", "NHSD-Target-Identifier", b64(`{"system":"https://fhir.nhs.uk/Id/dos-service-id","value":"1"}`), 404, "REC_NOT_FOUND", "not-found"},
		{"no organisation", "NHSD-End-User-Organisation", "", 400, "REC_BAD_REQUEST", "required"},
		{"organisation of another type", "NHSD-End-User-Organisation", b64(anySoftware), 400, "REC_BAD_REQUEST", "value"},
		{"no software", "NHSD-Requesting-Software", "", 400, "REC_BAD_REQUEST", "required"},
		{"practitioner of another type", "NHSD-Requesting-Practitioner", b64(anySoftware), 400, "REC_BAD_REQUEST", "value"},
		{"unknown format wanted", "Accept", "text/html", 406, "REC_NOT_ACCEPTABLE", "processing"},
		{"unknown format sent", "Content-Type", "text/plain", 400, "REC_BAD_REQUEST", "not-supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &house{t: t, base: h.base}
			h.barsRefused(h.call("POST", barsURL, barsMessage(t, "OAK-1"), barsHeaders(c.header, c.value)...), c.status, c.code, c.issue)
		})
	}
	h.barsRefused(h.call("GET", barsURL, nil), 501, "REC_NOT_IMPLEMENTED", "not-supported")
	h.barsRefused(h.call("GET", "/bars/Slot", nil), 404, "REC_NOT_FOUND", "not-found")
	// Headers that a receiver ignores, and any spelling of Accept.
	h.want(h.call("POST", barsURL, barsMessage(t, "OAK-1"), barsHeaders("use-context", "a5t1|referral", "Accept", "*/*")...), 200)
}

// TestBaRSSenders: the target, the client and the organisation together say who
// sends.
func TestBaRSSenders(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Senders = []config.Sender{
			{Name: "oak", Mapping: "bars-r4", BaRSTarget: barsTarget, Organization: "Z00001"},
			{Name: "elm", Mapping: "bars-r4", BaRSTarget: barsTarget, Organization: "Z00002"},
		}
		c.Clients = []config.Client{
			{Name: "oak", TokenSHA256: sha("oak-token"), Role: config.RoleSender, Senders: []string{"oak"}},
			{Name: "elm", TokenSHA256: sha("elm-token"), Role: config.RoleSender, Senders: []string{"elm"}},
		}
	})
	send := func(token string) response {
		return h.call("POST", barsURL, barsMessage(t, "OAK-1"), barsHeaders("Authorization", "Bearer "+token)...)
	}
	h.barsRefused(send("nobody"), 401, "REC_UNAUTHORIZED", "security")
	h.barsRefused(send("elm-token"), 403, "REC_FORBIDDEN", "forbidden")
	h.want(send("oak-token"), 200)
}

// TestBaRSInWork: while one instance decides a message it is too early for
// others; a claim that is given back is free at once.
func TestBaRSInWork(t *testing.T) {
	h := openBaRS(t, nil)
	headers := barsHeaders()
	key := headers[1] + " " + headers[3]
	for range 3 {
		claim, before, err := h.app.Claim(t.Context(), "oak", key)
		if err != nil || claim == nil || before != nil {
			t.Fatalf("claim %v, %v, %v", claim, before, err)
		}
		for range 2 {
			h.barsRefused(h.call("POST", barsURL, barsMessage(t, "OAK-1"), headers...), 425, "REC_TOO_EARLY", "duplicate")
		}
		claim.Release(t.Context())
	}
	h.want(h.call("POST", barsURL, barsMessage(t, "OAK-1"), headers...), 200)
	h.barsRefused(h.call("POST", barsURL, barsMessage(t, "OAK-1"), headers...), 409, "REC_CONFLICT", "duplicate")
}

func TestBaRSTimeLimit(t *testing.T) {
	h := openBaRS(t, func(c *config.Config) { c.HTTP.BaRSTimeLimit = time.Nanosecond })
	h.barsRefused(h.call("POST", barsURL, barsMessage(t, "OAK-1"), barsHeaders()...), 408, "REC_TIMEOUT", "timeout")
}

// TestBaRSAnswers: the sender hears what became of its referral, once each,
// also when it was away.
func TestBaRSAnswers(t *testing.T) {
	sender := &recordtest.BaRSSender{}
	srv := httptest.NewServer(sender)
	defer srv.Close()
	h := openBaRS(t, func(c *config.Config) {
		c.Senders[0].AnswerURL = srv.URL + "/$process-message"
		c.Senders[0].AnswerHeaders = []config.Header{{Name: "NHSD-End-User-Organisation", Value: b64(anyCompany)}, {Name: "NHSD-Requesting-Software", Value: b64(anySoftware)}}
	})
	refer := func(number string) (task, correlation string) {
		headers := barsHeaders()
		for _, r := range h.want(h.call("POST", barsURL, barsMessage(t, number), headers...), 200).value(t).All("entry.resource") {
			if r.ResourceType() == "Task" {
				task = r.ID()
			}
		}
		return task, headers[3]
	}
	heard := func(n int) []recordtest.Answered {
		t.Helper()
		for range 500 {
			taken, wrong := sender.Taken()
			if len(wrong) > 0 {
				t.Fatalf("the sender refused: %v", wrong)
			}
			if len(taken) >= n {
				return taken
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("the sender did not hear %d answers", n)
		return nil
	}
	task, correlation := refer("OAK-1")
	sender.Down(true)
	h.want(h.change(task, claimBy("org-1")), 200)
	h.want(h.change(task, func(v *element.Value) {
		v.Set("businessStatus", element.NewObject(element.F("coding", element.NewArray(element.NewObject(
			element.S("system", profile.SystemBusinessStatus), element.S("code", "did-not-attend"))))))
	}), 200)
	sender.Down(false)
	other, otherCorrelation := refer("OAK-2")
	h.want(h.change(other, func(v *element.Value) {
		v.SetString("status", "rejected")
		v.Set("statusReason", object("text", "No places before summer"))
	}), 200)

	want := map[string]string{"active " + correlation: "", "revoked " + correlation: "", "active " + otherCorrelation: "No places before summer"}
	for _, a := range heard(3) {
		if a.Target != barsFrom || a.Message.TextAt("entry.resource.response.identifier") != "3c0f7a52-6a3e-4b8e-9a55-1f2f3a4b5c6d" {
			t.Errorf("target %s, answers %s", a.Target, a.Message.TextAt("entry.resource.response.identifier"))
		}
		for _, r := range a.Message.All("entry.resource") {
			if r.ResourceType() != "ServiceRequest" {
				continue
			}
			key := r.Str("status") + " " + a.Correlation
			text, ok := want[key]
			if !ok || !strings.Contains(string(a.Message.JSON()), text) {
				t.Errorf("an answer too many or too little: %s", key)
			}
			delete(want, key)
		}
	}
	if len(want) != 0 {
		t.Errorf("not heard: %v", want)
	}

	// Why in words is for the person to say; that it was rejected is not.
	private, privateCorrelation := refer("OAK-3")
	h.sharing(private, "codes-only")
	h.want(h.change(private, func(v *element.Value) {
		v.SetString("status", "rejected")
		v.Set("statusReason", object("text", "In prison until May"))
	}), 200)
	for _, a := range heard(4) {
		if told := string(a.Message.JSON()); strings.Contains(told, "prison") || a.Correlation == privateCorrelation && !strings.Contains(told, `"Encounter"`) {
			t.Errorf("the sender heard %s", told)
		}
	}
}
