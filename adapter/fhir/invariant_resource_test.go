package fhir_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fhir"
)

// TestInvariantsOfResources: what breaks each rule is told at its place, and
// what is like it and right is not.
func TestInvariantsOfResources(t *testing.T) {
	resource := func(typ, rest string) string { return `{"resourceType":"` + typ + `",` + rest + `}` }
	tests := []struct {
		rule, place string
		in, broken  string // the members that keep the rule, and those that break it
		typ, rest   string // what else the resource has
	}{
		{"app-1", "Appointment.participant[0]", `{"type":[{"text":"a"}],"status":"accepted"}`, `{"status":"accepted"}`, "Appointment", `"status":"proposed","participant":[?]`},
		{"app-2", "Appointment", `"start":"2026-03-02T10:00:00Z","end":"2026-03-02T10:30:00Z"`, `"start":"2026-03-02T10:00:00Z"`, "Appointment", `"status":"proposed","participant":[{"actor":{"display":"a"},"status":"accepted"}],?`},
		{"app-3", "Appointment", `"status":"waitlist"`, `"status":"booked"`, "Appointment", `"participant":[{"actor":{"display":"a"},"status":"accepted"}],?`},
		{"app-4", "Appointment", `"status":"cancelled"`, `"status":"proposed"`, "Appointment", `"cancelationReason":{"text":"a"},"participant":[{"actor":{"display":"a"},"status":"accepted"}],?`},

		{"bdl-1", "Bundle", `"type":"searchset"`, `"type":"collection"`, "Bundle", `"total":0,?`},
		{"bdl-2", "Bundle", `"type":"searchset"`, `"type":"collection"`, "Bundle", `"entry":[{"resource":{"resourceType":"Patient"},"search":{"mode":"match"}}],?`},
		{"bdl-3", "Bundle", `"request":{"method":"GET","url":"Task"}`, `"resource":{"resourceType":"Patient"}`, "Bundle", `"type":"batch","entry":[{"request":{"method":"GET","url":"Task"}},{?}]`},
		{"bdl-3", "Bundle", `"resource":{"resourceType":"Patient"}`, `"request":{"method":"GET","url":"Task"}`, "Bundle", `"type":"collection","entry":[{?}]`},
		{"bdl-4", "Bundle", `"response":{"status":"200"}`, `"resource":{"resourceType":"Patient"}`, "Bundle", `"type":"batch-response","entry":[{?}]`},
		{"bdl-5", "Bundle.entry[0]", `"resource":{"resourceType":"Patient"}`, `"fullUrl":"urn:x"`, "Bundle", `"type":"collection","entry":[{?}]`},
		{"bdl-7", "Bundle", `"fullUrl":"urn:x:2"`, `"fullUrl":"urn:x:1"`, "Bundle", `"type":"collection","entry":[{"fullUrl":"urn:x:1","resource":{"resourceType":"Patient"}},{"resource":{"resourceType":"Patient"},?}]`},
		{"bdl-7", "Bundle", `"versionId":"2"`, `"versionId":"1"`, "Bundle", `"type":"collection","entry":[{"fullUrl":"urn:x:1","resource":{"resourceType":"Patient","meta":{"versionId":"1"}}},{"fullUrl":"urn:x:1","resource":{"resourceType":"Patient","meta":{?}}}]`},
		{"bdl-9", "Bundle", `"identifier":{"system":"urn:x","value":"1"}`, `"identifier":{"value":"1"}`, "Bundle", `"type":"document","timestamp":"2026-03-02T10:00:00Z",` + composition + `,?`},
		{"bdl-10", "Bundle", `"timestamp":"2026-03-02T10:00:00Z"`, `"language":"en"`, "Bundle", `"type":"document","identifier":{"system":"urn:x","value":"1"},` + composition + `,?`},
		{"bdl-11", "Bundle", composition, `"entry":[{"resource":{"resourceType":"Patient"}}]`, "Bundle", `"type":"document","timestamp":"2026-03-02T10:00:00Z","identifier":{"system":"urn:x","value":"1"},?`},
		{"bdl-12", "Bundle", `{"resourceType":"MessageHeader","eventUri":"urn:x","source":{"endpoint":"urn:x"}}`, `{"resourceType":"Patient"}`, "Bundle", `"type":"message","entry":[{"resource":?}]`},

		{"cpl-3", "CarePlan.activity[0]", `"detail":{"status":"scheduled"}`, `"detail":{"status":"scheduled"},"reference":{"display":"a"}`, "CarePlan", `"status":"active","intent":"plan","subject":{"display":"a"},"activity":[{?}]`},
		{"ctm-1", "CareTeam.participant[0]", `"member":{"reference":"Practitioner/1"}`, `"member":{"reference":"Patient/1"}`, "CareTeam", `"participant":[{"onBehalfOf":{"display":"a"},?}]`},
		{"ctm-1", "CareTeam.participant[0]", `"member":{"reference":"https://a.example/fhir/Practitioner/1"}`, `"member":{"reference":"PractitionerRole/1"}`, "CareTeam", `"participant":[{"onBehalfOf":{"display":"a"},?}]`},
		{"csd-1", "CodeSystem", `"b"`, `"a"`, "CodeSystem", `"status":"active","content":"complete","concept":[{"code":"a"},{"code":"c","concept":[{"code":?}]}]`},

		{"con-1", "Condition.stage[0]", `"summary":{"text":"a"}`, `"type":{"text":"a"}`, "Condition", `"subject":{"display":"a"},"stage":[{?}]`},
		{"con-2", "Condition.evidence[0]", `"code":[{"text":"a"}]`, `"extension":[{"url":"urn:x","valueCode":"a"}]`, "Condition", `"subject":{"display":"a"},"evidence":[{?}]`},
		{"con-4", "Condition", `"resolved"`, `"active"`, "Condition", `"subject":{"display":"a"},"abatementString":"a","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":?}]}`},
		{"con-4", "Condition", `"recordedDate":"2026"`, `"abatementDateTime":"2026"`, "Condition", `"subject":{"display":"a"},?`},
		{"con-5", "Condition", `"refuted"`, `"entered-in-error"`, "Condition", `"subject":{"display":"a"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":?}]}`},

		{"gol-1", "Goal.target[0]", `"measure":{"text":"a"}`, `"dueDate":"2026"`, "Goal", `"lifecycleStatus":"active","description":{"text":"a"},"subject":{"display":"a"},"target":[{"detailString":"a",?}]`},
		{"grp-1", "Group", `true`, `false`, "Group", `"type":"person","member":[{"entity":{"display":"a"}}],"actual":?`},
		{"lst-1", "List", `"note":[{"text":"a"}]`, `"entry":[{"item":{"display":"a"}}]`, "List", `"status":"current","mode":"working","emptyReason":{"text":"a"},?`},
		{"lst-2", "List", `"changes"`, `"snapshot"`, "List", `"status":"current","entry":[{"item":{"display":"a"},"deleted":true}],"mode":?`},
		{"lst-3", "List", `"working"`, `"snapshot"`, "List", `"status":"current","entry":[{"item":{"display":"a"}},{"item":{"display":"a"},"date":"2026"}],"mode":?`},

		{"que-1", "Questionnaire.item[0]", `"type":"group","item":[{"linkId":"2","type":"string"}]`, `"type":"group"`, "Questionnaire", `"status":"active","item":[{"linkId":"1",?}]`},
		{"que-1", "Questionnaire.item[0]", `"type":"display"`, `"type":"display","item":[{"linkId":"2","type":"string"}]`, "Questionnaire", `"status":"active","item":[{"linkId":"1",?}]`},
		{"que-2", "Questionnaire", `"3"`, `"1"`, "Questionnaire", `"status":"active","item":[{"linkId":"1","type":"string"},{"linkId":"2","type":"group","item":[{"linkId":?,"type":"string"}]}]`},
		{"que-3", "Questionnaire.item[0]", `"type":"string"`, `"type":"display"`, "Questionnaire", `"status":"active","item":[{"linkId":"1","code":[{"code":"a"}],?}]`},
		{"que-4", "Questionnaire.item[0]", `"answerValueSet":"urn:x"`, `"answerValueSet":"urn:x","answerOption":[{"valueString":"a"}]`, "Questionnaire", `"status":"active","item":[{"linkId":"1","type":"choice",?}]`},
		{"que-5", "Questionnaire.item[0]", `"type":"choice"`, `"type":"boolean"`, "Questionnaire", `"status":"active","item":[{"linkId":"1","answerValueSet":"urn:x",?}]`},
		{"que-6", "Questionnaire.item[0]", `"type":"string"`, `"type":"display"`, "Questionnaire", `"status":"active","item":[{"linkId":"1","required":true,?}]`},
		{"que-7", "Questionnaire.item[1].enableWhen[0]", `"answerBoolean":true`, `"answerString":"a"`, "Questionnaire", `"status":"active","item":[{"linkId":"1","type":"string"},{"linkId":"2","type":"string","enableWhen":[{"question":"1","operator":"exists",?}]}]`},
		{"que-8", "Questionnaire.item[0]", `"type":"string"`, `"type":"display"`, "Questionnaire", `"status":"active","item":[{"linkId":"1","initial":[{"valueString":"a"}],?}]`},
		{"que-9", "Questionnaire.item[0]", `"type":"string"`, `"type":"display"`, "Questionnaire", `"status":"active","item":[{"linkId":"1","readOnly":true,?}]`},
		{"que-10", "Questionnaire.item[0]", `"type":"text"`, `"type":"date"`, "Questionnaire", `"status":"active","item":[{"linkId":"1","maxLength":9,?}]`},
		{"que-11", "Questionnaire.item[0]", `"prefix":"a"`, `"initial":[{"valueString":"a"}]`, "Questionnaire", `"status":"active","item":[{"linkId":"1","type":"choice","answerOption":[{"valueString":"a"}],?}]`},
		{"que-12", "Questionnaire.item[1]", `"enableBehavior":"any"`, `"text":"a"`, "Questionnaire", `"status":"active","item":[{"linkId":"1","type":"boolean"},{"linkId":"2","type":"string","enableWhen":[{"question":"1","operator":"exists","answerBoolean":true},{"question":"1","operator":"=","answerBoolean":true}],?}]`},
		{"que-13", "Questionnaire.item[0]", `true`, `false`, "Questionnaire", `"status":"active","item":[{"linkId":"1","type":"string","initial":[{"valueString":"a"},{"valueString":"b"}],"repeats":?}]`},
		{"qrs-1", "QuestionnaireResponse.item[0]", `"text":"a"`, `"answer":[{"valueString":"a"}]`, "QuestionnaireResponse", `"status":"completed","item":[{"linkId":"1","item":[{"linkId":"2"}],?}]`},

		{"vsd-1", "ValueSet.compose.include[0]", `"system":"urn:x"`, `"version":"1"`, "ValueSet", `"status":"active","compose":{"include":[{?}]}`},
		{"vsd-2", "ValueSet.compose.exclude[0]", `"system":"urn:x"`, `"valueSet":["urn:x"]`, "ValueSet", `"status":"active","compose":{"include":[{"system":"urn:x"}],"exclude":[{"concept":[{"code":"a"}],?}]}`},
		{"vsd-3", "ValueSet.compose.include[0]", `"version":"1"`, `"filter":[{"property":"a","op":"=","value":"a"}]`, "ValueSet", `"status":"active","compose":{"include":[{"system":"urn:x","concept":[{"code":"a"}],?}]}`},
		{"vsd-6", "ValueSet.expansion.contains[0]", `"display":"a"`, `"version":"1"`, "ValueSet", `"status":"active","expansion":{"timestamp":"2026","contains":[{"abstract":true,?}]}`},
		{"vsd-9", "ValueSet.expansion.contains[0]", `true`, `false`, "ValueSet", `"status":"active","expansion":{"timestamp":"2026","contains":[{"display":"a","abstract":?}]}`},
		{"vsd-10", "ValueSet.expansion.contains[0]", `"system":"urn:x"`, `"version":"1"`, "ValueSet", `"status":"active","expansion":{"timestamp":"2026","contains":[{"code":"a",?}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			right := resource(tt.typ, strings.Replace(tt.rest, "?", tt.in, 1))
			if issues := fhir.Check(parse(t, right)); len(issues) > 0 {
				t.Errorf("what is right is refused: %v", issues)
			}
			issues := fhir.Check(parse(t, resource(tt.typ, strings.Replace(tt.rest, "?", tt.broken, 1))))
			if len(issues) != 1 || issues[0].Expression != tt.place || issues[0].Code != "invariant" || !strings.HasSuffix(issues[0].Text, "("+tt.rule+")") {
				t.Errorf("got %v, want %s at %s", issues, tt.rule, tt.place)
			}
		})
	}
}

const composition = `"entry":[{"resource":{"resourceType":"Composition","status":"final","type":{"text":"a"},"date":"2026","author":[{"display":"a"}],"title":"a"}}]`
