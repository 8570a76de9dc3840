package app_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

// TestThoseConcernedWrite: a link worker writes about the people of their
// Tasks and for their own organisation, wherever a type says whose it is, and
// nobody else does.
func TestThoseConcernedWrite(t *testing.T) {
	h, as := town(t)
	h.want(as("gp", "POST", "/intake/hl7v2-ref", referral(1, "9990000379")), 200)
	h.want(as("gp", "POST", "/intake/hl7v2-ref", []byte(strings.ReplaceAll(string(referral(2, "9990000743")), "Zebedee", "Yorick"))), 200)
	people, own := map[string]string{}, map[string]string{} // of whom each service has a Task, and what it is here
	for i, e := range h.want(as("ours", "GET", "/fhir/Task", nil), 200).value(t).List("entry") {
		who := []string{"ours", "theirs"}[i]
		claimed := h.want(as(who, "POST", "/fhir/Task/"+e.TextAt("resource.id")+"/$claim", nil), 200)
		own[who] = claimed.value(t).TextAt("owner.reference")
		people[who] = e.TextAt("resource.for.reference")
	}
	made := map[string]string{}
	for name, body := range map[string]string{
		"Appointment":       `"status":"proposed","participant":[{"actor":{"display":"Room 2"},"status":"accepted"},{"actor":{"reference":"PERSON"},"status":"accepted"}]`,
		"RelatedPerson":     `"patient":{"reference":"PERSON"}`,
		"Group":             `"type":"person","actual":true,"member":[{"entity":{"reference":"PERSON"}}]`,
		"Binary":            `"contentType":"text/plain","data":"aGk=","securityContext":{"reference":"PERSON"}`,
		"Goal":              `"lifecycleStatus":"active","description":{"text":"walk"},"subject":{"reference":"PERSON"}`,
		"HealthcareService": `"name":"walk","providedBy":{"reference":"OWN"}`,
		"Location":          `"name":"hall","managingOrganization":{"reference":"OWN"}`,
		"PractitionerRole":  `"active":true,"organization":{"reference":"OWN"}`,
	} {
		body = `{"resourceType":"` + name + `",` + body + `}`
		body = strings.ReplaceAll(strings.ReplaceAll(body, "PERSON", people["ours"]), "OWN", own["ours"])
		r := h.want(as("ours", "POST", "/fhir/"+name, []byte(body)), 201)
		made[name] = "/fhir/" + name + "/" + r.value(t).ID()
		h.refused(as("theirs", "POST", "/fhir/"+name, []byte(body)), 403, "forbidden", "concerned")
		h.refused(as("theirs", "PUT", made[name], r.body), 403, "forbidden", "")
	}
	for _, name := range []string{"Appointment", "RelatedPerson", "Group", "Goal"} {
		body := strings.ReplaceAll(string(h.want(as("ours", "GET", made[name], nil), 200).body), people["ours"], people["theirs"])
		h.refused(as("ours", "PUT", made[name], []byte(body)), 403, "forbidden", "concerned")
	}
	both := element.NewObject(element.S("resourceType", "Group"), element.S("type", "person"), element.F("actual", element.NewBool(true)))
	for _, person := range people {
		both.Append("member", element.NewObject(element.F("entity", object("reference", person))))
	}
	h.refused(as("ours", "POST", "/fhir/Group", both.JSON()), 403, "forbidden", "each person")
	for range 60 {
		both.Append("member", element.NewObject(element.F("entity", object("reference", "Patient/"+strings.Repeat("x", len(both.List("member")))))))
	}
	h.refused(as("ours", "POST", "/fhir/Group", both.JSON()), 422, "business-rule", "at most 50")
	h.refused(as("ours", "POST", "/fhir/Questionnaire", []byte(`{"resourceType":"Questionnaire","status":"draft"}`)), 403, "forbidden", "no organisation and to no person")
}
