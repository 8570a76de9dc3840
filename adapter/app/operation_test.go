package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// TestUnknownOperations: what ends in the name of an operation is never a type
// or an id. Where there is none of the name it is 404, by another method 405.
func TestUnknownOperations(t *testing.T) {
	h := open(t, nil)
	empty := `{"resourceType":"Parameters"}`
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"POST", "/fhir/$no-such", 404, ""},
		{"POST", "/fhir/%24no-such", 404, ""},
		{"POST", "/fhir/$no-such/", 404, ""},
		{"GET", "/fhir/$no-such", 404, ""},
		{"DELETE", "/fhir/$no-such", 404, ""},
		{"POST", "/fhir/Flag/$no-such", 404, ""},
		{"GET", "/fhir/Flag/$no-such", 404, ""},
		{"PUT", "/fhir/Flag/$no-such", 404, ""},
		{"POST", "/fhir/Flag/1/$no-such", 404, ""},
		{"GET", "/fhir/Flag/1/$no-such", 404, ""},
		{"POST", "/fhir/Flag/1/2/3/$no-such", 404, ""},
		{"POST", "/fhir/Flag/$", 404, ""},
		{"POST", "/fhir/Task/$claim", 404, ""},
		{"POST", "/fhir/Flag/1/$claim", 404, ""},
		{"POST", "/fhir/$claim", 404, ""},
		{"POST", "/fhir/Task/1/$process-message", 404, ""},
		{"GET", "/fhir/Task/1/$claim", 405, "POST"},
		{"GET", "/fhir/$validate", 405, "POST"},
		{"PUT", "/fhir/Task/$validate", 405, "POST"},
		{"PUT", "/fhir/Task/1/$validate", 405, "GET, HEAD, POST"},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			r := (&house{t: t, app: h.app, base: h.base}).call(c.method, c.path, []byte(empty), "Content-Type", fhirJSON)
			(&house{t: t}).refused(r, c.status, "not-supported", "operation")
			if got := r.header.Get("Allow"); got != c.allow {
				t.Errorf("Allow %q, want %q", got, c.allow)
			}
		})
	}
	if r := h.want(h.call("OPTIONS", "/fhir/Task/1/$claim", nil), 204); r.header.Get("Allow") != "POST" {
		t.Errorf("OPTIONS of an operation: Allow %q", r.header.Get("Allow"))
	}
	h.refused(h.call("OPTIONS", "/fhir/Task/1/$no-such", nil), 404, "not-supported", "no such operation")
	h.refused(h.call("POST", "/fhir/$no-such", []byte("x"), "Content-Type", "text/plain"), 404, "not-supported", "[base]/Task/[id]/$claim")
}

