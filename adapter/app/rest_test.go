package app_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// flagOf is a resource that anybody on this machine may write, with an id where
// one is given.
func flagOf(id, status string) []byte {
	if id != "" {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	return fmt.Appendf(nil, `{"resourceType":"Flag",%s"status":%q,"code":{"text":"looks like rain"},"subject":{"reference":"Patient/x"}}`, id, status)
}

// TestPrefer: what comes back for what a client would like.
// https://hl7.org/fhir/R4/http.html#ops
func TestPrefer(t *testing.T) {
	h := open(t, nil)
	for _, c := range []struct{ prefer, kind, applied string }{
		{"", "Flag", ""},
		{"return=representation", "Flag", "return=representation"},
		{"return=minimal", "", "return=minimal"},
		{"Return=\"Minimal\"", "", "return=minimal"},
		{"return=OperationOutcome", "OperationOutcome", "return=OperationOutcome"},
		{"respond-async, return=minimal; x=y", "", "return=minimal"},
		{"return=presentation", "Flag", ""}, // as one client library writes it
		{"return=presentation, return=minimal", "", "return=minimal"},
		{"handling=strict", "Flag", ""},
		{",;=", "Flag", ""},
	} {
		check := func(what string, r response, status int) {
			t.Helper()
			if r.status != status || r.header.Get("Preference-Applied") != c.applied || r.header.Get("ETag") == "" || !strings.Contains(r.header.Get("Location"), "/fhir/Flag/") {
				t.Errorf("%s, Prefer %q: status %d, applied %q, ETag %q, Location %q", what, c.prefer, r.status, r.header.Get("Preference-Applied"), r.header.Get("ETag"), r.header.Get("Location"))
			}
			if c.kind == "" && len(r.body) > 0 || c.kind != "" && r.value(t).ResourceType() != c.kind {
				t.Errorf("%s, Prefer %q: %s", what, c.prefer, r.body)
			}
		}
		made := h.call("POST", "/fhir/Flag", flagOf("", "active"), "Content-Type", fhirJSON, "Prefer", c.prefer)
		check("create", made, 201)
		_, id, _ := strings.Cut(made.header.Get("Location"), "/fhir/Flag/")
		id, _, _ = strings.Cut(id, "/")
		check("update", h.call("PUT", "/fhir/Flag/"+id, flagOf(id, "inactive"), "Content-Type", fhirJSON, "Prefer", c.prefer), 200)
		check("patch", h.call("PATCH", "/fhir/Flag/"+id, []byte(`[{"op":"replace","path":"/status","value":"active"}]`), "Content-Type", "application/json-patch+json", "Prefer", c.prefer), 200)
		r := h.call("DELETE", "/fhir/Flag/"+id, nil, "Prefer", c.prefer)
		if want := map[bool]int{true: 200, false: 204}[c.kind == "OperationOutcome"]; r.status != want || (len(r.body) > 0) != (want == 200) {
			t.Errorf("delete, Prefer %q: status %d, want %d", c.prefer, r.status, want)
		}
	}
	// In a Bundle.
	entry := ask("POST", "Flag", "", `"resource":`+string(flagOf("", "active")))
	for prefer, want := range map[string]string{"": "", "return=minimal": "", "return=representation": "resource", "return=OperationOutcome": "response.outcome"} {
		body := fmt.Appendf(nil, `{"resourceType":"Bundle","type":"transaction","entry":[%s]}`, entry)
		e := h.want(h.call("POST", "/fhir", body, "Content-Type", fhirJSON, "Prefer", prefer), 200).value(t).At("entry").Items[0]
		for _, path := range []string{"resource", "response.outcome"} {
			if (e.At(path) != nil) != (path == want) {
				t.Errorf("transaction, Prefer %q: %s", prefer, e.JSON())
			}
		}
	}
	// Handling: an unknown parameter beside a known one.
	r := h.want(h.call("GET", "/fhir/Flag?subject=Patient/x&weather=rain", nil), 200)
	if v := r.value(t); strings.Contains(v.TextAt("link.url"), "weather") || !strings.Contains(string(r.body), `"mode":"outcome"`) {
		t.Error("an unknown parameter is in the self link, or is not warned about")
	}
	h.refused(h.call("GET", "/fhir/Flag?subject=Patient/x&weather=rain", nil, "Prefer", "return=minimal,handling=strict"), 400, "invalid", "unknown")
	h.refused(h.call("GET", "/fhir/Flag/_history?weather=rain", nil, "Prefer", "handling=strict"), 400, "", "unknown")
}

// TestPutMakesWhatIsNotThere: update as create, and its conditions.
// https://hl7.org/fhir/R4/http.html#upsert
func TestPutMakesWhatIsNotThere(t *testing.T) {
	h := open(t, nil)
	put := func(id, body string, headers ...string) response {
		t.Helper()
		return h.call("PUT", "/fhir/Flag/"+id, []byte(body), append([]string{"Content-Type", fhirJSON}, headers...)...)
	}
	is := func(r response, status int, etag string) {
		t.Helper()
		if r.status != status || r.header.Get("ETag") != etag {
			t.Fatalf("status %d, ETag %s, want %d, %s: %s", r.status, r.header.Get("ETag"), status, etag, r.body)
		}
	}
	active, inactive := string(flagOf("mine.1", "active")), string(flagOf("mine.1", "inactive"))
	h.refused(put("mine.1", active, "If-Match", `W/"1"`), 412, "conflict", "no such resource")
	h.refused(put("mine.1", active, "If-Match", `*`), 412, "conflict", "no such resource")
	h.refused(put("mine.1", active, "If-Match", `W/"x"`), 400, "", "entity tag")
	h.refused(put("mine.1", active, "If-None-Match", `W/"1"`), 400, "", "star")
	h.refused(put("mine.1", string(flagOf("", "active"))), 400, "value", "id")
	h.refused(put("mine.1", string(flagOf("other", "active"))), 400, "value", "id")
	h.refused(put("mine.1", string(flagOf("other", "active")), "If-None-Match", "*"), 400, "value", "id")
	r := put("mine.1", active, "If-None-Match", "*")
	is(r, 201, `W/"1"`)
	if got := r.header.Get("Location"); got != h.base+"/fhir/Flag/mine.1/_history/1" {
		t.Errorf("Location %s", got)
	}
	h.refused(put("mine.1", inactive, "If-None-Match", "*"), 412, "conflict", "already")
	is(put("mine.1", inactive), 200, `W/"2"`)
	is(put("mine.1", active, "If-Match", "*"), 200, `W/"3"`)
	for i, tag := range []string{`W/"3"`, `"4"`, `5`, `W/6`, `w/"7"`} {
		is(put("mine.1", inactive, "If-Match", tag), 200, fmt.Sprintf(`W/"%d"`, i+4))
	}
	h.refused(put("mine.1", inactive, "If-Match", `W/"7"`), 412, "conflict", "")
	h.want(h.call("DELETE", "/fhir/Flag/mine.1", nil), 204)
	h.refused(h.call("GET", "/fhir/Flag/mine.1", nil), 410, "deleted", "")
	h.refused(h.call("GET", "/fhir/Flag/mine.1/_history/9", nil), 410, "deleted", "")
	h.want(h.call("GET", "/fhir/Flag/mine.1/_history/8", nil), 200)
	h.refused(h.call("PATCH", "/fhir/Flag/mine.1", []byte(`[]`), "Content-Type", "application/json-patch+json"), 410, "deleted", "")
	// A copy of before the deletion does not bring it back; a new one does.
	h.refused(put("mine.1", strings.Replace(active, `"status"`, `"meta":{"versionId":"8"},"status"`, 1)), 412, "conflict", "deleted")
	h.refused(put("mine.1", active, "If-Match", `W/"8"`), 412, "conflict", "deleted")
	is(put("mine.1", active), 201, `W/"10"`)
	h.want(h.call("DELETE", "/fhir/Flag/mine.1", nil), 204)
	is(put("mine.1", active, "If-Match", `W/"11"`), 201, `W/"12"`)
	if n := len(h.want(h.call("GET", "/fhir/Flag?subject=Patient/x", nil), 200).value(t).List("entry")); n != 1 {
		t.Errorf("%d are found after it was made again, want 1", n)
	}

	h.refused(h.call("PUT", "/fhir/Flag/a_b", flagOf("a_b", "active"), "Content-Type", fhirJSON), 422, "", "id")
	h.refused(h.call("PUT", "/fhir/AuditEvent/a", []byte(`{"resourceType":"AuditEvent","id":"a"}`), "Content-Type", fhirJSON), 405, "", "")
	// An id goes with a national identifier, so that nobody is held twice.
	person := `{"resourceType":"Patient","id":"chosen","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000379"}]}`
	h.refused(h.call("PUT", "/fhir/Patient/chosen", []byte(person), "Content-Type", fhirJSON), 409, "conflict", "Patient/")
	h.want(h.call("PUT", "/fhir/Patient/chosen", []byte(`{"resourceType":"Patient","id":"chosen","name":[{"family":"Canarybird"}]}`), "Content-Type", fhirJSON), 201)

	// With a condition that nothing meets, the id of the body is taken, unless it
	// is somebody else's.
	wish := func(id, code string) []byte {
		return fmt.Appendf(nil, `{"resourceType":"Location","id":%q,"identifier":[{"system":"urn:test:place","value":%q}]}`, id, code)
	}
	at := "/fhir/Location?identifier=urn:test:place|"
	r = h.want(h.call("PUT", at+"p1", wish("place-1", "p1"), "Content-Type", fhirJSON), 201)
	if got := r.value(t).ID(); got != "place-1" {
		t.Errorf("the id is %s", got)
	}
	h.want(h.call("PUT", at+"p1", wish("place-1", "p1"), "Content-Type", fhirJSON), 200)
	h.refused(h.call("PUT", at+"p2", wish("place-1", "p2"), "Content-Type", fhirJSON), 409, "conflict", "another")
	h.refused(h.post("transaction", ask("PUT", "Location?identifier=urn:test:place|p2", "", `"resource":`+string(wish("place-1", "p2")))), 409, "conflict", "another")
	answers(t, h.post("transaction", ask("PUT", "Location?identifier=urn:test:place|p2", "", `"resource":`+string(wish("place-2", "p2")))), "transaction-response", "201")

	// A whole referral put at once, in any order of its parts.
	entry := func(body string) string {
		v, err := element.Parse([]byte(body), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return ask("PUT", v.ResourceType()+"/"+v.ID(), "", `"resource":`+body)
	}
	all := []string{
		entry(`{"resourceType":"Task","id":"put-task","status":"requested","intent":"order","authoredOn":"2026-03-02T09:00:00Z","focus":{"reference":"ServiceRequest/put-request"},"for":{"reference":"Patient/put-patient"},
			"requester":{"reference":"Organization/put-practice"},"code":{"coding":[{"system":"http://hl7.org/fhir/CodeSystem/task-code","code":"fulfill"}]}}`),
		entry(`{"resourceType":"ServiceRequest","id":"put-request","status":"active","intent":"order","authoredOn":"2026-03-02","code":{"text":"company"},"subject":{"reference":"Patient/put-patient"},"requester":{"reference":"Organization/put-practice"}}`),
		entry(`{"resourceType":"Patient","id":"put-patient","name":[{"family":"Canarybird"}]}`),
		entry(`{"resourceType":"Organization","id":"put-practice","name":"Oakwood Surgery"}`),
	}
	answers(t, h.post("transaction", all...), "transaction-response", "201", "201", "201", "201")

	// In a Bundle.
	answers(t, h.post("transaction", ask("PUT", "Flag/b1", `"ifNoneMatch":"*"`, `"resource":`+string(flagOf("b1", "active"))), ask("PUT", "Flag/mine.1", "", `"resource":`+inactive)),
		"transaction-response", "201", "200")
	h.refused(h.post("transaction", ask("PUT", "Flag/b1", `"ifNoneMatch":"*"`, `"resource":`+string(flagOf("b1", "active")))), 412, "conflict", "already")
}

// TestReadsUnlessKnown: If-None-Match and If-Modified-Since.
// https://hl7.org/fhir/R4/http.html#cread
func TestReadsUnlessKnown(t *testing.T) {
	h := open(t, nil)
	made := h.want(h.call("POST", "/fhir/Flag", flagOf("", "active"), "Content-Type", fhirJSON), 201)
	path := "/fhir/Flag/" + made.value(t).ID()
	later := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		name, value string
		status      int
	}{
		{"If-None-Match", `W/"1"`, 304}, {"If-None-Match", `"1"`, 304}, {"If-None-Match", `1`, 304}, {"If-None-Match", `W/1`, 304}, {"If-None-Match", `w/"1"`, 304},
		{"If-None-Match", `*`, 304}, {"If-None-Match", `W/"7", W/"1"`, 304},
		{"If-None-Match", `W/"2"`, 200}, {"If-None-Match", `W/"11"`, 200}, {"If-None-Match", `x`, 200},
		{"If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT", 200}, {"If-Modified-Since", "yesterday", 200},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			for _, p := range []string{path, path + "/_history/1"} {
				r := h.call(method, p, nil, c.name, c.value)
				if r.status != c.status || r.header.Get("ETag") != `W/"1"` || c.status == 304 && len(r.body) > 0 {
					t.Errorf("%s %s %s: status %d, want %d, ETag %s", method, c.name, c.value, r.status, c.status, r.header.Get("ETag"))
				}
			}
		}
	}
	// Within the second of the change another may yet come, so it is not said
	// that nothing changed.
	deadline := time.Now().Add(10 * time.Second)
	for h.call("GET", path, nil, "If-Modified-Since", later).status != 304 {
		if time.Now().After(deadline) {
			t.Fatal("If-Modified-Since never gives 304")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if r := h.call("GET", path, nil, "If-Modified-Since", later, "If-None-Match", `W/"9"`); r.status != 200 {
		t.Error("If-Modified-Since counts beside If-None-Match")
	}
	h.want(h.call("GET", "/fhir/metadata", nil, "If-None-Match", h.call("GET", "/fhir/metadata", nil).header.Get("ETag")), 304)
}

// TestHead: HEAD is GET without the body.
func TestHead(t *testing.T) {
	h := open(t, nil)
	id := h.want(h.call("POST", "/fhir/Flag", flagOf("", "active"), "Content-Type", fhirJSON), 201).value(t).ID()
	for _, path := range []string{"/fhir/metadata", "/fhir/Flag", "/fhir?_type=Flag", "/fhir/Flag/" + id, "/fhir/Flag/" + id + "/_history/1", "/fhir/Flag/" + id + "/_history",
		"/fhir/Flag/_history", "/fhir/_history", "/fhir/Patient/x/Flag", "/fhir/Flag/none", "/fhir/Nothing/1", "/fhir/Flag/" + id + "?_format=xml"} {
		get, head := h.call("GET", path, nil), h.call("HEAD", path, nil)
		if get.status != head.status || len(head.body) > 0 {
			t.Errorf("%s: HEAD %d with %d bytes, GET %d", path, head.status, len(head.body), get.status)
		}
		for _, name := range []string{"Content-Type", "Content-Length", "ETag", "Last-Modified"} {
			if get.header.Get(name) != head.header.Get(name) {
				t.Errorf("%s: %s is %q of HEAD and %q of GET", path, name, head.header.Get(name), get.header.Get(name))
			}
		}
	}
}

// walk follows the pages of a Bundle and returns what each entry is about.
func (h *house) walk(path string, between func()) (seen []string) {
	h.t.Helper()
	for pages := 0; path != ""; pages++ {
		if pages > 50 {
			h.t.Fatal("paging does not end")
		}
		v := h.want(h.call("GET", path, nil), 200).value(h.t)
		path = ""
		for _, e := range v.List("entry") {
			name := strings.TrimPrefix(e.Str("fullUrl"), h.base+"/fhir/") + " " + e.TextAt("response.etag") + " " + e.TextAt("request.method")
			if (e.Get("resource") == nil) != (e.TextAt("request.method") == "DELETE") || e.TextAt("response.status") == "" || e.TextAt("response.lastModified") == "" || e.TextAt("request.url") == "" {
				h.t.Errorf("an entry of a history is not whole: %s", e.JSON())
			}
			if typ, _, _ := strings.Cut(name, "/"); !published[typ] {
				seen = append(seen, name)
			}
		}
		for _, l := range v.List("link") {
			if l.Str("relation") == "next" {
				rest, ours := strings.CutPrefix(l.Str("url"), h.base)
				if !ours {
					h.t.Errorf("a link leads elsewhere: %s", l.Str("url"))
				}
				path = rest
			}
		}
		if between != nil {
			between()
		}
	}
	return seen
}

// published are the types of what the house says of itself, made at its start.
var published = map[string]bool{"OperationDefinition": true, "StructureDefinition": true, "CodeSystem": true, "ValueSet": true}

// TestHistory: at three levels, with pages that writes in between do not change.
// https://hl7.org/fhir/R4/http.html#history
func TestHistory(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("PUT", "/fhir/Flag/a", flagOf("a", "active"), "Content-Type", fhirJSON), 201)
	h.want(h.call("PUT", "/fhir/Flag/b", flagOf("b", "active"), "Content-Type", fhirJSON), 201)
	h.want(h.call("PUT", "/fhir/Flag/a", flagOf("a", "inactive"), "Content-Type", fhirJSON), 200)
	h.want(h.call("PUT", "/fhir/List/l", []byte(`{"resourceType":"List","id":"l","status":"current","mode":"working"}`), "Content-Type", fhirJSON), 201)
	h.want(h.call("DELETE", "/fhir/Flag/a", nil), 204)
	h.want(h.call("PUT", "/fhir/Flag/a", flagOf("a", "active"), "Content-Type", fhirJSON), 201)
	ofA := []string{`Flag/a W/"4" PUT`, `Flag/a W/"3" DELETE`, `Flag/a W/"2" PUT`, `Flag/a W/"1" POST`}
	ofFlag := []string{ofA[0], ofA[1], ofA[2], `Flag/b W/"1" POST`, ofA[3]}
	ofAll := []string{ofA[0], ofA[1], `List/l W/"1" POST`, ofA[2], `Flag/b W/"1" POST`, ofA[3]}
	for _, c := range []struct {
		path string
		want []string
	}{{"/fhir/Flag/a/_history", ofA}, {"/fhir/Flag/_history", ofFlag}, {"/fhir/_history", ofAll}} {
		for _, count := range []string{"", "_count=1", "_count=2", "_count=1000"} {
			if got := h.walk(c.path+"?"+count, nil); !slices.Equal(got, c.want) {
				t.Errorf("%s?%s:\n%q, want\n%q", c.path, count, got, c.want)
			}
		}
		if v := h.want(h.call("GET", c.path+"?_count=0", nil), 200).value(t); len(v.List("entry")) > 0 || len(v.List("link")) != 1 {
			t.Errorf("%s?_count=0: %s", c.path, v.JSON())
		}
	}
	h.refused(h.call("GET", "/fhir/Flag/none/_history", nil), 404, "not-found", "")
	h.refused(h.call("GET", "/fhir/Nothing/_history", nil), 404, "not-found", "")

	// Times: of each version, the moment of its writing.
	var at []string
	for _, e := range h.want(h.call("GET", "/fhir/_history", nil), 200).value(t).List("entry") {
		if !published[e.TextAt("resource.resourceType")] {
			at = append(at, e.TextAt("response.lastModified"))
		}
	}
	slices.Reverse(at) // a1 b1 a2 l1 a3(deleted) a4
	for query, want := range map[string]int{
		"/fhir/_history?_since=" + at[0]:                          6,
		"/fhir/_history?_since=" + at[2]:                          4,
		"/fhir/_history?_count=1&_since=" + at[4]:                 2,
		"/fhir/Flag/_history?_since=" + at[2]:                     3,
		"/fhir/Flag/a/_history?_since=" + at[5]:                   1,
		"/fhir/_history?_since=2199-01-01":                        0,
		"/fhir/_history?_at=" + at[0]:                             1, // a1
		"/fhir/_history?_at=" + at[1]:                             2, // a1 b1
		"/fhir/_history?_at=" + at[2]:                             2, // b1 a2
		"/fhir/_history?_at=" + at[3]:                             3, // b1 a2 l1
		"/fhir/_history?_at=" + at[4]:                             3, // b1 l1, and the deletion of a
		"/fhir/_history?_count=1&_at=" + at[3]:                    3,
		"/fhir/Flag/_history?_at=" + at[3]:                        2,
		"/fhir/Flag/a/_history?_at=" + at[3]:                      1,
		"/fhir/Flag/a/_history?_at=" + at[3][:4]:                  4,
		"/fhir/Flag/a/_history?_count=1&_at=" + at[3][:4]:         4,
		"/fhir/_history?_at=1969":                                 0,
		"/fhir/_history?_at=2001":                                 0,
		"/fhir/_history?_at=2199":                                 3, // what is now: a4 b1 l1
		"/fhir/_history?_at=" + at[3][:4] + "&_since=" + at[4]:    2,
		"/fhir/Flag/a/_history?_at=" + at[3] + "&_since=" + at[0]: 1,
	} {
		if got := h.walk(query, nil); len(got) != want {
			t.Errorf("%s: %q, want %d", query, got, want)
		}
	}
	for _, bad := range []string{"_count=-1", "_count=x", "_since=x", "_since=2026-13-01", "_at=now", "_cursor=x", "_count=1&_count=2"} {
		h.refused(h.call("GET", "/fhir/Flag/_history?"+bad, nil), 400, "", "")
	}

	// Writes between the pages.
	for path, want := range map[string][]string{"/fhir/Flag/a/_history?_count=1": ofA, "/fhir/Flag/_history?_count=1": ofFlag, "/fhir/_history?_count=2": ofAll} {
		h := open(t, nil)
		h.want(h.call("PUT", "/fhir/Flag/a", flagOf("a", "active"), "Content-Type", fhirJSON), 201)
		h.want(h.call("PUT", "/fhir/Flag/b", flagOf("b", "active"), "Content-Type", fhirJSON), 201)
		h.want(h.call("PUT", "/fhir/Flag/a", flagOf("a", "inactive"), "Content-Type", fhirJSON), 200)
		h.want(h.call("PUT", "/fhir/List/l", []byte(`{"resourceType":"List","id":"l","status":"current","mode":"working"}`), "Content-Type", fhirJSON), 201)
		h.want(h.call("DELETE", "/fhir/Flag/a", nil), 204)
		h.want(h.call("PUT", "/fhir/Flag/a", flagOf("a", "active"), "Content-Type", fhirJSON), 201)
		n := 0
		if got := h.walk(path, func() {
			n++
			h.want(h.call("PUT", "/fhir/Flag/a", flagOf("a", "active"), "Content-Type", fhirJSON), 200)
			h.want(h.call("PUT", fmt.Sprintf("/fhir/Flag/new-%d", n), flagOf(fmt.Sprintf("new-%d", n), "active"), "Content-Type", fhirJSON), 201)
		}); !slices.Equal(got, want) {
			t.Errorf("%s with writes in between:\n%q, want\n%q", path, got, want)
		}
	}
}

// TestBehindAProxy: links begin with the address that callers know.
func TestBehindAProxy(t *testing.T) {
	h := open(t, func(c *config.Config) { c.HTTP.TrustedProxies = []string{"127.0.0.0/8"} })
	stranger := open(t, func(c *config.Config) { c.HTTP.TrustedProxies = []string{"10.0.0.0/8"} })
	named := open(t, func(c *config.Config) { c.HTTP.BaseURL = "https://referrals.example/loop" })
	for _, c := range []struct {
		h       *house
		headers []string
		want    string
	}{
		{h, nil, h.base},
		{h, []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "tools.example"}, "https://tools.example"},
		{h, []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "tools.example:8443, inner.example", "X-Forwarded-Prefix", "/loop/"}, "https://tools.example:8443/loop"},
		{h, []string{"X-Forwarded-Proto", "http", "X-Forwarded-Host", "tools.example", "X-Forwarded-Port", "8080"}, "http://tools.example:8080"},
		{h, []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "tools.example", "X-Forwarded-Port", "443"}, "https://tools.example"},
		{h, []string{"Forwarded", `for=192.0.2.1;proto=https;host="tools.example:8443", for=10.0.0.1;host=inner.example`, "X-Forwarded-Host", "other.example"}, "https://tools.example:8443"},
		{h, []string{"X-Forwarded-Proto", "https"}, "https://" + strings.TrimPrefix(h.base, "http://")},
		{h, []string{"X-Forwarded-For", "192.0.2.1"}, h.base},
		{h, []string{"X-Forwarded-Proto", "javascript", "X-Forwarded-Host", "tools.example"}, h.base},
		{h, []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", `evil.example/"><x>`}, h.base},
		{h, []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "tools.example", "X-Forwarded-Prefix", "/../x"}, h.base},
		{stranger, []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "tools.example"}, stranger.base},
		{named, []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "tools.example"}, "https://referrals.example/loop"},
	} {
		made := func() response {
			t.Helper()
			req, err := http.NewRequest("POST", "http://"+c.h.app.Addr()+"/fhir/Flag", bytes.NewReader(flagOf("", "active")))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", fhirJSON)
			return c.h.do(req, c.headers...)
		}()
		id := made.value(t).ID()
		if got, want := made.header.Get("Location"), c.want+"/fhir/Flag/"+id+"/_history/1"; got != want {
			t.Errorf("%q: Location %s, want %s", c.headers, got, want)
		}
		at := func(path string) *element.Value {
			t.Helper()
			req, err := http.NewRequest("GET", "http://"+c.h.app.Addr()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			return c.h.do(req, c.headers...).value(t)
		}
		found := at("/fhir/Flag?_id=" + id + "&subject=" + url.QueryEscape(c.want+"/fhir/Patient/x"))
		if got := found.TextAt("entry.fullUrl"); got != c.want+"/fhir/Flag/"+id {
			t.Errorf("%q: fullUrl %s", c.headers, got)
		}
		if got := found.TextAt("link.url"); !strings.HasPrefix(got, c.want+"/fhir/Flag?") {
			t.Errorf("%q: self link %s", c.headers, got)
		}
		if got := at("/fhir/Flag/_history").TextAt("link.url"); !strings.HasPrefix(got, c.want+"/fhir/Flag/_history") {
			t.Errorf("%q: self link of the history %s", c.headers, got)
		}
		if got := at("/fhir/metadata").TextAt("implementation.url"); got != c.want+"/fhir" {
			t.Errorf("%q: the CapabilityStatement says %s", c.headers, got)
		}
	}
}

// do sends a request; headers come in pairs.
func (h *house) do(req *http.Request, headers ...string) response {
	h.t.Helper()
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return response{res.StatusCode, res.Header, b}
}

// TestCORS: pages of configured origins may call, others may not read.
// https://fetch.spec.whatwg.org/#http-cors-protocol
func TestCORS(t *testing.T) {
	secured := func(origins ...string) func(*config.Config) {
		return func(c *config.Config) {
			c.HTTP.CORSOrigins = origins
			c.Clients = []config.Client{{Name: "tool", Role: "link-worker", TokenSHA256: sha("token")}}
		}
	}
	h := open(t, secured("https://tool.example"))
	preflight := []string{"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,if-match", "Origin"}
	r := h.want(h.call("OPTIONS", "/fhir/Task/1", nil, append(preflight, "https://tool.example")...), 204)
	for name, want := range map[string]string{"Access-Control-Allow-Origin": "https://tool.example", "Access-Control-Allow-Methods": "PUT", "Access-Control-Allow-Headers": "If-Match"} {
		if !strings.Contains(r.header.Get(name), want) {
			t.Errorf("preflight: %s is %q", name, r.header.Get(name))
		}
	}
	// What fhir-kit-client and @medplum/core send, and what this API understands.
	for _, name := range strings.Fields("accept authorization cache-control content-type if-match if-none-exist prefer x-medplum x-request-id x-security-context") {
		if !slices.ContainsFunc(strings.Split(r.header.Get("Access-Control-Allow-Headers"), ", "), func(h string) bool { return strings.EqualFold(h, name) }) {
			t.Errorf("a browser sends nothing with %s", name)
		}
	}
	r = h.want(h.call("GET", "/fhir/Task", nil, "Origin", "https://tool.example", "Authorization", "Bearer token"), 200)
	if r.header.Get("Access-Control-Allow-Origin") != "https://tool.example" || !strings.Contains(r.header.Get("Access-Control-Expose-Headers"), "ETag") || !slices.Contains(r.header.Values("Vary"), "Origin") {
		t.Errorf("a page cannot read the answer: %v", r.header)
	}
	// A refusal can be read, too; and without a token there is nothing else.
	if r := h.want(h.call("GET", "/fhir/Task", nil, "Origin", "https://tool.example"), 401); r.header.Get("Access-Control-Allow-Origin") == "" {
		t.Error("a page cannot read the refusal")
	}
	for _, other := range []string{"https://tool.example.evil.example", "http://tool.example", "null", "*"} {
		if got := h.call("OPTIONS", "/fhir/Task/1", nil, append(preflight, other)...).header; got.Get("Access-Control-Allow-Origin") != "" || got.Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("%s is let in", other)
		}
	}
	if got := open(t, secured()).call("OPTIONS", "/fhir/Task/1", nil, append(preflight, "https://tool.example")...).header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Error("without origins a page is let in")
	}
	if got := open(t, secured("*")).call("OPTIONS", "/fhir/Task/1", nil, append(preflight, "https://any.example")...).header.Get("Access-Control-Allow-Origin"); got != "https://any.example" {
		t.Errorf("with a star, %q is let in", got)
	}
	// Without clients this machine alone is served, whatever is configured.
	open := open(t, func(c *config.Config) { c.HTTP.CORSOrigins = []string{"*"} })
	open.refused(open.call("GET", "/fhir/Task", nil, "Origin", "https://any.example"), 403, "forbidden", "")
}

// TestMethodsNotAllowed: 405 says what is allowed, OPTIONS does too.
func TestMethodsNotAllowed(t *testing.T) {
	h := open(t, nil)
	for _, c := range []struct {
		method, path string
		allow, not   string
	}{
		{"DELETE", "/fhir/Task/1", "GET, HEAD, PUT, PATCH", "DELETE"},
		{"DELETE", "/fhir/Task?status=x", "GET, HEAD, POST, PUT, PATCH", "DELETE"},
		{"POST", "/fhir/AuditEvent", "GET, HEAD", "POST"},
		{"PUT", "/fhir/AuditEvent/1", "GET, HEAD", "PUT"},
		{"PUT", "/fhir/metadata/x/y/z", "", ""},
		{"POST", "/fhir/Task/1", "GET", "POST"},
		{"PUT", "/fhir", "GET", "PUT"},
		{"DELETE", "/fhir/Task/1/_history/1", "GET", "DELETE"},
		{"TRACE", "/fhir/Task/1", "GET", "TRACE"},
		{"BREW", "/fhir/Task", "GET", "BREW"},
	} {
		body := []byte(nil)
		if c.method == "POST" || c.method == "PUT" {
			body = []byte(`{"resourceType":"AuditEvent","id":"1"}`)
		}
		r := h.call(c.method, c.path, body, "Content-Type", fhirJSON)
		if c.allow == "" {
			h.refused(r, 404, "not-found", "")
			continue
		}
		h.refused(r, 405, "not-supported", "")
		if got := r.header.Get("Allow"); !strings.HasPrefix(got, c.allow) || strings.Contains(got, c.not) {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.path, got, c.allow)
		}
	}
	if r := h.want(h.call("OPTIONS", "/fhir/Task/1", nil), 204); !strings.Contains(r.header.Get("Allow"), "PATCH") {
		t.Errorf("OPTIONS: Allow %q", r.header.Get("Allow"))
	}
}

// TestCrudeAddresses: what clients write is understood.
func TestCrudeAddresses(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("PUT", "/fhir/Flag/a", flagOf("a", "active"), "Content-Type", fhirJSON), 201)
	for path, status := range map[string]int{
		"/fhir/Flag/a/": 200, "/fhir/Flag/": 200, "/fhir/Flag/a/_history/": 200, "/fhir/Flag/a/_history/1/": 200, "/fhir/metadata/": 200, "/fhir/_history/": 200,
		"/fhir/Flag?subject=x": 200, "/fhir/Flag?subject=Patient/x": 200, "/fhir/Flag?subject=Patient%2Fx": 200, "/fhir/Flag?patient=x": 200,
		"/fhir/Flag?_lastupdated=gt2020-01-01":     200,
		"/fhir/Flag?_profile=http://example.org/p": 200,
		"/fhir/flag/a": 404, "/fhir/Flag/none": 404, "/fhir/Flag/not_an_id": 404, "/fhir/Flag/a/_history/x": 404, "/fhir/Flag/a/_history/0": 404,
		"/fhir/Flag/" + strings.Repeat("x", 65): 404, "/fhir/Flag/%00": 404, "/fhir/Flag/a%2Fb": 404,
	} {
		if r := h.call("GET", path, nil); r.status != status {
			t.Errorf("%s: status %d, want %d", path, r.status, status)
		}
	}
	for _, path := range []string{"/fhir/_search", "/fhir/_search/", "/fhir/Flag/_search", "/fhir/Flag/_search/", "/fhir/Patient/a/Flag/_search"} {
		if path == "/fhir/Patient/a/Flag/_search" {
			h.want(h.call("PUT", "/fhir/Patient/a", []byte(`{"resourceType":"Patient","id":"a"}`), "Content-Type", fhirJSON), 201)
			h.want(h.call("PUT", "/fhir/Flag/p", bytes.ReplaceAll(flagOf("p", "active"), []byte("Patient/x"), []byte("Patient/a")), "Content-Type", fhirJSON), 201)
		}
		form := url.Values{"_count": {"10"}}
		if strings.HasPrefix(path, "/fhir/_search") {
			form.Set("_type", "Flag")
		}
		r := h.want(h.call("POST", path, []byte(form.Encode()), "Content-Type", "application/x-www-form-urlencoded;charset=utf-8"), 200)
		if n := len(r.value(t).List("entry")); n != 1 {
			t.Errorf("%s: %d entries, want 1", path, n)
		}
	}
	// A chunked body, and one that says wrong how long it is.
	conn, err := net.Dial("tcp", h.app.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := flagOf("", "active")
	fmt.Fprintf(conn, "POST /fhir/Flag/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	if b, _ := io.ReadAll(conn); !bytes.HasPrefix(b, []byte("HTTP/1.1 201 Created")) {
		t.Errorf("a chunked body: %.60s", b)
	}
}

// TestWhatIsNoHTTP: what no handler sees is refused with an OperationOutcome, too.
func TestWhatIsNoHTTP(t *testing.T) {
	h := open(t, nil)
	for _, c := range []struct {
		name, sent string
		status     int
		code       string
	}{
		{"no HTTP", "MSH|^~\\&|\r\n\r\n", 400, "structure"},
		{"no host", "GET /fhir/Task HTTP/1.1\r\n\r\n", 400, "structure"},
		{"a header without a colon", "GET /fhir/Task HTTP/1.1\r\nHost: localhost\r\nnone\r\n\r\n", 400, "structure"},
		{"another version", "GET /fhir/Task HTTP/3.0\r\nHost: localhost\r\n\r\n", 505, "not-supported"},
		{"an address that is none", "GET /fhir/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "structure"},
		{"two lengths", "POST /fhir/Flag HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "structure"},
		{"another encoding", "POST /fhir/Flag HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not-supported"},
		{"large headers", "GET /fhir/Task HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 1<<17) + "\r\n\r\n", 431, "too-long"},
	} {
		conn, err := net.Dial("tcp", h.app.Addr())
		if err != nil {
			t.Fatal(err)
		}
		go conn.Write([]byte(c.sent))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		b, err := io.ReadAll(res.Body)
		conn.Close()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r := response{res.StatusCode, res.Header, b}
		if wrong := refusalOf("GET", "/fhir", r); wrong != "" {
			t.Errorf("%s: %s", c.name, wrong)
			continue
		}
		h.refused(r, c.status, c.code, "")
	}
}

// TestSummaries: which part of a resource is shown, of a read, a search and a
// history.
// https://hl7.org/fhir/R4/search.html#summary
func TestSummaries(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("PUT", "/fhir/Location/a", []byte(`{"resourceType":"Location","id":"a","status":"active","name":"Hall","hoursOfOperation":[{"allDay":true}],
		"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Hall</div>"}}`), "Content-Type", fhirJSON), 201)
	for query, want := range map[string][]string{
		"":                       {"text", "status", "name", "hoursOfOperation"},
		"_summary=false":         {"text", "status", "name", "hoursOfOperation"},
		"_summary=true":          {"status", "name"},
		"_summary=text":          {"text", "status"},
		"_summary=data":          {"status", "name", "hoursOfOperation"},
		"_elements=name":         {"status", "name"},
		"_elements=name,nothing": {"status", "name"},
	} {
		for _, path := range []string{"/fhir/Location/a", "/fhir/Location/a/_history/1", "/fhir/Location", "/fhir/Location/a/_history", "/fhir/Location/_history", "/fhir/_history", "/fhir?_type=Location"} {
			join := "?"
			if strings.Contains(path, "?") {
				join = "&"
			}
			r := h.want(h.call("GET", path+join+query, nil), 200)
			v := r.value(t)
			if v.ResourceType() == "Bundle" {
				if query != "" && !strings.Contains(v.TextAt("link.url"), strings.Split(query, "=")[0]) {
					t.Errorf("%s, %s: the self link is %s", path, query, v.TextAt("link.url"))
				}
				v = v.At("entry").Items[0].Get("resource") // the newest
			}
			var got []string
			for _, f := range v.Fields {
				if f.Name != "resourceType" && f.Name != "id" && f.Name != "meta" {
					got = append(got, f.Name)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			whole := query == "" || query == "_summary=false"
			if !slices.Equal(got, want) || whole != (v.TextAt("meta.tag.code") != "SUBSETTED") {
				t.Errorf("%s, %s: %q, want %q; tag %s", path, query, got, want, v.TextAt("meta.tag.code"))
			}
		}
	}
	// What R4 wants in every resource stays, and what stands beside a value goes with it.
	h.want(h.call("PUT", "/fhir/Flag/f", []byte(`{"resourceType":"Flag","id":"f","status":"active","code":{"text":"x"},"subject":{"display":"y"},"period":{"start":"2026"},"identifier":[{"value":"1"}]}`), "Content-Type", fhirJSON), 201)
	h.want(h.call("PUT", "/fhir/MessageHeader/m", []byte(`{"resourceType":"MessageHeader","id":"m","eventUri":"urn:e","source":{"endpoint":"urn:s"},"definition":"urn:d","_definition":{"id":"d"}}`), "Content-Type", fhirJSON), 201)
	for query, want := range map[string][]string{
		"Flag/f?_elements=period":              {"code", "period", "status", "subject"},
		"Flag/f?_summary=text":                 {"code", "status", "subject"},
		"MessageHeader/m?_summary=text":        {"eventUri", "source"},
		"MessageHeader/m?_elements=definition": {"_definition", "definition", "eventUri", "source"},
	} {
		var got []string
		for _, f := range h.want(h.call("GET", "/fhir/"+query, nil), 200).value(t).Fields {
			if f.Name != "resourceType" && f.Name != "id" && f.Name != "meta" {
				got = append(got, f.Name)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	h.refused(h.call("GET", "/fhir/Location/a?_summary=little", nil), 400, "", "_summary")
	// What was cut is not taken for the whole.
	cut := h.want(h.call("GET", "/fhir/Location/a?_elements=name", nil), 200)
	h.refused(h.call("PUT", "/fhir/Location/a", cut.body, "Content-Type", fhirJSON), 422, "", "SUBSETTED")
}

// TestSortByKeys: several keys and any kind of parameter, with pages that go on
// where they ended although resources change in between.
// https://hl7.org/fhir/R4/search.html#sort
func TestSortByKeys(t *testing.T) {
	h := open(t, nil)
	for _, body := range []string{
		`{"resourceType":"Location","id":"a","status":"active","name":"Zebra hall","address":{"city":"Otley"}}`,
		`{"resourceType":"Location","id":"b","status":"inactive","name":"ábaco","address":{"city":"Leeds"}}`,
		`{"resourceType":"Location","id":"c","status":"active","name":"Market","address":{"city":"Leeds"}}`,
		`{"resourceType":"Location","id":"d","name":"Market"}`,
		`{"resourceType":"Location","id":"e","status":"active","address":{"city":"Otley"}}`,
	} {
		_, id, _ := strings.Cut(body, `"id":"`)
		h.want(h.call("PUT", "/fhir/Location/"+id[:1], []byte(body), "Content-Type", fhirJSON), 201)
	}
	walk := func(query string, between func()) string {
		t.Helper()
		var ids []string
		for path := "/fhir/Location?" + query; path != ""; {
			v := h.want(h.call("GET", path, nil), 200).value(t)
			for _, e := range v.List("entry") {
				ids = append(ids, e.TextAt("resource.id"))
			}
			path = ""
			for _, l := range v.List("link") {
				if l.Str("relation") == "next" {
					path = strings.TrimPrefix(l.Str("url"), h.base)
				}
			}
			if len(ids) > 20 {
				t.Fatal("paging does not end")
			}
			if between != nil {
				between()
				between = nil
			}
		}
		return strings.Join(ids, "")
	}
	for query, want := range map[string]string{
		"_sort=name":                      "bcdae", // what has none comes last, both ways
		"_sort=-name":                     "acdbe",
		"_sort=address-city,name":         "bcaed",
		"_sort=-address-city,-name":       "aecbd",
		"_sort=status,-name,_lastUpdated": "acebd",
		"_sort=status,-_id":               "ecabd",
		"_sort=-_id":                      "edcba",
		"_sort=-status,_lastUpdated":      "baced",
		"_sort=name&status=active":        "cae",
	} {
		for _, count := range []string{"", "&_count=1", "&_count=2"} {
			if got := walk(query+count, nil); got != want {
				t.Errorf("%s%s: %s, want %s", query, count, got, want)
			}
		}
	}
	if v := h.want(h.call("GET", "/fhir/Location?_sort=name&_count=2&_total=accurate", nil), 200).value(t); v.TextAt("total") != "5" && v.Get("total").Text != "5" {
		t.Errorf("the total is %s", v.Get("total").JSON())
	}
	// The last one of the first page is renamed: the second begins where it stood.
	got := walk("_sort=name&_count=2", func() {
		h.want(h.call("PUT", "/fhir/Location/c", []byte(`{"resourceType":"Location","id":"c","name":"Aaa"}`), "Content-Type", fhirJSON), 200)
	})
	if got != "bcdae" {
		t.Errorf("with a change in between: %s", got)
	}
	for _, bad := range []string{"_sort=name&_cursor=x", "_sort=name&_cursor=k1.nobody", "_sort=name&_cursor=k0.a", "_sort=name&_sort=status", "_sort=name,nothing", "_sort="} {
		h.refused(h.call("GET", "/fhir/Location?"+bad, nil), 400, "", "")
	}
	h.refused(h.call("GET", "/fhir?_type=Location,Patient&_sort=name", nil), 400, "", "")
}
