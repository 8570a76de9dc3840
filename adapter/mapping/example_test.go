package mapping_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
)

func decodeHL7(_ string, body []byte) (*message.Tree, string, error) {
	m, err := hl7v2.New().Decode(body)
	if err != nil {
		return nil, "", err
	}
	return m.Tree, m.Type, nil
}

const msh = "MSH|^~\\&|A|B|C|D|20260101||REF^I12|1|P|2.5\n"

func TestExampleOutcomes(t *testing.T) {
	fsys := files(head + "resources: {p: {resourceType: Patient, gender: '<- PID-8 | required(\"the sex is needed\")'}}")
	m, err := mapping.Compile(fsys, "m")
	if err != nil {
		t.Fatal(err)
	}
	good := "Says so.\n-- in.hl7 --\n" + msh + "PID|1|||||||F\n-- want.json --\n{\n  \"resources\": {\n    \"p\": {\"resourceType\": \"Patient\", \"gender\": \"F\"}\n  }\n}\n"
	for name, tc := range map[string]struct{ text, diff string }{
		"good":       {good, ""},
		"different":  {strings.Replace(good, `"F"}`, `"M"}`, 1), "-     \"p\": {\"resourceType\": \"Patient\", \"gender\": \"M\"}\n+     \"p\": {\"resourceType\": \"Patient\", \"gender\": \"F\"}"},
		"refused":    {strings.Replace(good, "|F\n", "|\n", 1), "+ unmappable: PID-8: the sex is needed"},
		"no want":    {good[:strings.Index(good, "-- want")], "+   \"resources\": {"},
		"wrong type": {strings.Replace(good, "REF^I12", "ADT^A01", 1), "+ unsupported: the mapping m takes REF^I12"},
		"no message": {strings.Replace(good, "MSH", "XXX", 1), "+ malformed:"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys["m/examples/one.txtar"] = &fstest.MapFile{Data: []byte(tc.text)}
			examples, err := mapping.Examples(fsys, "m")
			if err != nil {
				t.Fatal(err)
			}
			o := m.Test(examples, decodeHL7)[0]
			if (tc.diff == "") != o.Passed() || !strings.Contains(o.Diff, tc.diff) {
				t.Errorf("diff:\n%s\nwant ...%s...", o.Diff, tc.diff)
			}
			fsys["m/examples/one.txtar"] = &fstest.MapFile{Data: o.Updated}
			if examples, err = mapping.Examples(fsys, "m"); err != nil {
				t.Fatal(err)
			}
			if again := m.Test(examples, decodeHL7)[0]; !again.Passed() || string(again.Updated) != string(o.Updated) {
				t.Errorf("the updated example does not pass:\n%s", again.Diff)
			}
		})
	}
}

func TestExampleProblems(t *testing.T) {
	for text, want := range map[string]string{
		"just words":                           "one section in.<format>",
		"-- in.hl7 --\nx\n-- in.json --\ny\n":  "one section in.<format>",
		"-- in.hl7 --\nx\n-- wants.json --\n":  "unknown section wants.json",
		"-- in.hl7 --\nx\n-- want.jsonx --\n{": "unknown section want.jsonx",
	} {
		fsys := fstest.MapFS{"m/examples/bad.txtar": {Data: []byte(text)}}
		_, err := mapping.Examples(fsys, "m")
		var ps mapping.Problems
		if !errors.As(err, &ps) || len(ps) != 1 || ps[0].File != "examples/bad.txtar" || !strings.Contains(ps[0].Text, want) {
			t.Errorf("%q: got %v, want ...%s...", text, err, want)
		}
	}
	if ex, err := mapping.Examples(fstest.MapFS{}, "m"); err != nil || len(ex) != 0 {
		t.Errorf("no examples: %v, %v", ex, err)
	}
}

