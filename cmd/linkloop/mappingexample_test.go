package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMappingExample: one row of a file and one element of a document become
// examples that pass and name nobody, in places too that only the mapping knows
// for what they are.
func TestMappingExample(t *testing.T) {
	folder := t.TempDir()
	head := "title: t\nversion: '1'\naccepts: ['*']\n"
	for name, text := range map[string]string{
		"rows":  "format: csv\ncsv: {separator: semicolon}\nresources:\n  p:\n    resourceType: Patient\n    name: [{family: <- W1}]\n    birthDate: <- W2 | date(\"dd/MM/yyyy\")\n",
		"batch": "format: xml\nxml: {each: B.R}\nresources:\n  p:\n    resourceType: Patient\n    name: [{family: <- B.R.W1 | required(\"a surname is needed\")}]\n",
	} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name, "mapping.yaml"), []byte("mapping: "+name+"\n"+head+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ body, in, came string }{
		"rows":  {"W1;W2;W3\nMarsh;14/02/1950;x\nQuill;03/07/1951;y\n", "W1;W2;W3\nTestperson;14/06/1970;y\n", `"birthDate": "1970-06-14"`},
		"batch": {"<B><R><W1>Marsh</W1></R><R><W1>Qu&#105;ll</W1></R></B>", "<B><R><W1>Testperson</W1></R></B>", `"family": "Testperson"`},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "June 2026.dat")
			if err := os.WriteFile(file, []byte(c.body), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"mapping", "example", name, file, "--folder", folder, "--message", "2"}
			out, err := run(t, args...)
			if err != nil {
				t.Fatal(err)
			}
			says(t, out, "june-2026-2.txtar")
			text, err := os.ReadFile(filepath.Join(folder, name, "examples", "june-2026-2.txtar"))
			if err != nil {
				t.Fatal(err)
			}
			says(t, string(text), c.in, c.came)
			for _, mark := range []string{"Marsh", "Quill", "Qu&", "1951"} {
				if strings.Contains(string(text), mark) {
					t.Errorf("the example holds %s", mark)
				}
			}
			if out, err = run(t, "mapping", "test", name, "--folder", folder); err == nil && !strings.Contains(out, "0 failed") {
				t.Error(out)
			}
			for flag, want := range map[string]string{"--message=2": "exists already", "--message=3": "from 1 to 2", "--as=../x": "no name of an example"} {
				if _, err := run(t, append(args, flag)...); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", flag, err)
				}
			}
		})
	}
}

// TestMappingTestOfRefusal: a message that is refused says so first, and shows no
// resources as missing.
func TestMappingTestOfRefusal(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"mapping.yaml": "mapping: m\ntitle: t\nversion: '1'\nformat: json\naccepts: ['*']\nresources:\n  p:\n    resourceType: Patient\n    name: [{family: <- sn | required(\"a surname is needed\")}]\n    birthDate: <- dob\n" +
			"  r:\n    resourceType: ServiceRequest\n    status: active\n    intent: order\n    code: {text: x}\n    subject: -> p\n    authoredOn: '2026-03-02'\n    requester: {display: GP}\n" +
			"  t:\n    resourceType: Task\n    status: requested\n    intent: order\n    code: {coding: [{system: 'http://hl7.org/fhir/CodeSystem/task-code', code: fulfill}]}\n" +
			"    focus: -> r\n    for: -> p\n    authoredOn: '2026-03-02'\n    requester: {display: GP}\n",
		"examples/a.txtar":     "Differs.\n-- in.json --\n{\"sn\":\"x\"}\n-- want.json --\n{\"resources\": {}}\n",
		"examples/b.txtar":     "Refused.\n-- in.json --\n{}\n-- want.json --\n{\"resources\": {\"p\": {\"resourceType\": \"Patient\"}}}\n",
		"examples/wrong.txtar": "Would be refused.\n-- in.json --\n{\"sn\":\"x\",\"dob\":\"3 May\"}\n-- want.json --\n{\"resources\": {}}\n",
	} {
		path := filepath.Join(folder, "m", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := run(t, "mapping", "test", "m", "--folder", folder)
	if err == nil {
		t.Error("it passed")
	}
	first, rest, _ := strings.Cut(out, "Differs.")
	says(t, first, "the message is refused:\n", "a surname is needed", "a message like this would be refused:\n", "Patient.birthDate")
	if strings.Contains(first, "resourceType") || strings.Contains(first, "WANTED") || !strings.Contains(rest, "WANTED") {
		t.Error(out)
	}
}
