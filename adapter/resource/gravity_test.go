package resource_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/resource"
)

const gravity = "../../../shared/corpus/sdohcc/capability"

// gravityLeft names what the guide's coordination platform has and we have not.
var gravityLeft = map[string]string{
	"HealthCareService:location": "the guide misspells the type; HealthcareService:location is served",
}

// TestGravityParameters: of the types that are served, the parameters and
// includes that the SDOH Clinical Care guide asks of a coordination platform.
func TestGravityParameters(t *testing.T) {
	v := corpus(t, "CapabilityStatement-SDOHCC-CoordinationPlatform.json")
	n := 0
	for _, rest := range v.List("rest") {
		if rest.Str("mode") != "server" {
			continue
		}
		for _, r := range rest.List("resource") {
			d, ok := resource.Lookup(r.Str("type"))
			if !ok {
				continue
			}
			for _, p := range r.List("searchParam") {
				if n++; p.Str("name")[0] == '_' || gravityLeft[d.Type+" "+p.Str("name")] != "" {
					continue
				}
				if have, ok := d.Parameter(p.Str("name")); !ok || string(have.Kind) != p.Str("type") {
					t.Errorf("%s %s %s is not served", d.Type, p.Str("name"), p.Str("type"))
				}
			}
			for _, inc := range r.All("searchInclude") {
				if gravityLeft[inc.Text] != "" {
					continue
				}
				if _, err := search(t, d.Type, "_include="+inc.Text, resource.Options{}); err != nil {
					t.Errorf("%s: %v", inc.Text, err)
				}
			}
		}
	}
	if n < 20 {
		t.Errorf("%d parameters in the guide are too few to mean anything", n)
	}
}

// TestGravityDefinitions: parameters that are not of R4 carry the URL and the
// kind of the guide's definition.
func TestGravityDefinitions(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(gravity, "SearchParameter-*.json"))
	if len(files) == 0 {
		t.Skip("the corpus of the SDOH Clinical Care guide is not there")
	}
	known := map[string]*element.Value{}
	for _, f := range files {
		v := corpus(t, filepath.Base(f))
		known[v.Str("url")] = v
	}
	for _, d := range resource.Definitions() {
		for _, p := range d.Parameters {
			if p.URL == "" {
				continue
			}
			v := known[p.URL]
			if v.Str("code") != p.Name || v.Str("type") != string(p.Kind) || !slices.ContainsFunc(v.List("base"), func(b *element.Value) bool { return b.Text == d.Type }) {
				t.Errorf("%s %s: the guide has no such parameter at %s", d.Type, p.Name, p.URL)
			}
		}
	}
}

func corpus(t *testing.T, name string) *element.Value {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(gravity, name))
	if err != nil {
		t.Skip("the corpus of the SDOH Clinical Care guide is not there")
	}
	return parse(t, string(b))
}

// TestSpellings: a search finds what is meant, however the system or the
// number is written on either side.
func TestSpellings(t *testing.T) {
	const nhsNumber = `{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9434765919"}]}`
	tests := []struct {
		in, query string
		want      bool
	}{
		{nhsNumber, "identifier=https://fhir.nhs.uk/Id/nhs-number|9434765919", true},
		{nhsNumber, "identifier=https://fhir.nhs.uk/id/nhs-number|943 476 5919", true},
		{nhsNumber, "identifier=http://fhir.nhs.net/Id/nhs-number|", true},
		{nhsNumber, "identifier=9434765919", true},
		{nhsNumber, "identifier=https://fhir.nhs.uk/Id/nhs-number|9434765918", false},
		{nhsNumber, "identifier=https://fhir.nhs.uk/Id/ods-organization-code|9434765919", false},
		{`{"resourceType":"Organization","identifier":[{"system":"https://fhir.nhs.uk/id/ods-organisation-code","value":"a81001"}]}`,
			"identifier=https://fhir.nhs.uk/Id/ods-organization-code|A81001", true},
		{`{"resourceType":"Task","code":{"coding":[{"system":"http://snomed.info/sct","code":"871731000000106"}]}}`,
			"code=http://snomed.info/sct/|871731000000106", true},
		{`{"resourceType":"Task","meta":{"tag":[{"system":"urn:linkloop:codesystem:data-quality","code":"snomed-truncated"}]}}`,
			"_tag=urn:linkloop:codesystem:data-quality|", true},
		{`{"resourceType":"Task","meta":{"tag":[{"system":"urn:linkloop:codesystem:data-quality","code":"snomed-truncated"}]}}`,
			"_tag:not=snomed-truncated", false},
		{`{"resourceType":"Task","output":[{"valueReference":{"reference":"Procedure/1"}},{"valueString":"a"}]}`, "output=1", true},
		{`{"resourceType":"ServiceRequest","supportingInfo":[{"reference":"Consent/1"}]}`, "supporting-info=Consent/1", true},
	}
	for _, tt := range tests {
		if got := hits(t, parse(t, tt.in), tt.query); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.query, got, tt.want)
		}
	}
}
