package outcome_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outcome"
)

// TestReachable: every entry of a document is reached from its Composition by
// the references of what is reached, or, as the Provenance, refers to it.
// https://hl7.org/fhir/R4/documents.html#content
func TestReachable(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no goldens")
	}
	looked := 0
	for _, file := range files {
		owed, err := shipped(t).Build(golden(t, strings.TrimSuffix(filepath.Base(file), ".txtar")))
		if err != nil || owed.Bundle == nil {
			continue // refused, or nothing is owed
		}
		document, err := outcome.Document(owed.Bundle)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		looked++
		at := map[string]*element.Value{}
		for _, e := range document.List("entry") {
			at[e.Str("fullUrl")] = e.Get("resource")
		}
		reached := map[string]bool{}
		var follow func(url string)
		follow = func(url string) {
			if at[url] == nil || reached[url] {
				return
			}
			reached[url] = true
			for other := range at {
				if strings.Contains(string(at[url].JSON()), `"reference":"`+other+`"`) {
					follow(other)
				}
			}
		}
		first := document.List("entry")[0]
		if first.Get("resource").ResourceType() != "Composition" {
			t.Errorf("%s: the first entry is no Composition", file)
		}
		follow(first.Str("fullUrl"))
		for url, r := range at {
			if !reached[url] && r.ResourceType() != "Provenance" {
				t.Errorf("%s: the %s is not reached from the Composition", file, r.ResourceType())
			}
		}
	}
	if looked < 5 {
		t.Errorf("%d documents were looked at", looked)
	}
}
