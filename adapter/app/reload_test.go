package app_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/config"
)

// TestReload: new clients count at once; a bad configuration, or one that
// needs a restart, leaves the old one in use as a whole.
func TestReload(t *testing.T) {
	var cfg config.Config
	h := open(t, func(c *config.Config) { cfg = *c })
	cfg.HTTP.Listen = "127.0.0.1:0"
	h.want(h.call("GET", "/fhir/Task", nil), 200)

	next := cfg
	next.Clients = []config.Client{{Name: "lw", Role: config.RoleLinkWorker, Organization: "Z00009", TokenSHA256: sha("secret")}}
	if err := h.app.Reload(next); err != nil {
		t.Fatal(err)
	}
	h.refused(h.call("GET", "/fhir/Task", nil), 401, "login", "token")
	h.want(h.call("GET", "/fhir/Task", nil, "Authorization", "Bearer secret"), 200)

	bad := next
	bad.Clients = nil
	bad.Senders = []config.Sender{{Name: "x", Mapping: "no-such-mapping"}}
	if err := h.app.Reload(bad); err == nil || !strings.Contains(err.Error(), "no-such-mapping") {
		t.Errorf("a mapping that does not exist: %v", err)
	}
	moved := cfg
	moved.HTTP.Listen = "127.0.0.1:1"
	if err := h.app.Reload(moved); err == nil || !strings.Contains(err.Error(), "http.listen") {
		t.Errorf("a change that needs a restart: %v", err)
	}
	h.refused(h.call("GET", "/fhir/Task", nil), 401, "login", "token")
	h.want(h.call("POST", "/intake/x", nil, "Authorization", "Bearer secret"), 404)
}

// TestParties: with tokens, each organisation does its own part of a Task and
// nobody else's.
func TestParties(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Clients = []config.Client{
			{Name: "gp", Role: config.RoleSender, Senders: []string{"hl7v2-ref"}, TokenSHA256: sha("gp")},
			{Name: "practice", Role: config.RolePractice, Organization: "Z00001", TokenSHA256: sha("practice")},
			{Name: "ours", Role: config.RoleLinkWorker, Organization: "Z00009", TokenSHA256: sha("ours")},
			{Name: "theirs", Role: config.RoleLinkWorker, Organization: "Z00008", TokenSHA256: sha("theirs")},
		}
	})
	auth := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379"), auth("gp")...), 200)
	list := h.want(h.call("GET", "/fhir/Task", nil, auth("ours")...), 200).value(t)
	task := list.List("entry")[0].Get("resource")
	put := func(token string) response {
		task.Remove("meta")
		return h.call("PUT", "/fhir/Task/"+task.ID(), task.JSON(), append(auth(token), "Content-Type", fhirJSON)...)
	}
	org := func(ods, token string) string {
		r := h.want(h.call("POST", "/fhir/Organization", []byte(`{"resourceType":"Organization","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"`+ods+`"}]}`),
			append(auth(token), "Content-Type", fhirJSON)...), 201)
		return "Organization/" + r.value(t).ID()
	}
	ours, theirs := org("Z00009", "ours"), org("Z00008", "theirs")
	task.SetString("status", "accepted")
	task.Set("owner", object("reference", ours))
	h.refused(put("theirs"), 403, "forbidden", "oneself")
	h.refused(put("practice"), 403, "forbidden", "owner")
	h.want(put("ours"), 200)
	task.Set("owner", object("reference", theirs))
	h.refused(put("theirs"), 409, "conflict", "claimed")
	task.Set("owner", object("reference", ours))
	task.SetString("priority", "urgent")
	h.refused(put("ours"), 422, "business-rule", "owner may change only")
	h.refused(put("theirs"), 403, "forbidden", "requester and the owner")
	h.want(put("practice"), 200)
	task.SetString("status", "entered-in-error")
	h.refused(put("ours"), 403, "forbidden", "requester")

	request := h.want(h.call("GET", "/fhir/ServiceRequest", nil, auth("ours")...), 200).value(t).List("entry")[0].Get("resource")
	request.SetString("priority", "urgent")
	change := func(token string) response {
		return h.call("PUT", "/fhir/ServiceRequest/"+request.ID(), request.JSON(), append(auth(token), "Content-Type", fhirJSON)...)
	}
	h.refused(change("ours"), 403, "forbidden", "those who made it")
	h.want(change("practice"), 200)
}
