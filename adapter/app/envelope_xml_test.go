package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/config"
)

// batches is a mapping for XML documents of several referrals, and of several
// goals in each.
const batches = `mapping: batches
title: Several referrals in one XML document
version: '1'
format: xml
accepts: ['*']
xml: {each: Batch.Referral, id: Batch.Referral.@ref, namespaces: {p: 'urn:example:person'}}
let: {one: <- Batch.Referral}
resources:
  patient:
    resourceType: Patient
    identifier: [{system: https://fhir.nhs.uk/Id/nhs-number, value: '<- one.p:Nhs | required("a referral names a person")'}]
  practice:
    resourceType: Organization
    identifier: [{system: https://fhir.nhs.uk/Id/ods-organization-code, value: <- Batch.@practice}]
  goal:
    resourceType: Goal
    $each: Batch.Referral.Goal
    lifecycleStatus: proposed
    description: {text: <- .}
    subject: -> patient
  referral:
    resourceType: ServiceRequest
    identifier: [{system: 'urn:example:ref', value: <- one.@ref}]
    status: active
    intent: order
    code: {text: Social prescribing}
    subject: -> patient
    requester: -> practice
    authoredOn: <- Batch.Made | dateTime
    supportingInfo: -> each goal
  task:
    resourceType: Task
    status: requested
    intent: order
    code: {text: Social prescribing}
    focus: -> referral
    for: -> patient
    requester: -> practice
    authoredOn: <- Batch.Made | dateTime
`

// TestXMLDocumentOfSeveral: each element has its own fate, by HTTP and by a
// watched folder, and makes as many resources as it has goals.
func TestXMLDocumentOfSeveral(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "mappings", "batches")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mapping.yaml"), []byte(batches), 0o644); err != nil {
		t.Fatal(err)
	}
	h := open(t, func(c *config.Config) {
		c.Files.Poll, c.Files.Settle = 10*time.Millisecond, 0
		c.Mappings.Folder = filepath.Dir(dir)
		c.Senders = []config.Sender{{Name: "batches", Mapping: "batches", Folder: filepath.Join(root, "files")}}
	})
	document := func(last string) []byte {
		return fmt.Appendf(nil, `<?xml version="1.0"?>
<b:Batch xmlns:b="urn:example:batch" xmlns:x="urn:example:person" practice="Z00001" id="all"><b:Made>2026-03-02T09:00:00Z</b:Made>
 <b:Referral ref="X-1"><x:Nhs>%s</x:Nhs><b:Goal>Clear the arrears</b:Goal><b:Goal>A budget</b:Goal></b:Referral>
 <b:Referral ref="X-2"/>
 <b:Referral ref="X-3"><x:Nhs>%s</x:Nhs><b:Goal>The allotment</b:Goal></b:Referral>%s
</b:Batch>`, nobody(911), nobody(913), last)
	}
	states := func(body string) string {
		var out []string
		for _, m := range regexp.MustCompile(`<status>(\w+)</status>`).FindAllStringSubmatch(body, -1) {
			out = append(out, m[1])
		}
		return strings.Join(out, " ")
	}
	r := h.want(h.call("POST", "/intake/batches", document(""), "Content-Type", "application/xml"), 207)
	if s := string(r.body); states(s) != "accepted refused accepted" || !strings.Contains(s, "<messageId>X-3</messageId>") || !strings.Contains(s, "<receipts>") {
		t.Errorf("%s", s)
	}
	goals := string(h.want(h.call("GET", "/fhir/Goal", nil), 200).body)
	for _, want := range []string{"Clear the arrears", "A budget", "The allotment"} {
		if !strings.Contains(goals, want) {
			t.Errorf("no %s in %s", want, goals)
		}
	}
	if n := strings.Count(goals, `"resourceType":"Goal"`); n != 3 {
		t.Errorf("%d goals in %s", n, goals)
	}
	requests := string(h.want(h.call("GET", "/fhir/ServiceRequest?identifier=X-1", nil), 200).body)
	if n := strings.Count(requests, `"reference":"Goal/`); n != 2 {
		t.Errorf("%d references to goals in %s", n, requests)
	}
	file := filepath.Join(root, "files", "inbox", "again.xml")
	if err := os.WriteFile(file+".tmp", document(`<b:Referral ref="X-4"><x:Nhs>`+nobody(915)+`</x:Nhs></b:Referral>`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".tmp", file); err != nil {
		t.Fatal(err)
	}
	receipt := ""
	for end := time.Now().Add(20 * time.Second); receipt == "" && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, folder := range []string{"done", "failed"} {
			if b, err := os.ReadFile(filepath.Join(root, "files", folder, "again.xml.receipt.json")); err == nil {
				receipt = string(b)
			}
		}
	}
	for _, want := range []string{`"accepted": 1`, `"repeated": 2`, `"refused": 1`} {
		if !strings.Contains(receipt, want) {
			t.Errorf("the receipt of the file lacks %s: %s", want, receipt)
		}
	}
}
