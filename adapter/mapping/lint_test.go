package mapping_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
)

// lint reports on a mapping of one Patient, body from line 9 on, an
// Organization above it and an example beside it.
func lint(yaml string) mapping.Report {
	fsys := fstest.MapFS{
		"m/mapping.yaml":         {Data: []byte(yaml)},
		"m/examples/first.txtar": {Data: []byte("Says.\n-- in.hl7 --\nMSH|\n-- want.err --\n")},
		"m/vocabulary/sex.json":  {Data: []byte(sexTable)},
	}
	return mapping.Lint(fsys, "m", mapping.WithSchema(fhir.Schema{}))
}

func TestLintOfElements(t *testing.T) {
	for _, tc := range []struct{ name, body, want string }{
		{"list", "name: {family: <- PID-5}", "mapping.yaml:9:11: Patient.name is a list (put it into brackets, or behind a dash)"},
		{"list of values", "name: [{given: <- PID-5.2}]", "mapping.yaml:9:20: Patient.name.given is a list"},
		{"no list", "gender: [<- PID-8 | code(sex)]", "Patient.gender is no list"},
		{"each", "maritalStatus: {$each: PID-16, text: <- .1}", "Patient.maritalStatus is no list, so $each"},
		{"structure wanted", "maritalStatus: <- PID-16", "Patient.maritalStatus is a structure, and this is one value"},
		{"value wanted", "birthDate: {value: <- PID-7}", "Patient.birthDate is a string, not a structure"},
		{"reference wanted", "managingOrganization: <- PD1-3", "Patient.managingOrganization is a structure"},
		{"reference unwanted", "gender: -> o", "Patient.gender is no reference"},
		{"target", "link: [{other: -> o, type: seealso}]", "Patient.link.other cannot point to o, which is a Organization: it points to Patient, RelatedPerson"},
		{"boolean", "active: 'true'", "mapping.yaml:9:14: Patient.active is a boolean (true or false, without quotes)"},
		{"boolean of text", "active: <- PID-30", "Patient.active is a boolean, and the message holds texts (| boolean)"},
		{"number", "multipleBirthInteger: '2'", "Patient.multipleBirthInteger is a number, written as an expression (= 1)"},
		{"text", "language: true", `Patient.language is a text ("true")`},
		{"code", "gender: femal", `mapping.yaml:9:13: "femal" is not a code of Patient.gender (did you mean female?)`},
		{"code in brackets", "telecom: [{system: telephone, value: <- PID-13}]", `"telephone" is not a code of Patient.telecom.system (the codes are email, fax,`},
		{"code by constant", "gender: = word", `"word1" is not a code of Patient.gender`},
		{"default", "gender: <- PID-8 | code(sex) | default(unknwn)", `the default "unknwn" is not a code of Patient.gender (did you mean unknown?)`},
		{"first", "gender: {$first: [<- PID-8 | code(sex), femal]}", `"femal" is not a code`},
		{"table", "telecom: [{use: <- PID-8 | code(sex), value: <- PID-13}]", `warning: vocabulary/sex.json gives "female", which is not a code of Patient.telecom.use`},
		{"element", "nmae: [{family: <- PID-5}]", "mapping.yaml:9:5: Patient has no element nmae (did you mean name?)"},
		{"type", "name: [{$first: [{family: <- PID-5}]}]\n  q:\n    resourceType: Patent\n    active: true", "Patent has no element active (did you mean Patient?)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := lint(head + "constants: {word: word1}\nresources:\n  p:\n    " + tc.body + "\n    resourceType: Patient\n    language: = word\n" +
				"    identifier: [{value: <- PID-3 | code(sex)}]\n")
			r2 := r
			if !strings.Contains(r.String(), tc.want) { // with a resource above to point to
				r2 = lint(head + "constants: {word: word1}\nresources: {o: {resourceType: Organization, name: <- PID-3 | code(sex)}, p: {resourceType: Patient, language: = word, " +
					strings.ReplaceAll(tc.body, "\n", " ") + "}}\n")
			}
			if !strings.Contains(r.String(), tc.want) && !strings.Contains(r2.String(), tc.want) {
				t.Errorf("got\n%s\n%s\nwant ...%s...", r, r2, tc.want)
			}
		})
	}
}

