package profile_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/conformance"
)

// BenchmarkReadPackage reads the package of UK Core and makes all its profiles
// ready.
func BenchmarkReadPackage(b *testing.B) {
	text, err := os.ReadFile(ukCoreFile)
	if err != nil {
		b.Skip("the corpus is not there")
	}
	b.ReportAllocs()
	for b.Loop() {
		p, err := profile.ReadPackage(bytes.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		profile.NewLibrary(p)
	}
}

const benchTask = `{"resourceType":"Task","meta":{"tag":[{"system":"urn:linkloop:codesystem:data-quality","code":"snomed-truncated"}]},"status":"requested","intent":"order",
	"code":{"coding":[{"system":"http://hl7.org/fhir/CodeSystem/task-code","code":"fulfill"}]},"focus":{"reference":"ServiceRequest/1"},"for":{"reference":"Patient/1"},
	"authoredOn":"2026-01-01","requester":{"reference":"PractitionerRole/1"},"note":[{"text":"x"}],
	"businessStatus":{"coding":[{"system":"urn:linkloop:codesystem:business-status","code":"contacted"}]}}`

// BenchmarkCheckTask holds a Task against the profile of this house.
func BenchmarkCheckTask(b *testing.B) {
	own, err := profile.ReadFolder(conformance.Files, "linkloop", "1")
	if err != nil {
		b.Fatal(err)
	}
	l := profile.NewLibrary(own)
	v := parse(b, benchTask)
	b.ReportAllocs()
	for b.Loop() {
		if issues := l.Check(b.Context(), v, []string{"urn:linkloop:profile:referral-task"}, profile.Checking{}); issues != nil {
			b.Fatal(issues)
		}
	}
}

// BenchmarkCheckPatient holds an example of UK Core against its profile, with
// all its invariants.
func BenchmarkCheckPatient(b *testing.B) {
	l := ukCoreLibrary(b)
	v := ukCoreExamples(b)["UKCore-Patient-RichardSmith-Example.json"]
	base := fhir.Check(v)
	b.ReportAllocs()
	for b.Loop() {
		l.Check(b.Context(), v, []string{ukCore + "UKCore-Patient"}, profile.Checking{Base: base})
	}
}
