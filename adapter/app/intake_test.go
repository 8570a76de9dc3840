package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/config"
)

const hl7Type = "x-application/hl7-v2+er7"

// TestSameMessageSameAnswer: a repeat gets the first answer byte for byte and
// makes nothing.
func TestSameMessageSameAnswer(t *testing.T) {
	h := open(t, nil)
	first := h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379"), "Content-Type", hl7Type), 200)
	if !bytes.Contains(first.body, []byte("MSA|AA|MSG-1")) {
		t.Fatal("the answer is not an AA for the message")
	}
	again := h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379"), "Content-Type", hl7Type), 200)
	if !bytes.Equal(first.body, again.body) {
		t.Error("the second answer differs from the first")
	}
	h.task(1) // exactly one
}

// TestSixteenAtOnce: identical referrals that arrive together make one.
func TestSixteenAtOnce(t *testing.T) {
	h := open(t, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			r, err := h.try("POST", "/intake/hl7v2-ref", referral(2, "9990000379"), "Content-Type", hl7Type)
			if err != nil || r.status != 200 || !bytes.Contains(r.body, []byte("MSA|AA")) {
				t.Errorf("status %d, err %v", r.status, err)
			}
		})
	}
	wg.Wait()
	h.task(2)
}

// TestOnePersonOnePatient: two referrals with one NHS number share a Patient
// and an Organization; where the demographics disagree, the record stays and
// the Task says so.
func TestOnePersonOnePatient(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(3, "9990000379")), 200)
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(4, "999 000 0379")), 200)
	other := bytes.ReplaceAll(referral(5, "9990000379"), []byte("19700611"), []byte("19810101"))
	h.want(h.call("POST", "/intake/hl7v2-ref", other), 200)
	found := h.want(h.call("GET", "/fhir/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990000379", nil), 200).value(t)
	if n := len(found.List("entry")); n != 1 {
		t.Fatalf("%d Patients with one NHS number", n)
	}
	if got := found.TextAt("entry.resource.birthDate"); got != "1970-06-11" {
		t.Errorf("the birth date on record became %s", got)
	}
	task := h.want(h.call("GET", "/fhir/Task/"+h.task(5), nil), 200).value(t)
	if task.TextAt("meta.tag.code") != "demographics-conflict" || !strings.Contains(task.TextAt("note.text"), "birthDate") {
		t.Errorf("the Task does not show the conflict: tag %q", task.TextAt("meta.tag.code"))
	}
	orgs := h.want(h.call("GET", "/fhir/Organization?identifier=https://fhir.nhs.uk/Id/ods-organization-code|Z00001", nil), 200).value(t)
	if n := len(orgs.List("entry")); n != 1 {
		t.Errorf("%d Organizations with one ODS code", n)
	}
}

// TestBadNumberIsKeptAndFlagged: the referral is not lost, nothing matches on
// the number, the link worker sees it.
func TestBadNumberIsKeptAndFlagged(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(6, "9990000378")), 200)
	task := h.want(h.call("GET", "/fhir/Task/"+h.task(6), nil), 200).value(t)
	if got := task.TextAt("meta.tag.code"); got != "nhs-number-check-digit" {
		t.Errorf("tag %q, want nhs-number-check-digit", got)
	}
	if !strings.Contains(task.TextAt("note.text"), "PID-3") {
		t.Error("the flag does not name the source field")
	}
	found := h.want(h.call("GET", "/fhir/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990000378", nil), 200).value(t)
	if len(found.List("entry")) != 0 {
		t.Error("a Patient can be found by a broken NHS number")
	}
}

