package app_test

import (
	"strings"
	"testing"
)

// TestSearchDoors: the ways to a search over HTTP, on what a referral made.
func TestSearchDoors(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(300)
	v := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(t)
	patient := v.TextAt("for.reference")
	const form = "application/x-www-form-urlencoded"
	for _, r := range []response{
		h.call("GET", "/fhir?_type=Task,Flag&_id="+task, nil),
		h.call("POST", "/fhir/_search", []byte("_type=Task&_id="+task), "Content-Type", form),
		h.call("POST", "/fhir/Task/_search?status=requested", []byte("_id="+task), "Content-Type", form),
		h.call("GET", "/fhir/"+patient+"/Task", nil),
		h.call("GET", "/fhir/Task?patient.identifier=9990000379&_include=Task:patient", nil),
	} {
		b := h.want(r, 200).value(t)
		entries := b.List("entry")
		if len(entries) == 0 || entries[0].TextAt("resource.id") != task || entries[0].TextAt("search.mode") != "match" {
			t.Errorf("the Task is not found: %.300s", r.body)
		}
		if link := b.All("link.url"); len(link) == 0 || strings.Contains(link[0].Text, "fhir/?") {
			t.Errorf("links %v", link)
		}
	}
	h.refused(h.call("GET", "/fhir", nil), 400, "structure", "_type")
	h.refused(h.call("GET", "/fhir/Patient/none/Task", nil), 404, "not-found", "")
	h.refused(h.call("GET", "/fhir/"+patient+"/Nothing", nil), 404, "not-found", "")
	h.refused(h.call("GET", "/fhir/"+patient+"/*", nil), 400, "not-supported", "one type at a time")
	h.refused(h.call("POST", "/fhir/_search", []byte("{}"), "Content-Type", fhirJSON), 415, "not-supported", "")
}
