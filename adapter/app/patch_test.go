package app_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/patch"
)

const jsonPatch = "application/json-patch+json"

// TestPatch: all formats change a Task by the rules of an update, and a patch
// that is refused changes nothing.
// https://hl7.org/fhir/R4/http.html#patch
func TestPatch(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(700)
	at := "/fhir/Task/" + task
	version := func(want string) {
		t.Helper()
		if got := h.want(h.call("GET", at, nil), 200).header.Get("ETag"); got != `W/"`+want+`"` {
			t.Errorf("version %s, want %s", got, want)
		}
	}
	claim := `[{"op":"test","path":"/status","value":"requested"},{"op":"replace","path":"/status","value":"accepted"},{"op":"add","path":"/owner","value":{"reference":"Organization/a"}}]`
	r := h.want(h.call("PATCH", at, []byte(claim), "Content-Type", jsonPatch+"; charset=UTF-8", "If-Match", "W/1"), 200)
	if v := r.value(t); v.Str("status") != "accepted" || v.TextAt("owner.reference") != "Organization/a" || v.TextAt("meta.versionId") != "2" {
		t.Errorf("the answer is not the patched Task: %s", r.header.Get("ETag"))
	}
	if !strings.HasSuffix(r.header.Get("Location"), at+"/_history/2") {
		t.Errorf("Location is %q", r.header.Get("Location"))
	}
	// Again: the test of the patch, then the version.
	h.refused(h.call("PATCH", at, []byte(claim), "Content-Type", jsonPatch), 409, "conflict", "test")
	h.refused(h.call("PATCH", at, []byte(claim), "Content-Type", jsonPatch, "If-Match", `W/"1"`), 412, "conflict", "version 2")
	h.refused(h.call("PATCH", at, []byte(claim), "Content-Type", jsonPatch, "If-Match", `x`), 400, "", "entity tag")
	parameters := `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"%s"},{"name":"path","valueString":"%s"},%s]}]}`
	r = h.want(h.call("PATCH", at, fmt.Appendf(nil, parameters, "add", "Task", `{"name":"name","valueString":"businessStatus"},{"name":"value","valueCodeableConcept":{"text":"contacted"}}`), "Content-Type", fhirJSON), 200)
	if r.value(t).TextAt("businessStatus.text") != "contacted" {
		t.Error("the FHIRPath Patch did nothing")
	}
	xml := `<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/><valueCode value="replace"/></part><part><name value="path"/><valueString value="Task.businessStatus.text"/></part><part><name value="value"/><valueString value="waiting"/></part></parameter></Parameters>`
	r = h.want(h.call("PATCH", at, []byte(xml), "Content-Type", "application/fhir+xml"), 200)
	if r.xml(t).TextAt("businessStatus.text") != "waiting" {
		t.Error("the FHIRPath Patch in XML did nothing")
	}
	r = h.want(h.call("PATCH", at, []byte(`<diff xmlns="http://hl7.org/fhir"><replace sel="f:Task/f:businessStatus/f:text/@value">met</replace></diff>`), "Content-Type", "application/xml-patch+xml"), 200)
	if r.value(t).TextAt("businessStatus.text") != "met" {
		t.Error("the XML Patch did nothing")
	}
	version("5")
	// What changes nothing makes no version.
	h.want(h.call("PATCH", at, []byte(`[]`), "Content-Type", jsonPatch), 200)
	h.want(h.call("PATCH", at, []byte(`[{"op":"test","path":"/status","value":"accepted"}]`), "Content-Type", jsonPatch, "Prefer", "return=minimal"), 200)
	for _, c := range []struct {
		name, body, mediaType string
		status                int
		code, word            string
	}{
		{"an illegal move", `[{"op":"replace","path":"/status","value":"requested"}]`, jsonPatch, 422, "business-rule", ""},
		{"no such status", `[{"op":"replace","path":"/status","value":"done"}]`, jsonPatch, 422, "", ""},
		{"no such element", `[{"op":"add","path":"/colour","value":"red"}]`, jsonPatch, 422, "", ""},
		{"a required element away", `[{"op":"remove","path":"/intent"}]`, jsonPatch, 422, "", ""},
		{"nothing at the path", `[{"op":"remove","path":"/output/0"}]`, jsonPatch, 422, "value", "path"},
		{"the id", `[{"op":"replace","path":"/id","value":"x"}]`, jsonPatch, 422, "", "does not change"},
		{"the type", `[{"op":"replace","path":"/resourceType","value":"Patient"}]`, jsonPatch, 422, "", "does not change"},
		{"the version", `[{"op":"replace","path":"/meta/versionId","value":"1"}]`, jsonPatch, 422, "", "does not change"},
		{"the whole", `[{"op":"replace","path":"","value":7}]`, jsonPatch, 422, "", "object"},
		{"no patch", `{}`, jsonPatch, 400, "", "array"},
		{"no JSON", `[`, jsonPatch, 400, "", ""},
		{"no body", ``, jsonPatch, 400, "", "empty"},
		{"a resource", `{"resourceType":"Task"}`, fhirJSON, 400, "", "Parameters"},
		{"plain JSON", `[]`, "application/json", 415, "", "json-patch"},
		{"merge patch", `{}`, "application/merge-patch+json", 415, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &house{t: t, app: h.app, base: h.base}
			h.refused(h.call("PATCH", at, []byte(c.body), "Content-Type", c.mediaType), c.status, c.code, c.word)
		})
	}
	version("5")
	h.refused(h.call("PATCH", "/fhir/Task/none", []byte(`[]`), "Content-Type", jsonPatch), 404, "not-found", "")
	h.refused(h.call("PATCH", "/fhir/Provenance/none", []byte(`[]`), "Content-Type", jsonPatch), 405, "", "")
	h.refused(h.call("PATCH", "/fhir/Nothing/none", []byte(`[]`), "Content-Type", jsonPatch), 404, "", "")
}

