package app_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// jsonReferral is a referral as JSON with more members.
func jsonReferral(action, id, sent, patient, more string) []byte {
	return fmt.Appendf(nil, `{"type":"referral","action":%q,"id":%q,"sentAt":%q,"referralNumber":"SP-1","createdAt":"2026-03-02T09:00:00Z",
		"patient":{"familyName":"Canarybird"%s},"referrer":{"name":"Dr Hartley","gmcNumber":"C3456789","practiceOdsCode":"Z00001"}%s}`,
		action, id, sent, patient, more)
}

func (h *house) json(body []byte) response {
	h.t.Helper()
	return h.call("POST", "/intake/generic-json", body)
}

// TestUpdateOfAPersonWithoutANumber: who cannot be recognised is the person of
// the referral, and no second one is made; a disagreement is flagged.
func TestUpdateOfAPersonWithoutANumber(t *testing.T) {
	h := open(t, nil)
	h.want(h.json(jsonReferral("new", "1", monday, `,"givenName":"Zebedee","dateOfBirth":"1970-06-11"`, "")), 200)
	h.want(h.json(jsonReferral("modify", "2", tuesday, `,"givenName":"Zebedee","phone":"01632 960123"`, "")), 200)
	p := h.one("Patient")
	if p.TextAt("telecom.value") != "01632 960123" || p.Str("birthDate") != "1970-06-11" {
		t.Errorf("telephone %q, born %q", p.TextAt("telecom.value"), p.Str("birthDate"))
	}
	task := h.one("Task")
	if note := task.TextAt("note.text"); !strings.Contains(note, "Patient.telecom") {
		t.Errorf("the link worker is not told of the telephone: %q", note)
	}
	h.want(h.json(jsonReferral("modify", "3", wednesday, `,"givenName":"Yorick"`, "")), 200)
	if h.one("Patient").TextAt("name.given") != "Zebedee" || h.count("Task?_tag=demographics-conflict") != 1 {
		t.Error("the person became another, or nobody is told that they differ")
	}
	if h.one("Task").TextAt("for.reference") != "Patient/"+p.ID() {
		t.Error("the Task is for another person now")
	}
}

// TestUpdateBringsWhatItNames: a consent that is taken back, a service and a
// doctor not known so far; what nothing names is not kept.
func TestUpdateBringsWhatItNames(t *testing.T) {
	h := open(t, nil)
	h.want(h.json(jsonReferral("new", "1", monday, "", `,"consent":true,"service":{"odsCode":"Z00008","name":"Old"}`)), 200)
	update := jsonReferral("modify", "2", tuesday, "", `,"consent":false,"service":{"odsCode":"Z00009","name":"New"}`)
	update = bytes.Replace(update, []byte("C3456789"), []byte("C1111111"), 1)
	h.want(h.json(update), 200)
	if c := h.one("Consent"); c.TextAt("meta.versionId") != "2" || c.TextAt("policyRule.coding.code") == "" {
		t.Errorf("the consent has version %s", c.TextAt("meta.versionId"))
	}
	request := h.one("ServiceRequest")
	performer := h.one("Organization?identifier=Z00009")
	if request.TextAt("performer.reference") != "Organization/"+performer.ID() || performer.Str("name") != "New" {
		t.Errorf("the request goes to %q", request.TextAt("performer.reference"))
	}
	task := h.one("Task")
	if task.TextAt("owner.reference") == "Organization/"+performer.ID() || task.TextAt("requester.reference") != request.TextAt("requester.reference") {
		t.Error("the update handed the Task to another owner or asker")
	}
	if n := h.count("Practitioner"); n != 1 {
		t.Errorf("%d doctors: one whom nothing names was kept", n)
	}
}

// TestUpdateAfterAChangeHere: what the practice changed over FHIR is not undone
// by an update that was made before.
func TestUpdateAfterAChangeHere(t *testing.T) {
	h := open(t, nil)
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	h.want(h.json(jsonReferral("new", "1", monday, "", `,"priority":"routine"`)), 200)
	r := h.one("ServiceRequest")
	r.SetString("priority", "stat")
	h.want(h.call("PUT", "/fhir/ServiceRequest/"+r.ID(), r.JSON(), "Content-Type", fhirJSON), 200)
	if a := h.json(jsonReferral("modify", "2", at(-time.Hour), "", `,"priority":"urgent"`)); a.status != 409 || !bytes.Contains(a.body, []byte("changed here after")) {
		t.Errorf("%d: %s", a.status, a.body)
	}
	h.want(h.json(jsonReferral("modify", "3", at(time.Hour), "", `,"priority":"urgent"`)), 200)
	if p := h.one("ServiceRequest").Str("priority"); p != "urgent" {
		t.Errorf("priority %s", p)
	}
}

// TestCancelBesideUnsendableWork: what the link worker wrote cannot go into a
// record, so the referral cannot end; the sender is told, nothing is half done,
// and the cancellation works once that is put right.
func TestCancelBesideUnsendableWork(t *testing.T) {
	h := open(t, nil)
	h.want(h.json(jsonReferral("new", "1", monday, `,"nhsNumber":"9990000379"`, "")), 200)
	task := h.task(1)
	h.want(h.change(task, claimBy("ours")), 200)
	h.want(h.change(task, func(v *element.Value) {
		v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")),
			element.F("valueCodeableConcept", element.NewObject(element.F("coding", element.NewArray(element.NewObject(
				element.S("system", "http://snomed.info/sct"), element.S("code", "22298006"))))))))
	}), 200)
	before := h.everything()
	cancel := []byte(`{"type":"referral","action":"cancel","id":"C-1","referralNumber":"SP-1"}`)
	if r := h.json(cancel); r.status != 422 || !bytes.Contains(r.body, []byte("Task.output")) {
		t.Errorf("%d: %s", r.status, r.body)
	}
	if h.everything() != before {
		t.Error("a refused cancellation changed something")
	}
	h.want(h.change(task, func(v *element.Value) { v.Remove("output") }), 200)
	id := h.want(h.call("GET", "/admin/messages?status=failed", nil), 200).value(t).Items[0].TextAt("id")
	if r := h.want(h.call("POST", "/admin/messages/"+id+"/replay", nil), 200); !bytes.Contains(r.body, []byte("accepted")) {
		t.Errorf("replay: %s", r.body)
	}
	if v := h.one("Task"); v.Str("status") != "cancelled" || !strings.Contains(v.TextAt("statusReason.text"), "no reason") {
		t.Errorf("%s because of %q", v.Str("status"), v.TextAt("statusReason.text"))
	}
}

