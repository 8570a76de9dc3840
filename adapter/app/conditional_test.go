package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// wanted is a ServiceRequest with a number of its maker's.
func wanted(number, text string) []byte {
	return fmt.Appendf(nil, `{"resourceType":"ServiceRequest","identifier":[{"system":"urn:test:wish","value":%q}],
		"status":"active","authoredOn":"2026-03-02","intent":"order","code":{"text":%q},"subject":{"display":"somebody"}}`, number, text)
}

// TestConditionalCreate: none is made, one is returned, several are 412; what
// could mean everything is refused.
// https://hl7.org/fhir/R4/http.html#ccreate
func TestConditionalCreate(t *testing.T) {
	h := open(t, nil)
	post := func(number, text string, headers ...string) response {
		return h.call("POST", "/fhir/ServiceRequest", wanted(number, text), append([]string{"Content-Type", fhirJSON}, headers...)...)
	}
	made := h.want(post("w1", "company", "If-None-Exist", "identifier=urn:test:wish|w1"), 201)
	again := h.want(post("w1", "something else", "If-None-Exist", "?identifier=urn%3Atest%3Awish%7Cw1"), 200)
	if string(again.body) != string(made.body) || again.header.Get("ETag") != made.header.Get("ETag") || again.header.Get("Location") != made.header.Get("Location") {
		t.Error("the second answer is not what the first one made")
	}
	h.want(post("w1", "a twin, without the condition"), 201)
	h.refused(post("w1", "company", "If-None-Exist", "identifier=urn:test:wish|w1"), 412, "multiple-matches", "If-None-Exist")
	h.want(post("w2", "company", "If-None-Exist", "identifier=urn:test:wish|w2&status=active"), 201)
	for _, c := range []struct{ condition, word string }{
		{"", "search parameters"},
		{"?", "search parameters"},
		{"%zz", "well formed"},
		{"colour=red", ""},
		{"identifier=urn:test:wish|w2&colour=red", ""},
		{"identifier=urn:test:wish|w2&_count=0", "underscore"},
		{"_sort=authored", "underscore"},
	} {
		r := post("w2", "company", "If-None-Exist", c.condition)
		h.refused(r, 400, "", c.word)
	}
	if n := len(h.want(h.call("GET", "/fhir/ServiceRequest?identifier=urn:test:wish|w2", nil), 200).value(t).List("entry")); n != 1 {
		t.Errorf("%d resources after refused conditions, want 1", n)
	}
	if b := h.want(h.call("GET", "/fhir/metadata", nil), 200).body; !strings.Contains(string(b), `"conditionalCreate":true`) {
		t.Error("the CapabilityStatement does not say that creates may be conditional")
	}
}
