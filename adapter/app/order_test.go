package app_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

var zebedee = []string{"nhs", "9990000379", "family", "Canarybird", "given", "Zebedee", "born", "1970-06-11"}

// says is what a message says of somebody, with more behind it.
func says(person []string, more ...string) []string { return append(slices.Clone(person), more...) }

// TestHazardOvertakenPerson: how to reach somebody is what the message says that
// was made last, in whatever order messages of several referrals come.
func TestHazardOvertakenPerson(t *testing.T) {
	for _, tc := range []struct {
		name  string
		words [2]string // when they were made, in the order in which they come; the phone number is the place
		want  string
	}{
		{"in order", [2]string{"2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z"}, "2"},
		{"the older one last", [2]string{"2026-03-03T10:00:00Z", "2026-03-02T10:00:00Z"}, "1"},
		{"the same day", [2]string{"2026-03-03", "2026-03-03"}, "2"},
		{"an hour of the day", [2]string{"2026-03-03", "2026-03-03T10:00:00Z"}, "2"},
		{"the day before, without an hour", [2]string{"2026-03-03", "2026-03-02"}, "1"},
		{"one that does not say", [2]string{"2026-03-03T10:00:00Z", ""}, "2"},
		{"behind one that does not say", [2]string{"", "2026-03-02T10:00:00Z"}, "1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := at(t, strings.ReplaceAll(hospital, "authoredOn: <- at | dateTime", `authoredOn: "2026-03-01"`))
			for i, at := range tc.words {
				h.want(h.from(fmt.Sprint("R", i), says(zebedee, "phone", fmt.Sprint("0770090012", i+1), "at", at)...), 200)
			}
			if got := h.one("Patient").TextAt("telecom.value"); got != "0770090012"+tc.want {
				t.Errorf("the record has %s", got)
			}
			left := map[string]string{"1": "2", "2": "1"}[tc.want]
			if text := noted(h.work("R1")); !strings.Contains(text, "0770090012"+left) {
				t.Errorf("the other number is nowhere to be read: %s", text)
			}
		})
	}
}

// TestHazardOvertakenOverTheAPI: what was written over the API since the last message is
// older than a message made after it only.
func TestHazardOvertakenOverTheAPI(t *testing.T) {
	h := atDay(t)
	h.want(h.from("A", says(zebedee, "phone", "07700900121")...), 200)
	p := h.one("Patient")
	p.Set("telecom", element.NewArray(element.NewObject(element.S("system", "phone"), element.S("value", "07700900122"))))
	h.want(h.call("PUT", "/fhir/Patient/"+p.ID(), p.JSON(), "Content-Type", "application/fhir+json", "If-Match", `W/"`+p.TextAt("meta.versionId")+`"`), 200)
	h.want(h.from("B", says(zebedee, "phone", "07700900123", "at", "2026-03-05T10:00:00Z")...), 200)
	if got := h.one("Patient").TextAt("telecom.value"); got != "07700900122" {
		t.Errorf("a message made before the change undid it: %s", got)
	}
	h.want(h.from("C", says(zebedee, "phone", "07700900124", "at", "")...), 200)
	if got := h.one("Patient").TextAt("telecom.value"); got != "07700900124" {
		t.Errorf("a message made after the change: %s", got)
	}
}

// TestHazardOvertakenReplay: an update that failed is not laid over one that came
// after it, where both say the day only or nothing.
func TestHazardOvertakenReplay(t *testing.T) {
	for _, at := range []string{"2026-03-03", ""} {
		h := atDay(t)
		first := h.from("A", says(zebedee, "phone", "07700900121", "wants", "modify", "at", at)...)
		h.want(first, 404)
		h.want(h.from("A", says(zebedee, "phone", "07700900122", "at", at)...), 200)
		h.want(h.from("A", says(zebedee, "phone", "07700900123", "wants", "modify", "at", at)...), 200)
		failed := h.want(h.call("GET", "/admin/messages?status=failed", nil), 200).value(t).Items
		if len(failed) != 1 {
			t.Fatalf("%d failed messages", len(failed))
		}
		h.call("POST", "/admin/messages/"+failed[0].TextAt("id")+"/replay", nil)
		again := h.want(h.call("GET", "/admin/messages/"+failed[0].TextAt("id"), nil), 200).value(t)
		if again.TextAt("status") != "failed" || again.TextAt("kind") != "conflict" {
			t.Errorf("sent %q: the replay is %s, %s", at, again.TextAt("status"), again.TextAt("kind"))
		}
		if got := h.one("Patient").TextAt("telecom.value"); got != "07700900123" {
			t.Errorf("sent %q: the record has %s", at, got)
		}
	}
}

