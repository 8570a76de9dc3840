package app_test

import (
	"encoding/base64"
	"testing"
)

// TestBinaryContent: a Binary is written and read as what it holds, and as a
// resource.
// https://hl7.org/fhir/R4/binary.html#rest
func TestBinaryContent(t *testing.T) {
	h := open(t, nil)
	pdf := []byte("%PDF-1.4 \x00\x01 made up")
	r := h.want(h.call("POST", "/fhir/Binary", pdf, "Content-Type", "application/pdf", "X-Security-Context", "Patient/p1"), 201)
	v := r.value(t)
	data, err := base64.StdEncoding.DecodeString(v.Str("data"))
	if err != nil || string(data) != string(pdf) || v.Str("contentType") != "application/pdf" || v.TextAt("securityContext.reference") != "Patient/p1" {
		t.Errorf("the resource is %s", r.body)
	}
	at := "/fhir/Binary/" + v.ID()
	for _, accept := range []string{"application/pdf", "*/*", "text/html,image/*;q=0.8", "text/plain"} {
		r := h.want(h.call("GET", at, nil, "Accept", accept), 200)
		if string(r.body) != string(pdf) || r.header.Get("Content-Type") != "application/pdf" || r.header.Get("ETag") != `W/"1"` || r.header.Get("X-Security-Context") != "Patient/p1" {
			t.Errorf("Accept %s: %d bytes of %s", accept, len(r.body), r.header.Get("Content-Type"))
		}
		// A page of somebody's is saved and not run.
		if r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Content-Disposition") != "attachment" || r.header.Get("Content-Security-Policy") == "" {
			t.Error("a browser may run the content")
		}
	}
	for _, headers := range [][]string{nil, {"Accept", fhirJSON}, {"Accept", "application/json"}, {"Accept", fhirXML}, {"Accept", "application/pdf, application/fhir+json;q=0.1"}} {
		r := h.want(h.call("GET", at, nil, headers...), 200)
		if r.body[0] != '{' && r.body[0] != '<' {
			t.Errorf("Accept %v: no resource", headers)
		}
	}
	if r := h.want(h.call("GET", at+"?_format=json", nil, "Accept", "*/*"), 200); r.value(t).ID() != v.ID() {
		t.Error("_format does not count")
	}
	if r := h.want(h.call("HEAD", at, nil, "Accept", "application/pdf"), 200); len(r.body) != 0 || r.header.Get("Content-Type") != "application/pdf" {
		t.Errorf("HEAD: %d bytes of %s", len(r.body), r.header.Get("Content-Type"))
	}
	h.want(h.call("PUT", at, []byte("hello"), "Content-Type", "text/plain; charset=utf-8", "If-Match", `W/"1"`), 200)
	if r := h.want(h.call("GET", at, nil, "Accept", "*/*"), 200); string(r.body) != "hello" || r.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("after the update: %q of %s", r.body, r.header.Get("Content-Type"))
	}
	if r := h.want(h.call("GET", at+"/_history/1", nil, "Accept", "*/*"), 200); string(r.body) != string(pdf) {
		t.Errorf("version 1: %d bytes", len(r.body))
	}
	h.want(h.call("GET", at, nil, "Accept", "*/*", "If-None-Match", `W/"2"`), 304)

	empty := h.want(h.call("POST", "/fhir/Binary", []byte(`{"resourceType":"Binary","contentType":"text/plain"}`), "Content-Type", fhirJSON), 201).value(t).ID()
	h.refused(h.call("GET", "/fhir/Binary/"+empty, nil, "Accept", "text/plain"), 406, "not-supported", "content")
	h.refused(h.call("GET", "/fhir/Binary/none", nil, "Accept", "text/plain"), 404, "not-found", "")
	h.refused(h.call("POST", "/fhir/Binary", []byte(`{"resourceType":`), "Content-Type", fhirJSON), 400, "", "")
	h.refused(h.call("POST", "/fhir/Binary", nil, "Content-Type", "text/plain"), 400, "", "empty")
	for _, kind := range []string{"", "text", "*/*", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"} {
		h.refused(h.call("POST", "/fhir/Binary", []byte("x"), "Content-Type", kind), 415, "not-supported", "")
	}
	h.refused(h.call("POST", "/fhir/Flag", pdf, "Content-Type", "application/pdf"), 415, "not-supported", "")
	h.refused(h.call("GET", "/fhir/Flag", nil, "Accept", "application/pdf"), 406, "not-supported", "")
}