// TestRefusedIsKept: a refusal names the field, makes nothing, is listed with
// its reasons, and can be replayed.
func TestRefusedIsKept(t *testing.T) {
	h := open(t, nil)
	bad := bytes.ReplaceAll(referral(7, "9990000379"), []byte("Canarybird^Zebedee^^^Mr"), nil)
	r := h.call("POST", "/intake/hl7v2-ref", bad, "Content-Type", hl7Type)
	if r.status != 422 || !bytes.Contains(r.body, []byte("MSA|AE|MSG-7")) || !bytes.Contains(r.body, []byte("PID-5")) {
		t.Fatalf("status %d, want 422 with an AE that names PID-5", r.status)
	}
	list := h.want(h.call("GET", "/admin/messages?status=failed", nil), 200)
	v, err := element.Parse(list.body, element.Limits{})
	if err != nil || len(v.Items) != 1 || v.Items[0].TextAt("reasons.place") == "" {
		t.Fatalf("the failed list does not hold the message with a located reason: %s", list.body)
	}
	id := v.Items[0].Get("id").Text
	again := h.want(h.call("POST", "/admin/messages/"+id+"/replay", nil), 200).value(t)
	if got := again.Str("result"); got != "unmappable" {
		t.Errorf("replayed without a fix: %q, want unmappable", got)
	}
	for _, typ := range []string{"Task", "Patient", "ServiceRequest"} {
		found := h.want(h.call("GET", "/fhir/"+typ, nil), 200).value(t)
		if len(found.List("entry")) != 0 {
			t.Errorf("a refused message made a %s", typ)
		}
	}
}

// TestBadInput is the table of what bad input gets at the edge.
func TestBadInput(t *testing.T) {
	h := open(t, func(c *config.Config) { c.HTTP.BodyLimit = 64 << 10 })
	h.refused(h.call("POST", "/intake/nobody", []byte("x")), 404, "not-found", "no sender")
	h.refused(h.call("POST", "/intake/hl7v2-ref", bytes.Repeat([]byte("x"), 65<<10)), 413, "too-long", "larger")
	h.refused(h.call("POST", "/fhir/Task", []byte("{"), "Content-Type", fhirJSON), 400, "structure", "line 1")
	h.refused(h.call("POST", "/fhir/Task", []byte("{}"), "Content-Type", "text/plain"), 415, "not-supported", "fhir+json")
	h.refused(h.call("POST", "/fhir/Task", []byte(strings.Repeat(`{"a":`, 60)), "Content-Type", fhirJSON), 400, "structure", "nested")
	h.refused(h.call("GET", "/fhir/Nothing/1", nil), 404, "not-found", "not served")
	h.refused(h.call("GET", "/fhir/Task/none", nil), 404, "not-found", "")
	h.refused(h.call("GET", "/nowhere", nil), 404, "not-found", "address")
	h.refused(h.call("DELETE", "/fhir/Task/1/_history", nil), 405, "not-supported", "method")
	h.refused(h.call("GET", "/fhir/Task", nil, "Accept", "application/fhir+turtle"), 406, "not-supported", "fhir+json")
	if r := h.call("POST", "/intake/hl7v2-ref", []byte("no message at all")); r.status != 400 || !bytes.Contains(r.body, []byte("MSA|AR")) {
		t.Errorf("garbage: status %d, want 400 with an AR", r.status)
	}
	if r := h.call("POST", "/intake/generic-json", []byte(`{"a":`)); r.status != 400 || !bytes.Contains(r.body, []byte("refused")) {
		t.Errorf("half a JSON object: status %d, want 400 with a JSON receipt", r.status)
	}
}

// TestWhoIsCalling: with clients configured nobody is trusted for being near.
func TestWhoIsCalling(t *testing.T) {
	const sender, worker, operator = "sender-token", "worker-token", "operator-token"
	h := open(t, func(c *config.Config) {
		c.Clients = []config.Client{
			{Name: "gp", Role: config.RoleSender, Senders: []string{"hl7v2-ref"}, TokenSHA256: sha(sender)},
			{Name: "lw", Role: config.RoleLinkWorker, Organization: "Z00009", TokenSHA256: sha(worker)},
			{Name: "op", Role: config.RoleOperator, TokenSHA256: sha(operator)},
		}
	})
	bearer := func(s string) []string { return []string{"Authorization", "Bearer " + s} }
	h.refused(h.call("POST", "/intake/hl7v2-ref", referral(8, "9990000379")), 401, "login", "token")
	h.refused(h.call("GET", "/fhir/Task", nil, bearer("wrong")...), 401, "login", "token")
	h.refused(h.call("POST", "/intake/generic-json", []byte("{}"), bearer(sender)...), 403, "forbidden", "sender")
	h.refused(h.call("POST", "/intake/hl7v2-ref", referral(8, "9990000379"), bearer(worker)...), 403, "forbidden", "sender")
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(8, "9990000379"), bearer(sender)...), 200)
	h.refused(h.call("GET", "/admin/messages", nil, bearer(worker)...), 403, "forbidden", "operator")
	h.want(h.call("GET", "/admin/messages", nil, bearer(operator)...), 200)
	h.want(h.call("GET", "/fhir/Task", nil, bearer(worker)...), 200)
	h.want(h.call("GET", "/fhir/metadata", nil), 200)
}