// atDay is a hospital whose dates say the day at most.
func atDay(t *testing.T) *house {
	return at(t, strings.ReplaceAll(hospital, "authoredOn: <- at | dateTime", `authoredOn: "2026-03-01"`))
}

// TestHazardOvertakenClock: a message whose clock is wrong counts as made when it
// came, says so, and an older one does not pass it.
func TestHazardOvertakenClock(t *testing.T) {
	h := atDay(t)
	h.want(h.from("A", says(zebedee, "at", "2026-03-01T10:00:00Z")...), 200)
	ahead := h.want(h.from("A", says(zebedee, "phone", "07700900122", "wants", "modify", "at", "2126-03-01T10:00:00Z")...), 200)
	if !bytes.Contains(ahead.body, []byte("in-the-future")) {
		t.Errorf("nobody is told: %s", ahead.body)
	}
	h.want(h.from("A", says(zebedee, "phone", "07700900123", "wants", "modify", "at", "2026-03-02T10:00:00Z")...), 409)
	h.want(h.from("A", says(zebedee, "phone", "07700900124", "wants", "modify", "at", "2126-02-01T10:00:00Z")...), 200)
	if got := h.one("Patient").TextAt("telecom.value"); got != "07700900124" {
		t.Errorf("the record has %s", got)
	}
}

// TestSentBefore: the same referral in another message is the same referral;
// other content under its number, or the same after its end, is not.
func TestSentBefore(t *testing.T) {
	h := atHospital(t)
	send := func(id string, more ...string) response {
		return h.from("A", says(zebedee, append([]string{"id", id}, more...)...)...)
	}
	h.want(send("1"), 200)
	again := h.want(send("2"), 200)
	if !bytes.Contains(again.body, []byte("here already")) || h.count("Task") != 1 || h.one("Task").TextAt("meta.versionId") != "1" {
		t.Errorf("sent once more: %s", again.body)
	}
	if r := h.want(send("3", "given", "Zebediah"), 409); !bytes.Contains(r.body, []byte("update message")) {
		t.Errorf("other content: %s", r.body)
	}
	h.want(send("4", "wants", "cancel"), 200)
	if r := h.want(send("5"), 409); !bytes.Contains(r.body, []byte("new number")) || bytes.Contains(r.body, []byte("update message")) {
		t.Errorf("after its end: %s", r.body)
	}
}

// TestForNobody: a referral that says nothing of whom it is for is refused, and
// one that lacks a resource says which.
func TestForNobody(t *testing.T) {
	h := atHospital(t)
	if r := h.want(h.from("A", "practice", "Z00001"), 422); !bytes.Contains(r.body, []byte("for somebody")) {
		t.Errorf("for nobody: %s", r.body)
	}
	if r := h.want(h.from("B"), 422); !bytes.Contains(r.body, []byte("led to a Patient")) {
		t.Errorf("no Patient: %s", r.body)
	}
	h.want(h.from("C", "phone", "07700900121"), 200)
}

const consenting = `  consent:
    resourceType: Consent
    $when: <- consent
    status: <- consent
    scope: {coding: [{system: "http://terminology.hl7.org/CodeSystem/consentscope", code: patient-privacy}]}
    category: [{coding: [{system: "http://loinc.org", code: "59284-0"}]}]
    patient: -> patient
    policyRule: {text: As the sender says}
`

// TestHazardDisclosureCancelled: who takes a referral back may take back with it
// that its outcome is shared, also when the referral is over already.
func TestHazardDisclosureCancelled(t *testing.T) {
	for _, first := range []string{"active", ""} {
		h := at(t, hospital+consenting)
		h.want(h.from("A", says(zebedee, "consent", first)...), 200)
		r := h.want(h.from("A", says(zebedee, "wants", "cancel", "consent", "rejected", "at", "2026-03-03T10:00:00Z")...), 200)
		if !bytes.Contains(r.body, []byte("consent-refused")) || !tagged(h.work("A"), "consent-refused") {
			t.Errorf("consent %q at first: nobody is told: %s", first, r.body)
		}
		if got := h.one("Consent"); got.Str("status") != "rejected" || got.TextAt("patient.reference") != h.work("A").TextAt("for.reference") {
			t.Errorf("consent %q at first: %s of %s", first, got.Str("status"), got.TextAt("patient.reference"))
		}
	}
	h := at(t, hospital+consenting)
	h.want(h.from("A", says(zebedee, "consent", "active")...), 200)
	h.want(h.from("A", says(zebedee, "wants", "cancel", "at", "2026-03-03T10:00:00Z")...), 200)
	h.want(h.from("A", says(zebedee, "wants", "cancel", "consent", "active", "at", "2026-03-04T10:00:00Z")...), 200)
	h.want(h.from("A", says(zebedee, "wants", "cancel", "consent", "rejected", "at", "2026-03-05T10:00:00Z")...), 200)
	if got := h.one("Consent").Str("status"); got != "rejected" {
		t.Errorf("taken back after the cancellation: %s", got)
	}
}