// TestConditionalChange: updates and patches of the one that meets a search.
// https://hl7.org/fhir/R4/http.html#cond-update
func TestConditionalChange(t *testing.T) {
	h := open(t, nil)
	put := func(number string, body []byte, headers ...string) response {
		return h.call("PUT", "/fhir/ServiceRequest?identifier=urn:test:wish|"+number, body, append([]string{"Content-Type", fhirJSON}, headers...)...)
	}
	withID := func(id string, body []byte) []byte {
		return bytes.Replace(body, []byte(`"resourceType":"ServiceRequest"`), []byte(`"resourceType":"ServiceRequest","id":"`+id+`"`), 1)
	}
	if got := h.want(put("u0", withID("mine", wanted("u0", "company"))), 201).value(t).ID(); got != "mine" {
		t.Errorf("an update that nothing meets made %s, not the id that it says", got)
	}
	h.refused(put("u1", withID("mine", wanted("u1", "company"))), 409, "conflict", "another")
	h.refused(put("u1", wanted("u1", "company"), "If-Match", `W/"1"`), 412, "", "no version")
	made := h.want(put("u1", wanted("u1", "company")), 201).value(t)
	again := h.want(put("u1", wanted("u1", "a walk")), 200).value(t)
	if again.ID() != made.ID() || again.TextAt("code.text") != "a walk" || again.TextAt("meta.versionId") != "2" {
		t.Errorf("the second is version %s of another resource", again.TextAt("meta.versionId"))
	}
	h.want(put("u1", withID(made.ID(), wanted("u1", "a garden"))), 200)
	h.refused(put("u1", withID("other", wanted("u1", "a garden"))), 400, "value", "id")
	h.refused(put("u1", wanted("u1", "a garden"), "If-Match", `W/"2"`), 412, "conflict", "version 3")
	h.want(put("u1", wanted("u1", "a choir"), "If-Match", `W/"3"`), 200)
	rename := []byte(`[{"op":"replace","path":"/code/text","value":"a club"}]`)
	one := "/fhir/ServiceRequest?identifier=urn:test:wish|u1"
	if v := h.want(h.call("PATCH", one, rename, "Content-Type", jsonPatch), 200).value(t); v.TextAt("code.text") != "a club" || v.ID() != made.ID() {
		t.Error("the patch changed another one")
	}
	h.refused(h.call("PATCH", "/fhir/ServiceRequest?identifier=urn:test:wish|none", rename, "Content-Type", jsonPatch), 404, "not-found", "condition")
	h.want(h.call("POST", "/fhir/ServiceRequest", wanted("u1", "a twin"), "Content-Type", fhirJSON), 201)
	h.refused(h.call("PATCH", one, rename, "Content-Type", jsonPatch), 412, "multiple-matches", "narrower")
	h.refused(put("u1", wanted("u1", "whichever")), 412, "multiple-matches", "narrower")
	for _, query := range []string{"", "?", "?colour=red", "?_count=1", "?subject:Patient.family=x", "?_has:Task:focus:status=requested"} {
		h.refused(h.call("PUT", "/fhir/ServiceRequest"+query, wanted("u2", "x"), "Content-Type", fhirJSON), 400, "", "")
		h.refused(h.call("PATCH", "/fhir/ServiceRequest"+query, rename, "Content-Type", jsonPatch), 400, "", "")
	}
}

