package app_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// TestHazardDisclosureOfAnUnclearAnswer: a referral whose sender said something about
// consent that cannot be read is taken and flagged, and its outcome stays here
// with the reason until somebody records the answer.
func TestHazardDisclosureOfAnUnclearAnswer(t *testing.T) {
	receiver := &hook{code: http.StatusAccepted}
	srv := httptest.NewServer(receiver)
	defer srv.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a secret of more than 24 bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, func(c *config.Config) {
		c.Channels = []config.Channel{{Name: "hook", Kind: config.KindWebhook, URL: srv.URL, Secret: config.NewSecret("a secret of more than 24 bytes"), SecretFile: secret}}
		c.Practices = []config.Practice{{ODS: config.AnyPractice, Route: []string{"hook"}}}
	})
	number := 900
	for name, obx := range map[string]string{"unknown": "?", "pending": "P", "yes": "Y"} {
		number++
		body := string(referral(number, nobody(number))) + "OBX|1|CE|CONSENT||" + obx + "||||||F\r"
		h.want(h.call("POST", "/intake/hl7v2-ref", []byte(body)), 200)
		task := h.task(number)
		text := string(h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).body)
		if got := strings.Contains(text, `"consent-unclear"`); got != (name != "yes") {
			t.Errorf("%s: flagged %t: %s", name, got, text)
		}
		h.want(h.change(task, claimBy("ours")), 200)
		h.want(h.change(task, func(v *element.Value) {
			v.SetString("status", "completed")
			v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.S("valueString", "done")))
		}), 200)
		h.settled()
		sent := len(receiver.all())
		owed := h.deliveries(task)
		if name == "yes" {
			if sent == 0 || owed[0].Str("state") != "delivered" && owed[0].Str("state") != "sent" {
				t.Errorf("what is allowed did not leave: %s", element.Canonical(owed[0]))
			}
			continue
		}
		if len(owed) != 1 || owed[0].Str("state") != "withheld" || !strings.Contains(string(element.Canonical(owed[0])), "newest Consent is not decided") {
			t.Fatalf("%s: %d owed, %s", name, len(owed), element.Canonical(owed[0]))
		}
		// The answer is recorded on another day than it was given.
		subject := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(t).TextAt("for.reference")
		consent := `{"resourceType":"Consent","status":"active","patient":{"reference":"` + subject + `"},"dateTime":"2020-01-01T09:00:00Z",
			"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
			"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"policyRule":{"text":"said so on the telephone"}}`
		h.want(h.call("POST", "/fhir/Consent", []byte(consent), "Content-Type", fhirJSON), 201)
		h.want(h.call("POST", "/admin/deliveries/"+owed[0].TextAt("id")+"/retry", nil), 200)
		h.settled()
		if n := len(receiver.all()); n != sent+1 {
			t.Errorf("%s: %d left after the answer was recorded, want one", name, n-sent)
		}
	}
}
