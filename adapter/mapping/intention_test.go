package mapping_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
)

var known = mapping.WithIntentions([]string{"new", "modify"}, []string{"cancel"})

const intentTable = `{"resourceType":"ConceptMap","group":[{"element":[
{"code":"I12","target":[{"code":"new"}]},{"code":"I13","target":[{"code":"modify"}]},{"code":"I14","target":[{"code":"WORD"}]}]}]}`

const person = "resources:\n  p:\n    resourceType: Patient\n    gender: <- PID-8 | required(\"who\")\n"

func intending(t *testing.T, rules, word string) (*mapping.Mapping, error) {
	t.Helper()
	fsys := files(head + rules + person)
	f := *fsys["m/vocabulary/sex.json"]
	f.Data = []byte(strings.Replace(intentTable, "WORD", word, 1))
	fsys["m/vocabulary/intent.json"] = &f
	return mapping.Compile(fsys, "m", known)
}

// TestUnknownIntentions: a word that the domain does not know is found before
// any message comes.
func TestUnknownIntentions(t *testing.T) {
	for _, tc := range []struct{ name, rules, word, want string }{
		{"fixed", "intention: chancel\n", "cancel", `mapping.yaml:6:12: "chancel" is no intention; there are new, modify, cancel (did you mean cancel?)`},
		{"table", "intention: <- MSH-9.2 | code(intent)\n", "cancle", `vocabulary/intent.json: "cancle" is no intention`},
		{"no translation", "intention: <- MSH-9.2 | code(intent)\n", `"}, {"equivalence": "unmatched`, `"I14" has no translation`},
		{"default", "intention: <- MSH-9.2 | code(intent) | default(nwe)\n", "cancel", `"nwe" is no intention`},
		{"constant", "constants:\n  what: modfy\nintention: = what\n", "cancel", `"modfy" is no intention`},
		{"list", "intention: <- each MSH-9.2\n", "cancel", "one text, not a list"},
		{"object", "intention:\n  a: b\n", "cancel", "intention is one rule"},
		{"sent list", "sent: <- each MSH-7\n", "cancel", "sent is one text"},
		{"default before the table", "intention: <- MSH-9.2 | default(I12) | code(intent)\n", "cancel", ""},
		{"the sender's own word", "intention: <- MSH-9.2\n", "cancel", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := intending(t, tc.rules, tc.word)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%v, want a problem with %q", err, tc.want)
			}
		})
	}
}

func decoded(t *testing.T, body string) *message.Tree {
	t.Helper()
	msg, err := hl7v2.New().Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return msg.Tree
}

// TestIntention: what is wanted comes out beside the resources, and only a
// message that needs no more than a number may go without required values.
func TestIntention(t *testing.T) {
	m, err := intending(t, "intention: <- MSH-9.2 | code(intent)\nsent: <- MSH-7 | dateTime\n", "cancel")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ event, sex, want, fault string }{
		{"I12", "F", "new", ""},
		{"I13", "F", "modify", ""},
		{"I13", "", "", "required"},
		{"I14", "", "cancel", ""},
		{"I99", "F", "", "wants something that this mapping does not know"},
		{"", "F", "", ""},
	} {
		in := decoded(t, "MSH|^~\\&|A|B|C|D|20260302091500+0000||REF^"+tc.event+"|1|P|2.5\rPID||||||||"+tc.sex+"\r")
		res, err := m.Apply(in, mapping.Context{})
		if tc.fault != "" {
			var f *fault.Fault
			if !errors.As(err, &f) || f.Kind != fault.Unmappable || f.Issues[0].Code != tc.fault && !strings.Contains(f.Error(), tc.fault) {
				t.Errorf("%s: %v, want %q", tc.event, err, tc.fault)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.event, err)
			continue
		}
		if res.Intention != tc.want || res.Sent != "2026-03-02T09:15:00+00:00" {
			t.Errorf("%s: intention %q, sent %q; want %q", tc.event, res.Intention, res.Sent, tc.want)
		}
		if (len(res.Missing) > 0) != (tc.sex == "") {
			t.Errorf("%s: missing %v", tc.event, res.Missing)
		}
		missing := slices.ContainsFunc(res.Findings, func(f mapping.Finding) bool {
			return f.Code == "intention-missing" && f.Address == "MSH-9.2 (nothing there)" && f.Rule == "m/mapping.yaml:6:12"
		})
		if missing != (tc.event == "") || !missing && len(res.Findings) > 0 {
			t.Errorf("%s: findings %+v", tc.event, res.Findings)
		}
		if unmapped := m.Unmapped(in, res); slices.Contains(unmapped, "MSH-7") || slices.ContainsFunc(unmapped, func(s string) bool { return tc.event != "" && s == "MSH-9.2" }) {
			t.Errorf("%s: what says the intention counts as not used: %v", tc.event, unmapped)
		}
	}
}

// TestNoIntention: what a message without one means is said by the rule.
func TestNoIntention(t *testing.T) {
	for _, tc := range []struct{ rule, event, want, finding, refused string }{
		{"<- MSH-9.2 | code(intent)", "", "", "intention-missing", ""},
		{"<- MSH-9.2 | code(intent) | default(new)", "", "new", "", ""},
		{"<- MSH-9.2 | code(intent) | default(new)", "I14", "cancel", "", ""},
		{"<- MSH-9.2 | code(intent) | default(new)", "I99", "", "", "wants something that this mapping does not know"},
		{"<- MSH-9.2 | default(I12) | code(intent)", "", "new", "", ""},
		{`<- MSH-9.2 | code(intent) | required("say what you want")`, "", "", "", "say what you want"},
		{`'= src("MSH-9.2") == "I14" ? "cancel" : ""'`, "I12", "", "intention-missing", ""},
		{`'= src("MSH-9.2") == "I14" ? "cancel" : "new"'`, "I12", "new", "", ""},
	} {
		m, err := intending(t, "intention: "+tc.rule+"\n", "cancel")
		if err != nil {
			t.Fatal(err)
		}
		res, err := m.Apply(decoded(t, "MSH|^~\\&|A|B|C|D|20260302091500+0000||REF^"+tc.event+"|1|P|2.5\rPID||||||||F\r"), mapping.Context{})
		if tc.refused != "" {
			if err == nil || !strings.Contains(err.Error(), tc.refused) {
				t.Errorf("%s of %q: %v", tc.rule, tc.event, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s of %q: %v", tc.rule, tc.event, err)
			continue
		}
		found := ""
		for _, f := range res.Findings {
			found += f.Code
		}
		if res.Intention != tc.want || found != tc.finding {
			t.Errorf("%s of %q: intention %q, findings %+v", tc.rule, tc.event, res.Intention, res.Findings)
		}
	}
}
