package outcome_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/outcome"
)

// TestShippedList: the list in the box loads, holds the two national codes as
// what they are, and keeps back what is off.
func TestShippedList(t *testing.T) {
	l := shipped(t)
	referral, ok := l.Find("871731000000106")
	if !ok || referral.Kind != outcome.Procedure || referral.Once != "episode" || len(referral.Automatic) != 1 {
		t.Errorf("the referral code: %+v", referral)
	}
	declined, ok := l.Find("871711000000103")
	if !ok || declined.Kind != outcome.Situation || len(declined.Automatic) != 0 {
		t.Errorf("the declined code: %+v", declined)
	}
	for _, code := range []string{"", "22298006", "871691000000100", "871731000000106 "} {
		if _, ok := l.Find(code); ok {
			t.Errorf("%q may leave", code)
		}
	}
}

// TestListProblems: a list with any broken code is refused as a whole.
func TestListProblems(t *testing.T) {
	const head = "list: x\nversion: 1.0.0\ncodes:\n"
	code := func(fields string) string {
		return head + "  - {code: '390893007', display: d, source: s, " + fields + "}\n"
	}
	for name, c := range map[string]struct{ yaml, want string }{
		"good":                 {code("kind: procedure"), ""},
		"empty":                {"", "EOF"},
		"no codes":             {"list: x\nversion: '1'\n", "list, version and codes are needed"},
		"no version":           {strings.Replace(code("kind: procedure"), "version: 1.0.0\n", "", 1), "list, version and codes are needed"},
		"not YAML":             {"a: [", "yaml"},
		"unknown key":          {code("kind: procedure, automatc: [completed]"), "automatc"},
		"unknown key at top":   {code("kind: procedure") + "extra: 1\n", "extra"},
		"key twice":            {code("kind: procedure, kind: measure"), "already defined"},
		"second document":      {code("kind: procedure") + "---\nlist: y\n", "one document"},
		"check digit":          {strings.Replace(code("kind: procedure"), "390893007", "390893008", 1), "line 4: codes[0] 390893008: the SNOMED CT id"},
		"a description id":     {strings.Replace(code("kind: procedure"), "390893007", "1484876013", 1), "the SNOMED CT id"},
		"spreadsheet":          {strings.Replace(code("kind: procedure"), "390893007", "871731000000100", 1), "the SNOMED CT id"},
		"twice":                {code("kind: procedure") + "  - {code: '390893007', display: d, source: s, kind: procedure}\n", "line 5: codes[1] 390893007: stands twice"},
		"no display":           {strings.Replace(code("kind: procedure"), "display: d, ", "", 1), "display and source"},
		"no source":            {strings.Replace(code("kind: procedure"), "source: s, ", "", 1), "display and source"},
		"no kind":              {code("off: false"), "kind is"},
		"unknown kind":         {code("kind: finding"), "kind is"},
		"range of a procedure": {code("kind: procedure, minimum: 1"), "only a measure"},
		"measure, no range":    {code("kind: measure"), "minimum below"},
		"measure, no maximum":  {code("kind: measure, minimum: 1"), "minimum below"},
		"range upside down":    {code("kind: measure, minimum: 7, maximum: 1"), "minimum below"},
		"range of one":         {code("kind: measure, minimum: 7, maximum: 7"), "minimum below"},
		"range of no number":   {code("kind: measure, minimum: .nan, maximum: 7"), "minimum below"},
		"automatic measure":    {code("kind: measure, minimum: 1, maximum: 7, automatic: [completed]"), "neither automatic nor once"},
		"once is":              {code("kind: procedure, once: day"), "once is"},
		"automatic typo":       {code("kind: procedure, automatic: [complete]"), "automatic names a state"},
		"automatic mistake":    {code("kind: procedure, automatic: [entered-in-error]"), "automatic names a state"},
		"declined by itself":   {strings.Replace(code("kind: situation, automatic: [rejected]"), "390893007", "871711000000103", 1), "never automatic"},
		"declined, done":       {strings.Replace(code("kind: procedure"), "390893007", "871711000000103", 1), "declined is a situation"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := outcome.LoadList(fstest.MapFS{"codes.yaml": {Data: []byte(c.yaml)}}, "codes.yaml")
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if err != nil && l != nil {
				t.Error("a list comes with the error")
			}
		})
	}
	_, err := outcome.LoadList(fstest.MapFS{}, "codes.yaml")
	if err == nil {
		t.Error("a list from nowhere")
	}
	_, err = outcome.LoadList(fstest.MapFS{"c": {Data: []byte(head + "  - {code: '1', kind: measure, once: day}\n")}}, "c")
	if err == nil || strings.Count(err.Error(), "codes[0]") != 5 {
		t.Errorf("not every problem at once: %v", err)
	}
}
