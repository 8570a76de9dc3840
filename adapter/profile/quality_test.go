package profile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/profile"
)

// TestQualityPlaces: wherever in a resource a code or a number may stand.
func TestQualityPlaces(t *testing.T) {
	const sct = `"system":"http://snomed.info/sct"`
	tests := []struct{ name, in, flag, path, left string }{
		{"code of a supplier", `{"resourceType":"ServiceRequest","code":{"coding":[{` + sct + `,"code":"637681000006105","display":"Local"}]}}`,
			"snomed-local", "ServiceRequest.code.coding[0].code", `{"display":"Local"}`},
		{"description id", `{"resourceType":"ServiceRequest","code":{"coding":[{` + sct + `,"code":"37436014","display":"A"}]}}`,
			"snomed-partition", "ServiceRequest.code.coding[0].code", `{"display":"A"}`},
		{"system with query marks", `{"resourceType":"ServiceRequest","code":{"coding":[{"system":"http://snomed.info/sct??","code":"12","display":"A"}]}}`,
			"snomed-length", "ServiceRequest.code.coding[0].code", `{"display":"A"}`},
		{"coding of an extension", `{"resourceType":"Patient","extension":[{"url":"urn:x","valueCoding":{` + sct + `,"code":"38341004"}}]}`,
			"snomed-check-digit", "Patient.extension[0].valueCoding.code", `{"display":"code as sent, not usable: 38341004"}`},
		{"extension behind a null", `{"resourceType":"Patient","name":[{"given":["A","B"],"_given":[null,{"extension":[{"url":"urn:x","valueCoding":{` + sct + `,"code":"38341004","display":"A"}}]}]}]}`,
			"snomed-check-digit", "Patient.name[0]._given[1].extension[0].valueCoding.code", `{"display":"A"}`},
		{"unit of a quantity", `{"resourceType":"Observation","valueQuantity":{"value":3,` + sct + `,"code":"258703002"}}`,
			"snomed-check-digit", "Observation.valueQuantity.code", `{"value":3,"unit":"code as sent, not usable: 258703002"}`},
		{"number of a contained resource", `{"resourceType":"Task","contained":[{"resourceType":"Patient","identifier":[{"system":"http://fhir.nhs.net/Id/nhs-number","value":"7778521234"}]}]}`,
			"nhs-number-check-digit", "Task.contained[0].identifier[0].value", `"value":"7778521234"}`},
		{"number of a reference", `{"resourceType":"Task","for":{"identifier":{"use":"official","system":"https://fhir.nhs.uk/Id/nhs-number","value":"1111111111"}}}`,
			"nhs-number-all-same", "Task.for.identifier.value", `{"use":"official","type":{`},
		{"ODS code", `{"resourceType":"Organization","identifier":[{"system":"https://fhir.nhs.uk/id/ods-organisation-code","value":"A-81001"}]}`,
			"ods-digits", "Organization.identifier[0].value", `"value":"A-81001"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := parse(t, tt.in)
			flags := profile.Quality([]*element.Value{v})
			if len(flags) != 1 || flags[0].Code != tt.flag || flags[0].Expression != tt.path {
				t.Fatalf("flags %v, want %s at %s", flags, tt.flag, tt.path)
			}
			if out := string(v.JSON()); !strings.Contains(out, tt.left) {
				t.Errorf("%s is not in %s", tt.left, out)
			}
			if again := profile.Quality([]*element.Value{v}); len(again) > 0 {
				t.Errorf("a second time: %v", again)
			}
			for _, is := range fhir.Check(v) {
				if is.Code == "structure" || is.Code == "value" {
					t.Errorf("is no FHIR any more: %s %s", is.Expression, is.Text)
				}
			}
		})
	}
}

// TestQualityOfPublishedExamples: of real resources nothing unusable is left
// under a system, what was valid FHIR stays valid, and flags tell no value.
func TestQualityOfPublishedExamples(t *testing.T) {
	const corpus = "../../../shared/corpus"
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("the corpus is not there")
	}
	resources, flags := 0, 0
	err := filepath.WalkDir(corpus, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".json" {
			return err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		v, err := element.Parse(b, element.Limits{})
		if err != nil || !fhir.Known(v.ResourceType()) {
			return nil // not a resource, or one of another version
		}
		resources++
		before := len(fhir.Check(v))
		for _, f := range profile.Quality([]*element.Value{v}) {
			flags++
			if f.Code == "" || f.Expression == "" || f.Text == "" {
				t.Errorf("%s: flag %+v", file, f)
			}
		}
		left(t, file, v)
		if after := len(fhir.Check(v)); after > before {
			t.Errorf("%s: %d issues before, %d after", file, before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d resources, %d flags", resources, flags)
	if resources < 200 || flags < 1 {
		t.Error("that is too few to mean anything")
	}
}

// left reports codes and numbers that fail their check and still have a system.
func left(t *testing.T, file string, v *element.Value) {
	t.Helper()
	reason := nhs.Valid
	switch v.Str("system") {
	case nhs.SystemSNOMED:
		if v.Str("code") != "" {
			_, reason = nhs.ParseConcept(v.Str("code"))
		}
	case nhs.SystemNHSNumber:
		if v.Str("value") != "" {
			_, reason = nhs.ParseNumber(v.Str("value"))
		}
	}
	if reason != nhs.Valid {
		t.Errorf("%s: left under its system though it %s", file, reason.Text())
	}
	for _, f := range v.Fields {
		left(t, file, f.Value)
	}
	for _, it := range v.Items {
		left(t, file, it)
	}
}

func BenchmarkQuality(b *testing.B) {
	v, err := element.Parse([]byte(`{"resourceType":"ServiceRequest","identifier":[{"system":"urn:linkloop:sender:a:referral","value":"1"}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"871731000000106","display":"Referral to social prescribing service"}]},"subject":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9434765919"}},"reasonCode":[{"coding":[{"system":"http://snomed.info/sct","code":"38341003"}]}],"note":[{"text":"a"}]}`), element.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	list := []*element.Value{v}
	b.ReportAllocs()
	for b.Loop() {
		if flags := profile.Quality(list); flags != nil {
			b.Fatal(flags)
		}
	}
}

// TestBrokenNumberIsNotVerified: a number that fails its check, or is one of
// several, does not keep the statement that it was verified; other states stay.
func TestBrokenNumberIsNotVerified(t *testing.T) {
	const (
		status = `{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus","valueCodeableConcept":{"coding":[{"code":"$"}]}}`
		number = `{"extension":[` + status + `],"system":"https://fhir.nhs.uk/Id/nhs-number","value":"#"}`
	)
	for _, x := range []struct {
		name, code string
		numbers    []string
		stays      bool
	}{
		{"right", "number-present-and-verified", []string{"9990000018"}, true},
		{"check digit", "number-present-and-verified", []string{"9994123743"}, false},
		{"check digit, code of the Data Dictionary", "01", []string{"9994123743"}, false},
		{"check digit, to be traced", "trace-required", []string{"9994123743"}, true},
		{"one of several", "number-present-and-verified", []string{"9990000018", "9990000026"}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			var ids []string
			for _, n := range x.numbers {
				ids = append(ids, strings.NewReplacer("$", x.code, "#", n).Replace(number))
			}
			v := parse(t, `{"resourceType":"Patient","identifier":[`+strings.Join(ids, ",")+`]}`)
			profile.Quality([]*element.Value{v})
			if got := strings.Contains(string(v.JSON()), `"`+x.code+`"`); got != x.stays {
				t.Errorf("the status stays: %v, want %v: %s", got, x.stays, v.JSON())
			}
			if issues := fhir.Check(v); len(issues) > 0 {
				t.Errorf("is no FHIR any more: %v", issues)
			}
		})
	}
}
