package xmldoc_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/inbound/xmldoc"
	"github.com/linkloop/linkloop/adapter/mapping"
)

const documents = `mapping: docs
title: Referrals of a supplier that sends XML
version: 1.0.0
format: xml
xml:
  id: Referral.MessageId
  namespaces: {other: 'urn:example:other'}
accepts: [Referral]
ignores: [Referral.@version]
resources:
  patient:
    resourceType: Patient
    identifier:
      - $when: <- Referral.Patient.NHSNumber.@verified
        system: https://fhir.nhs.uk/Id/nhs-number
        value: <- Referral.Patient.NHSNumber | nhsNumber
    name:
      - use: <- Referral.Patient.Name.@use
        family: <- Referral.Patient.Name.Family
        given: <- each Referral.Patient.Name.Given
    birthDate: <- Referral.Patient.Deceased | date
  request:
    resourceType: ServiceRequest
    subject: -> patient
    reasonCode:
      $each: Referral.Need
      text: <- .
      coding:
        - code: <- .@code
    note:
      - text: <- Referral.Story
      - text: <- Referral.other:Need
`

// TestMapping: what the tree gives to a mapping, and what the explanation says
// about where it came from.
func TestMapping(t *testing.T) {
	m, err := mapping.Compile(fstest.MapFS{"docs/mapping.yaml": {Data: []byte(documents)}}, "docs")
	if err != nil {
		t.Fatal(err)
	}
	x := m.XML()
	msg := decode(t, xmldoc.New(xmldoc.Options{ID: x.ID, Type: x.Type, Prefixes: x.Prefixes}), sample)
	if !m.Accepts(msg.Type) || msg.ID != "7f3a-1" {
		t.Fatalf("id %q, type %q", msg.ID, msg.Type)
	}
	r, err := m.Apply(msg.Tree, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, res := range r.Resources {
		got = append(got, string(res.Root.JSON()))
	}
	const want = `{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"use":"official","family":"Testperson","given":["Amelia","Jane"]}]}
{"resourceType":"ServiceRequest","subject":{"reference":"#key:patient"},"reasonCode":[{"text":"Feels out of place — \"alone\"","coding":[{"code":"267076002"}]},{"text":"again","coding":[{"code":"1"}]}],"note":[{"text":"Feels very alone\nsince March."},{"text":"of another namespace"}]}`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	places := map[string]string{}
	for _, s := range m.Explain(msg.Tree, r) {
		places[s.FHIRPath] = s.SourceAddress
	}
	for path, address := range map[string]string{
		"Patient.identifier[0].value":                 "/Referral/Patient/NHSNumber",
		"Patient.name[0].given[1]":                    "/Referral/Patient/Name/Given[2]",
		"ServiceRequest.reasonCode[1].coding[0].code": "/Referral/Need[2]/@code",
	} {
		if places[path] != address {
			t.Errorf("%s comes from %q, want %q", path, places[path], address)
		}
	}
	const unmapped = "/Referral/Patient/Deceased/@xsi:nil /Referral/Patient/@id " +
		"/Referral/Patient/@xml:lang /Referral/Sent /Referral/Note /Referral/Story/b /Referral/Story/i/text() /Referral/Story/i/@at"
	if s := strings.Join(m.Unmapped(msg.Tree, r), " "); s != unmapped {
		t.Errorf("unmapped\n%s\nwant\n%s", s, unmapped)
	}
}
