package profile_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/conformance"
)

// TestBusinessStatus: codes of our own system are checked, everything else in
// businessStatus is free.
func TestBusinessStatus(t *testing.T) {
	rules, err := profile.LoadRules(conformance.Files, "house-rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const (
		ours = `{"system":"urn:linkloop:codesystem:business-status","code":"contacted"}`
		typo = `{"system":"urn:linkloop:codesystem:business-status","code":"contcated"}`
		none = `{"system":"urn:linkloop:codesystem:business-status","display":"Contacted"}`
		free = `{"system":"urn:example:tool","code":"contcated"}`
	)
	tests := []struct{ name, status, path string }{
		{"a code of the system", `{"coding":[` + ours + `]}`, ""},
		{"an unknown code", `{"coding":[` + typo + `]}`, "Task.businessStatus.coding[0].code"},
		{"the second coding", `{"coding":[` + free + `,` + typo + `]}`, "Task.businessStatus.coding[1].code"},
		{"our system without a code", `{"coding":[` + none + `]}`, "Task.businessStatus.coding[0].code"},
		{"another system", `{"coding":[` + free + `]}`, ""},
		{"words only", `{"text":"contacted"}`, ""},
		{"not a concept at all", `"contacted"`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var found int
			for _, is := range rules.Check(parse(t, `{"resourceType":"Task","businessStatus":`+tt.status+`}`)) {
				if is.Code != "code-invalid" {
					continue
				}
				found++
				if is.Expression != tt.path || !strings.Contains(is.Text, "contact-attempted, contacted, unable-to-contact") || strings.Contains(is.Text, "contcated") {
					t.Errorf("got %+v, want an issue at %q that names the codes of the system and not the one sent", is, tt.path)
				}
			}
			if want := tt.path != ""; found > 1 || (found == 1) != want {
				t.Errorf("%d issues, want one: %v", found, want)
			}
		})
	}
}

// TestRulesThatDoNotLoad: a broken rule file stops the start, not a referral.
func TestRulesThatDoNotLoad(t *testing.T) {
	const rule = "- {type: Task, source: x, codes: {businessStatus: s.json}}"
	tests := []struct{ name, rules, system, says string }{
		{"no code system", rule, "", "s.json"},
		{"not JSON", rule, "{", "s.json"},
		{"not a CodeSystem", rule, `{"resourceType":"ValueSet","url":"u","content":"complete","concept":[{"code":"a"}]}`, "a CodeSystem with"},
		{"fragment", rule, `{"resourceType":"CodeSystem","url":"u","content":"fragment","concept":[{"code":"a"}]}`, "complete"},
		{"no concepts", rule, `{"resourceType":"CodeSystem","url":"u","content":"complete"}`, "concepts"},
		{"unknown key", "- {type: Task, source: x, fixd: {a: b}}", "", "fixd"},
		{"no source", "- {type: Task}", "", "source"},
		{"type twice", "- {type: Task, source: x}\n- {type: Task, source: x}", "", "of its own"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{"r.yaml": {Data: []byte(tt.rules)}}
			if tt.system != "" {
				fsys["s.json"] = &fstest.MapFile{Data: []byte(tt.system)}
			}
			_, err := profile.LoadRules(fsys, "r.yaml")
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want one that says %q", err, tt.says)
			}
		})
	}
	if _, err := profile.LoadRules(fstest.MapFS{}, "r.yaml"); err == nil {
		t.Error("no file: no error")
	}
}