func TestWriteOutcomes(t *testing.T) {
	var out strings.Builder
	err := mapping.WriteOutcomes(&out, []mapping.Outcome{
		{Example: mapping.Example{Name: "one", Says: "What it shows."}},
		{Example: mapping.Example{Name: "two", Says: "Another."}, Diff: "- a\n+ b\n"},
		{Example: mapping.Example{Name: "three", Says: "Refused."}, Diff: "- {}\n+ no\n", Refused: "no surname\nno number"},
		{Example: mapping.Example{Name: "four", Says: "Misfit."}, Diff: "- {}\n+ {1}\n", Misfits: []string{"Patient.name: none"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `ok      one                       What it shows.
FAILED  two                       Another.
        lines with - were wanted, lines with + came out
        - a
        + b
FAILED  three                     Refused.
        the message is refused:
        no surname
        no number
FAILED  four                      Misfit.
        a message like this would be refused:
        Patient.name: none
4 examples, 3 failed
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// TestCorpus maps the published REF samples: US content of version 2.8, which
// the generic UK mapping must take without losing the person or the reason.
func TestCorpus(t *testing.T) {
	body, err := os.ReadFile("../../../shared/corpus/hl7v2/ms-REF-I12-01.hl7")
	if err != nil {
		t.Skipf("the test corpus is not here: %v", err)
	}
	m, _ := shipped(t, "minimal")
	msg, err := hl7v2.New().Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	if !m.Accepts(msg.Type) {
		t.Fatalf("%s is not accepted", msg.Type)
	}
	r, err := m.Apply(msg.Tree, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"patient:name.family":                     "EVERYMAN",
		"patient:birthDate":                       "1961-06-15",
		"patient:gender":                          "male",
		"practitioner:name.family":                "POWELL",
		"practice:name":                           "GOOD HEALTH HOSPITAL",
		"provider:name":                           "RADIANT HEALTH HOSPITAL",
		"request:identifier.value":                "226839",
		"request:reasonCode.text":                 "Ulcer of Intestine",
		"request:reasonCode.coding.system":        "http://hl7.org/fhir/sid/icd-10",
		"request:priority":                        "routine",
		"request:authoredOn":                      "2022-01-25",
		"task:restriction.period.end":             "2022-02-10",
		"task:owner.reference":                    mapping.ReferencePrefix + "provider",
		"practitionerRole:telecom.value":          "(626)555-1234",
		"request:requester.reference":             mapping.ReferencePrefix + "practitionerRole",
		"practitionerRole:organization.reference": mapping.ReferencePrefix + "practice",
	} {
		key, path, _ := strings.Cut(path, ":")
		if got := r.Get(key).Root.TextAt(path); got != want {
			t.Errorf("%s %s = %q, want %q", key, path, got, want)
		}
	}
	if len(r.Get("request").Root.List("reasonCode")) != 1 {
		t.Error("an administrative reason of table 0336 became a need")
	}
	other, err := os.ReadFile("../../../shared/corpus/hl7v2/ms-REF-I14-01.hl7")
	if err != nil {
		t.Fatal(err)
	}
	if msg, err = hl7v2.New().Decode(other); err != nil {
		t.Fatal(err)
	}
	if r, err = m.Apply(msg.Tree, mapping.Context{}); err != nil || r.Intention == "" || r.Intention == "new" {
		t.Errorf("a cancellation (REF^I14) is taken for a referral: %q, %v", r.Intention, err)
	}
}

// TestNothingOfThePatientInErrors maps messages full of a canary and looks for
// it in everything that may reach a log.
func TestNothingOfThePatientInErrors(t *testing.T) {
	const canary = "Zebedee"
	m := compile(t, head+`resources:
  p:
    resourceType: Patient
    a: <- PID-5 | date
    b: <- PID-5 | number
    c: <- PID-5 | code(sex)
    d: <- PID-5 | ods
    e: '= {"a": "b"}[src("PID-5")]'
    f: '= string(int(src("PID-5")))'
    g: <- PID-5 | boolean
    h: <- PID-5 | date | required("a date")
`)
	msg := decode(t, "PID|1||||"+canary+"^"+canary)
	_, err := m.Apply(msg, mapping.Context{})
	if err == nil || fault.KindOf(err) != fault.Unmappable || strings.Contains(err.Error(), canary) {
		t.Errorf("error: %v", err)
	}
	text := strings.ReplaceAll(string(m.Source()), ` | required("a date")`, "")
	if m, err = mapping.CompileArchive([]byte(text)); err != nil {
		t.Fatal(err)
	}
	r, err := m.Apply(msg, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := mapping.WriteFindings(&table, r.Findings); err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) < 5 || strings.Contains(table.String(), canary) {
		t.Errorf("%d findings:\n%s", len(r.Findings), table.String())
	}
}

// TestRefusalWithoutLines: an example of a refusal survives a line that is put
// in above the rule, and is written without line and column.
func TestRefusalWithoutLines(t *testing.T) {
	files := fstest.MapFS{"m/examples/a.txtar": {Data: []byte("A.\n-- in.json --\n{}\n-- want.err --\n" +
		"unmappable: gender: why (m/mapping.yaml:99:7)\n")}}
	examples, err := mapping.Examples(files, "m")
	if err != nil {
		t.Fatal(err)
	}
	m := compile(t, jsonHead+"resources:\n  p: {resourceType: Patient, gender: '<- gender | required(\"why\")'}\n")
	o := m.Test(examples, func(_ string, body []byte) (*message.Tree, string, error) {
		msg, err := jsondoc.New().Decode(body)
		return msg.Tree, msg.Type, err
	})
	if !o[0].Passed() || !strings.Contains(string(o[0].Updated), "(m/mapping.yaml)\n") {
		t.Errorf("%s\n%s", o[0].Diff, o[0].Updated)
	}
}
