package nhs_test

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/nhs"
)

func TestCanonicalSystem(t *testing.T) {
	cases := []struct {
		in, want string
		ok       bool
	}{
		{"https://fhir.nhs.uk/Id/nhs-number", nhs.SystemNHSNumber, true},
		{"http://fhir.nhs.net/Id/nhs-number", nhs.SystemNHSNumber, true},
		{"http://fhir.nhs.uk/Id/nhs-number/", nhs.SystemNHSNumber, true},
		{"https://fhir.nhs.uk/id/ods-organization-code", nhs.SystemODSOrganization, true},
		{"https://fhir.nhs.uk/Id/ods-organisation-code", nhs.SystemODSOrganization, true},
		{"https://fhir.nhs.uk/id/ods-organisation-code", nhs.SystemODSOrganization, true},
		{" https://fhir.nhs.uk/Id/ods-site-code ", nhs.SystemODSSite, true},
		{"http://fhir.nhs.uk/Id/dos-service-id", nhs.SystemDoSService, true},
		{"https://fhir.nhs.uk/id/dos-service-id", nhs.SystemDoSService, true},
		{"https://fhir.nhs.uk/Id/ubrn", nhs.SystemUBRN, true},
		{"https://fhir.hl7.org.uk/Id/GMC-Number", nhs.SystemGMCNumber, true},
		{"http://snomed.info/sct??", nhs.SystemSNOMED, true},
		{"https://snomed.info/sct", nhs.SystemSNOMED, true},
		{"urn:oid:2.16.840.1.113883.2.1.4.1", nhs.SystemNHSNumber, true},
		{"https://example.org/Id/nhs-number", "https://example.org/Id/nhs-number", false},
		{"https://fhir.nhs.uk/Id/nhs-numbers", "https://fhir.nhs.uk/Id/nhs-numbers", false},
		{"", "", false},
	}
	for _, c := range cases {
		if got, ok := nhs.CanonicalSystem(c.in); got != c.want || ok != c.ok {
			t.Errorf("CanonicalSystem(%q) = %q, %v; want %q, %v", c.in, got, ok, c.want, c.ok)
		}
	}
}
