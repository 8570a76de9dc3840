package app_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// town is a house with two link-worker services, a practice and its sender.
func town(t *testing.T) (*house, func(token, method, path string, body []byte) response) {
	h := open(t, func(c *config.Config) {
		c.Clients = []config.Client{
			{Name: "gp", Role: config.RoleSender, Senders: []string{"hl7v2-ref", "generic-json"}, TokenSHA256: sha("gp")},
			{Name: "practice", Role: config.RolePractice, Organization: "Z00001", TokenSHA256: sha("practice")},
			{Name: "ours", Role: config.RoleLinkWorker, Organization: "Z00009", TokenSHA256: sha("ours")},
			{Name: "theirs", Role: config.RoleLinkWorker, Organization: "Z00008", TokenSHA256: sha("theirs")},
		}
	})
	as := func(token, method, path string, body []byte) response {
		t.Helper()
		return h.call(method, path, body, "Content-Type", fhirJSON, "Authorization", "Bearer "+token)
	}
	return h, as
}

// TestNobodyTakesOver: who is not concerned changes nothing, and nobody
// changes what says whose a resource is.
func TestNobodyTakesOver(t *testing.T) {
	h, as := town(t)
	h.want(as("gp", "POST", "/intake/hl7v2-ref", referral(1, "9990000379")), 200)
	one := func(typ string) *element.Value {
		t.Helper()
		list := h.want(as("ours", "GET", "/fhir/"+typ, nil), 200).value(t).List("entry")
		if len(list) == 0 {
			t.Fatalf("there is no %s", typ)
		}
		return list[0].Get("resource")
	}
	put := func(token string, v *element.Value) response {
		return as(token, "PUT", "/fhir/"+v.ResourceType()+"/"+v.ID(), v.JSON())
	}
	role := one("PractitionerRole")
	role.Set("organization", object("reference", "Organization/theirs"))
	h.refused(put("theirs", role), 403, "forbidden", "whose")
	patient := one("Patient")
	patient.Set("generalPractitioner", element.NewArray(object("reference", "Organization/other")))
	h.refused(put("practice", patient), 403, "forbidden", "whose")
	patient = one("Patient")
	patient.Set("gender", element.NewString("female"))
	h.refused(put("theirs", patient), 403, "forbidden", "concerned")
	h.want(put("practice", patient), 200)
	org := one("Organization")
	org.SetString("name", "Renamed")
	h.refused(put("theirs", org), 403, "forbidden", "concerned")
	request := one("ServiceRequest")
	request.SetString("priority", "stat")
	h.refused(put("theirs", request), 403, "forbidden", "those who made it")
	procedure := []byte(`{"resourceType":"Procedure","status":"completed","subject":{"reference":"Patient/` + patient.ID() + `"}}`)
	h.refused(as("theirs", "POST", "/fhir/Procedure", procedure), 403, "forbidden", "concerned")
	h.refused(as("theirs", "POST", "/fhir/Patient", []byte(`{"resourceType":"Patient"}`)), 403, "forbidden", "practices")
}

// TestTaskHangsTogether: a Task is for the person of its request, and for a
// request of one's own; else one person's outcome would go into another's
// record.
func TestTaskHangsTogether(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379")), 200)
	h.want(h.call("POST", "/intake/hl7v2-ref", bytes.ReplaceAll(referral(2, "9990000743"), []byte("Zebedee"), []byte("Yorick"))), 200)
	a := h.call("GET", "/fhir/Task/"+h.task(1), nil).value(t)
	b := h.call("GET", "/fhir/Task/"+h.task(2), nil).value(t)
	create := func(edit func(*element.Value)) response {
		v := a.Clone()
		v.Remove("meta")
		edit(v)
		return h.call("POST", "/fhir/Task", v.JSON(), "Content-Type", fhirJSON)
	}
	h.refused(create(func(v *element.Value) { v.Set("for", b.Get("for")) }), 422, "business-rule", "person that its ServiceRequest")
	h.refused(create(func(v *element.Value) { v.Set("focus", object("reference", "ServiceRequest/none")) }), 422, "business-rule", "focus")
	h.refused(create(func(v *element.Value) { v.Set("for", object("reference", "Patient/none")) }), 422, "business-rule", "Patient")
	h.want(create(func(*element.Value) {}), 201)
}

