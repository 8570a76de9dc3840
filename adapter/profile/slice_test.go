package profile_test

import (
	"context"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/profile"
)

// sd is a profile with the url urn:p of a type, with the elements of a snapshot.
func sd(typ, elements string) string {
	return `{"resourceType":"StructureDefinition","url":"urn:p","name":"P","kind":"resource","type":"` + typ + `","derivation":"constraint","snapshot":{"element":[{"id":"` + typ + `"},` + elements + `]}}`
}

const sliced = `{"id":"Task.input","slicing":{"discriminator":[{"type":"value","path":"type.text"}],"rules":"%s","ordered":%s}},
	{"id":"Task.input:a","sliceName":"a","min":1,"max":"1"},{"id":"Task.input:a.type"},{"id":"Task.input:a.type.text","fixedString":"A"},
	{"id":"Task.input:b","sliceName":"b","max":"1"},{"id":"Task.input:b.type","patternCodeableConcept":{"text":"B"}},
	{"id":"Task.input:b.value[x]","min":1,"type":[{"code":"string"}]}`

func inputs(list ...string) string {
	for i, x := range list {
		list[i] = `{"type":{"text":"` + x + `"},"valueString":"v"}`
	}
	return `{"resourceType":"Task","input":[` + strings.Join(list, ",") + `]}`
}

