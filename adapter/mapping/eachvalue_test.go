package mapping_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
)

func jsonOf(t *testing.T, body string) *message.Tree {
	t.Helper()
	m, err := jsondoc.New().Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Tree
}

// TestEachOfValues: an element for each value that functions make of places;
// the dot and the name of $as stand for it, in rules, conditions and
// expressions, and its origin is the place.
func TestEachOfValues(t *testing.T) {
	const rules = `resources:
  p:
    resourceType: Patient
    telecom:
      $each: contacts | phones
      $as: number
      $unless: <- . | contactSystem | only("fax")
      system: phone
      value: <- . | phone
      use: <- number | contactUse
      extension:
        - url: urn:x
          valueString: '= "n" + src(".") + number'
    name:
      - given:
          $each: names | split(";")
          $value: <- . | upper
`
	m := compile(t, strings.Replace(head, "hl7v2", "json", 1)+rules)
	tr := jsonOf(t, `{"contacts":["home 01632 960123, mob 07700 900123","fax 01632 960124","+33 1 99 00 12 34"],"names":"ivy;rose"}`)
	r, err := m.Apply(tr, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Patient","telecom":[` +
		`{"system":"phone","value":"01632960123","use":"home","extension":[{"url":"urn:x","valueString":"nhome 01632 960123home 01632 960123"}]},` +
		`{"system":"phone","value":"07700900123","use":"mobile","extension":[{"url":"urn:x","valueString":"nmobile 07700 900123mobile 07700 900123"}]},` +
		`{"system":"phone","value":"+33199001234","extension":[{"url":"urn:x","valueString":"n+33 1 99 00 12 34+33 1 99 00 12 34"}]}],` +
		`"name":[{"given":["IVY","ROSE"]}]}`
	if got := string(r.Get("p").Root.JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(r.Findings) > 0 {
		t.Errorf("%v", r.Findings)
	}
	for _, s := range m.Explain(tr, r) {
		if s.FHIRPath == "Patient.telecom[1].value" && s.SourceAddress != "contacts[0]" {
			t.Errorf("%+v", s)
		}
	}
	if left := m.Unmapped(tr, r); len(left) > 0 {
		t.Errorf("unmapped %v", left)
	}
}

// TestEachOfValuesMistakes: what cannot be meant is said where it stands.
func TestEachOfValuesMistakes(t *testing.T) {
	for rules, want := range map[string]string{
		"telecom:\n      $each: ZZZ-1 | phones\n      value: <- .1\n":                                    "mapping.yaml:11:17: this $each goes through texts",
		"telecom:\n      $each: ZZZ-1 | phonse\n      value: <- .\n":                                     "mapping.yaml:10:22: unknown function \"phonse\"",
		"telecom:\n      $each: ZZZ-1 | required(\"x\")\n      value: <- .\n":                            "copy and required do not stand in $each",
		"$each: ZZZ-1 | phones\n    name: [{text: <- .}]\n":                                              "a resource is made for each place",
		"telecom:\n      $each: ZZZ-1 | phones\n      extension:\n        $each: .\n        url: <- .\n": "",
	} {
		_, err := mapping.Compile(files(head+"resources:\n  p:\n    resourceType: RelatedPerson\n    "+rules), "m")
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "nothing to repeat") {
				t.Errorf("%s: %v", rules, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", rules, err, want)
		}
	}
}

// TestWordsLeft: what stands beside telephone numbers is reported, unless a rule
// takes it.
func TestWordsLeft(t *testing.T) {
	const telecom = "resources:\n  p:\n    resourceType: Patient\n    telecom:\n      $each: contact | phones\n      value: <- . | phone\n"
	for rules, want := range map[string]string{
		telecom: "words-left contact Patient.telecom[]",
		telecom + "    name: [{text: <- contact | phones(rest)}]\n":   "",
		telecom + "    name: [{text: <- elsewhere | phones(rest)}]\n": "words-left contact Patient.telecom[]",
	} {
		m := compile(t, strings.Replace(head, "hl7v2", "json", 1)+strings.Replace(rules, "<- contact | phones(rest)", "'<- contact | phones(rest) | join(\" \")'", 1))
		r, err := m.Apply(jsonOf(t, `{"contact":"07700 900123 after 6"}`), mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range r.Findings {
			got += f.Code + " " + f.Address + " " + strings.Replace(f.Path, "[0]", "[]", 1)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", rules, got, want)
		}
	}
}

// TestMarkupLeft: a character reference that is left in a text is reported with
// its place; in a narrative it belongs.
func TestMarkupLeft(t *testing.T) {
	m := compile(t, strings.Replace(head, "hl7v2", "json", 1)+"resources:\n  p:\n    resourceType: Patient\n    text: {status: additional, div: <- story}\n    name:\n      - text: <- name\n        family: <- name | html\n        given: '= [src(\"other\") + \".\"]'\n")
	r, err := m.Apply(jsonOf(t, `{"story":"<div>a &amp; b</div>","name":"M&uuml;ller","other":"&nbsp;"}`), mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Code+" "+f.Address+" "+f.Path)
	}
	if all := strings.Join(got, "; "); all != "markup-left name Patient.name[0].text; markup-left other Patient.name[0].given" {
		t.Error(all)
	}
	if n := r.Get("p").Root.TextAt("name.family"); n != "Müller" {
		t.Error(n)
	}
}