// TestOperationsInBundles: an operation of an entry is answered in its place
// with the resource that it comes to.
func TestOperationsInBundles(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(1)
	by := func(organization string) string { return `"resource":` + string(owned(organization, "")) }
	patient := `"resource":{"resourceType":"Patient","gender":"mal"}`
	create := `"resource":{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"create"},{"name":"resource","resource":{"resourceType":"Patient"}}]}`

	list := answers(t, h.post("batch",
		ask("POST", "Task/"+task+"/$claim", "", by("a")),
		ask("POST", "Task/"+task+"/$claim", "", by("b")),
		ask("GET", "Task/"+task, "", ""),
		ask("POST", "Task/"+task+"/$release", `"ifMatch":"W/\"1\""`, ""),
		ask("POST", "Task/"+task+"/$release", `"ifMatch":"W/\"2\""`, ""),
		ask("POST", "Patient/$validate", "", patient),
		ask("POST", "$validate", "", patient),
		ask("GET", "Task/"+task+"/$validate", "", ""),
		ask("POST", "Patient/$validate", "", create),
		ask("POST", "Patient/$validate?profile=urn:x", "", `"resource":{"resourceType":"Patient"}`),
	), "batch-response", "200", "409", "200", "412", "200", "200", "200", "200", "200", "200")
	if v := list[0].Get("resource"); v.ResourceType() != "Task" || v.TextAt("owner.reference") != "Organization/a" || list[0].TextAt("response.etag") != `W/"2"` {
		t.Errorf("the claim is answered with %s of %q", v.ResourceType(), v.TextAt("owner.reference"))
	}
	if list[4].TextAt("resource.status") != "requested" || list[4].At("resource.owner") != nil {
		t.Error("the release is not answered with the Task")
	}
	for i, want := range map[int]string{5: "error", 6: "error", 7: "information", 8: "information", 9: "error"} {
		if v := list[i].Get("resource"); v.ResourceType() != "OperationOutcome" || v.TextAt("issue.severity") != want {
			t.Errorf("entry %d: %s %s, want the OperationOutcome of $validate with %s", i, v.ResourceType(), v.TextAt("issue.severity"), want)
		}
	}
	if found := len(h.want(h.call("GET", "/fhir/Patient/_history", nil), 200).value(t).List("entry")); found != 1 {
		t.Errorf("%d versions of patients after what was only checked, want 1", found)
	}

	// What cannot be called says why.
	for _, c := range []struct{ method, url, status, code, word string }{
		{"POST", "Flag/$no-such", "404", "not-supported", "no such operation"},
		{"POST", "$no-such", "404", "not-supported", "no such operation"},
		{"POST", "Flag/1/$claim", "404", "not-supported", "no such operation"},
		{"POST", "Nothing/1/$validate", "404", "not-found", "not served"},
		{"POST", "$process-message", "400", "not-supported", "by itself"},
		{"GET", "Task/" + task + "/$claim", "405", "not-supported", "POST"},
		{"DELETE", "$validate", "405", "not-supported", "POST"},
		{"POST", "Task/_search", "400", "not-supported", "GET"},
		{"POST", "Task/nobody/$claim", "404", "not-found", ""},
	} {
		e := answers(t, h.post("batch", ask(c.method, c.url, "", by("a"))), "batch-response", c.status)[0]
		if e.TextAt("response.outcome.issue.code") != c.code || !strings.Contains(e.TextAt("response.outcome.issue.diagnostics"), c.word) {
			t.Errorf("%s %s: %s %q", c.method, c.url, e.TextAt("response.outcome.issue.code"), e.TextAt("response.outcome.issue.diagnostics"))
		}
	}
}

// TestOperationsInTransactions: what an operation changes is part of the whole,
// and its Parameters name what other entries make.
func TestOperationsInTransactions(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(1)
	claim := ask("POST", "Task/"+task+"/$claim", "", `"resource":{"resourceType":"Parameters","parameter":[{"name":"owner","valueReference":{"reference":"urn:uuid:0a0a0a0a-0000-4000-8000-000000000000"}}]}`)
	team := ask("POST", "Organization", "", `"fullUrl":"urn:uuid:0a0a0a0a-0000-4000-8000-000000000000","resource":{"resourceType":"Organization","name":"link workers"}`)

	h.refused(h.post("transaction", claim, team, ask("GET", "Patient/none", "", "")), 404, "not-found", "")
	if v := h.call("GET", "/fhir/Task/"+task, nil).value(t); v.Get("owner") != nil {
		t.Error("the claim of a transaction that failed stands")
	}
	h.refused(h.post("transaction", team, claim, ask("POST", "Task/"+task+"/$release", "", "")), 400, "", "same resource")
	rehearsed := `"resource":{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"create"},{"name":"resource","resource":{"resourceType":"Patient"}}]}`
	h.refused(h.post("transaction", ask("POST", "Patient/$validate", "", rehearsed)), 400, "not-supported", "in a transaction nothing is rehearsed")
	h.refused(h.post("transaction", team, ask("POST", "Flag/$no-such", "", "")), 404, "not-supported", "operation")

	list := answers(t, h.post("transaction", claim, team, ask("POST", "Task/$validate", "", `"resource":{"resourceType":"Task"}`), ask("GET", "Task/"+task+"/$validate", "", "")),
		"transaction-response", "200", "201", "200", "200")
	location := list[1].TextAt("response.location")
	if owner := list[0].TextAt("resource.owner.reference"); owner == "" || !strings.Contains(location, owner+"/_history/1") {
		t.Errorf("the owner is %q, and what was made is %s", owner, location)
	}
	if list[2].TextAt("resource.issue.severity") != "error" || list[3].TextAt("resource.resourceType") != "OperationOutcome" {
		t.Error("what is checked in a transaction is not told")
	}
}

