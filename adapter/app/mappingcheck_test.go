package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/app"
)

// TestExampleThatIntakeRefuses: a result that intake would refuse fails the
// test of its mapping, and is never written down as wanted.
func TestExampleThatIntakeRefuses(t *testing.T) {
	const mapping = `mapping: lists
title: t
version: '1'
format: json
accepts: ['*']
resources:
  patient:
    resourceType: Patient
    birthDate: <- born
    communication: [{preferred: true, $when: <- speaks}]
`
	const example = "Made up.\n-- in.json --\n{\"born\": \"14/02/1970\", \"speaks\": \"x\"}\n-- want.json --\n{}\n"
	dir := t.TempDir()
	at := filepath.Join(dir, "lists", "examples", "one.txtar")
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{filepath.Join(dir, "lists", "mapping.yaml"): mapping, at: example} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	tested, err := app.TestWithCoverage(os.DirFS(dir), "lists", filepath.Join(dir, "lists"), &out)
	if err == nil || tested.Failing != 1 || !strings.Contains(tested.String(), "not updated: what came out of 1 of 1 examples would be refused") {
		t.Errorf("it passed: %s\n%s", tested, out.String())
	}
	for _, want := range []string{"Patient.birthDate: ", "from born (lists/mapping.yaml:9)", "Patient.communication[0].language: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if strings.Contains(strings.Join(strings.Split(out.String(), "would be refused")[1:], ""), "14/02") {
		t.Errorf("the reason repeats a value:\n%s", out.String())
	}
	if got, err := os.ReadFile(at); err != nil || string(got) != example {
		t.Errorf("the example was written, %v", err)
	}
}