// TestProfiles holds resources against small profiles, one thing at a time.
func TestProfiles(t *testing.T) {
	rules := func(rules, ordered string) string {
		return sd("Task", strings.Replace(strings.Replace(sliced, "%s", rules, 1), "%s", ordered, 1))
	}
	open := rules("open", "false")
	contained := func(typ string) string {
		return `{"resourceType":"Task","contained":[{"resourceType":"` + typ + `","id":"x","active":true}],"reasonReference":{"reference":"#x"},"basedOn":[{"reference":"#x"}]}`
	}
	byProfile := []string{sd("Task", `{"id":"Task.basedOn","slicing":{"discriminator":[{"type":"profile","path":"resolve()"}],"rules":"closed"}},
		{"id":"Task.basedOn:a","sliceName":"a","type":[{"code":"Reference","targetProfile":["urn:q"]}]}`),
		strings.Replace(sd("Patient", `{"id":"Patient.name","min":1}`), "urn:p", "urn:q", 1)}
	extension := sd("Task", `{"id":"Task.extension","slicing":{"discriminator":[{"type":"value","path":"url"}],"rules":"closed"}},
		{"id":"Task.extension:a","sliceName":"a","max":"1","type":[{"code":"Extension","profile":["urn:e"]}]}`)
	extensionProfile := strings.Replace(strings.Replace(sd("Extension", `{"id":"Extension.url","fixedUri":"urn:e"},{"id":"Extension.value[x]","min":1,"type":[{"code":"boolean"}]}`), "urn:p", "urn:e", 1), `"resource"`, `"complex-type"`, 1)
	codes := `{"resourceType":"ValueSet","url":"urn:vs","compose":{"include":[{"system":"urn:s","concept":[{"code":"a"},{"code":"b"}]},{"system":"http://snomed.info/sct","filter":[{"property":"concept","op":"is-a","value":"1"}]}]}}`
	bound := func(strength string) []string {
		return []string{sd("Task", `{"id":"Task.code","binding":{"strength":"`+strength+`","valueSet":"urn:vs"}}`), codes}
	}
	code := func(system, code string) string {
		return `{"resourceType":"Task","code":{"coding":[{"system":"` + system + `","code":"` + code + `"}]}}`
	}
	tests := []struct {
		name        string
		definitions []string
		resource    string
		want        []string // severity code expression: words
	}{
		{"slices: right", []string{open}, inputs("A", "B", "C"), nil},
		{"slices: too few", []string{open}, inputs("B"), []string{"error required Task.input: slice a"}},
		{"slices: too many", []string{open}, inputs("A", "B", "B"), []string{"error structure Task.input: slice b"}},
		{"slices: within one", []string{open}, strings.Replace(inputs("A", "B"), `"B"},"valueString":"v"`, `"B"},"valueInteger":1`, 1), []string{"error structure Task.input[1].valueInteger: must be string"}},
		{"slices: closed", []string{rules("closed", "false")}, inputs("A", "C"), []string{"error structure Task.input[1]: a, b"}},
		{"slices: open at the end", []string{rules("openAtEnd", "false")}, inputs("C", "A"), []string{"error structure Task.input[1]: behind"}},
		{"slices: ordered", []string{rules("open", "true")}, inputs("B", "A"), []string{"error structure Task.input[1]: order"}},
		{"slices: by an unknown path", []string{strings.Replace(open, "type.text", "type.memberOf(x)", 1)}, inputs("B"), []string{"information informational Task.input: not known here"}},
		{"slices: by whether it is there", []string{sd("Task", `{"id":"Task.input","slicing":{"discriminator":[{"type":"exists","path":"extension"}],"rules":"open"}},
			{"id":"Task.input:with","max":"0"},{"id":"Task.input:with.extension","min":1},{"id":"Task.input:without","min":1},{"id":"Task.input:without.extension","max":"0"}`)},
			`{"resourceType":"Task","input":[{"extension":[{"url":"urn:x","valueCode":"x"}]}]}`, []string{"error structure Task.input: slice with", "error required Task.input: slice without"}},
		{"slices: by type", []string{sd("Observation", `{"id":"Observation.value[x]","slicing":{"discriminator":[{"type":"type","path":"$this"}],"rules":"closed"}},
			{"id":"Observation.value[x]:valueQuantity","sliceName":"valueQuantity","type":[{"code":"Quantity"}]},{"id":"Observation.value[x]:valueQuantity.unit","min":1}`)},
			`{"resourceType":"Observation","valueQuantity":{"value":1}}`, []string{"error required Observation.valueQuantity.unit: required"}},
		{"slices: by another type", []string{sd("Observation", `{"id":"Observation.value[x]","slicing":{"discriminator":[{"type":"type","path":"$this"}],"rules":"closed"}},
			{"id":"Observation.value[x]:valueQuantity","sliceName":"valueQuantity","type":[{"code":"Quantity"}]}`)},
			`{"resourceType":"Observation","valueString":"x"}`, []string{"error structure Observation.valueString: none of those"}},
		{"slices: by the type referred to", []string{sd("Task", `{"id":"Task.basedOn","slicing":{"discriminator":[{"type":"type","path":"resolve()"}],"rules":"open"}},
			{"id":"Task.basedOn:a","sliceName":"a","max":"0","type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Patient"]}]}`)},
			`{"resourceType":"Task","basedOn":[{"reference":"Patient/1"},{"reference":"CarePlan/1"}]}`, []string{"error structure Task.basedOn: slice a"}},
		{"slices: by profile, not met", byProfile, contained("Patient"), []string{"error structure Task.basedOn[0]: none of those"}},
		{"slices: by profile, met", byProfile, strings.Replace(contained("Patient"), `"active":true`, `"name":[{"text":"x"}]`, 1), nil},
		{"slices: by profile, elsewhere", byProfile, strings.Replace(contained("Patient"), `"basedOn":[{"reference":"#x"}]`, `"basedOn":[{"reference":"Patient/7"}]`, 1), nil},
		{"extension: right", []string{extension, extensionProfile}, `{"resourceType":"Task","extension":[{"url":"urn:e","valueBoolean":true}]}`, nil},
		{"extension: wrong within", []string{extension, extensionProfile}, `{"resourceType":"Task","extension":[{"url":"urn:e","valueString":"x"}]}`, []string{"error structure Task.extension[0].valueString: must be boolean"}},
		{"extension: not loaded", []string{extension}, `{"resourceType":"Task","extension":[{"url":"urn:e","valueString":"x"}]}`, []string{"information informational Task.extension[0]: not loaded"}},
		{"extension: another", []string{extension, extensionProfile}, `{"resourceType":"Task","extension":[{"url":"urn:f","valueString":"x"}]}`, []string{"error structure Task.extension[0]: none of those"}},
		{"required code", bound("required"), code("urn:s", "a"), nil},
		{"required code, another", bound("required"), code("urn:s", "c"), []string{"error code-invalid Task.code: value set urn:vs"}},
		{"required code, another system", bound("required"), code("urn:t", "a"), []string{"error code-invalid Task.code: value set urn:vs"}},
		{"required code, by a rule", bound("required"), code("http://snomed.info/sct", "2"), []string{"information informational Task.code: terminology server"}},
		{"required code, words only", bound("required"), `{"resourceType":"Task","code":{"text":"a"}}`, []string{"error code-invalid Task.code: value set urn:vs"}},
		{"extensible code, another", bound("extensible"), code("urn:s", "c"), []string{"warning code-invalid Task.code: unless none"}},
		{"preferred code, another", bound("preferred"), code("urn:s", "c"), nil},
		{"value set not loaded", bound("required")[:1], code("urn:s", "c"), []string{"information informational Task.code: not loaded"}},
		{"fixed", []string{sd("Task", `{"id":"Task.intent","fixedCode":"order"}`)}, `{"resourceType":"Task","intent":"plan"}`, []string{"error value Task.intent: order"}},
		{"too long", []string{sd("Task", `{"id":"Task.description","maxLength":3}`)}, `{"resourceType":"Task","description":"äöüß"}`, []string{"error too-long Task.description: 3 characters"}},
		{"at most", []string{sd("Task", `{"id":"Task.note","max":"1"}`)}, `{"resourceType":"Task","note":[{"text":"x"},{"text":"x"}]}`, []string{"error structure Task.note: at most 1"}},
		{"at least", []string{sd("Task", `{"id":"Task.note","min":2}`)}, `{"resourceType":"Task","note":[{"text":"x"}]}`, []string{"error required Task.note: at least 2"}},
		{"forbidden", []string{sd("Task", `{"id":"Task.note","max":"0"}`)}, `{"resourceType":"Task","note":[{"text":"x"}]}`, []string{"error structure Task.note: must not be there"}},
		{"only an extension of a primitive", []string{sd("Task", `{"id":"Task.description","min":1}`)}, `{"resourceType":"Task","_description":{"extension":[{"url":"urn:x","valueCode":"y"}]}}`, nil},
		{"values that are not compared", []string{sd("Task", `{"id":"Task.authoredOn","minValueDateTime":"2020-01-01"}`)}, `{"resourceType":"Task","authoredOn":"2019-01-01"}`, []string{"information informational Task.authoredOn: not compared"}},
		{"a rule", []string{sd("Task", `{"id":"Task.note","constraint":[{"key":"x-1","severity":"error","human":"notes are short","expression":"text.length() < 3"}]}`)}, `{"resourceType":"Task","note":[{"text":"xx"},{"text":"xxx"}]}`, []string{"error invariant Task.note[1]: (x-1)"}},
		{"a rule of advice", []string{sd("Task", `{"id":"Task.note","constraint":[{"key":"x-1","severity":"warning","human":"notes are short","expression":"text.length() < 3"}]}`)}, `{"resourceType":"Task","note":[{"text":"xxx"}]}`, []string{"warning invariant Task.note[0]: (x-1)"}},
		{"a rule that cannot be evaluated", []string{sd("Task", `{"id":"Task.note","constraint":[{"key":"x-1","severity":"error","human":"h","expression":"text.memberOf('x')"}]}`)}, `{"resourceType":"Task","note":[{"text":"xxx"}]}`, []string{"information informational Task.note[0]: memberOf() is not known"}},
		{"a rule about an element there is not", []string{sd("Task", `{"id":"Task.note","constraint":[{"key":"x-1","severity":"error","human":"h","expression":"txt.exists()"}]}`)}, `{"resourceType":"Task","note":[{"text":"xxx"}]}`, []string{"information informational Task.note[0]: does not have"}},
		{"content of another element", []string{sd("Composition", `{"id":"Composition.section"},{"id":"Composition.section.title","min":1},{"id":"Composition.section.section","contentReference":"#Composition.section"}`)},
			`{"resourceType":"Composition","section":[{"title":"a","section":[{"title":"b","section":[{"code":{"text":"c"}}]}]}]}`, []string{"error required Composition.section[0].section[0].section[0].title: required"}},
		{"a profile of itself", []string{sd("Task", `{"id":"Task.contained","type":[{"code":"Task","profile":["urn:p"]}]},{"id":"Task.code","min":1}`)},
			`{"resourceType":"Task","code":{},"contained":[{"resourceType":"Task"}]}`, []string{"error required Task.contained[0].code: required"}},
		{"profiles around each other", []string{sd("Task", `{"id":"Task.input","slicing":{"discriminator":[{"type":"profile","path":"$this"}],"rules":"open"}},{"id":"Task.input:a","type":[{"code":"BackboneElement","profile":["urn:b"]}]}`),
			strings.Replace(sd("BackboneElement", `{"id":"BackboneElement.type","type":[{"code":"CodeableConcept","profile":["urn:b"]}]}`), "urn:p", "urn:b", 1)}, inputs("A"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := library(t, tt.definitions...)
			for _, u := range l.Unusable() {
				if u.Canonical != "urn:b" {
					t.Fatalf("%+v", u)
				}
			}
			issues := l.Check(t.Context(), parse(t, tt.resource), []string{"urn:p"}, profile.Checking{Extensible: true})
			for i, is := range issues {
				got := is.Severity + " " + is.Code + " " + is.Expression + ": "
				if i >= len(tt.want) {
					t.Errorf("not wanted: %s%s", got, is.Text)
				} else if head, words, _ := strings.Cut(tt.want[i], ": "); head+": " != got || !strings.Contains(is.Text, words) {
					t.Errorf("got %s%s\nwant %s", got, is.Text, tt.want[i])
				}
			}
			if len(issues) < len(tt.want) {
				t.Errorf("%d issues, want %q", len(issues), tt.want)
			}
		})
	}
}

