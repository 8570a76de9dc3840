package main

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run executes a command line and returns what it printed.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := root()
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func says(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("the output does not say %q:\n%s", w, out)
		}
	}
}

const refused = "MSH|^~\\&|GP|Z00001|B|C|20260101||REF^I12|M-1|P|2.4\rPID|1||9990000379^^^NHS^NH\r"

// TestOperatorsDay: a refused message is listed with its reason, shown,
// explained as far as it goes, and replayed.
func TestOperatorsDay(t *testing.T) {
	a := house(t)
	for _, m := range []string{refused, strings.Replace(refused, "^NH\r", "^NH||Quill^Tobias||19480120|M\r", 1)} {
		res, err := http.Post(a.BaseURL()+"/intake/hl7v2-ref", "x-application/hl7-v2+er7", strings.NewReader(m))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	server := "--server=" + a.BaseURL()
	out, err := run(t, "messages", "list", "--status", "failed", server)
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "M-1", "unmappable", "PID-5")
	id := strings.Fields(strings.Split(out, "\n")[1])[0]
	if out, err = run(t, "messages", "show", id, "--content", server); err != nil {
		t.Fatal(err)
	}
	says(t, out, "failed (unmappable)", "MSA|AE|M-1", "reason")
	if out, err = run(t, "messages", "show", id, "--explain", server); err != nil {
		t.Fatal(err)
	}
	says(t, out, "failed (unmappable)", "Patient.identifier[0].value", "PID-3.1")
	if out, err = run(t, "messages", "replay", id, server); !errors.As(err, &quietError{}) {
		t.Fatalf("the status of a replay that fails: %v", err)
	}
	says(t, out, id+": unmappable")
	if out, err = run(t, "messages", "list", "--status", "accepted", server); err != nil {
		t.Fatal(err)
	}
	accepted := strings.Fields(strings.Split(out, "\n")[1])[0]
	if out, err = run(t, "messages", "show", accepted, "--explain", server); err != nil {
		t.Fatal(err)
	}
	says(t, out, "Patient.name[0].family", "PID-5.1", "<- PID-5.1")
	if out, err = run(t, "deliveries", "list", server); err != nil {
		t.Fatal(err)
	}
	says(t, out, "OWED SINCE")
	if _, err = run(t, "deliveries", "retry", "999", server); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("retry of nothing: %v", err)
	}
	if _, err = run(t, "timeline", "none", server); err == nil || !strings.Contains(err.Error(), "neither the id of a Task") {
		t.Errorf("timeline of nothing: %v", err)
	}
}

func TestServerAway(t *testing.T) {
	_, err := run(t, "messages", "list", "--server=http://127.0.0.1:1")
	if err == nil || !strings.Contains(err.Error(), "linkloop serve") {
		t.Errorf("got %v, want advice to start the server", err)
	}
}

func TestMappingTools(t *testing.T) {
	out, err := run(t, "mapping", "lint")
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "ok    hl7v2-ref", "ok    bars-r4", "ok    generic-json")
	if out, err = run(t, "mapping", "test", "hl7v2-ref"); err != nil {
		t.Fatal(err)
	}
	says(t, out, "0 failed")
	file := filepath.Join(t.TempDir(), "m.hl7")
	if err := os.WriteFile(file, []byte(strings.Replace(refused, "^NH\r", "^NH||Quill^Tobias\r", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = run(t, "mapping", "explain", "hl7v2-ref", file); err != nil {
		t.Fatal(err)
	}
	says(t, out, "Patient.name[0].given[0]", "PID-5.2", "Not used of the message")
}

// TestLintFindsEverything: a broken mapping is reported with its places and
// the nearest valid names, and the command fails.
func TestLintFindsEverything(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
	broken := `mapping: mine
title: Broken
version: 1.0.0
format: hl7v2
accepts: [REF^I12]
resources:
  patient:
    resourceType: Patient
    brithDate: <- PID-7 | dat
    gender: <- PID-8 | code(sx)
    generalPractitioner: [-> practise]
`
	if err := os.WriteFile(filepath.Join(folder, "mine", "mapping.yaml"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "mapping", "lint", "--folder", folder)
	if err == nil {
		t.Error("a broken mapping passes")
	}
	says(t, out, "mine/mapping.yaml:9:", "birthDate", "date", "mapping.yaml:10:", "mapping.yaml:11:")
}

func TestDoctor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	text := "data: {folder: " + t.TempDir() + "}\nhttp: {listen: '127.0.0.1:0'}\nadmin: {listen: '127.0.0.1:0'}\n" +
		"records: [{ods: '*', base_url: 'http://127.0.0.1:1/fhir'}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "doctor", "--config", file)
	if err == nil {
		t.Error("a record that does not answer passes")
	}
	says(t, out, "ok    store", "ok    mapping", "ok    workflow", "ok    outcome codes", "FAIL  record *", "do: check the address")
	if err := os.WriteFile(file, []byte("htpp: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = run(t, "doctor", "--config", file)
	if err == nil {
		t.Error("an unknown key passes")
	}
	says(t, out, "FAIL  configuration", "did you mean http")
}