func TestLintWarnings(t *testing.T) {
	clean := head + "resources:\n  p:\n    resourceType: Patient\n    gender: <- PID-8 | code(sex)\n"
	if r := lint(clean); len(r.Problems) != 0 {
		t.Fatalf("a clean mapping:\n%s", r)
	}
	for _, tc := range []struct{ name, from, to, want string }{
		{"constant", "resources:", "constants: {unused: x}\nresources:", "mapping.yaml:6:13: warning: constant unused is not used"},
		{"let", "resources:", "let: {who: <- PID-5}\nresources:", "mapping.yaml:6:7: warning: let who is not used"},
		{"as", "gender:", "address: {$each: PID-11, $as: place, text: <- .1}\n    gender:", "warning: $as place is not used"},
		{"table", " | code(sex)", "", "vocabulary/sex.json: warning: the table is not used"},
		{"contradiction", "gender:", "maritalStatus: {$when: <- PID-16, $unless: '<-  PID-16', text: <- PID-16}\n    gender:", "the element is never made"},
		{"first", "gender:", "language: {$first: [en, <- PID-15]}\n    gender:", "never reached: the alternative above always comes out"},
		{"first default", "gender:", "language: {$first: [<- PID-15 | default(en), <- PID-16]}\n    gender:", "never reached"},
		{"twice", "<- PID-8", "<- PID-8 or PID-8", "PID-8 stands twice in the rule"},
		{"required", "gender:", "birthDate: <- PID-7 | default(\"2000\") | required(\"x\")\n    gender:", "required never refuses behind a default"},
		{"system", "gender:", "identifier: [{system: 'http://fhir.nhs.uk/id/nhs-number', value: <- PID-3}]\n    gender:", "(it is written https://fhir.nhs.uk/Id/nhs-number)"},
		{"system unknown", "gender:", "identifier: [{system: 'https://fhir.nhs.ku/Id/x', value: <- PID-3}]\n    gender:", "https://fhir.nhs.ku/Id/x is nearly the URI of a system that is known here (did you mean https://fhir.nhs.uk/?"},
		{"system by a letter", "gender:", "identifier: [{system: 'https://fhir.nhs.uk/Id/nhs-numer', value: <- PID-3}]\n    gender:", "(did you mean https://fhir.nhs.uk/Id/nhs-number?"},
		{"snomed", "gender:", "maritalStatus: {text: <- PID-16, coding: [{system: 'http://snomed.info/sct', code: '871731000000105'}]}\n    gender:", "the SNOMED CT id fails its check digit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := lint(strings.Replace(clean, tc.from, tc.to, 1))
			if r.Errors != 0 || r.Warnings == 0 || !strings.Contains(r.String(), tc.want) || r.Err() != nil {
				t.Errorf("got\n%s\nwant ...%s...", r, tc.want)
			}
		})
	}
	consent := strings.Replace(clean, "resources:", "resources:\n  c: {resourceType: Consent, $when: <- said or told, status: <- said}", 1)
	if r := lint(strings.NewReplacer("hl7v2", "json", "<- PID-8", "<- sex").Replace(consent)); !strings.Contains(r.String(), `a refusal is lost ($when: '= has("said")')`) {
		t.Errorf("a refusal of false:\n%s", r)
	}
	if r := lint(strings.NewReplacer("said or told", "CON-11", "said", "CON-11").Replace(consent)); len(r.Problems) != 0 {
		t.Errorf("a refusal of HL7 v2:\n%s", r)
	}
	for _, own := range []string{"https://referrals.northshire.example.nhs.uk/id", "urn:oid:1.2.3", "http://supplier.example/fhir/"} {
		if r := lint(strings.Replace(clean, "gender:", "identifier: [{system: '"+own+"', value: <- PID-3}]\n    gender:", 1)); len(r.Problems) != 0 {
			t.Errorf("a system of the sender's own:\n%s", r)
		}
	}
	meant := strings.Replace(clean, "resources:", "constants: {ours: 'https://fhir.nhs.ku/Id/x'}\nresources:", 1)
	if r := lint(strings.Replace(meant, "gender:", "identifier: [{system: = ours, value: <- PID-3}]\n    gender:", 1)); len(r.Problems) != 0 {
		t.Errorf("a system that is meant:\n%s", r)
	}
	fsys := files(clean)
	r := mapping.Lint(fsys, "m")
	for _, want := range []string{"examples: warning: there is no example", "vocabulary/fixed.json: warning: the table is not used"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("got\n%s\nwant ...%s...", r, want)
		}
	}
}

