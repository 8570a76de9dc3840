package fhir_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// differs names official examples on which Check and google/fhir disagree, and
// why; everything else must agree.
var differs = map[string]string{
	"parameters-example.json": "google/fhir v0.7.4 does not know Parameters.parameter.resource",
}

// TestOfficialExamples: what google/fhir accepts, Check accepts, and the other
// way round, over the official R4 examples.
func TestOfficialExamples(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpus/r4-examples/json/*.json")
	if len(files) == 0 {
		t.Skip("the corpus of official R4 examples is not there")
	}
	for _, file := range files {
		name := filepath.Base(file)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := element.Parse(b, element.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ours := fhir.Check(v)
		theirs, err := fhir.Strict(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if (len(ours) == 0) != (len(theirs) == 0) && differs[name] == "" {
			t.Errorf("%s: ours %v, google/fhir %v", name, ours, theirs)
		}
		if (len(ours) == 0) == (len(theirs) == 0) && differs[name] != "" {
			t.Errorf("%s: is listed as differing and does not", name)
		}
	}
}
