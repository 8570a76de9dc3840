package mapping_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
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

// TestOneFindingOfOnePlace: rules that stumble over one value, by the place or
// by the part of it that holds the value, make one finding, and so does a rule
// that stumbles twice over something that is of no place.
func TestOneFindingOfOnePlace(t *testing.T) {
	for _, c := range []struct{ format, rules, body, want string }{
		{"json", "value: <- tel | phone\nuse: <- tel | phone | contactUse", `{"tel":"next door"}`, "tel"},
		{"json", "$each: tel\nvalue: <- . | phone\nuse: <- .number | phone", `{"tel":[{"number":"next door"}]}`, "tel[0]"},
		{"hl7v2", "$each: PID-13\nvalue: <- .1 | phone\nuse: <- . | phone", "PID|||||||||||||next door^PRN", "PID-13.1"},
		{"json", "value: = phone(\"x\") + phone(\"y\") + src(\"tel\")\nuse: <- tel", `{"tel":"1"}`, ""},
		{"json", "value: <- a | phone\nuse: <- b | phone", `{"a":"next door","b":"next door"}`, "a, b"},
		{"json", `value: '<- tel | split(",") | phone | join(" ")'`, `{"tel":"next,door"}`, "tel (value 1), tel (value 2)"},
	} {
		m := compile(t, strings.Replace(head, "hl7v2", c.format, 1)+"resources:\n  p:\n    resourceType: Patient\n    telecom:\n"+indent(indent(c.rules)))
		tree := jsonOrHL7(t, c.format, c.body)
		r, err := m.Apply(tree, mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Address)
		}
		if len(got) == 0 || strings.Join(got, ", ") != c.want {
			t.Errorf("%s of %s: %+v, want %q", c.rules, c.body, r.Findings, c.want)
		}
	}
}

func jsonOrHL7(t *testing.T, format, body string) *message.Tree {
	if format == "json" {
		return jsonOf(t, body)
	}
	return decode(t, body)
}