// TestCanary feeds names, numbers and addresses through success and failure
// and scans everything that is written for operators.
func TestCanary(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Records = []config.Record{{ODS: config.AnyPractice, BaseURL: "http://127.0.0.1:1/record", AllowPlainHTTP: true}}
	})
	canaries := []string{"Canarybird", "CANARYBIRD", "Zebedee", "Quetzal", "9990000379", "9990000378", "490123", "1970-06-11", "19700611"}
	var answers [][]byte
	post := func(body []byte) {
		answers = append(answers, h.call("POST", "/intake/hl7v2-ref", body).body)
	}
	post(referral(20, "9990000379"))
	post(referral(20, "9990000379"))
	post(referral(21, "9990000378"))
	post(bytes.ReplaceAll(referral(22, "9990000379"), []byte("19700611"), []byte("Canarybird")))
	post(bytes.ReplaceAll(referral(23, "9990000379"), []byte("REF^I12"), []byte("Canarybird^X")))
	post([]byte("MSH|Canarybird"))
	post([]byte("Canarybird 9990000379"))
	h.call("POST", "/intake/Canarybird", []byte("Zebedee"))
	answers = append(answers,
		h.call("POST", "/intake/generic-json", []byte(`{"patient":{"name":"Canarybird","nhsNumber":"9990000379"},`)).body,
		h.call("POST", "/intake/generic-json", []byte(`{"type":"referral","id":"1","createdAt":"Canarybird","patient":{"familyName":"Canarybird","nhsNumber":"9990000378"}}`)).body,
		h.call("POST", "/intake/bars-r4", []byte(`{"resourceType":"Bundle","type":"message","Canarybird":"9990000379"}`)).body)
	for _, r := range []response{
		h.call("POST", "/fhir/Patient", []byte(`{"resourceType":"Patient","Canarybird":"9990000379"}`), "Content-Type", fhirJSON),
		h.call("POST", "/fhir/Patient", []byte(`{"resourceType":"Patient","birthDate":"Canarybird","gender":"Zebedee"}`), "Content-Type", fhirJSON),
		h.call("POST", "/fhir/Patient", []byte(`{"resourceType":"Canarybird"}`), "Content-Type", fhirJSON),
		h.call("GET", "/fhir/Patient?birthdate=Canarybird", nil),
		h.call("GET", "/fhir/Patient/Canarybird", nil, "X-Request-Id", "Zebedee"),
		h.call("GET", "/admin/messages?status=Canarybird", nil),
	} {
		if r.status < 400 {
			t.Errorf("a canary was answered with %d", r.status)
		}
		answers = append(answers, r.body)
	}
	task := h.task(20)
	h.want(h.change(task, claimBy("a")), 200)
	h.want(h.change(task, func(v *element.Value) {
		v.SetString("status", "completed")
		v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.S("valueString", "Canarybird is well")))
	}), 200)
	// The write-back fails, as nothing listens there; what is said of it is scanned too.
	for tries := 0; !bytes.Contains(h.call("GET", "/referrals/"+task+"/timeline", nil).body, []byte("attempt failed")); tries++ {
		if tries > 500 {
			t.Fatal("no attempt to write back is on the timeline")
		}
		time.Sleep(10 * time.Millisecond)
	}
	answers = append(answers, h.call("GET", "/referrals/"+task+"/timeline", nil).body,
		h.call("GET", "/admin/deliveries", nil).body, h.call("GET", "/admin/messages", nil).body)
	res, err := http.Get(h.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var metrics bytes.Buffer
	if _, err := metrics.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(metrics.String(), "linkloop_intake_messages_total") || h.log.String() == "" {
		t.Fatal("there is nothing to scan")
	}
	for _, c := range canaries {
		if strings.Contains(h.log.String(), c) {
			t.Errorf("the log holds a canary of length %d", len(c))
		}
		if strings.Contains(metrics.String(), c) {
			t.Errorf("the metrics hold a canary of length %d", len(c))
		}
		for i, a := range answers {
			if bytes.Contains(a, []byte(c)) {
				t.Errorf("error answer %d holds a canary of length %d", i, len(c))
			}
		}
	}
}

