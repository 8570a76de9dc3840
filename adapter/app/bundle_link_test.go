package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// location is where the resource of an answer is, such as Task/1.
func location(e interface{ TextAt(string) string }) string {
	_, path, _ := strings.Cut(e.TextAt("response.location"), "/fhir/")
	path, _, _ = strings.Cut(path, "/_history/")
	return path
}

// TestTransactionLinks: every way in which one entry names another becomes the
// reference that it has from then on: in attachments, extensions, contained
// resources, images of the narrative, with a version, from the same base, and
// in the values of a patch.
// https://hl7.org/fhir/R4/http.html#trules
func TestTransactionLinks(t *testing.T) {
	h := open(t, nil)
	const person, letter, note = "urn:uuid:11111111-1111-4111-8111-111111111111", "urn:uuid:22222222-2222-4222-8222-222222222222", "urn:oid:1.2.36.1.2001.1001"
	flag := h.want(h.call("POST", "/fhir/Flag", []byte(`{"resourceType":"Flag","status":"active","code":{"text":"x"},"subject":{"display":"somebody"}}`), "Content-Type", fhirJSON), 201).value(t).ID()
	list := answers(t, h.post("transaction",
		ask("POST", "DocumentReference", "", `"resource":{"resourceType":"DocumentReference","status":"current",
			"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><img src='`+letter+`' alt=\"letter\"/><a href=\"`+person+`\">who</a> `+person+`</div>"},
			"contained":[{"resourceType":"Observation","id":"o","status":"final","code":{"text":"mood"},"subject":{"reference":"`+person+`"}}],
			"extension":[{"url":"urn:test:about","valueUri":"`+person+`"},{"url":"urn:test:said","valueString":"`+person+`"},{"url":"urn:test:who","valueReference":{"reference":"`+person+`"}}],
			"subject":{"reference":"`+person+`/_history/1"},"custodian":{"reference":"`+note+`"},
			"content":[{"attachment":{"contentType":"text/plain","url":"`+letter+`"}}],
			"context":{"related":[{"reference":"#o"},{"reference":"http://elsewhere.example/fhir/Patient/7"}]}}`),
		ask("POST", "Patient", "", `"fullUrl":"`+person+`",`+canarybird),
		ask("POST", "Binary", "", `"fullUrl":"`+letter+`","resource":{"resourceType":"Binary","contentType":"text/plain","data":"aGVsbG8="}`),
		ask("POST", "Organization", "", `"fullUrl":"`+note+`","resource":{"resourceType":"Organization","name":"Harbour"}`),
		ask("POST", "Observation", "", `"fullUrl":"http://sender.example/base/Observation/5","resource":{"resourceType":"Observation","id":"5","status":"final","code":{"text":"mood"},"subject":{"reference":"`+person+`"}}`),
		ask("POST", "List", "", `"fullUrl":"http://sender.example/base/List/6","resource":{"resourceType":"List","status":"current","mode":"working","entry":[{"item":{"reference":"Observation/5"}},{"item":{"reference":"http://sender.example/base/Observation/5"}}]}`),
		ask("PATCH", "Flag/"+flag, "", `"resource":{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},
			{"name":"path","valueString":"Flag.subject"},{"name":"value","valueReference":{"reference":"`+person+`"}}]}]}`),
	), "transaction-response", "201", "201", "201", "201", "201", "201", "200")
	at := make([]string, len(list))
	for i := range list {
		at[i] = location(list[i])
	}
	v := h.want(h.call("GET", "/fhir/"+at[0], nil), 200).value(t)
	for path, want := range map[string]string{
		"contained.subject.reference":        at[1],
		"extension.valueUri":                 at[1],
		"extension.valueString":              person,
		"subject.reference":                  at[1] + "/_history/1",
		"custodian.reference":                at[3],
		"content.attachment.url":             at[2],
		"context.related.reference":          "#o",
		"text.div":                           `<div xmlns="http://www.w3.org/1999/xhtml"><img src='` + at[2] + `' alt="letter"/><a href="` + at[1] + `">who</a> ` + person + `</div>`,
		"extension.valueReference.reference": at[1],
	} {
		var got []string
		for _, x := range v.All(path) {
			got = append(got, x.Text)
		}
		if len(got) == 0 || got[0] != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if related := v.All("context.related.reference"); len(related) != 2 || related[1].Text != "http://elsewhere.example/fhir/Patient/7" {
		t.Error("a reference to elsewhere was rewritten")
	}
	items := h.want(h.call("GET", "/fhir/"+at[5], nil), 200).value(t).All("entry.item.reference")
	if len(items) != 2 || items[0].Text != at[4] || items[1].Text != at[4] {
		t.Errorf("references from the same base are %v, want %s twice", items, at[4])
	}
	if got := h.want(h.call("GET", "/fhir/Flag/"+flag, nil), 200).value(t).TextAt("subject.reference"); got != at[1] {
		t.Errorf("the reference in a patch is %q, want %q", got, at[1])
	}
}

// TestTransactionOrder: DELETE, POST, PUT and PATCH, GET, whatever the order of
// the entries; conditions see what was deleted as gone.
// https://hl7.org/fhir/R4/http.html#trules
func TestTransactionOrder(t *testing.T) {
	h := open(t, nil)
	observation := func(number, text, more string) string {
		return fmt.Sprintf(`"resource":{"resourceType":"Observation","identifier":[{"system":"urn:test:seen","value":%q}],"status":"final","code":{"text":%q}%s}`, number, text, more)
	}
	const byNumber = `"ifNoneExist":"identifier=urn:test:seen|a"`
	old := location(answers(t, h.post("transaction", ask("POST", "Observation", "", observation("a", "old", ""))), "transaction-response", "201")[0])
	list := answers(t, h.post("transaction",
		ask("GET", "Observation?identifier=urn:test:seen|a", "", ""),
		ask("POST", "Observation", byNumber, observation("a", "new", "")),
		ask("DELETE", old, "", ""),
	), "transaction-response", "200", "201", "204")
	if found := list[0].All("resource.entry.resource.code.text"); len(found) != 1 || found[0].Text != "new" {
		t.Errorf("the search of the transaction finds %d", len(found))
	}
	if location(list[1]) == old {
		t.Error("a conditional create found what the transaction deletes")
	}
	h.refused(h.call("GET", "/fhir/"+old, nil), 410, "deleted", "")
	// Deleting what is not there, and then making it.
	answers(t, h.post("transaction", ask("DELETE", "Observation?identifier=urn:test:seen|b", "", ""),
		ask("POST", "Observation", `"ifNoneExist":"identifier=urn:test:seen|b"`, observation("b", "x", ""))), "transaction-response", "204", "201")
	// A conditional reference to what is deleted, and to several.
	gone := location(answers(t, h.post("transaction", ask("POST", "Observation", "", observation("c", "x", ""))), "transaction-response", "201")[0])
	refer := ask("POST", "Observation", "", observation("d", "x", `,"hasMember":[{"reference":"Observation?identifier=urn:test:seen|c"}]`))
	h.refused(h.post("transaction", ask("DELETE", gone, "", ""), refer), 412, "conflict", "no resource meets")
	answers(t, h.post("transaction", ask("POST", "Observation", "", observation("c", "twin", ""))), "transaction-response", "201")
	h.refused(h.post("transaction", refer), 412, "multiple-matches", "narrower")
	if n := len(h.want(h.call("GET", "/fhir/Observation?identifier=urn:test:seen|d", nil), 200).value(t).List("entry")); n != 0 {
		t.Error("a transaction that failed made something")
	}
	// A conditional reference to what the transaction makes, wherever it stands,
	// and to several of which it makes one.
	list = answers(t, h.post("transaction",
		ask("POST", "Observation", "", observation("g", "x", `,"hasMember":[{"reference":"Observation?identifier=urn:test:seen|h"},{"reference":"Observation?identifier=urn:test:seen|i"}]`)),
		ask("PUT", "Observation?identifier=urn:test:seen|h", "", observation("h", "x", "")),
		ask("POST", "Observation", "", observation("i", "x", "")),
	), "transaction-response", "201", "201", "201")
	members := h.want(h.call("GET", "/fhir/"+location(list[0]), nil), 200).value(t).All("hasMember.reference")
	if len(members) != 2 || members[0].Text != location(list[1]) || members[1].Text != location(list[2]) {
		t.Errorf("the references to what the transaction makes are %v", members)
	}
	h.refused(h.post("transaction", ask("POST", "Observation", "", observation("i", "twin", "")),
		ask("POST", "Observation", "", observation("j", "x", `,"hasMember":[{"reference":"Observation?identifier=urn:test:seen|i"}]`))), 412, "multiple-matches", "narrower")
	// The same resource by two ways.
	for _, entries := range [][]string{
		{ask("DELETE", gone, "", ""), ask("DELETE", gone, "", "")},
		{ask("PATCH", gone, "", `"resource":{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Observation.note"}]}]}`), ask("DELETE", gone, "", "")},
		{ask("POST", "Observation", "", `"fullUrl":"urn:uuid:5",`+observation("e", "x", "")), ask("POST", "Observation", "", `"fullUrl":"urn:uuid:5",`+observation("f", "x", ""))},
	} {
		h.refused(h.post("transaction", entries...), 400, "", "another entry")
	}
}
