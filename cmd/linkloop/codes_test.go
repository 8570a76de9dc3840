package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/mappings"
)

// TestHazardWrongCodeApprove plays the whole story of a changed list: two
// people make keys, one approves and it is not enough, the second approves, the
// list is used; a change makes both approvals void.
func TestHazardWrongCodeApprove(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	keep := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := run(t, args...)
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return out
	}
	shipped, err := mappings.Files.ReadFile("outcome/codes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	keep("codes.yaml", strings.Replace(string(shipped), "version: ", "version: 9.", 1))
	public := regexp.MustCompile(`key: (\S+)`)
	var keys []string
	for _, name := range []string{"ada", "ben", "eve"} {
		keys = append(keys, public.FindStringSubmatch(must("codes", "key", at(name+".pem")))[1])
	}
	if info, err := os.Stat(at("ada.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := run(t, "codes", "key", at("ada.pem")); err == nil {
		t.Error("a private key was overwritten")
	}
	keep("config.yaml", fmt.Sprintf("workflow:\n  codes: %s\n  approvers:\n    - {name: ada, key: %s}\n    - {name: ben, key: %s}\n", at("codes.yaml"), keys[0], keys[1]))
	conf := []string{"--config", at("config.yaml")}
	verify := func() (string, error) { return run(t, append([]string{"codes", "verify"}, conf...)...) }
	approve := func(name, key string) (string, error) {
		return run(t, append([]string{"codes", "approve", "--name", name, "--key", at(key)}, conf...)...)
	}
	if _, err := verify(); err == nil || !strings.Contains(err.Error(), "not approved") {
		t.Errorf("before: %v", err)
	}
	out, err := approve("ada", "ada.pem")
	if err != nil {
		t.Fatal(err)
	}
	today := time.Now().UTC().Format("02-Jan-2006")
	says(t, out, "Approved by ada on "+today, " UTC; 1 of 2 approvals", "sha256 ")
	if _, err := verify(); err == nil || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("after one: %v", err)
	}
	for name, c := range map[string]struct{ by, key, want string }{
		"ada again":            {"ada", "ada.pem", "another person's"},
		"ada as ben":           {"ben", "ada.pem", "none of workflow.approvers"},
		"eve as ben":           {"ben", "eve.pem", "none of workflow.approvers"},
		"eve":                  {"eve", "eve.pem", "none of workflow.approvers"},
		"a key that is none":   {"ben", "codes.yaml", "private key"},
		"a key not there":      {"ben", "zoe.pem", "no such file"},
		"nobody in particular": {"", "ben.pem", "--name"},
	} {
		if _, err := approve(c.by, c.key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if out, err = approve("ben", "ben.pem"); err != nil {
		t.Fatal(err)
	}
	says(t, out, "Approved by ada on "+today, " and ben on "+today)
	if out, err = verify(); err != nil {
		t.Fatal(err)
	}
	says(t, out, "Approved by ada on "+today, " and ben on "+today, "version 9.", "measures/swemwbs.yaml")
	says(t, must(append([]string{"codes", "list"}, conf...)...), "Approved by ada on "+today, "975131000000104")
	keep("codes.yaml", strings.Replace(string(shipped), "version: ", "version: 10.", 1))
	if _, err := verify(); err == nil || !strings.Contains(err.Error(), "codes.yaml differs") {
		t.Errorf("changed: %v", err)
	}
	says(t, must(append([]string{"codes", "list"}, conf...)...), "NOT APPROVED: ", "codes.yaml differs", "975131000000104")
	if out, err = approve("ben", "ben.pem"); err != nil {
		t.Fatal(err)
	}
	says(t, out, "is replaced", "Approved by ben on "+today, "; 1 of 2")
}

// TestCodesList: the shipped rules, as a table and as a ValueSet that is FHIR
// and without what is off.
func TestCodesList(t *testing.T) {
	out, err := run(t, "codes", "list")
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "871731000000106", "once in an episode", "871691000000100", "off: does not leave", "7 to 35", "sha256")
	if out, err = run(t, "codes", "list", "--output", "valueset"); err != nil {
		t.Fatal(err)
	}
	v, err := element.Parse([]byte(out), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, is := range fhir.Check(v) {
		t.Errorf("%s: %s", is.Expression, is.Text)
	}
	if strings.Contains(out, "871691000000100") || !strings.Contains(out, "975131000000104") {
		t.Errorf("%s", out)
	}
	if _, err := run(t, "codes", "list", "--output", "pdf"); err == nil {
		t.Error("any output")
	}
	if out, err = run(t, "codes", "verify"); err != nil {
		t.Fatal(err)
	}
	says(t, out, "part of the program")
	if _, err := run(t, "codes", "approve", "--name", "ada", "--key", "x"); err == nil || !strings.Contains(err.Error(), "no approval") {
		t.Errorf("%v", err)
	}
}

func TestMeasures(t *testing.T) {
	out, err := run(t, "measures", "list")
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "718466001", "goal-based-outcomes", "none: told in the letter only")
	file := filepath.Join(t.TempDir(), "q.json")
	check := func(q map[string]any) (string, error) {
		t.Helper()
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return run(t, "measures", "check", file)
	}
	item := func(id string) map[string]any { return map[string]any{"linkId": id, "type": "choice", "text": "ours"} }
	q := map[string]any{"resourceType": "Questionnaire", "status": "active", "url": "urn:linkloop:questionnaire:ucla-3", "item": []any{item("1"), item("2"), item("3")}}
	if out, err = check(q); err != nil {
		t.Fatal(err)
	}
	says(t, out, "ucla-3 1.0.0 scores it")
	q["item"] = []any{item("1"), item("2")}
	if out, err = check(q); err == nil {
		t.Error("an item is missing and nothing is said")
	}
	says(t, out, "no item has the linkId 3")
	q["url"] = "urn:other"
	if _, err = check(q); err == nil || !strings.Contains(err.Error(), "no measure scores") {
		t.Errorf("%v", err)
	}
}