// TestBaRSByID: a BaRS sender names the request by the id that it was given
// here, and needs no identifier for it.
func TestBaRSByID(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("POST", "/intake/bars-r4", fhirReferral("b-1", "new", "", "routine")), 200)
	request := h.one("ServiceRequest")
	update := fhirReferral("b-2", "update", `"id":"`+request.ID()+`",`, "urgent")
	h.want(h.call("POST", "/intake/bars-r4", update), 200)
	if v := h.one("ServiceRequest"); v.Str("priority") != "urgent" || v.ID() != request.ID() {
		t.Errorf("priority %s", v.Str("priority"))
	}
	if v := h.one("Task"); v.Str("priority") != "urgent" || v.Str("status") != "requested" {
		t.Errorf("Task %s, %s", v.Str("priority"), v.Str("status"))
	}
	h.want(h.call("POST", "/intake/bars-r4", barsCancel(request.ID(), "")), 200)
	if v := h.one("ServiceRequest"); v.Str("status") != "revoked" {
		t.Errorf("the request is %s", v.Str("status"))
	}
	if v := h.one("Task"); v.Str("status") != "cancelled" {
		t.Errorf("the Task is %s", v.Str("status"))
	}
}

// fhirReferral is a small referral as a FHIR message. Without an identifier the
// request is known by the id of its first message.
func fhirReferral(bundle, reason, id, priority string) []byte {
	day := map[string]string{"new": "01", "update": "02"}[reason]
	return []byte(`{"resourceType":"Bundle","id":"` + bundle + `","type":"message","timestamp":"2026-03-` + day + `T10:15:00Z","entry":[
	{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000001","resource":{"resourceType":"MessageHeader",
	 "eventCoding":{"system":"https://fhir.nhs.uk/CodeSystem/message-events-bars","code":"servicerequest-request"},
	 "destination":[{"endpoint":"https://fhir.nhs.uk/Id/dos-service-id|1"}],"source":{"endpoint":"https://fhir.nhs.uk/Id/dos-service-id|2","name":"Oak Surgery"},
	 "sender":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000004"},
	 "reason":{"coding":[{"system":"https://fhir.nhs.uk/CodeSystem/message-reason-bars","code":"` + reason + `"}]},
	 "focus":[{"reference":"urn:uuid:10000000-0000-4000-8000-000000000002"}],
	 "definition":"https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral"}},
	{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000002","resource":{"resourceType":"ServiceRequest",` + id + `
	 "status":"active","intent":"plan","priority":"` + priority + `","authoredOn":"2026-03-01T10:12:00Z","subject":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000003"}}},
	{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000003","resource":{"resourceType":"Patient",
	 "identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000379"}],"name":[{"family":"Canarybird","given":["Zebedee"]}]}},
	{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000004","resource":{"resourceType":"Organization",
	 "identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"Z00001"}],"name":"Oak Surgery"}}]}`)
}

// TestUpdateAfterItsFirstAnswerWasRemoved: the retention forgets the message,
// and the message coming once more still does nothing.
func TestUpdateAfterItsFirstAnswerWasRemoved(t *testing.T) {
	var late atomic.Int64
	h := openWith(t, app.Options{Now: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }}, func(c *config.Config) {
		c.Retention = config.Retention{MessagesDays: 30}
	})
	update := jsonReferral("modify", "2", tuesday, "", `,"priority":"urgent"`)
	cancel := []byte(`{"type":"referral","action":"cancel","id":"C-1","referralNumber":"SP-1"}`)
	h.want(h.json(jsonReferral("new", "1", monday, "", "")), 200)
	h.want(h.json(update), 200)
	ask := []byte(`{"type":"referral","action":"status","id":"S-1","referralNumber":"SP-1"}`)
	h.want(h.json(ask), 200) // the store keeps the newest message
	before := h.everything()
	late.Store(int64(31 * 24 * time.Hour))
	if n, err := h.app.Prune(t.Context()); n < 2 || err != nil {
		t.Fatalf("%d rows went (%v)", n, err)
	}
	h.want(h.json(update), 200)
	if after := h.everything(); after != before {
		t.Errorf("a message that had been taken was taken again:\n%s\nbefore:\n%s", after, before)
	}
	h.want(h.json(cancel), 200)
	h.want(h.json(ask), 200)
	h.want(h.json(jsonReferral("status", "S-2", monday, "", "")), 200)
	before = h.everything()
	late.Store(int64(62 * 24 * time.Hour))
	if n, err := h.app.Prune(t.Context()); n == 0 || err != nil {
		t.Fatalf("%d rows went (%v)", n, err)
	}
	h.want(h.json(update), 200) // taken before the referral was cancelled
	h.want(h.json(cancel), 200)
	if after := h.everything(); after != before {
		t.Errorf("a cancellation that had been taken was taken again:\n%s\nbefore:\n%s", after, before)
	}
}
