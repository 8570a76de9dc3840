package fhir_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// report is issues as "code expression", sorted.
func report(issues []fault.Issue) []string {
	var out []string
	for _, is := range issues {
		out = append(out, is.Code+" "+is.Expression)
	}
	slices.Sort(out)
	return out
}

// TestRules: every rule of Check, with the exact FHIRPath and what it says.
func TestRules(t *testing.T) {
	const ext = `"extension":[{"url":"urn:x","valueString":"a"}]`
	tests := []struct {
		name, in string
		want     string // "code expression", several with "; "; empty: fine
		says     string // of the first issue
	}{
		{"not an object", `[]`, "structure ", "a resource, that is a JSON object"},
		{"no resourceType", `{"id":"1"}`, "structure resourceType", "no resource type of FHIR R4"},
		{"resourceType not a text", `{"resourceType":1}`, "structure resourceType", "no resource type of FHIR R4"},
		{"misspelt resourceType", `{"resourceType":"Pateint"}`, "structure resourceType", "the nearest is Patient"},
		{"smallest Patient", `{"resourceType":"Patient"}`, "", ""},

		{"unknown element", `{"resourceType":"Patient","brithDate":"1970-01-01"}`, "structure Patient", "nearest one it has is birthDate"},
		{"unknown element far from any", `{"resourceType":"Patient","zzzzzzzz":"1"}`, "structure Patient", "there is an element that Patient does not have; it has active, address, birthDate, communication, contact, contained, deceased[x], extension"},
		{"unknown element in a datatype", `{"resourceType":"Patient","name":[{"given":["A"]},{"famly":"B"}]}`, "structure Patient.name[1]", "nearest one it has is family"},
		{"element of another type", `{"resourceType":"Patient","status":"active"}`, "structure Patient", ""},
		{"resourceType in a datatype", `{"resourceType":"Patient","name":[{"resourceType":"HumanName","text":"a"}]}`, "structure Patient.name[0]", ""},
		{"underscore before a complex element", `{"resourceType":"Patient","_name":[{"id":"a"}]}`, "structure Patient", ""},
		{"underscore alone", `{"resourceType":"Patient","_":{"id":"a"}}`, "structure Patient", ""},

		{"single where an array is expected", `{"resourceType":"Patient","name":{"text":"a"}}`, "structure Patient.name", "an array is expected"},
		{"array where a single is expected", `{"resourceType":"Patient","gender":["male"]}`, "structure Patient.gender", "not an array"},
		{"text where an object is expected", `{"resourceType":"Patient","maritalStatus":"married"}`, "structure Patient.maritalStatus", "a JSON object is expected"},
		{"array in an array", `{"resourceType":"Patient","name":[[{"text":"a"}]]}`, "structure Patient.name[0]", "a JSON object is expected"},
		{"object where a text is expected", `{"resourceType":"Patient","birthDate":{}}`, "value Patient.birthDate", "a text is expected"},
		{"array at a choice", `{"resourceType":"Patient","deceasedBoolean":[true]}`, "structure Patient.deceasedBoolean", ""},

		{"empty array", `{"resourceType":"Patient","name":[]}`, "structure Patient.name", "never empty"},
		{"empty object", `{"resourceType":"Patient","maritalStatus":{}}`, "structure Patient.maritalStatus", "never empty"},
		{"empty text", `{"resourceType":"Patient","name":[{"text":""}]}`, "value Patient.name[0].text", "never empty"},
		{"blank text", `{"resourceType":"Patient","name":[{"text":" \t"}]}`, "value Patient.name[0].text", "never empty"},
		{"null", `{"resourceType":"Patient","gender":null}`, "value Patient.gender", "a text is expected"},
		{"null object", `{"resourceType":"Patient","maritalStatus":null}`, "structure Patient.maritalStatus", "a JSON object is expected"},
		{"null array", `{"resourceType":"Patient","name":null}`, "structure Patient.name", "an array is expected"},
		{"control character", `{"resourceType":"Patient","name":[{"text":"a\u0001"}]}`, "value Patient.name[0].text", "the control character U+0001 is not allowed in a text; in a mapping, | text cleans it"},
		{"vertical tab", `{"resourceType":"Patient","name":[{"text":"a\u000bb"}]}`, "value Patient.name[0].text", "U+000B"},
		{"line breaks and tabs", `{"resourceType":"Patient","name":[{"text":"a\r\n\tb"}]}`, "", ""},

		{"required elements", `{"resourceType":"Task","intent":"order"}`, "required Task.status", "is required"},
		{"required in a backbone", `{"resourceType":"Task","status":"requested","intent":"order","input":[{"valueString":"a"}]}`, "required Task.input[0].type", "is required"},
		{"required choice", `{"resourceType":"Task","status":"requested","intent":"order","input":[{"type":{"text":"a"}}]}`, "required Task.input[0].value", "is required"},
		{"required there as an extension", `{"resourceType":"Task","_status":{` + ext + `},"intent":"order"}`, "", ""},
		{"several at once", `{"resourceType":"Task","foo":1}`, "required Task.intent; required Task.status; structure Task", ""},

		{"code of a required binding", `{"resourceType":"Patient","gender":"man"}`, "code-invalid Patient.gender", "one of female, male, other, unknown"},
		{"code in the wrong case", `{"resourceType":"Patient","gender":"Male"}`, "code-invalid Patient.gender", ""},
		{"code in a list", `{"resourceType":"Patient","telecom":[{"system":"phone"},{"system":"telegram"}]}`, "code-invalid Patient.telecom[1].system", "phone"},
		{"code of a large binding", `{"resourceType":"Consent","status":"active","scope":{"text":"a"},"category":[{"text":"a"}],"policyRule":{"text":"a"},"provision":{"type":"allow"}}`, "code-invalid Consent.provision.type", "deny, permit"},

		{"concept of a required binding", `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"},{"system":"urn:x","code":"a"}]}}`, "", ""},
		{"concept with a code that is none of the binding", `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"activ"}]}}`, "code-invalid Condition.clinicalStatus", "one of active, inactive"},
		{"concept of a required binding in words", `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"verificationStatus":{"text":"confirmed"}}`, "code-invalid Condition.verificationStatus", "condition-ver-status"},

		{"two of one choice", `{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020"}`, "structure Patient.deceasedDateTime", "only one of deceased[x]"},
		{"two of one choice, one as extension", `{"resourceType":"Patient","deceasedBoolean":true,"_deceasedDateTime":{` + ext + `}}`, "structure Patient.deceasedDateTime", "only one of deceased[x]"},
		{"two choices", `{"resourceType":"Patient","deceasedBoolean":true,"multipleBirthInteger":1}`, "", ""},
		{"a choice and its extension", `{"resourceType":"Patient","deceasedBoolean":true,"_deceasedBoolean":{` + ext + `}}`, "", ""},
		{"type that the choice does not have", `{"resourceType":"Patient","deceasedString":"yes"}`, "structure Patient", ""},

		{"reference to a type not allowed", `{"resourceType":"Patient","managingOrganization":{"reference":"Patient/1"}}`, "value Patient.managingOrganization.reference", "must point to Organization"},
		{"reference in an array", `{"resourceType":"Patient","generalPractitioner":[{"reference":"Practitioner/1"},{"reference":"Task/1"}]}`, "value Patient.generalPractitioner[1].reference", "must point to"},
		{"reference to the right type", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization/1/_history/2"}}`, "", ""},
		{"absolute reference", `{"resourceType":"Patient","managingOrganization":{"reference":"https://a.example/fhir/Patient/1"}}`, "", ""},
		{"reference by identifier", `{"resourceType":"Patient","managingOrganization":{"identifier":{"value":"A81001"}}}`, "", ""},
		{"contained reference", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"a"}],"managingOrganization":{"reference":"#o"}}`, "", ""},
		{"reference to anything", `{"resourceType":"Task","status":"requested","intent":"order","focus":{"reference":"Basic/1"}}`, "", ""},
		{"reference to a version", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization/1/_history/a_b"}}`, "value Patient.managingOrganization.reference", "the version in a reference"},
		{"reference to no version", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization/1/_history/"}}`, "value Patient.managingOrganization.reference", "the version in a reference"},
		{"reference of a choice", `{"resourceType":"Consent","status":"active","scope":{"text":"a"},"category":[{"text":"a"}],"policyRule":{"text":"a"},"sourceReference":{"reference":"Patient/1"}}`, "value Consent.sourceReference.reference", "must point to Consent, DocumentReference"},
		{"reference to nothing that is contained", `{"resourceType":"Patient","managingOrganization":{"reference":"#o"}}`, "invariant Patient.managingOrganization.reference", "ref-1"},
		{"reference to what is contained in another entry", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"a"}],"managingOrganization":{"reference":"#o"}}},{"resource":{"resourceType":"Patient","managingOrganization":{"reference":"#o"}}}]}`, "invariant Bundle.entry[1].resource.managingOrganization.reference", "ref-1"},
		{"reference among what is contained", `{"resourceType":"Task","status":"draft","intent":"order","for":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p","managingOrganization":{"reference":"#o"}},{"resourceType":"Organization","id":"o","name":"a"}]}`, "", ""},
		{"reference to what is contained, of another type", `{"resourceType":"Patient","contained":[{"resourceType":"Practitioner","id":"o"}],"managingOrganization":{"reference":"#o"}}`, "value Patient.managingOrganization.reference", "must point to Organization"},
		{"reference that says another type", `{"resourceType":"Task","status":"draft","intent":"order","for":{"reference":"Patient/1","type":"Practitioner"}}`, "value Task.for.type", "points to another type"},
		{"reference that says a type not allowed", `{"resourceType":"Patient","managingOrganization":{"type":"Patient","identifier":{"value":"1"}}}`, "value Patient.managingOrganization.type", "must point to Organization"},
		{"reference that says its type", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization/1","type":"http://hl7.org/fhir/StructureDefinition/Organization"}}`, "", ""},
		{"reference that says a type of its own", `{"resourceType":"Patient","managingOrganization":{"type":"urn:x","identifier":{"value":"1"}}}`, "", ""},
		{"reference of the wrong JSON type", `{"resourceType":"Patient","managingOrganization":{"reference":7}}`, "value Patient.managingOrganization.reference", "a text is expected"},

		{"extension", `{"resourceType":"Patient",` + ext + `}`, "", ""},
		{"extension without url", `{"resourceType":"Patient","extension":[{"valueString":"a"}]}`, "required Patient.extension[0].url", "is required"},
		{"extension without value", `{"resourceType":"Patient","extension":[{"url":"urn:x"}]}`, "invariant Patient.extension[0]", "ext-1"},
		{"extension with value and extensions", `{"resourceType":"Patient","extension":[{"url":"urn:x","valueString":"a",` + ext + `}]}`, "invariant Patient.extension[0]", "ext-1"},
		{"nested extension", `{"resourceType":"Patient","extension":[{"url":"urn:x","extension":[{"url":"b","valueCode":"c d"},{"url":"b"}]}]}`, "invariant Patient.extension[0].extension[1]", ""},
		{"extension with two values", `{"resourceType":"Patient","extension":[{"url":"urn:x","valueString":"a","valueCode":"b"}]}`, "structure Patient.extension[0].valueCode", "only one of value[x]"},
		{"extension of a primitive", `{"resourceType":"Patient","birthDate":"1970","_birthDate":{"extension":[{"url":"urn:x","valueDateTime":"1970-13"}]}}`, "value Patient.birthDate.extension[0].valueDateTime", ""},
		{"unknown beside a primitive", `{"resourceType":"Patient","birthDate":"1970","_birthDate":{"value":"x"}}`, "structure Patient.birthDate", ""},
		{"not an object beside a primitive", `{"resourceType":"Patient","birthDate":"1970","_birthDate":"x"}`, "structure Patient.birthDate", "a JSON object is expected"},

		{"nulls that line up", `{"resourceType":"Patient","name":[{"given":[null,"B"],"_given":[{` + ext + `},null]}]}`, "", ""},
		{"null without its extension", `{"resourceType":"Patient","name":[{"given":[null,"B"],"_given":[null,{` + ext + `}]}]}`, "value Patient.name[0].given[0]", "a text is expected"},
		{"null and nothing beside", `{"resourceType":"Patient","name":[{"given":["A",null]}]}`, "value Patient.name[0].given[1]", ""},
		{"null and too short beside", `{"resourceType":"Patient","name":[{"given":["A",null],"_given":[{"id":"a"}]}]}`, "value Patient.name[0].given[1]", ""},
		{"beside not an array", `{"resourceType":"Patient","name":[{"given":["A"],"_given":{"id":"a"}}]}`, "structure Patient.name[0].given", "an array is expected"},
		{"beside only nulls", `{"resourceType":"Patient","name":[{"given":["A"],"_given":[null]}]}`, "structure Patient.name[0].given", "never empty"},
		{"beside with a fault", `{"resourceType":"Patient","name":[{"given":["A"],"_given":[{"foo":1}]}]}`, "structure Patient.name[0].given[0]", ""},

		{"contained with a fault", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","identifier":[{"value":"1"}],"nam":"a","id":"o"}],"managingOrganization":{"reference":"#o"}}`, "structure Patient.contained[0]", "nearest one it has is name"},
		{"contained of no type", `{"resourceType":"Patient","contained":[{"id":"a"}],"link":[{"other":{"reference":"#a"},"type":"seealso"}]}`, "structure Patient.contained[0].resourceType", ""},
		{"contained not an object", `{"resourceType":"Patient","contained":["a"]}`, "structure Patient.contained[0]", "a resource"},
		{"contained and not referred to", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"a"}]}`, "invariant Patient.contained[0]", "dom-3"},
		{"contained without an id", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","name":"a"}],"managingOrganization":{"reference":"Organization/1"}}`, "invariant Patient.contained[0]", "dom-3"},
		{"contained that refers back", `{"resourceType":"Patient","contained":[{"resourceType":"Observation","id":"o","status":"final","code":{"text":"a"},"subject":{"reference":"#"}}]}`, "", ""},
		{"contained and referred to by a canonical", `{"resourceType":"Questionnaire","status":"active","contained":[{"resourceType":"ValueSet","id":"v","status":"active"}],"item":[{"linkId":"1","type":"choice","answerValueSet":"#v"}]}`, "", ""},
		{"contained in what is contained", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"a","contained":[{"resourceType":"Organization","id":"p","name":"a"}],"partOf":{"reference":"#p"}}],"managingOrganization":{"reference":"#o"}}`, "invariant Patient.contained[0]; invariant Patient.contained[0].partOf.reference", "dom-2"},
		{"contained with a version", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"a","meta":{"versionId":"1"}}],"managingOrganization":{"reference":"#o"}}`, "invariant Patient.contained[0]", "dom-4"},
		{"contained with a security label", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"a","meta":{"security":[{"code":"R"}]}}],"managingOrganization":{"reference":"#o"}}`, "invariant Patient.contained[0]", "dom-5"},
		{"element with an id alone", `{"resourceType":"Patient","name":[{"id":"a"}]}`, "invariant Patient.name[0]", "ele-1"},
		{"primitive with an id alone", `{"resourceType":"Task","_status":{"id":"a"},"intent":"order"}`, "invariant Task.status", "ele-1"},
		{"item of primitives with an id alone", `{"resourceType":"Patient","name":[{"given":[null,"B"],"_given":[{"id":"a"},{"id":"b"}]}]}`, "invariant Patient.name[0].given[0]", "ele-1"},
		{"primitive with a value and an id", `{"resourceType":"Task","status":"draft","_status":{"id":"a"},"intent":"order"}`, "", ""},
		{"entry of a Bundle", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Task"}}]}`, "required Bundle.entry[0].resource.intent; required Bundle.entry[0].resource.status", ""},

		{"period backwards", `{"resourceType":"Patient","name":[{"text":"a","period":{"start":"2026-03-02","end":"2026-03-01"}}]}`, "invariant Patient.name[0].period", "per-1"},
		{"period of one day", `{"resourceType":"Patient","name":[{"text":"a","period":{"start":"2026-03-02","end":"2026-03-02"}}]}`, "", ""},
		{"period of other precision", `{"resourceType":"Patient","name":[{"text":"a","period":{"start":"2026-03-02","end":"2026-03"}}]}`, "", ""},
		{"period over zones", `{"resourceType":"Patient","name":[{"text":"a","period":{"start":"2026-03-02T10:00:00+01:00","end":"2026-03-02T09:30:00Z"}}]}`, "", ""},
		{"period over zones, backwards", `{"resourceType":"Patient","name":[{"text":"a","period":{"start":"2026-03-02T10:00:00Z","end":"2026-03-02T10:30:00+01:00"}}]}`, "invariant Patient.name[0].period", "per-1"},
		{"attachment of no type", `{"resourceType":"Patient","photo":[{"data":"QUJD"}]}`, "invariant Patient.photo[0]", "att-1"},
		{"consent without a policy", `{"resourceType":"Consent","status":"active","scope":{"text":"a"},"category":[{"text":"a"}]}`, "invariant Consent", "ppc-1"},
		{"organisation that cannot be told", `{"resourceType":"Organization","active":true}`, "invariant Organization", "org-1"},
		{"order detail without a code", `{"resourceType":"ServiceRequest","status":"active","intent":"order","subject":{"reference":"Patient/1"},"orderDetail":[{"text":"a"}]}`, "invariant ServiceRequest", "prr-1"},
		{"value that is absent", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:x","code":"a"}]},"valueInteger":1,"dataAbsentReason":{"text":"a"}}`, "invariant Observation", "obs-6"},
		{"component like the observation", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:x","code":"a"}]},"valueInteger":1,"component":[{"code":{"coding":[{"system":"urn:x","code":"b"},{"code":"a","system":"urn:x"}]}}]}`, "invariant Observation", "obs-7"},
		{"component like the observation, which has no value", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:x","code":"a"}]},"component":[{"code":{"coding":[{"system":"urn:x","code":"a"}]}}]}`, "", ""},
		{"component of its own", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:x","code":"a"}]},"valueInteger":1,"component":[{"code":{"coding":[{"system":"urn:y","code":"a"}]}}]}`, "", ""},
		{"reference range of nothing", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:x","code":"a"}]},"referenceRange":[{"type":{"text":"a"}}]}`, "invariant Observation.referenceRange[0]", "obs-3"},
		{"unit without a system", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:x","code":"a"}]},"valueQuantity":{"value":1,"code":"kg"}}`, "invariant Observation.valueQuantity", "qty-3"},
		{"comparator at a limit", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:x","code":"a"}]},"referenceRange":[{"low":{"value":1,"comparator":"<"}}]}`, "structure Observation.referenceRange[0].low", ""},
		{"half a ratio", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:x","code":"a"}]},"valueRatio":{"numerator":{"value":1}}}`, "invariant Observation.valueRatio", "rat-1"},
		{"changed before it was made", `{"resourceType":"Task","status":"requested","intent":"order","authoredOn":"2026-03-02","lastModified":"2026-03-01"}`, "invariant Task", "inv-1"},
		{"changed when it was made", `{"resourceType":"Task","status":"requested","intent":"order","authoredOn":"2026-03-02T10:00:00Z","lastModified":"2026-03-02"}`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			issues := fhir.Check(parse(t, tt.in))
			if got := strings.Join(report(issues), "; "); got != tt.want {
				t.Fatalf("got  %q\nwant %q", got, tt.want)
			}
			if tt.says != "" && !strings.Contains(issues[0].Text, tt.says) {
				t.Errorf("text %q, want %q in it", issues[0].Text, tt.says)
			}
		})
	}
}

// TestNilAndNull: what is not there is no resource, and no panic.
func TestNilAndNull(t *testing.T) {
	if got := report(fhir.Check(nil)); len(got) != 1 || got[0] != "structure " {
		t.Errorf("nil: %q", got)
	}
	if got := report(fhir.Check(parse(t, "null"))); len(got) != 1 {
		t.Errorf("null: %q", got)
	}
}

// TestPrimitives: good and bad values of each type, at an extension's value[x].
func TestPrimitives(t *testing.T) {
	long := strings.Repeat("a", 64)
	tests := []struct {
		typ       string
		good, bad []string // JSON
	}{
		{"Boolean", []string{`true`, `false`}, []string{`"true"`, `1`, `null`, `{}`}},
		{"Integer", []string{`0`, `-7`, `2147483647`, `-2147483648`}, []string{`2147483648`, `1.0`, `1e3`, `"1"`, `true`}},
		{"PositiveInt", []string{`1`, `2147483647`}, []string{`0`, `-1`, `1.5`, `"1"`}},
		{"UnsignedInt", []string{`0`, `1`}, []string{`-1`, `4294967296`, `"0"`}},
		{"Decimal", []string{`0`, `-1.50`, `1e-7`, `3.14159265358979`}, []string{`"1.5"`, `true`}},
		{"String", []string{`"a"`, `" a "`, `"a\nb"`, `"ł"`}, []string{`""`, `"  "`, `1`, `false`, `"\u0000"`}},
		{"Markdown", []string{`"# a"`}, []string{`""`, `1`}},
		{"Code", []string{`"a"`, `"a b"`, `"a-b_c.d|e"`}, []string{`" a"`, `"a "`, `"a  b"`, `"a\tb"`, `""`, `1`}},
		{"Id", []string{`"a"`, `"A-1.b"`, `"` + long + `"`}, []string{`"a_b"`, `"a b"`, `"{id}"`, `"` + long + `a"`, `"ł"`}},
		{"Uri", []string{`"urn:x:y"`, `"https://a/b?c=d#e"`, `"a/b"`, `"#a"`}, []string{`"a b"`, `" a"`, `"a\n"`, `"http://[::1"`, `"http://a/%zz"`}},
		{"Url", []string{`"https://a/b"`}, []string{`"https://a b"`}},
		{"Canonical", []string{`"http://a/b|1.0"`, `"http://a|1.0"`, `"urn:x|2026"`, `"#a"`}, []string{`"http://a /b"`, `"http://a/b| 1"`}},
		{"Oid", []string{`"urn:oid:1.2.840.113619"`, `"urn:oid:2.16.0"`}, []string{`"1.2.3"`, `"urn:oid:3.1"`, `"urn:oid:1"`, `"urn:oid:1..2"`, `"urn:oid:1.02"`}},
		{"Uuid", []string{`"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"`}, []string{`"c757873d-ec9a-4326-a141-556f43239520"`, `"urn:uuid:c757873d"`, `"urn:uuid:C757873D-EC9A-4326-A141-556F43239520"`}},
		{"Date", []string{`"2026"`, `"2026-03"`, `"2026-03-02"`, `"2024-02-29"`}, []string{`"2026-13"`, `"2026-02-30"`, `"2025-02-29"`, `"26-03-02"`, `"0000"`, `"2026-3-2"`, `"02/03/2026"`, `"2026-03-02T10:00:00Z"`, `"20260302"`, `2026`}},
		{"DateTime", []string{`"2026"`, `"2026-03"`, `"2026-03-02"`, `"2026-03-02T10:00:00Z"`, `"2026-03-02T10:00:00.123+01:00"`, `"2026-03-02T10:00:00-14:00"`},
			[]string{`"2026-03-02T10:00Z"`, `"2026-03-02T10:00:00"`, `"2026-03-02 10:00:00Z"`, `"2026-03-02T24:00:00Z"`, `"2026-03-02T10:00:00+15:00"`, `"2026-03-02T1:00:00.0Z"`, `"2026-03-02T10:00:00,5Z"`, `"2026-02-30T10:00:00Z"`}},
		{"Instant", []string{`"2026-03-02T10:00:00Z"`, `"2026-03-02T10:00:00.1234567+00:00"`}, []string{`"2026-03-02"`, `"2026-03-02T10:00:00"`, `"0000-01-01T00:00:00Z"`}},
		{"Time", []string{`"10:00:00"`, `"23:59:59.999"`}, []string{`"10:00"`, `"24:00:00"`, `"1:00:00.55"`, `"10:00:00Z"`, `"10:00:00,5"`, `"10:00:00."`, `"10:60:00"`}},
		{"Base64Binary", []string{`"QQ=="`, `"QUI="`, `"QUJD"`, `"QUJD\nQUJD"`}, []string{`"QQ"`, `"Q==="`, `"QQ==QQ=="`, `"Q-_="`}},
	}
	for _, tt := range tests {
		for _, list := range []struct {
			values []string
			good   bool
		}{{tt.good, true}, {tt.bad, false}} {
			for _, v := range list.values {
				issues := fhir.Check(parse(t, `{"resourceType":"Basic","code":{"text":"a"},"extension":[{"url":"urn:x","value`+tt.typ+`":`+v+`}]}`))
				if (len(issues) == 0) != list.good {
					t.Errorf("%s %s: issues %v, want good %v", tt.typ, v, issues, list.good)
				}
				for _, is := range issues {
					if want := "Basic.extension[0].value" + tt.typ; is.Expression != want || is.Code != "value" {
						t.Errorf("%s %s: %s at %s, want value at %s", tt.typ, v, is.Code, is.Expression, want)
					}
				}
			}
		}
	}
}

// TestTextLength: a megabyte is the longest string of FHIR.
func TestTextLength(t *testing.T) {
	text := func(n int) string {
		return `{"resourceType":"Patient","name":[{"text":"` + strings.Repeat("a", n) + `"}]}`
	}
	if got := fhir.Check(parse(t, text(1<<20))); len(got) != 0 {
		t.Errorf("a megabyte: %v", got)
	}
	if got := report(fhir.Check(parse(t, text(1<<20+1)))); len(got) != 1 || got[0] != "value Patient.name[0].text" {
		t.Errorf("longer: %v", got)
	}
}

// TestReportEnds: of a resource that is all wrong, a hundred issues are told,
// and the rest costs nothing.
func TestReportEnds(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Patient","name":[`)
	for i := range 50_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"famly":"a","givn":1}`)
	}
	b.WriteString(`]}`)
	v := parse(t, b.String())
	if n := len(fhir.Check(v)); n != 100 {
		t.Errorf("%d issues, want 100", n)
	}
	if allocs := testing.AllocsPerRun(1, func() { fhir.Check(v) }); allocs > 20_000 {
		t.Errorf("%.0f allocations for a hundred issues: the walk goes on when nobody listens", allocs)
	}
}
