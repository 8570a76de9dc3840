package profile_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/profile"
)

// withoutSnapshots is the package of UK Core as if it had differentials only.
func withoutSnapshots(t *testing.T) *profile.Library {
	t.Helper()
	f, err := os.Open(ukCoreFile)
	if err != nil {
		t.Skip("the corpus is not there")
	}
	defer f.Close()
	p, err := profile.ReadPackage(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range p.Definitions {
		v.Remove("snapshot")
	}
	return profile.NewLibrary(p)
}

// notInPackage are slices of extensions that R4 itself defines: how often each
// may be there stands in a package that is not loaded.
var notInPackage = regexp.MustCompile(`slice (cadavericDonor|birthPlace|patientInterpreterRequired|organizationPeriod) `)

// TestDifferentials: what the differentials of UK Core find is what its
// snapshots find, but for what R4 itself says.
func TestDifferentials(t *testing.T) {
	full, grown := ukCoreLibrary(t), withoutSnapshots(t)
	for _, u := range grown.Unusable() {
		t.Errorf("%s: %s", u.Canonical, u.Why)
	}
	if a, b := len(full.Profiles()), len(grown.Profiles()); a != b {
		t.Errorf("%d profiles with snapshots, %d without", a, b)
	}
	errors := func(l *profile.Library, v *element.Value, canonical string) []string {
		found := map[string]bool{}
		for _, is := range l.Check(t.Context(), v, []string{canonical}, profile.Checking{Base: fhir.Check(v), Extensible: true}) {
			switch {
			case is.Severity == "information", is.Code == "invariant": // of R4, and of this package there are none
			case notInPackage.MatchString(is.Text):
			default:
				found[fmt.Sprintf("%s %s %s: %s", is.Severity, is.Code, is.Expression, is.Text)] = true
			}
		}
		return slices.Sorted(maps.Keys(found))
	}
	compared, broken := 0, 0
	for file, example := range ukCoreExamples(t) {
		canonical := ukCore + "UKCore-" + example.ResourceType()
		if p, _ := full.Profile(canonical); p == nil {
			continue
		}
		variants := []*element.Value{example}
		for i, f := range example.Fields {
			if i == 0 {
				continue
			}
			without := example.Clone()
			without.Remove(f.Name)
			twice := example.Clone()
			if list := twice.Get(f.Name); list.Kind == element.Array {
				list.Items = append(list.Items, list.Clone().Items...)
				variants = append(variants, twice)
			}
			variants = append(variants, without)
		}
		for _, v := range variants {
			a, b := errors(full, v, canonical), errors(grown, v, canonical)
			compared++
			if len(a) > 0 {
				broken++
			}
			if !slices.Equal(a, b) {
				t.Errorf("%s:\n with snapshots %s\n without        %s", file, strings.Join(a, "\n   "), strings.Join(b, "\n   "))
			}
		}
	}
	t.Logf("%d resources compared, of which %d break the profile", compared, broken)
	if compared < 1000 || broken < 100 {
		t.Error("that is too few to mean anything")
	}
}

// TestDifferentialOf: differentials over a type, over another profile, with
// slices, choices and content that stands elsewhere.
func TestDifferentialOf(t *testing.T) {
	const r4 = "http://hl7.org/fhir/StructureDefinition/"
	sd := func(url, typ, base, list string) string {
		kind := "resource"
		if typ == "Extension" {
			kind = "complex-type"
		}
		return `{"resourceType":"StructureDefinition","url":"` + url + `","kind":"` + kind + `","type":"` + typ + `","derivation":"constraint","baseDefinition":"` + base + `","differential":{"element":[` + list + `]}}`
	}
	l := library(t,
		sd("urn:far", "Task", "urn:near", `{"id":"Task.code","patternCodeableConcept":{"coding":[{"code":"a"}]}},{"id":"Task.note","max":"0"}`),
		sd("urn:near", "Task", r4+"Task|4.0.1", `{"id":"Task","constraint":[{"key":"x-1","severity":"error","human":"a focus or a reason","expression":"focus.exists() or reasonCode.exists()"}]},
			{"id":"Task.code","min":1},{"id":"Task.restriction.period.start","min":1},
			{"id":"Task.input","slicing":{"discriminator":[{"type":"value","path":"type.text"}],"rules":"closed"}},
			{"id":"Task.input:a","sliceName":"a","max":"1"},{"id":"Task.input:a.type.text","min":1,"fixedString":"a"},{"id":"Task.input:a.value[x]","type":[{"code":"Quantity"}]},{"id":"Task.input:a.value[x].unit","min":1}`),
		sd("urn:choice", "Observation", r4+"Observation", `{"id":"Observation.value[x]:valueQuantity","sliceName":"valueQuantity"},{"id":"Observation.value[x]:valueQuantity.code","min":1}`),
		sd("urn:deep", "QuestionnaireResponse", r4+"QuestionnaireResponse", `{"id":"QuestionnaireResponse.item.text","min":1}`),
		sd("urn:ext", "Extension", r4+"Extension", `{"id":"Extension","max":"1"},{"id":"Extension.url","fixedUri":"urn:ext"},{"id":"Extension.value[x]","min":1,"type":[{"code":"boolean"}]}`),
		sd("urn:extended", "Patient", r4+"Patient", `{"id":"Patient.extension:e","sliceName":"e","type":[{"code":"Extension","profile":["urn:ext"]}]}`),
	)
	for _, u := range l.Unusable() {
		t.Fatalf("%+v", u)
	}
	for _, tt := range []struct{ canonical, resource, code, at string }{
		{"urn:near", `{"resourceType":"Task","code":{"text":"x"},"focus":{"display":"x"}}`, "", ""},
		{"urn:near", `{"resourceType":"Task","focus":{"display":"x"}}`, "required", "Task.code"},
		{"urn:near", `{"resourceType":"Task","code":{"text":"x"}}`, "invariant", "Task"},
		{"urn:near", `{"resourceType":"Task","code":{"text":"x"},"focus":{"display":"x"},"restriction":{"period":{"end":"2026"}}}`, "required", "Task.restriction.period.start"},
		{"urn:near", `{"resourceType":"Task","code":{"text":"x"},"focus":{"display":"x"},"input":[{"type":{"text":"b"}}]}`, "structure", "Task.input[0]"},
		{"urn:near", `{"resourceType":"Task","code":{"text":"x"},"focus":{"display":"x"},"input":[{"type":{"text":"a"},"valueQuantity":{"value":1}}]}`, "required", "Task.input[0].valueQuantity.unit"},
		{"urn:far", `{"resourceType":"Task","code":{"coding":[{"code":"a"}]},"focus":{"display":"x"}}`, "", ""},
		{"urn:far", `{"resourceType":"Task","code":{"text":"x"},"focus":{"display":"x"}}`, "value", "Task.code"},
		{"urn:far", `{"resourceType":"Task","code":{"coding":[{"code":"a"}]},"focus":{"display":"x"},"note":[{"text":"x"}]}`, "structure", "Task.note"},
		{"urn:far", `{"resourceType":"Task","code":{"coding":[{"code":"a"}]}}`, "invariant", "Task"},
		{"urn:choice", `{"resourceType":"Observation","valueQuantity":{"value":1,"code":"mg"}}`, "", ""},
		{"urn:choice", `{"resourceType":"Observation","valueString":"x"}`, "", ""},
		{"urn:choice", `{"resourceType":"Observation","valueQuantity":{"value":1}}`, "required", "Observation.valueQuantity.code"},
		{"urn:deep", `{"resourceType":"QuestionnaireResponse","item":[{"text":"x","item":[{"text":"x"}]}]}`, "", ""},
		{"urn:deep", `{"resourceType":"QuestionnaireResponse","item":[{"text":"x","item":[{"linkId":"x"}]}]}`, "required", "QuestionnaireResponse.item[0].item[0].text"},
		{"urn:deep", `{"resourceType":"QuestionnaireResponse","item":[{"text":"x","answer":[{"item":[{"linkId":"x"}]}]}]}`, "required", "QuestionnaireResponse.item[0].answer[0].item[0].text"},
		{"urn:extended", `{"resourceType":"Patient","extension":[{"url":"urn:ext","valueBoolean":true},{"url":"urn:other","valueString":"x"}]}`, "", ""},
		{"urn:extended", `{"resourceType":"Patient","extension":[{"url":"urn:ext","valueString":"x"}]}`, "structure", "Patient.extension[0].valueString"},
		{"urn:extended", `{"resourceType":"Patient","extension":[{"url":"urn:ext","valueBoolean":true},{"url":"urn:ext","valueBoolean":false}]}`, "structure", "Patient.extension"},
	} {
		issues := l.Check(t.Context(), parse(t, tt.resource), []string{tt.canonical}, profile.Checking{})
		severity := ""
		if tt.code != "" {
			severity = "error"
		}
		wants(t, issues, severity, tt.code, tt.at, "")
		if !slices.ContainsFunc(issues, func(is fault.Issue) bool { return strings.Contains(is.Text, "came without a snapshot") }) {
			t.Errorf("%s: what is not checked for want of a snapshot is not said", tt.canonical)
		}
	}
	if p, _ := l.Profile("urn:near"); len(p.Unchecked()) == 0 {
		t.Error("what is not checked of a profile without a snapshot is not listed")
	}
}

// TestSliceKeepsMax: a profile that says a slice again without how often it may
// be there has it no more often than its base, and than the slice's own profile.
func TestSliceKeepsMax(t *testing.T) {
	structure := func(url, typ, base, elements string) *element.Value {
		return parse(t, `{"resourceType":"StructureDefinition","url":"`+url+`","type":"`+typ+`","derivation":"constraint","baseDefinition":"`+base+`","differential":{"element":[`+elements+`]}}`)
	}
	extension := func(url, most string) *element.Value {
		return structure(url, "Extension", "http://hl7.org/fhir/StructureDefinition/Extension", `{"id":"Extension","path":"Extension","max":"`+most+`"},{"id":"Extension.url","path":"Extension.url","fixedUri":"`+url+`"}`)
	}
	for _, tt := range []struct{ base, own, again, want string }{ // max of the slice in the base, of its own profile, of the slice said again
		{"1", "*", "", "1"}, {"2", "*", "", "2"}, {"*", "1", "", "1"}, {"3", "2", "", "2"}, {"2", "3", "", "2"},
		{"", "*", "", "*"}, {"", "2", "", "2"}, {"2", "*", "1", "1"},
	} {
		slice := func(most string) string {
			if most != "" {
				most = `"max":"` + most + `",`
			}
			return `{"id":"Patient.extension:e","path":"Patient.extension","sliceName":"e",` + most + `"type":[{"code":"Extension","profile":["urn:e"]}]}`
		}
		l := profile.NewLibrary(&profile.Package{Name: "p", Definitions: []*element.Value{extension("urn:e", tt.own),
			structure("urn:base", "Patient", "http://hl7.org/fhir/StructureDefinition/Patient", slice(tt.base)),
			structure("urn:derived", "Patient", "urn:base", slice(tt.again))}})
		if u := l.Unusable(); len(u) > 0 {
			t.Fatalf("%+v", u)
		}
		for n := 1; n <= 4; n++ {
			v := parse(t, `{"resourceType":"Patient","extension":[`+strings.TrimSuffix(strings.Repeat(`{"url":"urn:e","valueString":"x"},`, n), ",")+`]}`)
			most, err := strconv.Atoi(tt.want)
			fits := err != nil || n <= most
			if broken := profile.Broken(l.Check(t.Context(), v, []string{"urn:derived"}, profile.Checking{})); broken == fits {
				t.Errorf("base %q, own %q, again %q: %d of them broken %v, want at most %s", tt.base, tt.own, tt.again, n, broken, tt.want)
			}
		}
	}
}

// FuzzDifferential: whatever a package says, a profile is usable or it is said
// why not, and a check against it ends.
func FuzzDifferential(f *testing.F) {
	f.Add("Task.input:a.value[x]", "Task.input", "1")
	f.Add("Task.code.coding:x/y.system", "Task.code.coding:x", "*")
	f.Add("Task", "Task.Task", "0")
	f.Add("Task.", ".", "")
	f.Fuzz(func(t *testing.T, first, second, most string) {
		list := element.NewArray()
		for _, id := range []string{first, second} {
			list.Items = append(list.Items, element.NewObject(element.S("id", id), element.S("max", most),
				element.F("slicing", element.NewObject(element.F("discriminator", element.NewArray(element.NewObject(element.S("type", "value"), element.S("path", "$this"))))))))
		}
		v := element.NewObject(element.S("resourceType", "StructureDefinition"), element.S("url", "urn:p"), element.S("type", "Task"), element.S("derivation", "constraint"),
			element.S("baseDefinition", "http://hl7.org/fhir/StructureDefinition/Task"), element.F("differential", element.NewObject(element.F("element", list))))
		l := profile.NewLibrary(&profile.Package{Name: "p", Definitions: []*element.Value{v}})
		if len(l.Profiles())+len(l.Unusable()) != 1 {
			t.Fatalf("%d profiles, %d unusable", len(l.Profiles()), len(l.Unusable()))
		}
		l.Check(t.Context(), parse(t, `{"resourceType":"Task","code":{"coding":[{"code":"a"}]},"input":[{"type":{"text":"a"},"valueString":"x"}]}`), []string{"urn:p"}, profile.Checking{})
	})
}