// TestDelete: what may be deleted is gone for reads and searches, and kept by
// its history; the parts of a referral stay.
// https://hl7.org/fhir/R4/http.html#delete
func TestDelete(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(710)
	person := h.call("GET", "/fhir/Task/"+task, nil).value(t).TextAt("for.reference")
	observe := func(code string) *element.Value {
		t.Helper()
		return h.want(h.call("POST", "/fhir/Observation", fmt.Appendf(nil,
			`{"resourceType":"Observation","status":"final","identifier":[{"system":"urn:test:seen","value":%q}],"code":{"text":"mood"},"subject":{"reference":%q},"valueString":"better"}`, code, person),
			"Content-Type", fhirJSON), 201).value(t)
	}
	at := "/fhir/Observation/" + observe("o1").ID()
	h.refused(h.call("DELETE", at, nil, "If-Match", `W/"7"`), 412, "conflict", "version 1")
	if r := h.want(h.call("DELETE", at, nil, "If-Match", `W/"1"`), 204); r.header.Get("ETag") != `W/"2"` || len(r.body) != 0 {
		t.Errorf("ETag %q and %d bytes", r.header.Get("ETag"), len(r.body))
	}
	h.refused(h.call("GET", at, nil), 410, "deleted", "")
	h.refused(h.call("GET", at+"/_history/2", nil), 410, "deleted", "")
	h.want(h.call("GET", at+"/_history/1", nil), 200)
	h.want(h.call("DELETE", at, nil), 204)
	h.want(h.call("DELETE", "/fhir/Observation/never-was", nil), 204)
	if n := len(h.want(h.call("GET", "/fhir/Observation?identifier=urn:test:seen|o1", nil), 200).value(t).List("entry")); n != 0 {
		t.Errorf("a search finds %d deleted ones", n)
	}
	history := h.want(h.call("GET", at+"/_history", nil), 200).value(t).List("entry")
	if len(history) != 2 || history[0].TextAt("request.method") != "DELETE" || history[0].Get("resource") != nil {
		t.Errorf("%d entries of history", len(history))
	}
	h.refused(h.call("PATCH", at, []byte(`[]`), "Content-Type", jsonPatch), 410, "deleted", "")

	// What is referred to stays until nothing refers to it.
	seen := observe("o2").ID()
	note := h.want(h.call("POST", "/fhir/ServiceRequest", fmt.Appendf(nil,
		`{"resourceType":"ServiceRequest","status":"active","intent":"order","authoredOn":"2026-03-02","code":{"text":"x"},"subject":{"reference":%q},"supportingInfo":[{"reference":"Observation/%s"}]}`, person, seen),
		"Content-Type", fhirJSON), 201).value(t).ID()
	h.refused(h.call("DELETE", "/fhir/Observation/"+seen, nil), 409, "conflict", "ServiceRequest/"+note)
	h.want(h.call("PATCH", "/fhir/ServiceRequest/"+note, []byte(`[{"op":"remove","path":"/supportingInfo/0"}]`), "Content-Type", jsonPatch), 200)
	h.want(h.call("DELETE", "/fhir/Observation/"+seen, nil), 204)

	// By a condition: none and one are deleted, several are not.
	h.want(h.call("DELETE", "/fhir/Observation?identifier=urn:test:seen|o3", nil), 204)
	third := observe("o3").ID()
	h.want(h.call("DELETE", "/fhir/Observation?identifier=urn:test:seen|o3", nil), 204)
	h.refused(h.call("GET", "/fhir/Observation/"+third, nil), 410, "deleted", "")
	observe("o4")
	observe("o4")
	h.refused(h.call("DELETE", "/fhir/Observation?identifier=urn:test:seen|o4", nil), 412, "multiple-matches", "")
	h.refused(h.call("DELETE", "/fhir/Observation", nil), 400, "", "")

	for _, typ := range []string{"Task", "ServiceRequest", "Patient", "Organization", "Practitioner", "PractitionerRole", "Consent", "Provenance"} {
		h.refused(h.call("DELETE", "/fhir/"+typ+"/x", nil), 405, "not-supported", "")
		h.refused(h.call("DELETE", "/fhir/"+typ+"?_id=x", nil), 405, "not-supported", "")
	}
	h.refused(h.call("DELETE", "/fhir/Task/"+task, nil), 405, "not-supported", "cancel it")
	h.want(h.call("GET", "/fhir/Task/"+task, nil), 200)
}

// TestChangesAreClaimed: the CapabilityStatement says what may be patched and
// deleted.
func TestChangesAreClaimed(t *testing.T) {
	h := open(t, nil)
	statement := h.want(h.call("GET", "/fhir/metadata", nil), 200).value(t)
	var formats []string
	for _, f := range statement.All("patchFormat") {
		formats = append(formats, f.Text)
	}
	if !slices.Equal(formats, patch.MediaTypes()) {
		t.Errorf("patch formats %v are claimed, %v are served", formats, patch.MediaTypes())
	}
	for _, r := range statement.All("rest.resource") {
		verbs := map[string]bool{}
		for _, c := range r.All("interaction.code") {
			verbs[c.Text] = true
		}
		path := "/fhir/" + r.Str("type") + "/none"
		if got := h.call("DELETE", path, nil).status; (got == 204) != verbs["delete"] || (got == 405) == verbs["delete"] {
			t.Errorf("%s: delete is claimed %v and answered with %d", path, verbs["delete"], got)
		}
		if got := h.call("PATCH", path, []byte("[]"), "Content-Type", jsonPatch).status; (got == 404) != verbs["patch"] {
			t.Errorf("%s: patch is claimed %v and answered with %d", path, verbs["patch"], got)
		}
	}
}
