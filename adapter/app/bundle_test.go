package app_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

// ask is an entry of a Bundle; more is what stands beside the request.
func ask(method, url, request, more string) string {
	if request != "" {
		request = "," + request
	}
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"request":{"method":%q,"url":%q%s}%s}`, method, url, request, more)
}

func (h *house) post(typ string, entries ...string) response {
	h.t.Helper()
	return h.call("POST", "/fhir", fmt.Appendf(nil, `{"resourceType":"Bundle","type":%q,"entry":[%s]}`, typ, strings.Join(entries, ",")), "Content-Type", fhirJSON)
}

// answers checks the type and the statuses of the answers, in order.
func answers(t *testing.T, r response, typ string, statuses ...string) []*element.Value {
	t.Helper()
	v := r.value(t)
	list := v.List("entry")
	if r.status != 200 || v.Str("type") != typ || len(list) != len(statuses) {
		t.Fatalf("status %d, type %s, %d entries, want 200, %s, %d: %s", r.status, v.Str("type"), len(list), typ, len(statuses), v.TextAt("issue.diagnostics"))
	}
	for i, e := range list {
		if got := e.TextAt("response.status"); got != statuses[i] {
			t.Fatalf("entry %d: status %s, want %s: %s", i, got, statuses[i], e.TextAt("response.outcome.issue.diagnostics"))
		}
	}
	return list
}

const canarybird = `"resource":{"resourceType":"Patient","name":[{"family":"Canarybird"}]}`

// TestTransaction: a referral is made at once, in any order of its parts, with
// all references between them.
// https://hl7.org/fhir/R4/http.html#trules
func TestTransaction(t *testing.T) {
	h := open(t, nil)
	task := `"fullUrl":"urn:uuid:33333333-3333-4333-8333-333333333333","resource":{"resourceType":"Task","status":"requested","intent":"order","authoredOn":"2026-03-02T09:00:00Z",
		"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"urn:uuid:22222222-2222-4222-8222-222222222222\">the request</a></div>"},
		"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:11111111-1111-4111-8111-111111111111"}],
		"focus":{"reference":"urn:uuid:22222222-2222-4222-8222-222222222222"},"for":{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"},
		"requester":{"reference":"http://elsewhere.example/fhir/Organization/77"},"code":{"coding":[{"system":"http://hl7.org/fhir/CodeSystem/task-code","code":"fulfill"}]}}`
	request := `"fullUrl":"urn:uuid:22222222-2222-4222-8222-222222222222","resource":{"resourceType":"ServiceRequest","status":"active","intent":"order","authoredOn":"2026-03-02","code":{"text":"company"},
		"subject":{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"},"requester":{"reference":"http://elsewhere.example/fhir/Organization/77"}}`
	who := `"fullUrl":"urn:uuid:11111111-1111-4111-8111-111111111111",` + canarybird
	list := answers(t, h.post("transaction", ask("GET", "Task?status=requested", "", ""), ask("POST", "Task", "", task),
		ask("POST", "ServiceRequest", "", request), ask("POST", "Patient", "", who)),
		"transaction-response", "200", "201", "201", "201")
	if list[0].TextAt("resource.type") != "searchset" || len(list[0].All("resource.entry")) != 1 {
		t.Error("the search of the transaction does not see what it made")
	}
	at := func(i int) string {
		location := list[i].TextAt("response.location")
		_, path, _ := strings.Cut(location, "/fhir/")
		if !strings.HasSuffix(path, "/_history/1") || list[i].TextAt("response.etag") != `W/"1"` || list[i].TextAt("response.lastModified") == "" {
			t.Errorf("entry %d: location %q", i, location)
		}
		return strings.TrimSuffix(path, "/_history/1")
	}
	made := h.want(h.call("GET", "/fhir/"+at(1), nil), 200).value(t)
	if made.TextAt("focus.reference") != at(2) || made.TextAt("for.reference") != at(3) || !strings.Contains(made.TextAt("text.div"), `href="`+at(2)+`"`) {
		t.Errorf("references were not rewritten: %s %s %s", made.TextAt("focus.reference"), made.TextAt("for.reference"), made.TextAt("text.div"))
	}
	if made.TextAt("requester.reference") != "http://elsewhere.example/fhir/Organization/77" || made.TextAt("identifier.value") != "urn:uuid:11111111-1111-4111-8111-111111111111" {
		t.Error("what is no reference to an entry was rewritten")
	}
}

// TestTransactionIsWhole: one entry that fails undoes all, and is named.
func TestTransactionIsWhole(t *testing.T) {
	h := open(t, nil)
	note := func(code, text string) string { return `"resource":` + string(wanted(code, text)) }
	count := func(want int) {
		t.Helper()
		if n := len(h.want(h.call("GET", "/fhir/ServiceRequest", nil), 200).value(t).List("entry")); n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
	}
	for _, c := range []struct {
		name    string
		status  int
		word    string
		entries []string
	}{
		{"a broken resource", 422, "", []string{ask("POST", "ServiceRequest", "", note("a", "x")), ask("POST", "Patient", "", `"resource":{"resourceType":"Patient","colour":"red"}`)}},
		{"an unknown id", 404, "", []string{ask("POST", "ServiceRequest", "", note("a", "x")), ask("GET", "Patient/none", "", "")}},
		{"an unknown type", 404, "", []string{ask("POST", "ServiceRequest", "", note("a", "x")), ask("GET", "Nothing/1", "", "")}},
		{"what is not deleted", 405, "", []string{ask("POST", "ServiceRequest", "", note("a", "x")), ask("DELETE", "Task/1", "", "")}},
		{"a condition twice", 400, "same condition", []string{
			ask("POST", "ServiceRequest", `"ifNoneExist":"identifier=urn:test:wish|a"`, note("a", "x")), ask("POST", "ServiceRequest", `"ifNoneExist":"identifier=urn:test:wish|a"`, note("a", "x"))}},
		{"a urn of no entry", 400, "urn:uuid", []string{ask("POST", "Task", "", `"resource":{"resourceType":"Task","focus":{"reference":"urn:uuid:0"}}`)}},
		{"a conditional reference to nobody", 412, "no resource", []string{ask("POST", "ServiceRequest", "", `"resource":{"resourceType":"ServiceRequest","subject":{"reference":"Patient?identifier=urn:x|none"}}`)}},
		{"one fullUrl twice", 400, "fullUrl", []string{ask("POST", "ServiceRequest", "", `"fullUrl":"urn:uuid:1",`+note("a", "x")), ask("POST", "ServiceRequest", "", `"fullUrl":"urn:uuid:1",`+note("b", "x"))}},
		{"an id that is not that of the URL", 400, "id", []string{ask("PUT", "ServiceRequest/1", "", note("a", "x"))}},
		{"no resource", 400, "resource", []string{ask("POST", "ServiceRequest", "", "")}},
		{"elsewhere", 400, "relative", []string{ask("GET", "http://elsewhere.example/Task/1", "", "")}},
		{"an operation", 404, "no such operation", []string{ask("GET", "Task/$x", "", "")}},
		{"a condition misspelt", 400, "the nearest one it has is ifNoneExist", []string{ask("POST", "ServiceRequest", `"ifNoneExists":"identifier=urn:test:wish|a"`, note("a", "x"))}},
		{"a condition that is no text", 400, "request.ifNoneExist", []string{ask("POST", "ServiceRequest", `"ifNoneExist":true`, note("a", "x"))}},
		{"several requests in one entry", 400, "request", []string{`{"request":[{"method":"GET","url":"Task/1"}]}`}},
		{"no method", 400, "method", []string{ask("", "Task", "", "")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &house{t: t, app: h.app, base: h.base}
			r := h.post("transaction", c.entries...)
			h.refused(r, c.status, "", c.word)
			want := fmt.Sprintf("Bundle.entry[%d]", len(c.entries)-1)
			if got := r.value(t).TextAt("issue.expression"); !strings.HasPrefix(got, want) {
				t.Errorf("the refusal names %q, want %s", got, want)
			}
		})
	}
	count(0)
	answers(t, h.post("transaction"), "transaction-response")
	answers(t, h.post("batch"), "batch-response")
	for body, place := range map[string]string{
		`{"resourceType":"Bundle","type":"transaction","entry":{"request":{"method":"GET","url":"Task"}}}`: "Bundle.entry",
		`{"resourceType":"Bundle","type":"batch","entries":[{"request":{"method":"GET","url":"Task"}}]}`:   "Bundle",
	} {
		refusal := h.call("POST", "/fhir", []byte(body), "Content-Type", fhirJSON)
		h.refused(refusal, 400, "structure", "")
		if got := refusal.value(t).TextAt("issue.expression"); got != place {
			t.Errorf("the refusal names %q, want %s", got, place)
		}
	}
	h.refused(h.post("collection"), 400, "not-supported", "batch, transaction or history")
	h.refused(h.call("POST", "/fhir", wanted("a", "x"), "Content-Type", fhirJSON), 400, "", "Bundle")
	many := make([]string, 201)
	for i := range many {
		many[i] = ask("GET", "Task/1", "", "")
	}
	h.refused(h.post("transaction", many...), 413, "too-long", "200")

	// The same resource twice.
	r := h.want(h.call("POST", "/fhir/ServiceRequest", wanted("z", "x"), "Content-Type", fhirJSON), 201).value(t)
	id := r.ID()
	put := ask("PUT", "ServiceRequest/"+id, "", `"resource":`+string(r.JSON()))
	h.refused(h.post("transaction", put, put), 400, "", "same resource")
	h.refused(h.post("transaction", put, ask("PUT", "ServiceRequest?identifier=urn:test:wish|z", "", note("z", "y"))), 400, "", "same resource")
	count(1)
}

// TestTransactionConditions: the conditions of HTTP, entry by entry.
func TestTransactionConditions(t *testing.T) {
	h := open(t, nil)
	first := h.want(h.call("POST", "/fhir/ServiceRequest", wanted("c1", "x"), "Content-Type", fhirJSON), 201).value(t).ID()
	patch := base64.StdEncoding.EncodeToString([]byte(`[{"op":"replace","path":"/code/text","value":"patched"}]`))
	binary := `"resource":{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + patch + `"}`
	list := answers(t, h.post("transaction",
		ask("POST", "ServiceRequest", `"ifNoneExist":"identifier=urn:test:wish|c1"`, `"fullUrl":"urn:uuid:aa","resource":`+string(wanted("c1", "other"))),
		ask("POST", "ServiceRequest", `"ifNoneExist":"identifier=urn:test:wish|c2"`, `"resource":{"resourceType":"ServiceRequest","identifier":[{"system":"urn:test:wish","value":"c2"}],"status":"active","authoredOn":"2026-03-02","intent":"order","code":{"text":"x"},"subject":{"display":"somebody"},"basedOn":[{"reference":"urn:uuid:aa"}],"replaces":[{"reference":"ServiceRequest?identifier=urn:test:wish|c1"}]}`),
		ask("PUT", "ServiceRequest?identifier=urn:test:wish|c3", "", `"resource":`+string(wanted("c3", "x"))),
		ask("PATCH", "ServiceRequest/"+first, `"ifMatch":"W/\"1\""`, binary),
		ask("DELETE", "Observation?identifier=urn:test:wish|none", "", ""),
		ask("GET", "ServiceRequest/"+first, `"ifNoneMatch":"W/\"2\""`, ""),
		ask("GET", "ServiceRequest/"+first+"/_history/1", "", ""),
	), "transaction-response", "200", "201", "201", "200", "204", "304", "200")
	if !strings.Contains(list[0].TextAt("response.location"), first) {
		t.Error("the conditional create did not find what is there")
	}
	_, path, _ := strings.Cut(list[1].TextAt("response.location"), "/fhir/")
	second := h.want(h.call("GET", "/fhir/"+path, nil), 200).value(t)
	for _, name := range []string{"basedOn.reference", "replaces.reference"} {
		if got := second.TextAt(name); got != "ServiceRequest/"+first {
			t.Errorf("%s is %q", name, got)
		}
	}
	if got := h.call("GET", "/fhir/ServiceRequest/"+first, nil).value(t).TextAt("code.text"); got != "patched" {
		t.Errorf("after the patch: %q", got)
	}
	r := h.post("transaction", ask("PUT", "ServiceRequest?identifier=urn:test:wish|c4", "", `"resource":`+string(wanted("c4", "x"))),
		ask("PATCH", "ServiceRequest/"+first, `"ifMatch":"W/\"1\""`, binary))
	h.refused(r, 412, "conflict", "version 2")
	if n := len(h.call("GET", "/fhir/ServiceRequest?identifier=urn:test:wish|c4", nil).value(t).List("entry")); n != 0 {
		t.Error("a transaction that failed made something")
	}
}

// TestTransactionDeletes: what refers to a deleted resource may go or change
// in the same transaction.
func TestTransactionDeletes(t *testing.T) {
	h := open(t, nil)
	list := answers(t, h.post("transaction",
		ask("POST", "Patient", "", `"fullUrl":"urn:uuid:p",`+canarybird),
		ask("POST", "Observation", "", `"fullUrl":"urn:uuid:o","resource":{"resourceType":"Observation","status":"final","code":{"text":"mood"},"subject":{"reference":"urn:uuid:p"},"valueString":"better"}`),
		ask("POST", "ServiceRequest", "", `"resource":{"resourceType":"ServiceRequest","status":"active","authoredOn":"2026-03-02","intent":"order","code":{"text":"x"},"subject":{"reference":"urn:uuid:p"},"supportingInfo":[{"reference":"urn:uuid:o"}]}`),
	), "transaction-response", "201", "201", "201")
	at := func(i int) string {
		_, path, _ := strings.Cut(list[i].TextAt("response.location"), "/fhir/")
		return strings.TrimSuffix(path, "/_history/1")
	}
	h.refused(h.post("transaction", ask("DELETE", at(1), "", "")), 409, "conflict", at(2))
	h.want(h.call("GET", "/fhir/"+at(1), nil), 200)
	parameters := `"resource":{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"ServiceRequest.supportingInfo[0]"}]}]}`
	answers(t, h.post("transaction", ask("PATCH", at(2), "", parameters), ask("DELETE", at(1), "", "")), "transaction-response", "200", "204")
	h.refused(h.call("GET", "/fhir/"+at(1), nil), 410, "deleted", "")
}

// TestBatchBundle: each entry has its own answer.
func TestBatchBundle(t *testing.T) {
	h := open(t, nil)
	r := h.call("POST", "/fhir/", fmt.Appendf(nil, `{"resourceType":"Bundle","type":"batch","entry":[%s]}`, strings.Join([]string{
		ask("POST", "ServiceRequest", "", `"resource":`+string(wanted("b1", "x"))),
		ask("POST", "ServiceRequest", `"ifNoneExist":"identifier=urn:test:wish|b1"`, `"resource":`+string(wanted("b1", "y"))),
		ask("GET", "Patient/none", "", ""),
		ask("POST", "Patient", "", `"resource":{"resourceType":"Patient","colour":"red"}`),
		ask("PUT", "ServiceRequest?identifier=urn:test:wish|b1", "", `"resource":`+string(wanted("b1", "z"))),
		ask("DELETE", "Task/1", "", ""),
		ask("DELETE", "Observation/1", "", ""),
		ask("POST", "Patient", "", `"fullUrl":"urn:uuid:p",`+canarybird),
		ask("POST", "Observation", "", `"resource":{"resourceType":"Observation","status":"final","code":{"text":"mood"},"subject":{"reference":"urn:uuid:p"}}`),
		ask("GET", "ServiceRequest?identifier=urn:test:wish|b1", "", ""),
		ask("GET", "ServiceRequest/_history", "", ""),
	}, ",")), "Content-Type", "application/json", "Prefer", "return=representation")
	list := answers(t, r, "batch-response", "201", "200", "404", "422", "200", "405", "204", "201", "400", "200", "200")
	if list[0].TextAt("resource.code.text") != "x" || list[4].TextAt("resource.code.text") != "z" {
		t.Error("the resources that Prefer asks for are not there")
	}
	if got := list[3].TextAt("response.outcome.issue.expression"); got != "Bundle.entry[3].resource" {
		t.Errorf("the outcome names %q", got)
	}
	if len(list[9].All("resource.entry")) != 1 || list[10].TextAt("resource.type") != "history" {
		t.Error("searches are not answered")
	}
}

// TestTransactionKeepsTheRules: a transaction may no more than its entries one
// by one.
func TestTransactionKeepsTheRules(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(720)
	v := h.call("GET", "/fhir/Task/"+task, nil).value(t)
	v.SetString("status", "completed")
	h.refused(h.post("transaction", ask("PUT", "Task/"+task, "", `"resource":`+string(v.JSON()))), 422, "business-rule", "accepted")
	claimBy("a")(v)
	answers(t, h.post("transaction", ask("PUT", "Task/"+task, `"ifMatch":"W/\"1\""`, `"resource":`+string(v.JSON()))), "transaction-response", "200")
}
