package fhir_test

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// TestOperationOutcomes: every kind of fault, with and without reasons, is a
// valid OperationOutcome to both checkers.
func TestOperationOutcomes(t *testing.T) {
	issues := map[string][]fault.Issue{
		"none":       nil,
		"empty":      {{}},
		"text":       {{Text: "a"}},
		"everything": {{Severity: "warning", Code: "snomed-truncated", Place: "PID-3[1].1", Expression: "Patient.identifier[0].value", Text: "a"}},
		"two":        {{Code: "required", Expression: "Task.status", Text: "is required"}, {Code: "value", Text: "b"}},
		"odd words":  {{Severity: "bad", Code: "no such code"}},
	}
	for _, kind := range fault.Kinds() {
		for name, list := range issues {
			v := fhir.OperationOutcome(kind, list)
			if got := fhir.Check(v); len(got) > 0 {
				t.Errorf("%s, %s: %v", kind, name, got)
			}
			if got, err := fhir.Strict(v.JSON()); err != nil || len(got) > 0 {
				t.Errorf("%s, %s: google/fhir: %v %v", kind, name, got, err)
			}
			if n := len(v.List("issue")); n != max(1, len(list)) {
				t.Errorf("%s, %s: %d issues", kind, name, n)
			}
		}
	}
}

// TestOperationOutcomeWords: who says what.
func TestOperationOutcomeWords(t *testing.T) {
	tests := []struct {
		name  string
		kind  fault.Kind
		issue fault.Issue
		want  string
	}{
		{"the kind gives code and severity", fault.Malformed, fault.Issue{Text: "a"},
			`{"severity":"error","code":"structure","diagnostics":"a"}`},
		{"a kind that is no failure informs", fault.Duplicate, fault.Issue{Text: "a"},
			`{"severity":"information","code":"` + fault.Duplicate.Row().Issue + `","diagnostics":"a"}`},
		{"the issue gives a code of FHIR", fault.Profile, fault.Issue{Code: "required", Expression: "Task.status", Text: "is required"},
			`{"severity":"error","code":"required","diagnostics":"is required","expression":["Task.status"]}`},
		{"a finer code goes to details", fault.Profile, fault.Issue{Severity: "warning", Code: "snomed-truncated", Text: "a"},
			`{"severity":"warning","code":"invariant","diagnostics":"a","details":{"text":"snomed-truncated"}}`},
		{"a source address goes to diagnostics", fault.Unmappable, fault.Issue{Place: "PID-5", Text: "is required"},
			`{"severity":"error","code":"code-invalid","diagnostics":"PID-5: is required"}`},
		{"no text is the text of the kind", fault.NotFound, fault.Issue{},
			`{"severity":"error","code":"not-found","diagnostics":"not found"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fhir.OperationOutcome(tt.kind, []fault.Issue{tt.issue}).List("issue")[0]
			if !element.Equal(got, parse(t, tt.want)) {
				t.Errorf("got  %s\nwant %s", got.JSON(), tt.want)
			}
		})
	}
}

// TestSchema: names that writers of mappings and definitions use.
func TestSchema(t *testing.T) {
	tests := []struct {
		typ, path string
		known     bool
		nearest   string
	}{
		{"Patient", "name.family", true, ""},
		{"Patient", "name.famly", false, "family"},
		{"Patient", "_birthDate.extension.valueCode", true, ""},
		{"Patient", "contained.anything", true, ""},
		{"Patient", "resourceType", true, ""},
		{"Patient", "", true, ""},
		{"Pateint", "name", false, "Patient"},
		{"Task", "input.valueReference.reference", true, ""},
		{"Task", "input.value", false, ""},
		{"Task", "status.extension.url", true, ""},
		{"Task", "status.code", false, ""},
		{"ServiceRequest", "occurrencePeriod.start", true, ""},
	}
	for _, tt := range tests {
		known, nearest := fhir.Schema{}.Element(tt.typ, tt.path)
		if known != tt.known || tt.nearest != "" && nearest != tt.nearest {
			t.Errorf("%s %s: %v, nearest %q; want %v, %q", tt.typ, tt.path, known, nearest, tt.known, tt.nearest)
		}
	}
	if !fhir.Known("Task") || fhir.Known("Tasks") || fhir.Known("") {
		t.Error("Known: Task is a type of R4, Tasks is not")
	}
}

// TestStrict: what is no JSON is a fault, what is no FHIR is issues, and the
// depth is bounded before google/fhir sees it.
func TestStrict(t *testing.T) {
	if _, err := fhir.Strict([]byte(`{"resourceType":`)); fault.KindOf(err) != fault.Malformed {
		t.Errorf("broken JSON: %v", err)
	}
	deep := []byte(`{"resourceType":"Patient","extension":`)
	for range 60 {
		deep = append(deep, `[{"extension":`...)
	}
	if _, err := fhir.Strict(append(deep, '1')); fault.KindOf(err) != fault.Malformed {
		t.Errorf("deep JSON: %v", err)
	}
	issues, err := fhir.Strict([]byte(`{"resourceType":"Patient","gender":"man"}`))
	if err != nil || len(issues) != 1 || issues[0].Expression != "Patient.gender" || issues[0].Text == "" {
		t.Errorf("bad code: %v %v", issues, err)
	}
	if issues, err := fhir.Strict([]byte(`[]`)); err != nil || len(issues) == 0 {
		t.Errorf("no object: %v %v", issues, err)
	}
}
