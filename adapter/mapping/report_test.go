package mapping_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mapping"
)

// TestRefusalOfWhatWasReported: a required value that cannot be used is called
// that, with its place, also where a rule before stumbled over the same.
func TestRefusalOfWhatWasReported(t *testing.T) {
	const rules = `resources:
  r:
    resourceType: ServiceRequest
    authoredOn: '<- made | dateTime("d MMM yy", "yy from 2000") | required("a referral says when it was made")'
`
	for _, sent := range []string{"", "sent: '<- made | dateTime(\"d MMM yy\", \"yy from 2000\")'\n"} {
		m := compile(t, strings.Replace(head, "hl7v2", "json", 1)+sent+rules)
		_, err := m.Apply(jsonOf(t, `{"made":"29 Feb 26"}`), mapping.Context{})
		f := fault.Of(err)
		if err == nil || len(f.Issues) != 1 || f.Issues[0].Place != "made" || !strings.Contains(f.Issues[0].Text, "made: a day or a time that does not exist") {
			t.Errorf("%q: %v", sent, err)
		}
	}
}

// TestValuesOfAList: each value of a list in one text is reported by itself,
// once, with its number.
func TestValuesOfAList(t *testing.T) {
	files := files(strings.Replace(head, "hl7v2", "json", 1) + `resources:
  r:
    resourceType: ServiceRequest
    reasonCode:
      $each: needs | split("/")
      coding:
        - system: <- . | system(needs)
          code: <- . | code(needs)
      text: <- . | display(needs)
    category:
      - coding:
          $each: needs | split("/") | code(needs)
          code: <- .
`)
	files["m/vocabulary/needs.json"] = &fstest.MapFile{Data: []byte(`{"resourceType":"ConceptMap","group":[{"target":"urn:x","element":[{"code":"A","target":[{"code":"a"}]}]}]}`)}
	m, err := mapping.Compile(files, "m")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"X/A/Y": "unknown-code at needs (value 1); unknown-code at needs (value 3)",
		"X":     "unknown-code at needs",
		"A/A":   "",
	} {
		r, err := m.Apply(jsonOf(t, `{"needs":"`+text+`"}`), mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Code+" at "+f.Address)
		}
		if all := strings.Join(got, "; "); all != want {
			t.Errorf("%s: %s", text, all)
		}
	}
}