// TestExplain: every element of a stored message is traced to its source.
func TestExplain(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(9, "9990000379")), 200)
	list := h.want(h.call("GET", "/admin/messages", nil), 200).value(t)
	e := h.want(h.call("GET", fmt.Sprintf("/admin/messages/%s?explain=true", list.Items[0].Get("id").Text), nil), 200)
	for _, want := range []string{"Patient.name[0].family", "PID-5.1", "mapping.yaml"} {
		if !bytes.Contains(e.body, []byte(want)) {
			t.Errorf("the explanation does not say %s", want)
		}
	}
}

// TestProcessMessage: a FHIR message goes to the one sender of FHIR messages
// and is answered with a message.
func TestProcessMessage(t *testing.T) {
	h := open(t, nil)
	bundle, err := os.ReadFile("../demo/stories/declines.bars.json")
	if err != nil {
		t.Fatal(err)
	}
	r := h.want(h.call("POST", "/fhir/$process-message", bundle, "Content-Type", fhirJSON), 200)
	v := r.value(t)
	if v.ResourceType() != "Bundle" || v.Str("type") != "message" || v.TextAt("entry.resource.response.code") != "ok" {
		t.Errorf("the answer is %s of type %q, want a message that says ok", v.ResourceType(), v.Str("type"))
	}
	h.refused(h.call("POST", "/fhir/$process-message", []byte(`{"resourceType":"Bundle","type":"batch"}`), "Content-Type", fhirJSON), 400, "not-supported", "message")
}

// TestEveryResourceIsR4 holds what the three shipped senders make against
// google/fhir's own parser, which is not on the way of a referral.
func TestEveryResourceIsR4(t *testing.T) {
	h := open(t, nil)
	stories, err := filepath.Glob("../demo/stories/*")
	if err != nil || len(stories) < 6 {
		t.Fatal("the stories are not there")
	}
	for _, file := range stories {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sender := "generic-json"
		switch {
		case strings.HasSuffix(file, ".hl7"):
			sender, b = "hl7v2-ref", bytes.ReplaceAll(b, []byte("\n"), []byte("\r"))
		case strings.HasSuffix(file, ".bars.json"):
			sender = "bars-r4"
		}
		h.call("POST", "/intake/"+sender, b)
	}
	seen := 0
	for _, typ := range []string{"Patient", "Practitioner", "PractitionerRole", "Organization", "ServiceRequest", "Task", "Provenance"} {
		found := h.want(h.call("GET", "/fhir/"+typ+"?_count=100", nil), 200).value(t)
		if len(found.List("entry")) == 0 {
			t.Errorf("no %s was made", typ)
		}
		for _, e := range found.List("entry") {
			issues, err := fhir.Strict(e.Get("resource").JSON())
			if err != nil || len(issues) > 0 {
				t.Errorf("%s: %v %v", typ, issues, err)
			}
			seen++
		}
	}
	if seen < 20 {
		t.Errorf("only %d resources were looked at", seen)
	}
	issues, err := fhir.Strict(h.call("GET", "/fhir/metadata", nil).body)
	if err != nil || len(issues) > 0 {
		t.Errorf("CapabilityStatement: %v %v", issues, err)
	}
}
