package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/config"
)

// TestHazardDisclosureToOperators: what messages and deliveries hold of patients
// is shown to an operator who has that right, when it is asked for, and each look
// and each refusal is in the audit trail. Without it there is nothing of a person
// anywhere at the operator's door, and the work can be done all the same.
func TestHazardDisclosureToOperators(t *testing.T) {
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", fhirJSON)
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"business-rule","diagnostics":"Canarybird is not ours"}]}`)
	}))
	t.Cleanup(peer.Close)
	h := open(t, func(c *config.Config) {
		c.Clients = []config.Client{
			{Name: "gp", Role: config.RoleSender, Senders: []string{"generic-json"}, TokenSHA256: sha("gp")},
			{Name: "lw", Role: config.RoleLinkWorker, Organization: "Z00009", TokenSHA256: sha("lw")},
			{Name: "duty", Role: config.RoleOperator, TokenSHA256: sha("duty")},
			{Name: "repair", Role: config.RoleOperator, Content: true, TokenSHA256: sha("repair")},
		}
		c.Records = []config.Record{{ODS: config.AnyPractice, BaseURL: peer.URL}}
	})
	as := func(who, method, path, body string) response {
		return h.call(method, path, []byte(body), "Authorization", "Bearer "+who, "Content-Type", fhirJSON)
	}
	sent := `{"id":"R-1","createdAt":"2026-03-02T10:15:00Z","patient":{"nhsNumber":"9990000379","familyName":"Canarybird","practiceOdsCode":"A81001"},
		"referrer":{"practiceOdsCode":"A81001"},"notes":"Zebedee is lonely","consent":true}`
	h.want(h.call("POST", "/intake/generic-json", []byte(sent), "Authorization", "Bearer gp", "Content-Type", "application/json"), 200)
	task := h.want(as("lw", "GET", "/fhir/Task", ""), 200).value(t).TextAt("entry.resource.id")
	h.want(h.call("POST", "/fhir/Task/"+task+"/$claim", nil, "Authorization", "Bearer lw"), 200)
	h.want(h.call("PATCH", "/fhir/Task/"+task, []byte(`[{"op":"replace","path":"/status","value":"completed"},
		{"op":"add","path":"/output","value":[{"type":{"text":"Note"},"valueString":"Zebedee walks"}]}]`),
		"Authorization", "Bearer lw", "Content-Type", "application/json-patch+json"), 200)
	for range 500 {
		if len(h.want(as("duty", "GET", "/admin/deliveries?state=dead", ""), 200).value(t).Items) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}

	const delivery, message = "/admin/deliveries/1", "/admin/messages/1"
	person := func(r response) bool {
		s := string(r.body)
		return strings.Contains(s, "Canarybird") || strings.Contains(s, "9990000379") || strings.Contains(s, "Zebedee")
	}
	for _, who := range []string{"duty", "repair"} {
		for _, path := range []string{delivery, delivery + "?content=false", message, "/admin/deliveries", "/admin/messages", "/admin/audit",
			"/referrals/" + task + "/timeline", "/admin/reconciliation?since=2020-01-01&until=2020-01-02"} {
			r := h.want(as(who, "GET", path, ""), 200)
			if person(r) || strings.Contains(string(r.body), `"payload"`) {
				t.Errorf("%s sees of a person at %s:\n%s", who, path, r.body)
			}
		}
	}
	if r := as("duty", "GET", delivery, ""); !strings.Contains(string(r.body), "business-rule") {
		t.Errorf("the reason is not there:\n%s", r.body)
	}
	letters := `{"id":"r1","query":{"code":"390893007"},"reason":"x","dryRun":true,"letters":true}`
	for _, path := range []string{delivery + "?content=true", delivery + "/leaving", message + "?content=true", message + "?explain=true"} {
		h.refused(as("duty", "GET", path, ""), 403, "forbidden", "clients[].content")
		if r := h.want(as("repair", "GET", path, ""), 200); !person(r) {
			t.Errorf("nothing is shown to who may read %s:\n%s", path, r.body)
		}
	}
	h.refused(as("duty", "POST", "/admin/recalls", letters), 403, "forbidden", "clients[].content")
	h.want(as("duty", "POST", "/admin/recalls", strings.Replace(letters, `,"letters":true`, "", 1)), 200)
	h.want(as("repair", "POST", "/admin/recalls", letters), 200)
	h.refused(as("repair", "GET", delivery+"?content=yes", ""), 400, "structure", "true or false")

	trail := string(h.want(as("duty", "GET", "/admin/audit?limit=100", ""), 200).body)
	for _, want := range []struct {
		agent, action, entity, outcome string
		times                          int
	}{
		{"duty", "read delivery content", "delivery/1", "refused", 1},
		{"duty", "read what leaves", "delivery/1", "refused", 1},
		{"duty", "read message content", "message/1", "refused", 2},
		{"duty", "read letters of recall", "recall", "refused", 1},
		{"repair", "read delivery content", "delivery/1", "success", 1},
		{"repair", "read what leaves", "delivery/1", "success", 1},
		{"repair", "read message content", "message/1", "success", 2},
		{"repair", "read letters of recall", "recall/r1", "success", 1},
	} {
		line := `"actor":"` + want.agent + `","action":"` + want.action + `","entity":"` + want.entity + `","outcome":"` + want.outcome + `"`
		if n := strings.Count(trail, line); n != want.times {
			t.Errorf("%d times in the trail: %s\n%s", n, line, trail)
		}
	}
}