// TestHazardOvertakenRows: rows go side by side, and what the later of two rows says of
// a person stands all the same, of one referral and of two.
func TestHazardOvertakenRows(t *testing.T) {
	text := strings.NewReplacer("format: json", "format: csv\ncsv: {order: ref}",
		"authoredOn: <- at | dateTime", `authoredOn: "2026-03-01"`).Replace(hospital)
	h := at(t, text)
	var file strings.Builder
	file.WriteString("ref,wants,at,nhs,family,phone,died,practice,street,town,carer,carerPhone,number,given,born\n")
	const people = 60
	for _, r := range []struct{ ref, wants, phone string }{{"A", "new", "1"}, {"B", "new", "2"}, {"A", "modify", "3"}} {
		for i := range people {
			fmt.Fprintf(&file, "%s-%d,%s,2026-03-03,%s,Canarybird,0770090012%s,,,,,,,,,\n", r.ref, i, r.wants, nobody(i), r.phone)
		}
	}
	c := h.receipt(h.call("POST", "/intake/hospital", []byte(file.String()), "Content-Type", "text/csv"))
	if c.Accepted != 3*people {
		t.Fatalf("%s %+v", counts(c), c.Entries[:min(2, len(c.Entries))])
	}
	page := h.want(h.call("GET", "/fhir/Patient?_count=200", nil), 200).value(t).List("entry")
	for _, e := range page {
		if got := e.TextAt("resource.telecom.value"); got != "07700900123" {
			t.Errorf("a person has %s", got)
		}
	}
	if len(page) != people {
		t.Errorf("%d people", len(page))
	}
}

// TestWhoWasMeant: of a referral for somebody who is not who the record says, the
// Task tells whom it names; of one whose person agrees it does not.
func TestWhoWasMeant(t *testing.T) {
	h := atHospital(t)
	h.want(h.from("A", zebedee...), 200)
	h.want(h.from("B", "nhs", "9990000379", "family", "Other", "given", "Amy", "born", "2014-02-04"), 200)
	if text := noted(h.work("B")); !strings.Contains(text, "name: Amy Other; birth date: 2014-02-04") {
		t.Errorf("the Task does not say whom it is for: %s", text)
	}
	h.want(h.from("C", "nhs", "9990000379", "family", "CANARYBIRD", "born", "1970-06-11", "practice", "Z00001"), 200)
	if text := noted(h.work("C")); text != "" {
		t.Errorf("the same person is noted: %s", text)
	}
}

// TestUpdateBeforeItsReferral: an update that came before what it updates, as in
// a file that is sorted otherwise, is taken when it is replayed.
func TestUpdateBeforeItsReferral(t *testing.T) {
	h := atDay(t)
	h.want(h.from("A", says(zebedee, "phone", "07700900122", "wants", "modify", "at", "2026-03-03")...), 404)
	h.want(h.from("A", says(zebedee, "phone", "07700900121", "at", "2026-03-03")...), 200)
	failed := h.want(h.call("GET", "/admin/messages?status=failed", nil), 200).value(t).Items
	h.call("POST", "/admin/messages/"+failed[0].TextAt("id")+"/replay", nil)
	if again := h.want(h.call("GET", "/admin/messages/"+failed[0].TextAt("id"), nil), 200).value(t); again.TextAt("status") != "accepted" {
		t.Errorf("the replay is %s, %s", again.TextAt("status"), again.TextAt("kind"))
	}
	if got := h.one("Patient").TextAt("telecom.value"); got != "07700900122" {
		t.Errorf("the record has %s", got)
	}
}

// TestCancelledInTheFuture: a cancellation whose clock is wrong says so too.
func TestCancelledInTheFuture(t *testing.T) {
	h := atHospital(t)
	h.want(h.from("A", zebedee...), 200)
	r := h.want(h.from("A", says(zebedee, "wants", "cancel", "at", "2126-03-01T10:00:00Z")...), 200)
	if !bytes.Contains(r.body, []byte("in-the-future")) || !strings.Contains(noted(h.work("A")), "Data quality: the message says") {
		t.Errorf("nobody is told: %s, %s", r.body, noted(h.work("A")))
	}
}
