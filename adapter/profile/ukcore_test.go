package profile_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/profile"
)

const (
	corpus     = "../../../shared/corpus/"
	ukCoreFile = corpus + "packages/fhir.r4.ukcore.stu2-2.0.2.tgz"
	ukCore     = "https://fhir.hl7.org.uk/StructureDefinition/"
)

var readUKCore = sync.OnceValues(func() (*profile.Library, error) {
	f, err := os.Open(ukCoreFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := profile.ReadPackage(f)
	if err != nil {
		return nil, err
	}
	return profile.NewLibrary(p), nil
})

// ukCoreLibrary is the published package of UK Core, read in place.
func ukCoreLibrary(t testing.TB) *profile.Library {
	t.Helper()
	l, err := readUKCore()
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the corpus is not there")
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ukCoreExamples are the examples of the package by the name of the file.
func ukCoreExamples(t testing.TB) map[string]*element.Value {
	t.Helper()
	f, err := os.Open(ukCoreFile)
	if err != nil {
		t.Skip("the corpus is not there")
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*element.Value{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(h.Name, "package/examples/") {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		v, err := element.Parse(b, element.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
		out[path.Base(h.Name)] = v
	}
}

// TestUKCoreExamples: the whole package is usable, and its own examples, which
// claim nothing, break neither the profile of their type nor any extension.
func TestUKCoreExamples(t *testing.T) {
	l := ukCoreLibrary(t)
	if p, v, c := l.Count(); p != 78 || v != 70 || c != 49 {
		t.Errorf("%d profiles, %d value sets, %d code systems; the package has 78, 70 and 49", p, v, c)
	}
	for _, u := range l.Unusable() {
		t.Errorf("%s is not usable: %s", u.Canonical, u.Why)
	}
	held, notes := 0, 0
	for file, v := range ukCoreExamples(t) {
		base := fhir.Check(v)
		var profiles []string
		if p, _ := l.Profile(ukCore + "UKCore-" + v.ResourceType()); p != nil {
			profiles = append(profiles, p.Canonical())
			held++
		}
		for _, is := range l.CheckClaims(t.Context(), v, profiles, profile.Checking{Base: base, Extensible: true}) {
			switch is.Severity {
			case "error":
				t.Errorf("%s: %+v", file, is)
			case "information":
				notes++
			}
		}
	}
	t.Logf("%d examples held against a profile, %d things not checked", held, notes)
	if held < 100 {
		t.Error("that is too few to mean anything")
	}
}

// TestUKCoreBroken breaks published examples in one way each.
func TestUKCoreBroken(t *testing.T) {
	l := ukCoreLibrary(t)
	examples := ukCoreExamples(t)
	const patient, referral = "UKCore-Patient-RichardSmith-Example.json", "UKCore-ServiceRequest-ColonoscopyRequest-Example.json"
	set := func(path, json string) func(t *testing.T, v *element.Value) {
		return func(t *testing.T, v *element.Value) {
			at, name := v, path
			if i := strings.LastIndexByte(path, '.'); i >= 0 {
				at, name = v.At(path[:i]), path[i+1:]
			}
			for at != nil && at.Kind == element.Array {
				at = at.Items[0]
			}
			if at == nil {
				t.Fatalf("the example has no %s", path)
			}
			if json == "" {
				at.Remove(name)
				return
			}
			at.Set(name, parse(t, json))
		}
	}
	const nhsNumber = `{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}`
	extension := func(name, rest string) string { return `[{"url":"` + ukCore + name + `",` + rest + `}]` }
	tests := []struct {
		name, file, canonical string
		do                    func(*testing.T, *element.Value)
		severity, code, path  string
		says                  string
	}{
		{"two NHS numbers", patient, "UKCore-Patient", set("identifier", "["+nhsNumber+","+nhsNumber+"]"),
			"error", "structure", "Patient.identifier", "at most 1 of the slice nhsNumber"},
		{"an NHS number without its value", patient, "UKCore-Patient", set("identifier", `[{"system":"https://fhir.nhs.uk/Id/nhs-number"}]`),
			"error", "required", "Patient.identifier[0].value", "is required"},
		{"an identifier of another system is free", patient, "UKCore-Patient", set("identifier", `[{"system":"urn:x"},{"system":"urn:x"}]`), "", "", "", ""},
		{"a birth sex that there is not", patient, "UKCore-Patient",
			set("extension", extension("Extension-UKCore-BirthSex", `"valueCodeableConcept":{"coding":[{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-SexAtBirth","code":"Q"}]}`)),
			"error", "code-invalid", "Patient.extension[0].valueCodeableConcept", "must be one of "},
		{"an extension of the wrong type", patient, "UKCore-Patient", set("extension", extension("Extension-UKCore-BirthSex", `"valueString":"male"`)),
			"error", "structure", "Patient.extension[0].valueString", "must be CodeableConcept"},
		{"an extension twice", patient, "UKCore-Patient",
			set("extension", `[{"url":"http://hl7.org/fhir/StructureDefinition/patient-cadavericDonor","valueBoolean":true},{"url":"http://hl7.org/fhir/StructureDefinition/patient-cadavericDonor","valueBoolean":true}]`),
			"error", "structure", "Patient.extension", "at most 1 of the slice cadavericDonor"},
		{"a state of the number that there is not", patient, "UKCore-Patient",
			set("identifier", `[{"extension":`+extension("Extension-UKCore-NHSNumberVerificationStatus", `"valueCodeableConcept":{"coding":[{"system":"urn:x","code":"01"}]}`)+","+nhsNumber[1:]+"]"),
			"error", "code-invalid", "Patient.identifier[0].extension[0].valueCodeableConcept", "one of 01, 02, 03, 04, 05, 06, 07, 08, nn, NI (value set"},
		{"a contact without any word", patient, "UKCore-Patient", set("contact", `[{"gender":"male"}]`),
			"error", "invariant", "Patient.contact[0]", "(pat-1)"},
		{"a requester of the wrong type", referral, "UKCore-ServiceRequest", set("requester", `{"reference":"Location/1"}`),
			"error", "value", "ServiceRequest.requester.reference", "must point to "},
		{"orderDetail without code", referral, "UKCore-ServiceRequest", func(t *testing.T, v *element.Value) {
			v.Remove("code")
			v.Set("orderDetail", parse(t, `[{"text":"x"}]`))
		}, "error", "invariant", "ServiceRequest", "(prr-1)"},
		{"of another type", referral, "UKCore-Patient", set("note", ""), "error", "invalid", "ServiceRequest", "is a profile of Patient"},
		{"another version", referral, "UKCore-ServiceRequest|9.9.9", set("note", ""), "error", "not-found", "ServiceRequest", "version"},
		{"another profile", referral, "UKCore-Nothing", set("note", ""), "error", "not-found", "ServiceRequest", "not loaded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := examples[tt.file]
			if v == nil {
				t.Fatal("the package has no such example")
			}
			v = v.Clone()
			tt.do(t, v)
			issues := l.Check(t.Context(), v, []string{ukCore + tt.canonical}, profile.Checking{})
			wants(t, issues, tt.severity, tt.code, tt.path, tt.says)
		})
	}
}

// TestReferencesAreHeld: that a reference by identifier meets ref-1 is no question
// left open.
func TestReferencesAreHeld(t *testing.T) {
	l := ukCoreLibrary(t)
	v := parse(t, `{"resourceType":"Patient","generalPractitioner":[{"identifier":{"value":"A81001"}}]}`)
	for _, is := range l.Check(t.Context(), v, []string{ukCore + "UKCore-Patient"}, profile.Checking{Base: fhir.Check(v)}) {
		t.Errorf("told: %+v", is)
	}
}

// TestContexts: an extension stands where its definition allows it.
func TestContexts(t *testing.T) {
	l := ukCoreLibrary(t)
	extension := func(name, rest string) string { return `"extension":[{"url":"` + ukCore + name + `",` + rest + `}]` }
	sex := extension("Extension-UKCore-BirthSex", `"valueCodeableConcept":{"text":"a"}`)
	rank := extension("Extension-UKCore-ContactRank", `"valuePositiveInt":1`)
	system := extension("Extension-UKCore-OtherContactSystem", `"valueCodeableConcept":{"text":"a"}`)
	tests := []struct{ name, in, path string }{
		{"of a resource", `{"resourceType":"Patient",` + sex + `}`, ""},
		{"of a contained resource", `{"resourceType":"Task","contained":[{"resourceType":"Patient","id":"p",` + sex + `}]}`, ""},
		{"of a resource, in a datatype", `{"resourceType":"Patient","name":[{"family":"a",` + sex + `}]}`, "Patient.name[0].extension[0]"},
		{"of a resource, in another", `{"resourceType":"Task","contained":[{"resourceType":"Practitioner","id":"p",` + sex + `}]}`, "Task.contained[0].extension[0]"},
		{"of a backbone element", `{"resourceType":"Patient","contact":[{` + rank + `}]}`, ""},
		{"of a backbone element, above it", `{"resourceType":"Patient",` + rank + `}`, "Patient.extension[0]"},
		{"of a primitive", `{"resourceType":"Practitioner","telecom":[{"system":"other","_system":{` + system + `}}]}`, ""},
		{"of a primitive, beside it", `{"resourceType":"Practitioner","telecom":[{"use":"home","_use":{` + system + `}}]}`, "Practitioner.telecom[0].use.extension[0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var found []string
			for _, is := range l.CheckClaims(t.Context(), parse(t, tt.in), nil, profile.Checking{}) {
				if is.Code == "extension" {
					found = append(found, is.Expression)
				}
			}
			if got := strings.Join(found, " "); got != tt.path {
				t.Errorf("told at %q, want %q", got, tt.path)
			}
		})
	}
}

// TestToldOnce: what the base of R4 says of what is contained, a profile with
// the same rule does not say again of the resource.
func TestToldOnce(t *testing.T) {
	l := ukCoreLibrary(t)
	v := parse(t, `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"a","meta":{"versionId":"1"}}]}`)
	base := fhir.Check(v)
	if len(base) != 2 {
		t.Fatalf("the base says %+v", base)
	}
	wants(t, l.Check(t.Context(), v, []string{ukCore + "UKCore-Patient"}, profile.Checking{Base: base}), "", "", "", "")
}

// wants expects one issue above information that is no remark on the
// narrative, or none.
func wants(t *testing.T, issues []fault.Issue, severity, code, path, says string) {
	t.Helper()
	found := 0
	for _, is := range issues {
		if is.Severity == "information" || strings.Contains(is.Text, "(dom-6)") {
			continue
		}
		found++
		if is.Severity != severity || is.Code != code || is.Expression != path || !strings.Contains(is.Text, says) {
			t.Errorf("got  %+v\nwant %s %s at %s that says %q", is, severity, code, path, says)
		}
	}
	if found > 1 || (found == 1) != (severity != "") {
		t.Errorf("%d issues, want one: %v\n%+v", found, severity != "", issues)
	}
}