// TestBounds: a resource that asks for more work than is allowed is told not
// to have been checked to the end, and a check that nobody waits for ends.
func TestBounds(t *testing.T) {
	l := library(t, sd("Task", `{"id":"Task.note","constraint":[{"key":"x","severity":"error","human":"h","expression":"%resource.descendants().where(%resource.descendants().exists().not()).empty()"}]}`))
	v := parse(t, `{"resourceType":"Task","note":[`+strings.Repeat(`{"text":"x"},`, 3000)+`{"text":"x"}]}`)
	issues := l.Check(t.Context(), v, []string{"urn:p"}, profile.Checking{})
	if len(issues) == 0 || issues[len(issues)-1].Code != "too-costly" {
		t.Errorf("%+v, want one that is too costly", issues)
	}
	l = library(t, sd("Task", `{"id":"Task.note","max":"*"},{"id":"Task.note.text","maxLength":0}`))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	issues = l.Check(ctx, v, []string{"urn:p"}, profile.Checking{})
	if len(issues) != 1 || issues[0].Code != "too-costly" {
		t.Errorf("%+v, want that it was not checked to the end", issues)
	}
	l = library(t, sd("Task", `{"id":"Task.note"},{"id":"Task.note.text","fixedMarkdown":"y"}`))
	issues = l.Check(t.Context(), v, []string{"urn:p"}, profile.Checking{})
	if len(issues) > 110 || issues[len(issues)-1].Code != "too-costly" {
		t.Errorf("%d issues, want about 100 and that there are more", len(issues))
	}
}

