package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// TestHazardWrongCodeOfContact: the code by which a letter says how a contact was
// held is recalled over the API like every other, and where the right one is not
// taken by the practice the answer says so.
func TestHazardWrongCodeOfContact(t *testing.T) {
	receiver := &hook{code: http.StatusNoContent}
	srv := httptest.NewServer(receiver)
	defer srv.Close()
	h := open(t, func(c *config.Config) {
		c.Channels = []config.Channel{{Name: "hook", Kind: config.KindWebhook, URL: srv.URL, Secret: config.NewSecret("a secret of more than 24 bytes"), SecretFile: "x"}}
		c.Practices = []config.Practice{{ODS: config.AnyPractice, Route: []string{"hook"}, GroupsOff: []string{"signposting"}}}
		c.Sharing.Without = "all"
	})
	task := h.unowned(903)
	h.want(h.change(task, claimBy("ours")), 200)
	read, err := element.Parse(h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).body, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := element.Parse(h.want(h.call("POST", "/fhir/Encounter", []byte(`{"resourceType":"Encounter","status":"finished",
		"class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"VR","display":"virtual"},"subject":{"reference":"`+read.TextAt("for.reference")+`"},
		"period":{"start":"2026-02-28T10:00:00Z"},"type":[{"coding":[{"system":"http://snomed.info/sct","code":"185317003","display":"Telephone encounter"}]}]}`), "Content-Type", "application/fhir+json"), 201).body, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	h.want(h.change(task, func(v *element.Value) {
		v.SetString("status", "completed")
		v.Append("output", element.NewObject(element.F("type", object("text", "Contact")), element.F("valueReference", object("reference", "Encounter/"+made.ID()))))
		v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.F("valueCodeableConcept", element.NewObject(
			element.F("coding", element.NewArray(element.NewObject(element.S("system", "http://snomed.info/sct"), element.S("code", "390893007"))))))))
	}), 200)
	h.settled()
	for _, c := range []struct{ order, says string }{
		{`{"id":"contact","query":{"code":"185317003"},"replace":{"code":"386472008"},"reason":"drill","dryRun":true}`, `"actions":{"correct":1}`},
		{`{"id":"contact","query":{"code":"185317003"},"replace":{"code":"386472008"},"reason":"drill"}`, `"actions":{"correct":1}`},
		{`{"id":"code","query":{"code":"390893007"},"replace":{"code":"975131000000104"},"reason":"drill","dryRun":true}`,
			`"unsaid":{"the practice does not take codes of the group signposting":1}`},
	} {
		if rep := h.want(h.call("POST", "/admin/recalls", []byte(c.order)), 200); !strings.Contains(string(rep.body), `"found":1`) || !strings.Contains(string(rep.body), c.says) {
			t.Errorf("%s: %s", c.order, rep.body)
		}
	}
	h.settled()
	if got := receiver.all(); len(got) != 2 || !strings.Contains(got[1], "entered-in-error") {
		t.Errorf("%d left: %s", len(got), strings.Join(got, "\n"))
	}
}