// TestWarningsInBundles: what is said about an entry is in its answer.
func TestWarningsInBundles(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Clients = []config.Client{{Name: "lenient", Role: config.RolePractice, Organization: "Z00001", TokenSHA256: sha("lenient"), Validation: config.ValidationFlag}}
	})
	body := func(typ string, entries ...string) []byte {
		return []byte(`{"resourceType":"Bundle","type":"` + typ + `","entry":[` + strings.Join(entries, ",") + `]}`)
	}
	coded := `"resource":{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000010"}]}`
	search := ask("GET", "Task?status=requested&colour-of-the-tie=red", "", "")
	for _, typ := range []string{"batch", "transaction"} {
		r := h.call("POST", "/fhir", body(typ, ask("POST", "Patient", "", coded), search), "Content-Type", fhirJSON, "Authorization", "Bearer lenient")
		list := answers(t, r, typ+"-response", "201", "200")
		if is := list[0].At("response.outcome.issue"); list[0].TextAt("response.outcome.issue.severity") != "warning" ||
			list[0].TextAt("response.outcome.issue.expression") != "Patient.identifier[0].value" {
			t.Errorf("%s: the remark about what was taken is %s", typ, is.JSON())
		}
		found := list[1].Get("resource").List("entry")
		if len(found) != 1 || found[0].TextAt("search.mode") != "outcome" || found[0].TextAt("resource.issue.severity") != "warning" {
			t.Errorf("%s: what was not applied of a search is not said", typ)
		}
		strict := h.call("POST", "/fhir", body(typ, search), "Content-Type", fhirJSON, "Authorization", "Bearer lenient", "Prefer", "handling=strict")
		if typ == "transaction" {
			h.refused(strict, 400, "invalid", "unknown search parameter")
			continue
		}
		answers(t, strict, "batch-response", "400")
	}
}

