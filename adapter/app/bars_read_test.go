package app_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
	"github.com/linkloop/linkloop/config"
)

// TestBaRSReads: a sender of the standard finds out what is taken, and reads a
// referral of its own before it cancels it; nobody else's.
func TestBaRSReads(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Senders = []config.Sender{
			{Name: "oak", Mapping: "bars-r4", BaRSTarget: barsTarget, Organization: "Z00001", BaRSVersions: []string{"1.5.0"},
				BaRSUseCases: []string{"a5t1"}, AnswerURL: "http://127.0.0.1:9/answers"},
			{Name: "elm", Mapping: "bars-r4", BaRSTarget: barsTarget, Organization: "Z00002"},
		}
	})
	elm := []string{"NHSD-End-User-Organisation", b64(strings.ReplaceAll(anyCompany, "Z00001", "Z00002"))}
	ids := resourceIDs(t, h.want(h.call("POST", barsURL, barsMessage(t, "OAK-1"), barsHeaders()...), 200))
	h.want(h.call("POST", barsURL, barsMessage(t, "ELM-1"), barsHeaders(elm...)...), 200)
	get := func(path string, change ...string) response {
		t.Helper()
		return h.call("GET", "/bars/"+path, nil, barsHeaders(append([]string{"Content-Type", ""}, change...)...)...)
	}

	statement := h.want(h.call("GET", "/bars/metadata", nil), 200).value(t)
	if issues := fhir.Check(statement); len(issues) > 0 {
		t.Errorf("the CapabilityStatement is not R4: %v", issues)
	}
	modes := map[string]int{}
	for _, m := range statement.All("messaging.supportedMessage") {
		modes[m.Str("mode")]++
	}
	if modes["receiver"] != 2 || modes["sender"] != 1 {
		t.Errorf("supported messages: %v", modes)
	}
	if r := get("metadata", "Accept", "application/fhir+xml; version=1.4.0"); r.status != 200 || !fhirxml.Is(r.body) {
		t.Errorf("in XML: %d %s", r.status, r.body)
	}

	for query, want := range map[string]string{
		"": "4", "?context=" + url.QueryEscape(barsTarget): "4",
		"?context=" + url.QueryEscape(barsTarget) + "&context=" + url.QueryEscape("https://fhir.nhs.uk/CodeSystem/usecases-categories-bars|a5t1"): "2",
		"?context=" + url.QueryEscape("https://fhir.nhs.uk/Id/dos-service-id|1"):                                                                  "0",
	} {
		found := h.want(get("MessageDefinition"+query), 200).value(t)
		if found.Str("type") != "searchset" || found.TextAt("total") != want {
			t.Errorf("MessageDefinition%s: %s, want %s", query, found.TextAt("total"), want)
		}
		for _, d := range found.All("entry.resource") {
			if issues := fhir.Check(d); len(issues) > 0 {
				t.Errorf("a MessageDefinition is not R4: %v", issues)
			}
		}
	}

	path := "ServiceRequest/" + ids["ServiceRequest"]
	r := h.want(get(path), 200)
	if v := r.value(t); v.ID() != ids["ServiceRequest"] || v.Str("status") != "active" || r.header.Get("ETag") == "" || r.header.Get("X-Request-Id") == "" {
		t.Errorf("read: %s", r.body)
	}
	h.barsRefused(get(path, elm...), 404, "REC_NOT_FOUND", "not-found")
	h.barsRefused(get("ServiceRequest/none"), 404, "REC_NOT_FOUND", "not-found")
	h.barsRefused(get(path, "X-Correlation-Id", ""), 400, "REC_BAD_REQUEST", "invalid")
	h.barsRefused(get(path, "NHSD-Target-Identifier", ""), 400, "REC_BAD_REQUEST", "required")

	patient := h.want(h.call("GET", "/fhir/Patient", nil), 200).value(t).List("entry")[0].Get("resource")
	number := ""
	for _, id := range patient.List("identifier") {
		if strings.Contains(id.Str("system"), "nhs-number") {
			number = id.Str("value")
		}
	}
	of := func(system, number string) string {
		return "ServiceRequest?patient:identifier=" + url.QueryEscape(system+"|"+number)
	}
	for _, c := range []struct {
		path  string
		who   []string
		total string
	}{
		{of("https://fhir.nhs.uk/Id/nhs-number", number), nil, "1"},
		{of("https://fhir.nhs.uk/id/nhs-number", number), elm, "1"},
		{of("https://fhir.nhs.uk/Id/nhs-number", "9990000743"), nil, "0"},
		{of("https://fhir.nhs.uk/Id/nhs-number", number) + "&_id=none", nil, "0"},
		{"ServiceRequest?_id=" + ids["ServiceRequest"], nil, "1"},
		{"ServiceRequest?_id=" + ids["ServiceRequest"], elm, "0"},
	} {
		found := h.want(get(c.path, c.who...), 200).value(t)
		if found.TextAt("total") != c.total {
			t.Errorf("%s: %s found, want %s", c.path, found.TextAt("total"), c.total)
		}
		for _, x := range found.All("entry.resource") {
			if (x.ID() == ids["ServiceRequest"]) != (c.who == nil) {
				t.Errorf("%s found the referral of somebody else", c.path)
			}
		}
	}
	h.barsRefused(get("ServiceRequest"), 400, "REC_BAD_REQUEST", "required")
	h.barsRefused(get(of("https://fhir.nhs.uk/Id/nhs-number", "123")), 400, "REC_BAD_REQUEST", "value")
	h.barsRefused(get(of("urn:other", number)), 400, "REC_BAD_REQUEST", "value")
	h.barsRefused(get("Slot"), 404, "REC_NOT_FOUND", "not-found")

	// A use case that is not taken.
	other := []byte(strings.ReplaceAll(string(barsMessage(t, "OAK-2")), `"a5t1"`, `"a1t1"`))
	h.barsRefused(h.call("POST", barsURL, other, barsHeaders()...), 400, "REC_BAD_REQUEST", "invariant")
	if strings.Contains(h.log.String(), number) {
		t.Error("an NHS number stands in the log")
	}
}

// TestBaRSNotSetUp: without a sender of the standard there is nothing to tell.
func TestBaRSNotSetUp(t *testing.T) {
	h := open(t, nil)
	h.barsRefused(h.call("GET", "/bars/metadata", nil), 404, "REC_NOT_FOUND", "not-found")
}
