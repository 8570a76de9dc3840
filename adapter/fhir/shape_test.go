package fhir_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fhir"
)

func TestShape(t *testing.T) {
	for _, tc := range []struct {
		kind, path, want string
	}{
		{"Patient", "name", "list object"},
		{"Patient", "name.given", "list string"},
		{"Patient", "name.family", "string"},
		{"Patient", "active", "boolean"},
		{"Patient", "telecom.rank", "number"},
		{"Patient", "gender", "string female|male|other|unknown"},
		{"Patient", "managingOrganization", "Reference >Organization"},
		{"ServiceRequest", "subject", "Reference >Patient|Group|Location|Device"},
		{"Task", "focus", "Reference"},
		{"Patient", "deceasedBoolean", "boolean"},
		{"Patient", "contained", "unknown"},
		{"Patient", "contained.name", "unknown"},
		{"Patient", "nmae", "unknown"},
		{"Patinet", "name", "unknown"},
		{"Patient", "", "unknown"},
	} {
		list, kind, codes, targets, known := fhir.Schema{}.Shape(tc.kind, tc.path)
		got := kind
		if list {
			got = "list " + got
		}
		if len(codes) > 0 {
			got += " " + strings.Join(codes, "|")
		}
		if len(targets) > 0 {
			got += " >" + strings.Join(targets, "|")
		}
		if !known {
			got = "unknown"
		}
		if got != tc.want {
			t.Errorf("%s.%s: %s, want %s", tc.kind, tc.path, got, tc.want)
		}
	}
}