// TestHistoryBundle: a history of one server is taken by another, from its
// oldest entry on, under the same ids.
// https://hl7.org/fhir/R4/http.html#other-bundles
func TestHistoryBundle(t *testing.T) {
	from, to := open(t, nil), open(t, nil)
	person := func(id, name string) []byte {
		return []byte(`{"resourceType":"Patient",` + id + `"name":[{"family":"` + name + `"}]}`)
	}
	id := from.want(from.call("POST", "/fhir/Patient", person("", "Canarybird"), "Content-Type", fhirJSON), 201).value(t).ID()
	from.want(from.call("PUT", "/fhir/Patient/"+id, person(`"id":"`+id+`",`, "Canarybird-Jones"), "Content-Type", fhirJSON), 200)
	from.want(from.call("PUT", "/fhir/Observation/gone", []byte(`{"resourceType":"Observation","id":"gone","status":"final","code":{"text":"mood"}}`), "Content-Type", fhirJSON), 201)
	from.want(from.call("DELETE", "/fhir/Observation/gone", nil), 204)
	history := from.want(from.call("GET", "/fhir/_history?_count=4", nil), 200).body // behind them are the definitions of its operations

	list := answers(t, to.call("POST", "/fhir", history, "Content-Type", fhirJSON), "batch-response", "204", "201", "200", "201")
	if got := list[3].TextAt("response.location"); !strings.HasSuffix(got, "/Patient/"+id+"/_history/1") {
		t.Errorf("the oldest entry became %s", got)
	}
	if v := to.want(to.call("GET", "/fhir/Patient/"+id, nil), 200).value(t); v.TextAt("name.family") != "Canarybird-Jones" || v.TextAt("meta.versionId") != "2" {
		t.Errorf("version %s is not the newest of the history", v.TextAt("meta.versionId"))
	}
	to.want(to.call("GET", "/fhir/Observation/gone", nil), 410)

	// The same again changes nothing, nor does it write over what is newer here.
	before := len(to.want(to.call("GET", "/fhir/_history?_count=1000", nil), 200).value(t).List("entry"))
	for _, e := range answers(t, to.call("POST", "/fhir", history, "Content-Type", fhirJSON), "batch-response", "200", "200", "200", "200") {
		if e.TextAt("response.outcome.issue.severity") != "information" {
			t.Errorf("a version that was taken before: %s", e.Get("response").JSON())
		}
	}
	to.want(to.call("GET", "/fhir/Observation/gone", nil), 410)
	to.want(to.call("PUT", "/fhir/Patient/"+id, person(`"id":"`+id+`",`, "Canarybird-Here"), "Content-Type", fhirJSON), 200)
	answers(t, to.call("POST", "/fhir", history, "Content-Type", fhirJSON), "batch-response", "200", "200", "200", "200")
	if v := to.want(to.call("GET", "/fhir/Patient/"+id, nil), 200).value(t); v.TextAt("name.family") != "Canarybird-Here" {
		t.Errorf("an older history wrote %s over what is here", v.TextAt("name.family"))
	}
	if after := len(to.want(to.call("GET", "/fhir/_history?_count=1000", nil), 200).value(t).List("entry")); after != before+1 {
		t.Errorf("%d versions before, %d after one change and the same history twice", before, after)
	}
	// What is newer there is taken, without what came before.
	from.want(from.call("PUT", "/fhir/Patient/"+id, person(`"id":"`+id+`",`, "Canarybird-There"), "Content-Type", fhirJSON), 200)
	newer := from.want(from.call("GET", "/fhir/Patient/"+id+"/_history", nil), 200).body
	answers(t, to.call("POST", "/fhir", newer, "Content-Type", fhirJSON), "batch-response", "200", "200", "200")
	if v := to.want(to.call("GET", "/fhir/Patient/"+id, nil), 200).value(t); v.TextAt("name.family") != "Canarybird-There" || v.TextAt("meta.versionId") != "4" {
		t.Errorf("after a newer version: %s, version %s", v.TextAt("name.family"), v.TextAt("meta.versionId"))
	}

	// All versions of a resource, or none, and by the version that was asked for.
	at := func(day int, name, more string) string {
		return fmt.Sprintf(`"resource":{"resourceType":"Patient","id":"m","meta":{"lastUpdated":"2090-01-%02dT00:00:00Z"},"name":[{"family":%q}]%s}`, day, name, more)
	}
	answers(t, to.post("history", ask("PUT", "Patient/m", "", at(2, "Two", `,"gender":"mal"`)), ask("POST", "Patient", "", at(1, "One", ""))), "batch-response", "422", "422")
	to.refused(to.call("GET", "/fhir/Patient/m", nil), 404, "not-found", "")
	answers(t, to.post("history", ask("PUT", "Patient/m", "", at(2, "Two", "")), ask("POST", "Patient", "", at(1, "One", ""))), "batch-response", "200", "201")
	list = answers(t, to.post("history", ask("PUT", "Patient/m", `"ifMatch":"W/\"1\""`, at(3, "Three", ""))), "batch-response", "412")
	if got := list[0].TextAt("response.outcome.issue.expression"); !strings.HasPrefix(got, "Bundle.entry[0]") {
		t.Errorf("the refusal names %s", got)
	}
	answers(t, to.post("history", ask("PUT", "Patient/m", `"ifMatch":"W/\"2\""`, at(3, "Three", ""))), "batch-response", "200")
	unsaid := `"resource":{"resourceType":"Patient","id":"m","name":[{"family":"Whenever"}]}`
	answers(t, to.post("history", ask("DELETE", "Observation?_id=gone", "", ""), ask("POST", "Patient", "", canarybird), ask("PUT", "Patient/m", "", unsaid)), "batch-response", "400", "400", "412")
	if v := to.want(to.call("GET", "/fhir/Patient/m", nil), 200).value(t); v.TextAt("name.family") != "Three" || v.TextAt("meta.versionId") != "3" {
		t.Errorf("%s, version %s", v.TextAt("name.family"), v.TextAt("meta.versionId"))
	}

	// The rules of the workflow hold for history, too.
	task := to.unowned(1)
	v := to.call("GET", "/fhir/Task/"+task, nil).value(t)
	v.SetString("status", "completed")
	v.Get("meta").SetString("lastUpdated", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	e := answers(t, to.post("history", ask("PUT", "Task/"+task, "", `"resource":`+string(v.JSON()))), "batch-response", "422")
	if e[0].TextAt("response.outcome.issue.code") != "business-rule" {
		t.Errorf("the rule is told as %s", e[0].Get("response").JSON())
	}
}

// TestModifiedSinceInBundles: a read of an entry is 304 when nothing is newer.
func TestModifiedSinceInBundles(t *testing.T) {
	h := open(t, nil)
	v := h.want(h.call("POST", "/fhir/Patient", []byte(`{"resourceType":"Patient"}`), "Content-Type", fhirJSON), 201).value(t)
	at := "Patient/" + v.ID()
	since := func(instant string) string { return `"ifModifiedSince":"` + instant + `"` }
	list := answers(t, h.post("batch",
		ask("GET", at, since(v.TextAt("meta.lastUpdated")), ""),
		ask("GET", at, since("2020-01-01T00:00:00Z"), ""),
		ask("GET", at, since("2020-01-01T00:00:00Z")+`,"ifNoneMatch":"W/\"1\""`, ""),
		ask("GET", at, since("yesterday"), ""),
	), "batch-response", "304", "200", "304", "400")
	if list[0].Get("resource") != nil || list[1].Get("resource") == (*element.Value)(nil) {
		t.Error("a resource comes with what is not modified, or none with what is")
	}
}

// TestReadsInBundles: what is read over a type, the server or a compartment is
// read in an entry as well.
func TestReadsInBundles(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("PUT", "/fhir/Patient/p", []byte(`{"resourceType":"Patient","id":"p"}`), "Content-Type", fhirJSON), 201)
	h.want(h.call("PUT", "/fhir/Observation/o", []byte(`{"resourceType":"Observation","id":"o","status":"final","code":{"text":"mood"},"subject":{"reference":"Patient/p"}}`), "Content-Type", fhirJSON), 201)
	reads := []string{
		ask("GET", "Patient/p/Observation?status=final", "", ""),
		ask("GET", "/Patient/p/Observation", "", ""),
		ask("GET", "?_type=Observation,Patient", "", ""),
		ask("GET", "_history?_count=1", "", ""),
		ask("GET", "Patient/p/_history", "", ""),
	}
	for _, typ := range []string{"batch", "transaction"} {
		list := answers(t, h.post(typ, reads...), typ+"-response", "200", "200", "200", "200", "200")
		for i, want := range []int{1, 1, 2, 1, 1} {
			if got := len(list[i].All("resource.entry")); got != want {
				t.Errorf("%s, entry %d: %d resources, want %d", typ, i, got, want)
			}
		}
	}
	for _, c := range []struct{ entry, status, word string }{
		{ask("GET", "Patient/none/Observation", "", ""), "404", "not found"},
		{ask("GET", "Patient/p/Organization", "", ""), "404", "compartment"},
		{ask("GET", "Patient/p/Nothing", "", ""), "404", "not served"},
		{ask("GET", "metadata", "", ""), "400", "by itself"},
		{ask("DELETE", "?_type=Patient", "", ""), "400", "relative"},
		{ask("PUT", "Patient/p/Observation", "", `"resource":{"resourceType":"Observation"}`), "400", "method"},
		{`{"resource":{"resourceType":"Patient"}}`, "400", "no request"},
		{`null`, "400", "no request"},
		{`"x"`, "400", "no request"},
	} {
		e := answers(t, h.post("batch", c.entry), "batch-response", c.status)[0]
		if !strings.Contains(e.TextAt("response.outcome.issue.diagnostics"), c.word) {
			t.Errorf("%s: %q, want %q", c.entry, e.TextAt("response.outcome.issue.diagnostics"), c.word)
		}
	}
}
