package profile_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/conformance"
)

func parse(t testing.TB, s string) *element.Value {
	t.Helper()
	v, err := element.Parse([]byte(s), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestQuality uses the broken ids of published NHS samples: a BaRS NHS number
// that fails modulus 11 and the SNOMED CT id of REFREQ06, cut by a spreadsheet.
func TestQuality(t *testing.T) {
	tests := []struct{ name, in, out, flag, path, says string }{
		{"truncated SNOMED id keeps its display",
			`{"resourceType":"ServiceRequest","code":{"coding":[{"system":"http://snomed.info/sct","code":"1659111000000100","display":"Minor illness"}]}}`,
			`{"resourceType":"ServiceRequest","code":{"coding":[{"display":"Minor illness"}],"text":"Minor illness"}}`,
			"snomed-truncated", "ServiceRequest.code.coding[0].code", "1659111000000107"},
		{"wrong check digit, nothing readable",
			`{"resourceType":"ServiceRequest","reasonCode":[{"text":"a"},{"coding":[{"system":"http://snomed.info/sct","code":"38341004"}]}]}`,
			`{"resourceType":"ServiceRequest","reasonCode":[{"text":"a"},{"coding":[{"display":"code as sent, not usable: 38341004"}],"text":"code as sent, not usable: 38341004"}]}`,
			"snomed-check-digit", "ServiceRequest.reasonCode[1].coding[0].code", "check digit"},
		{"NHS number loses its system",
			`{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"3478526985"}]}`,
			`{"resourceType":"Patient","identifier":[{"type":{"text":"NHS number as sent, not usable: fails its check digit"},"value":"3478526985"}]}`,
			"nhs-number-check-digit", "Patient.identifier[0].value", "check digit"},
		{"good ones are written the standard way",
			`{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/id/nhs-number","value":"943 476 5919"}]}`,
			`{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9434765919"}]}`,
			"", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := parse(t, tt.in)
			flags := profile.Quality([]*element.Value{v})
			if !element.Equal(v, parse(t, tt.out)) {
				t.Errorf("got  %s\nwant %s", v.JSON(), tt.out)
			}
			if tt.flag == "" {
				if len(flags) > 0 {
					t.Errorf("flags %v, want none", flags)
				}
				return
			}
			if len(flags) == 1 && (strings.Contains(flags[0].Wrong, "kept") || !strings.HasPrefix(flags[0].Text, flags[0].Wrong[:10])) {
				t.Errorf("who is refused is told %q", flags[0].Wrong)
			}
			if len(flags) != 1 || flags[0].Code != tt.flag || flags[0].Expression != tt.path || !strings.Contains(flags[0].Text, tt.says) {
				t.Errorf("flags %v, want %s at %s that says %q", flags, tt.flag, tt.path, tt.says)
			}
		})
	}
}

func TestHouseRules(t *testing.T) {
	rules, err := profile.LoadRules(conformance.Files, "house-rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	issues := rules.Check(parse(t, `{"resourceType":"Task","intent":"plan","code":{"coding":[{"system":"http://hl7.org/fhir/CodeSystem/task-code","code":"approve"}]},"for":{"reference":"Patient/1"}}`))
	var got []string
	for _, is := range issues {
		got = append(got, is.Expression)
	}
	want := "Task.focus Task.authoredOn Task.requester Task.code.coding.code Task.intent"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if issues := rules.Check(parse(t, `{"resourceType":"Patient"}`)); issues != nil {
		t.Errorf("a type without rules: %v", issues)
	}
}