// FuzzCheck: no definition and no resource make the checker fail or run on.
func FuzzCheck(f *testing.F) {
	f.Add(sd("Task", strings.Replace(strings.Replace(sliced, "%s", "open", 1), "%s", "true", 1)), inputs("A", "B"))
	f.Add(sd("Patient", `{"id":"Patient.extension","slicing":{"discriminator":[{"type":"profile","path":"extension('x').value.ofType(Reference).resolve()"}]}},{"id":"Patient.extension:a","type":[{"code":"Extension","profile":["urn:p"]}]}`), `{"resourceType":"Patient","extension":[{"url":"x","valueReference":{"reference":"#1"}}]}`)
	f.Add(sd("Composition", `{"id":"Composition.section"},{"id":"Composition.section.section","contentReference":"#Composition.section"}`), `{"resourceType":"Composition","section":[{"section":[{}]}]}`)
	f.Add(`{"resourceType":"ValueSet","url":"urn:p","compose":{"include":[{"valueSet":["urn:p"]}]}}`, `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Task","meta":{"profile":["urn:p"]}}}]}`)
	f.Fuzz(func(t *testing.T, definition, resource string) {
		d, err := element.Parse([]byte(definition), element.Limits{})
		if err != nil {
			return
		}
		v, err := element.Parse([]byte(resource), element.Limits{})
		if err != nil {
			return
		}
		l := profile.NewLibrary(&profile.Package{Definitions: []*element.Value{d}})
		for _, p := range l.Profiles() {
			p.Unchecked()
		}
		l.CheckClaims(t.Context(), v, []string{"urn:p"}, profile.Checking{Base: fhir.Check(v), Extensible: true})
	})
}