// TestReport: the report is what tools read.
func TestReport(t *testing.T) {
	r := lint(head + "constants: {unused: x}\nresources:\n  p:\n    resourceType: Patient\n    gendr: <- PID-8\n    active: <- PID-99\n")
	if r.Err() == nil || r.Errors != 2 || strings.Contains(r.Err().Error(), "unused") {
		t.Errorf("%d errors, %v", r.Errors, r.Err())
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"file":"mapping.yaml","line":10,"column":5,"text":"Patient has no element gendr","hint":"did you mean gender?","severity":"error"}`
	if !strings.Contains(string(data), want) {
		t.Errorf("got %s\nwant ...%s...", data, want)
	}
}

// TestLintConditions: a value of a condition that no example has is named with
// the nearest that examples do have and no other rule asks for.
func TestLintConditions(t *testing.T) {
	const example = `a
-- in.json --
{"answers":[{"field":{"ref":"pt_nhs"},"text":"1"},{"field":{"ref":"pt_dob"},"text":"2"},{"field":{"ref":"pt_addr1"},"text":"3"}],
 "ways":[{"kind":"phone","use":"","v":"1"},{"kind":"ab","v":"2"}]}
`
	for name, tc := range map[string]struct{ rules, want string }{
		"misspelt":             {"language: '<- answers[where field.ref = pt_nsh].text'", "no example has field.ref = pt_nsh in answers[where field.ref = pt_nsh].text (did you mean pt_nhs?)"},
		"right":                {"language: '<- answers[where field.ref = pt_nhs].text'", ""},
		"member misspelt":      {"language: '<- answers[where field.rfe = pt_nhs].text'", "no example has field.rfe in answers[where field.rfe = pt_nhs].text (did you mean ref?)"},
		"not in an example":    {"language: '<- answers[where field.ref = safeguarding].text'", "no example has field.ref = safeguarding in answers[where field.ref = safeguarding].text (if it is right, add an example that has it)"},
		"near what is asked":   {"language: '<- answers[where field.ref = pt_addr1].text'\ngender: '<- answers[where field.ref = pt_addr2].text'", "no example has field.ref = pt_addr2 in answers[where field.ref = pt_addr2].text (if it is right, add an example that has it)"},
		"said once":            {"language: '<- answers[where field.ref = other].text'\ngender: '<- answers[where field.ref = other].text'", "no example has field.ref = other in answers[where field.ref = other].text (if it is right, add an example that has it)"},
		"one of several":       {"language: '<- answers[where field.ref = pt_dob or carer].text'", ""},
		"misspelt of several":  {"language: '<- answers[where field.ref = pt_dob or pt_nsh].text'", "no example has field.ref = pt_nsh in answers[where field.ref = pt_dob or pt_nsh].text (did you mean pt_nhs?)"},
		"another way is there": {"language: '<- answers[where field.ref = carer].text or answers[where field.ref = pt_dob].text'", ""},
		"none of":              {"language: '<- answers[where field.ref != carer].text'", ""},
		"none there":           {"language: '<- ways[where use = \"\"].v'", ""},
		"short codes":          {"language: '<- ways[where kind = ac or ab].v'", ""},
		"in a condition":       {"$when: '<- answers[where field.ref = pt_nsh]'\nlanguage: x", "no example has field.ref = pt_nsh in answers[where field.ref = pt_nsh] (did you mean pt_nhs?)"},
		"in an expression":     {`language: '= src("answers[where field.ref = pt_nsh].text")'`, "no example has field.ref = pt_nsh in answers[where field.ref = pt_nsh].text (did you mean pt_nhs?)"},
		"of a repetition":      {"name: [{$each: answers, text: '<- .field[where ref = pt_nsh].ref'}]", "no example has ref = pt_nsh in field[where ref = pt_nsh].ref (did you mean pt_nhs?)"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := files(strings.Replace(head, "hl7v2", "json", 1) + "resources:\n  p:\n    resourceType: Patient\n" + indent(tc.rules))
			for file := range fsys {
				if strings.HasPrefix(file, "m/vocabulary/") {
					delete(fsys, file)
				}
			}
			fsys["m/examples/a.txtar"] = &fstest.MapFile{Data: []byte(example)}
			var got []string
			for _, p := range mapping.Lint(fsys, "m", mapping.WithExamples(decodeJSON)).Problems {
				got = append(got, p.String())
			}
			text := strings.Join(got, "\n")
			if (tc.want == "") != (text == "") || !strings.Contains(text, tc.want) || strings.Count(text, "add an example") > 1 {
				t.Errorf("got\n%s\nwant %s", text, tc.want)
			}
		})
	}
}

// decodeJSON decodes examples in JSON.
func decodeJSON(*mapping.Mapping) mapping.Decode {
	return func(_ string, body []byte) (*message.Tree, string, error) {
		m, err := jsondoc.New().Decode(body)
		if err != nil {
			return nil, "", err
		}
		return m.Tree, m.Type, nil
	}
}

// TestLintUnseen: a path that no example has is named with the nearest name,
// from the message, from a let and from $each; an alternative to one that is
// there, a path with a condition and one that starts nowhere are not.
func TestLintUnseen(t *testing.T) {
	fsys := files(strings.Replace(head, "hl7v2", "json", 1) + `let: {who: <- client or patient}
ignores: [nowhere]
resources:
  p:
    resourceType: Patient
    name:
      - family: <- who.surnam
        given: ['<- who.forename or who.firstName']
    telecom:
      $each: who.contacts[where kind = fax]
      value: <- .valeu
      use: <- .usage
    address:
      $each: homes
      city: <- .town
  r:
    resourceType: RelatedPerson
    patient: -> p
    name: [{text: '= src("kin.nam")'}]
    birthDate: <- kin.dob or kin.dbo | date
`)
	delete(fsys, "m/vocabulary/sex.json")
	delete(fsys, "m/vocabulary/fixed.json")
	delete(fsys, "m/vocabulary/provided.json")
	fsys["m/examples/a.txtar"] = &fstest.MapFile{Data: []byte("a\n-- in.json --\n{\"patient\":{\"surname\":\"x\",\"forename\":\"y\"},\"kin\":{\"name\":\"z\",\"dob\":\"1970\"}}\n")}
	fsys["m/examples/b.txtar"] = &fstest.MapFile{Data: []byte("b\n-- in.json --\n{\"patient\":{\"contacts\":[{\"kind\":\"phone\",\"value\":\"1\"}]}}\n")}
	if r := mapping.Lint(fsys, "m"); len(r.Problems) > 0 {
		t.Errorf("without a decoder: %s", r)
	}
	var got []string
	for _, p := range mapping.Lint(fsys, "m", mapping.WithExamples(decodeJSON)).Problems {
		got = append(got, strings.TrimPrefix(p.String(), "mapping.yaml:"))
	}
	want := []string{
		"12:20: warning: no example has who.surnam (did you mean surname?)",
		"15:14: warning: no example has kind = fax in who.contacts[where kind = fax] (if it is right, add an example that has it)",
		"16:17: warning: no example has valeu (did you mean value?)",
		"17:15: warning: no example has usage (if it is right, add an example that has it)",
		"19:14: warning: no example has homes (if it is right, add an example that has it)",
		"24:27: warning: no example has kin.nam (did you mean name?)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
