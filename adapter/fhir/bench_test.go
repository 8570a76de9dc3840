package fhir_test

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// serviceRequest and task are what one referral makes, about 2 kB each.
const (
	serviceRequest = `{"resourceType":"ServiceRequest","id":"6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a02",
"meta":{"versionId":"1","lastUpdated":"2026-03-02T09:30:00.123456Z","profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-ServiceRequest"]},
"identifier":[{"system":"urn:linkloop:sender:hl7v2-ref:referral","value":"REF-2026-0001"},{"use":"official","system":"https://fhir.nhs.uk/Id/ubrn","value":"000000070000"}],
"status":"active","intent":"order","priority":"routine",
"category":[{"coding":[{"system":"http://snomed.info/sct","code":"306206005","display":"Referral to service"}]}],
"code":{"coding":[{"system":"http://snomed.info/sct","code":"871731000000106","display":"Referral to social prescribing service"}],"text":"Social prescribing"},
"subject":{"reference":"Patient/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a03","display":"The person referred"},
"occurrencePeriod":{"start":"2026-03-02","end":"2026-06-02"},"authoredOn":"2026-03-02T09:30:00+00:00",
"requester":{"reference":"PractitionerRole/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a06"},
"performer":[{"reference":"Organization/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a05"}],
"reasonCode":[{"coding":[{"system":"http://snomed.info/sct","code":"38341003","display":"Hypertensive disorder"}],"text":"Raised blood pressure"},{"coding":[{"system":"http://snomed.info/sct","code":"414916001","display":"Obesity"}]}],
"supportingInfo":[{"reference":"Consent/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a07"}],
"note":[{"time":"2026-03-02T09:29:00+00:00","text":"Was told to join a gym and did not go. Would like to be more active with people of the same age. Prefers to be called in the afternoon. No known risks."}],
"patientInstruction":"A link worker will call within a week."}`
	task = `{"resourceType":"Task","id":"6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a01",
"meta":{"versionId":"1","lastUpdated":"2026-03-02T09:30:00.123456Z","tag":[{"system":"urn:linkloop:codesystem:data-quality","code":"nhs-number-check-digit"}]},
"identifier":[{"system":"urn:linkloop:sender:hl7v2-ref:referral","value":"REF-2026-0001"}],
"basedOn":[{"reference":"ServiceRequest/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a02"}],
"status":"requested","intent":"order","priority":"routine",
"businessStatus":{"coding":[{"system":"urn:linkloop:codesystem:business-status","code":"contacted"}],"text":"Contacted"},
"code":{"coding":[{"system":"http://hl7.org/fhir/CodeSystem/task-code","code":"fulfill"}]},
"focus":{"reference":"ServiceRequest/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a02"},
"for":{"reference":"Patient/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a03"},
"authoredOn":"2026-03-02T09:30:00+00:00","lastModified":"2026-03-02T09:30:00+00:00",
"requester":{"reference":"Organization/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a04"},
"owner":{"reference":"Organization/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a05"},
"note":[{"text":"Data quality: Patient.identifier[0].value (PID-3[1].1): the NHS number fails its check digit; it is kept as text and nothing is matched on it"}],
"input":[{"type":{"text":"Preferred time"},"valueString":"afternoon"},{"type":{"coding":[{"system":"http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes","code":"contact-entity"}]},"valueReference":{"reference":"Organization/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a05"}}]}`
)

var benchmarked = []struct{ name, text string }{{"ServiceRequest", serviceRequest}, {"Task", task}}

func BenchmarkCheck(b *testing.B) {
	for _, bb := range benchmarked {
		b.Run(bb.name, func(b *testing.B) {
			v := parse(b, bb.text)
			b.SetBytes(int64(len(bb.text)))
			b.ReportAllocs()
			for b.Loop() {
				if issues := fhir.Check(v); issues != nil {
					b.Fatal(issues)
				}
			}
		})
	}
}

// BenchmarkParseAndCheck is what a body from outside costs.
func BenchmarkParseAndCheck(b *testing.B) {
	for _, bb := range benchmarked {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(bb.text)))
			b.ReportAllocs()
			for b.Loop() {
				v, err := element.Parse([]byte(bb.text), element.Limits{})
				if err != nil || fhir.Check(v) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkStrict(b *testing.B) {
	for _, bb := range benchmarked {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(bb.text)))
			b.ReportAllocs()
			for b.Loop() {
				if issues, err := fhir.Strict([]byte(bb.text)); err != nil || issues != nil {
					b.Fatal(err, issues)
				}
			}
		})
	}
}

func parse(t testing.TB, s string) *element.Value {
	t.Helper()
	v, err := element.Parse([]byte(s), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