// TestOneNumberOnePerson however the number is written.
func TestOneNumberOnePerson(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379")), 200)
	post := func(identifiers string) response {
		return h.call("POST", "/fhir/Patient", []byte(`{"resourceType":"Patient","identifier":[`+identifiers+`]}`), "Content-Type", fhirJSON)
	}
	for _, id := range []string{
		`{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000379"}`,
		`{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"999 000 0379"}`,
		`{"system":"https://fhir.nhs.uk/id/nhs-number","value":"999-000-0379"}`,
	} {
		h.refused(post(id), 409, "conflict", "already held")
	}
	h.refused(post(`{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000743"},{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990001111"}`), 422, "code-invalid", "more than one")
	h.refused(post(`{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000378"}`), 422, "code-invalid", "check digit")
}

// TestPracticeIsItsOwnService: one ODS code twice in a message is one
// Organization.
func TestPracticeIsItsOwnService(t *testing.T) {
	h := open(t, nil)
	body := `{"type":"referral","id":"X-1","createdAt":"2026-03-02T10:15:00Z","patient":{"familyName":"Quill"},
		"referrer":{"name":"Dr A","practiceOdsCode":"Z00001"},"service":{"odsCode":"Z00001","name":"Own link worker"}}`
	h.want(h.call("POST", "/intake/generic-json", []byte(body)), 200)
	orgs := h.want(h.call("GET", "/fhir/Organization", nil), 200).value(t).List("entry")
	if len(orgs) != 1 || orgs[0].TextAt("resource.name") != "Own link worker" {
		t.Errorf("%d Organizations, the first named %q", len(orgs), orgs[0].TextAt("resource.name"))
	}
}

// TestNoTaskThatCannotMove: what the API asks of a Task the intake asks too.
func TestNoTaskThatCannotMove(t *testing.T) {
	h := open(t, nil)
	r := h.call("POST", "/intake/hl7v2-ref", []byte("MSH|^~\\&|A||B|C|||REF^I12|M-2|P|2.4\rPID|1||9990000379^^^NHS^NH||Quill^Jo\r"))
	if r.status != 422 || !bytes.Contains(r.body, []byte("MSA|AE|M-2")) || !bytes.Contains(r.body, []byte("who refers, in PRD or MSH-4")) {
		t.Errorf("status %d, want 422 with an AE that says who is missing: %s", r.status, bytes.ReplaceAll(r.body, []byte("\r"), []byte("\n")))
	}
}

// TestSomebodyElseUnderTheNumber: a message never makes another person of the
// one on record.
func TestSomebodyElseUnderTheNumber(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379")), 200)
	other := bytes.ReplaceAll(referral(2, "9990000379"), []byte("Zebedee"), []byte("Bertram"))
	other = bytes.ReplaceAll(other, []byte("19700611|1|"), []byte("||"))
	other = bytes.ReplaceAll(other, []byte("PD1|||Oakwood Surgery^^Z00001"), []byte("PD1|||Elsewhere^^Z00555"))
	h.want(h.call("POST", "/intake/hl7v2-ref", other), 200)
	patient := h.want(h.call("GET", "/fhir/Patient", nil), 200).value(t).List("entry")[0].Get("resource")
	if patient.TextAt("name.given") != "Zebedee" || patient.TextAt("generalPractitioner.identifier.value") != "Z00001" {
		t.Errorf("the person on record became another: %s", patient.TextAt("generalPractitioner.identifier.value"))
	}
	task := h.want(h.call("GET", "/fhir/Task/"+h.task(2), nil), 200).value(t)
	if task.TextAt("meta.tag.code") != "demographics-conflict" || !strings.Contains(task.TextAt("note.text"), "name.given, generalPractitioner") {
		t.Errorf("the Task does not say what differs: %q", task.TextAt("meta.tag.code"))
	}
}

// TestEnteredInErrorWithdraws: what was not sent is not sent any more.
func TestEnteredInErrorWithdraws(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Records = []config.Record{{ODS: "*", BaseURL: "http://127.0.0.1:1/fhir", AllowPlainHTTP: true}}
		c.Relay.BackoffMin, c.Relay.BackoffMax = c.Relay.GiveUpAfter/2, c.Relay.GiveUpAfter
	})
	task := h.unowned(1)
	h.want(h.change(task, claimBy("a")), 200)
	h.want(h.change(task, func(v *element.Value) {
		v.SetString("status", "completed")
		v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.S("valueString", "done")))
	}), 200)
	h.want(h.change(task, func(v *element.Value) { v.SetString("status", "entered-in-error") }), 200)
	list := h.want(h.call("GET", "/admin/deliveries?task="+task, nil), 200).value(t)
	for _, d := range list.Items {
		if s := d.Str("state"); s == "owed" {
			t.Errorf("a delivery of a Task entered in error is %s", s)
		}
	}
	if len(list.Items) == 0 {
		t.Error("the delivery vanished")
	}
}
