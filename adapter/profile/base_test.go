package profile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/profile"
)

// TestOfficialExamples holds the official examples of R4 against the official
// definitions of their types, as if these were profiles: with all invariants,
// none breaks them.
func TestOfficialExamples(t *testing.T) {
	files, _ := filepath.Glob(corpus + "r4-definitions/StructureDefinition-*.json")
	if len(files) == 0 {
		t.Skip("the corpus is not there")
	}
	p := &profile.Package{Name: "base"}
	for _, file := range files {
		v := readJSON(t, file)
		v.SetString("derivation", "constraint")
		p.Definitions = append(p.Definitions, v)
	}
	l := profile.NewLibrary(p)
	for _, u := range l.Unusable() {
		t.Errorf("%s: %s", u.Canonical, u.Why)
	}
	examples, _ := filepath.Glob(corpus + "r4-examples/json/*.json")
	held, notes := 0, map[string]int{}
	for _, file := range examples {
		v := readJSON(t, file)
		canonical := "http://hl7.org/fhir/StructureDefinition/" + v.ResourceType()
		if found, _ := l.Profile(canonical); found == nil {
			continue
		}
		held++
		for _, is := range l.Check(t.Context(), v, []string{canonical}, profile.Checking{Base: fhir.Check(v), Extensible: true}) {
			switch {
			case is.Severity == "information":
				notes[is.Text]++
			case is.Severity == "error":
				t.Errorf("%s: %+v", filepath.Base(file), is)
			}
		}
	}
	t.Logf("%d examples", held)
	for text, n := range notes {
		if strings.Contains(text, "the rule") {
			t.Logf("%d times %s", n, text)
		}
	}
	if held < 20 {
		t.Error("that is too few to mean anything")
	}
}

func readJSON(t *testing.T, file string) *element.Value {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := element.Parse(b, element.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}
