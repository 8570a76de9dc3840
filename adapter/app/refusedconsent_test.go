package app_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

// TestRefusedConsentIsTold: a referral of somebody who did not consent is taken,
// and says so in the receipt and on the Task, with the place; one of somebody
// who did says nothing, and of an answer that nobody can read a proposed Consent
// is made.
func TestRefusedConsentIsTold(t *testing.T) {
	h := open(t, nil)
	for answer, told := range map[string]string{"no": "consent-refused", "yes": "", "well": "consent-unclear"} {
		body := strings.ReplaceAll(`{"type": "referral", "id": "GJ-$", "referralNumber": "GJ-$", "createdAt": "2026-03-02T10:15:00Z",
			"patient": {"nhsNumber": "9990000018", "familyName": "Canarybird", "givenNames": ["Jo"], "birthDate": "1970-06-14", "practiceOdsCode": "A81001"},
			"referrer": {"name": "Dr Jo Wren"}, "consent": "$"}`, "$", answer)
		r := h.want(h.call("POST", "/intake/generic-json", []byte(body)), 200)
		for _, flag := range []string{"consent-refused", "consent-unclear"} {
			if got := strings.Contains(string(r.body), flag); got != (flag == told) {
				t.Errorf("%s: the receipt says %s", answer, r.body)
			}
		}
	}
	tasks := h.want(h.call("GET", "/fhir/Task?_tag=urn:linkloop:codesystem:data-quality|consent-refused", nil), 200).value(t).List("entry")
	if len(tasks) != 1 {
		t.Fatalf("%d Tasks are found", len(tasks))
	}
	if n := h.count("Consent?status=proposed"); n != 1 {
		t.Errorf("%d Consents are proposed, want that of the answer nobody can read", n)
	}
	if text := string(element.Canonical(tasks[0].Get("resource"))); !strings.Contains(text, "Data quality: Consent.status (consent): the person did not consent") {
		t.Errorf("the Task does not say so in words: %s", text)
	}
}
