package fhirmsg_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/inbound/inboundtest"
	"github.com/linkloop/linkloop/adapter/message"
)

func first(t *testing.T, m *inbound.Message, path string) message.Node {
	t.Helper()
	p, err := message.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	return p.First(m.Tree.Root())
}

func TestReferencesResolve(t *testing.T) {
	m, err := fhirmsg.New().Decode(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"ServiceRequest.subject.resolve().name.family":                       "Testperson",
		"ServiceRequest.basedOn.resolve().addresses.resolve().code.text":     "Hypertension, BMI 30",
		"ServiceRequest.performer.resolve().providedBy.resolve().identifier": "https://fhir.nhs.uk/Id/ods-organization-code",
		"Patient.managingOrganization.resolve().name":                        "Elm House",
		"MessageHeader.focus.resolve().status":                               "active",
		"Bundle.timestamp":                                                   "2026-03-01T10:15:00+00:00",
		"Organization.name":                                                  "Oak Surgery",
	} {
		if got := first(t, m, path).Value(); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
}

func TestAnchors(t *testing.T) {
	for _, c := range []struct{ name, entries, key, want string }{
		{"Type/id of the resource", `,{"resource":{"resourceType":"Patient","id":"a"}}`, "Patient/a", "/entry[1]/resource"},
		{"Type/id out of a fullUrl", `,{"fullUrl":"https://x.example/fhir/Patient/a","resource":{"resourceType":"Patient"}}`, "Patient/a", "/entry[1]/resource"},
		{"version of it", `,{"resource":{"resourceType":"Patient","id":"a"}}`, "Patient/a/_history/3", "/entry[1]/resource"},
		{"contained", `,{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"}]}}`, "#o", "/entry[1]/resource/contained[0]"},
		{"contained id used twice stays unresolved", `,{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"}]}}` +
			`,{"resource":{"resourceType":"Task","contained":[{"resourceType":"Organization","id":"o"}]}}`, "#o", ""},
		{"of another type", `,{"fullUrl":"https://x.example/fhir/Person/a","resource":{"resourceType":"Patient"}}`, "Person/a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := fhirmsg.New().Decode(bundle(c.entries))
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Tree.Anchored(c.key).Address(); got != c.want {
				t.Errorf("%s leads to %q, want %q", c.key, got, c.want)
			}
		})
	}
}

// TestCorpus reads the official BaRS message where it is present.
func TestCorpus(t *testing.T) {
	body, err := os.ReadFile(filepath.FromSlash("../../../../shared/corpus/bars/ValidationRequest-POST.json"))
	if err != nil {
		t.Skip("the corpus is not present")
	}
	m, err := fhirmsg.New().Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	inboundtest.CheckTree(t, m)
	if m.ID != "86e3371d-1c15-4862-9552-d9560f8292ba" || m.Type != "servicerequest-request" {
		t.Errorf("id %q, type %q", m.ID, m.Type)
	}
	for path, want := range map[string]string{
		"ServiceRequest.subject.resolve().name.family":                                                "Jones",
		"ServiceRequest.subject.resolve().generalPractitioner.resolve().identifier.value":             "G82080",
		"ServiceRequest.performer.resolve().providedBy.resolve().name":                                "Receiving/performing Organization",
		"MessageHeader.destination.endpoint":                                                          "http://fhir.nhs.uk/Id/dos-service-id|111111111",
		"Patient.contact[where relationship.coding.code = ONESELF].telecom[where system = email].use": "home",
	} {
		if got := first(t, m, path).Value(); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	if accepted, err := verdict(fhirmsg.New().Reply(m, inbound.Answer{})); !accepted || err != nil {
		t.Errorf("answer: %v, %v", accepted, err)
	}
}
