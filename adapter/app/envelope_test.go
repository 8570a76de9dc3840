package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/config"
)

// exports is a mapping for documents of several referrals; the block says how
// they are told apart.
const exports = `mapping: exports
title: Several referrals in one document
version: '1'
format: json
accepts: ['*']
%s
let: {one: <- export.items}
resources:
  patient:
    resourceType: Patient
    identifier: [{system: https://fhir.nhs.uk/Id/nhs-number, value: <- one.nhs | required("a referral names a person")}]
  practice:
    resourceType: Organization
    identifier: [{system: https://fhir.nhs.uk/Id/ods-organization-code, value: <- export.practice}]
  referral:
    resourceType: ServiceRequest
    identifier: [{system: 'urn:example:ref', value: <- one.ref}]
    status: active
    intent: order
    code: {text: Social prescribing}
    subject: -> patient
    requester: -> practice
    authoredOn: <- export.made | dateTime
  task:
    resourceType: Task
    status: requested
    intent: order
    code: {text: Social prescribing}
    focus: -> referral
    for: -> patient
    requester: -> practice
    authoredOn: <- export.made | dateTime
`

// TestDocumentOfSeveral: each item of a document has its own fate where the
// mapping says so, and is at least missed where it does not.
func TestDocumentOfSeveral(t *testing.T) {
	body := func(last string) []byte {
		return fmt.Appendf(nil, `{"export":{"practice":"Z00001","made":"2026-03-02","items":[{"ref":"E-1","nhs":"%s"},{"ref":"E-2"},{"ref":"E-3","nhs":"%s"}%s]}}`,
			nobody(901), nobody(903), last)
	}
	start := func(t *testing.T, block string) *house {
		dir := filepath.Join(t.TempDir(), "exports")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "mapping.yaml"), fmt.Appendf(nil, exports, block), 0o644); err != nil {
			t.Fatal(err)
		}
		return open(t, func(c *config.Config) {
			c.Mappings.Folder = filepath.Dir(dir)
			c.Senders = []config.Sender{{Name: "exports", Mapping: "exports"}}
		})
	}
	states := func(h *house, r response) string {
		var got struct{ Messages []struct{ Status string } }
		if err := json.Unmarshal(r.body, &got); err != nil {
			h.t.Fatalf("status %d, %v: %s", r.status, err, r.body)
		}
		var out []string
		for _, m := range got.Messages {
			out = append(out, m.Status)
		}
		return strings.Join(out, " ")
	}
	t.Run("each", func(t *testing.T) {
		h := start(t, "json: {each: export.items, id: export.items.ref}")
		r := h.call("POST", "/intake/exports", body(""), "Content-Type", "application/json")
		if r.status != 207 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if got := states(h, r); got != "accepted refused accepted" {
			t.Errorf("%s\n%s", got, r.body)
		}
		first := string(r.body)
		if !strings.Contains(first, `"messageId":"E-3"`) {
			t.Errorf("no id of its own: %s", r.body)
		}
		r = h.want(h.call("POST", "/intake/exports", body(`,{"ref":"E-4","nhs":"`+nobody(905)+`"}`), "Content-Type", "application/json"), 207)
		if got := states(h, r); got != "accepted refused accepted accepted" {
			t.Errorf("again with one more: %s\n%s", got, r.body)
		}
		for _, line := range []int{1, 3} { // a repeat gets its first answer, with the Task of then
			was, is := strings.Split(first, "\n")[line], strings.Split(string(r.body), "\n")[line]
			if strings.TrimSuffix(was, ",") != strings.TrimSuffix(is, ",") {
				t.Errorf("the repeat was answered %s, at first %s", is, was)
			}
		}
	})
	t.Run("missed", func(t *testing.T) {
		h := start(t, "")
		r := h.call("POST", "/intake/exports", body(""), "Content-Type", "application/json")
		if r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if s := string(r.body); !strings.Contains(s, `"code":"items-unused"`) || !strings.Contains(s, `"field":"export.items[1]"`) {
			t.Errorf("no flag in the receipt: %s", s)
		}
		tasks := h.want(h.call("GET", "/fhir/Task", nil), 200)
		if s := string(tasks.body); !strings.Contains(s, "items-unused") || !strings.Contains(s, "export.items[1]") {
			t.Errorf("no flag on the Task: %s", s)
		}
	})
}
