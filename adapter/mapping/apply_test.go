package mapping_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
)

// tree builds an HL7 v2 message with one value in each of the fields.
func tree(fields map[string]string) *message.Tree {
	t := message.NewTree(32, nil)
	segments := map[string]message.Node{}
	for path, v := range fields {
		name, number, _ := strings.Cut(path, "-")
		if !segments[name].Ok() {
			segments[name] = t.Add(t.Root(), name, message.Object, "")
		}
		t.Add(t.Add(segments[name], number, message.List, ""), "", message.Text, v)
	}
	return t
}

// decode reads HL7 v2 segments, a header put in front.
func decode(t testing.TB, segments string) *message.Tree {
	t.Helper()
	m, err := hl7v2.New().Decode([]byte("MSH|^~\\&|A|B|C|D|20260101||REF^I12|1|P|2.5\r" + strings.ReplaceAll(segments, "\n", "\r")))
	if err != nil {
		t.Fatal(err)
	}
	return m.Tree
}

// one maps segments with a resource made of the body and returns it as JSON,
// without resourceType, and the codes of the findings.
func one(t testing.TB, body, segments string) (string, []string) {
	t.Helper()
	m := compile(t, head+"constants: {ns: 'urn:x'}\nlet:\n  who: <- NK1-2 or PID-5\n  loud: <- PID-5.1 | upper\nresources:\n  p:\n    resourceType: Patient\n"+indent(body))
	r, err := m.Apply(decode(t, segments), mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, f := range r.Findings {
		codes = append(codes, f.Code)
	}
	res := r.Get("p")
	if res.Root == nil {
		return "", codes
	}
	res.Root.Remove("resourceType")
	return string(res.Root.JSON()), codes
}

func indent(body string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimPrefix(body, "\n")) {
		b.WriteString("    " + line)
	}
	return b.String() + "\n"
}

func TestValues(t *testing.T) {
	const pid = "PID|1||A^^^^MR~9^^^^NH||Smith^Ann^^^Dr||19700614|F|||1 High St^Flat 2||01^PRN^PH~02^^XX|||||||||||||||||Y\nNTE|1||one~two\nNTE|2||three"
	for _, tc := range []struct{ name, body, want, finding string }{
		{"path", "a: <- PID-5.1", `{"a":"Smith"}`, ""},
		{"or", "a: <- PID-5.9 or PID-5.2", `{"a":"Ann"}`, ""},
		{"and", "a: <- PID-11.1 and PID-11.9 and PID-11.2", `{"a":["1 High St","Flat 2"]}`, ""},
		{"and join", `a: <- PID-5.5 and PID-5.1 | join(" ")`, `{"a":"Dr Smith"}`, ""},
		{"each", "a: <- each NTE-3", `{"a":["one","two","three"]}`, ""},
		{"each join", `a: <- each NTE-3 | join("\n")`, `{"a":"one\ntwo\nthree"}`, ""},
		{"each in array", "a: [<- PID-5, <- each NTE-3]", `{"a":["Smith","one","two","three"]}`, ""},
		{"let", "a: <- who-1\nb: <- who.2\nc: <- loud", `{"a":"Smith","b":"Ann","c":"SMITH"}`, ""},
		{"constant", "a: = ns\nb: <- PID-5", `{"a":"urn:x","b":"Smith"}`, ""},
		{"boolean", "a: true\nb: 'true'\nc: 007\nd: <- PID-5", `{"a":true,"b":"true","c":"007","d":"Smith"}`, ""},
		{"escape", "a: $$<- x\nb: <- PID-5", `{"a":"<- x","b":"Smith"}`, ""},
		{"quoted", "a: '<- PID-5'\nb: \"= 1 + 1\"", `{"a":"Smith","b":2}`, ""},
		{"date", "a: <- PID-7 | date", `{"a":"1970-06-14"}`, ""},
		{"bad date", "a: <- PID-8 | date\nb: <- PID-5", `{"b":"Smith"}`, "not-a-date"},
		{"code", "a: <- PID-8 | code(sex)\nb: <- PID-8 | display(sex)\nc: <- PID-8 | system(sex)",
			`{"a":"female","b":"Female","c":"http://hl7.org/fhir/administrative-gender"}`, ""},
		{"unknown code", "a: <- PID-5 | code(sex)\nb: <- PID-5 | display(sex)\nc: <- PID-5", `{"c":"Smith"}`, "unknown-code"},
		{"no translation", "a: <- PID-40 | default(Q) | code(sex)\nb: <- PID-40 | default(Q) | system(sex)\nc: <- PID-5", `{"c":"Smith"}`, ""},
		{"fixed", "a: <- PID-5 | code(fixed)", `{"a":"other"}`, ""},
		{"provided", "a: <- PID-5 | code(provided)", `{"a":"Smith"}`, ""},
		{"no code from nothing", "a: <- PID-40 | code(fixed)\nb: <- PID-5", `{"b":"Smith"}`, ""},
		{"boolean function", "a: <- PID-30 | boolean", `{"a":true}`, ""},
		{"not boolean", "a: <- PID-5 | boolean\nb: <- PID-5", `{"b":"Smith"}`, "not-a-boolean"},
		{"number", "a: <- PID-13.1 | number\nb: <- PID-1 | number", `{"b":1}`, "not-a-number"},
		{"part", `a: <- PID-11 | part(" ", 2)`, `{"a":"High"}`, ""},
		{"split", `a: <- PID-11 | split(" ")`, `{"a":["1","High","St"]}`, ""},
		{"replace", `a: <- PID-11 | replace(" ", "_") | lower`, `{"a":"1_high_st"}`, ""},
		{"default", "a: <- PID-40 | default(x)\nb: <- PID-5", `{"a":"x","b":"Smith"}`, ""},
		{"default is no evidence", "a: <- PID-40 | default(x)", "", ""},
		{"first", "a: {$first: [<- PID-40, <- PID-5, <- PID-8]}", `{"a":"Smith"}`, ""},
		{"each object", "a: {$each: PID-3, v: <- .1, s: x}", `{"a":[{"v":"A","s":"x"},{"v":"9","s":"x"}]}`, ""},
		{"each as", "a: {$each: PID-3, $as: id, v: <- id.1, n: {$each: NTE, w: <- .3 and id.5}}",
			`{"a":[{"v":"A","n":[{"w":["one","MR"]},{"w":["three","MR"]}]},{"v":"9","n":[{"w":["one","NH"]},{"w":["three","NH"]}]}]}`, ""},
		{"each value", "a: {$each: PID-3, $value: <- .5}", `{"a":["MR","NH"]}`, ""},
		{"each when", "a: {$each: PID-3, $when: '= src(\".5\") == \"NH\"', v: <- .1}", `{"a":[{"v":"9"}]}`, ""},
		{"needs", "a: {$each: PID-13, $needs: s, s: <- .2, v: <- .1}", `{"a":[{"s":"PRN","v":"01"}]}`, ""},
		{"when", "a: {$when: <- PID-5, x: y}\nb: {$unless: <- PID-5, x: y}\nc: {$when: <- PID-40, x: y}", `{"a":{"x":"y"}}`, ""},
		{"expression", `a: '= src("PID-5.2") + " " + src("PID-5.1")'`, `{"a":"Ann Smith"}`, ""},
		{"expression list", `a: '= all("NTE-3").map(x, upper(x))'`, `{"a":["ONE","TWO","THREE"]}`, ""},
		{"expression functions", `a: '= has("PID-5") ? code("sex", src("PID-8")) + date(src("PID-7")) : loud'`, `{"a":"female1970-06-14"}`, ""},
		{"expression tables", `a: '= display("sex", src("PID-8")) + " in " + system("sex", src("PID-8"))'`, `{"a":"Female in http://hl7.org/fhir/administrative-gender"}`, ""},
		{"expression unknown code", "a: '= display(\"sex\", src(\"PID-5\")) + code(\"sex\", src(\"PID-5\"))'\nb: <- PID-5", `{"b":"Smith"}`, "unknown-code"},
		{"expression fails", "a: '= all(\"PID-40\")[3]'\nb: <- PID-5", `{"b":"Smith"}`, "expression-failed"},
		{"expression too costly", "a: '= all(\"NTE-3\").map(a, [1,2,3,4,5,6,7,8,9].map(b, [1,2,3,4,5,6,7,8,9].map(c, [1,2,3,4,5,6,7,8,9].map(d, [1,2,3,4,5,6,7,8,9].map(e, [1,2,3,4,5,6,7,8,9].map(f, src(\"PID-5\"))))))).size() > 0'\nb: <- PID-5",
			`{"b":"Smith"}`, "expression-failed"},
		{"null", "a: <- PID-6\nb: <- PID-5", `{"b":"Smith"}`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, findings := one(t, tc.body, pid)
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if f := strings.Join(findings, ","); f != tc.finding {
				t.Errorf("findings %q, want %q", f, tc.finding)
			}
		})
	}
}

// TestOmission is the one rule of what is left out.
func TestOmission(t *testing.T) {
	for _, tc := range []struct{ name, body, want string }{
		{"constants alone stay", "a: {x: y}", `{"a":{"x":"y"}}`},
		{"an identifier without a number goes", "a: [{system: s, value: <- PID-3}]\nb: <- PID-5", `{"b":"Smith"}`},
		{"constants below do not hold it", "a: {value: <- PID-3, c: {x: y}}\nb: <- PID-5", `{"b":"Smith"}`},
		{"a value below does", "a: {c: {x: <- PID-5, s: t}, s: t}", `{"a":{"c":{"x":"Smith","s":"t"},"s":"t"}}`},
		{"one of two is enough", "a: {x: <- PID-3, y: <- PID-5, s: t}", `{"a":{"y":"Smith","s":"t"}}`},
		{"no repetition", "a: {s: t, l: {$each: PID-3, x: y}}\nb: <- PID-5", `{"b":"Smith"}`},
		{"constants in a repetition stay", "a: {$each: NTE, x: y}", `{"a":[{"x":"y"}]}`},
		{"empty array", "a: [<- PID-3]\nb: <- PID-5", `{"b":"Smith"}`},
		{"empty object", "a: {b: {c: <- PID-3}}\nd: <- PID-5", `{"d":"Smith"}`},
		{"an expression of constants is none", "a: {system: '= ns + \"/x\"', value: <- PID-3}\nb: <- PID-5", `{"b":"Smith"}`},
		{"an expression without values is none", "a: {x: '= src(\"PID-3\") + \": \"', s: t}\nb: <- PID-5", `{"b":"Smith"}`},
		{"blank is empty", "a: <- PID-2\nb: <- PID-5", `{"b":"Smith"}`},
		{"the resource too", "a: x\nb: <- PID-3", ``},
		{"what points to what is contained stays", "contained: [{resourceType: Basic, id: c, x: <- PID-5}]\na: [{reference: '#c'}]", `{"contained":[{"resourceType":"Basic","id":"c","x":"Smith"}],"a":[{"reference":"#c"}]}`},
		{"what points to what was not", "contained: [{resourceType: Basic, id: c, x: <- PID-3}]\na: [{reference: '#c'}]\nb: <- PID-5", `{"b":"Smith"}`},
		{"and says more", "contained: [{resourceType: Basic, id: c, x: <- PID-3}]\na: [{reference: '#c', display: <- PID-5}, {reference: '#'}]", `{"a":[{"display":"Smith"},{"reference":"#"}]}`},
		{"or comes from the message", "contained: [{resourceType: Basic, id: c, x: <- PID-3}]\na: [{reference: <- PID-6}]", `{"a":[{"reference":"#c"}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, _ := one(t, tc.body, "PID|1|  |||Smith|#c\nNTE|1"); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestReferences(t *testing.T) {
	m := compile(t, head+`resources:
  p: {resourceType: Patient, active: <- PID-1}
  o: {resourceType: Organization, name: <- PRD-10}
  r: {resourceType: PractitionerRole, organization: -> o}
  t: {resourceType: Task, for: -> p, owner: -> r or p, requester: [-> o], x: {$when: -> o, y: z}, w: {$unless: -> o, y: z}}
`)
	r, err := m.Apply(decode(t, "PID|1"), mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Get("r").Root != nil || r.Get("o").Root != nil {
		t.Error("a resource without any value of the message was made")
	}
	want := `{"resourceType":"Task","for":{"reference":"#key:p"},"owner":{"reference":"#key:p"},"w":{"y":"z"}}`
	if got := string(r.Get("t").Root.JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !strings.HasPrefix(r.Get("t").Root.At("for").Str("reference"), mapping.ReferencePrefix) {
		t.Error("the reference does not start with ReferencePrefix")
	}
}

func TestRequired(t *testing.T) {
	m := compile(t, head+`let: {name: <- PID-5.1 or PID-9}
resources:
  p:
    resourceType: Patient
    gender: <- PID-8 | required("the sex is needed")
    birthDate: <- PID-7 | date | required("the birthday is needed")
    name: [{family: <- name | required("a name is needed")}]
    given: <- each PID-6 | required("more")
  t: {resourceType: Task, for: -> p | required("somebody")}
`)
	_, err := m.Apply(decode(t, "PID|1||||||19990231"), mapping.Context{})
	var f *fault.Fault
	if !errors.As(err, &f) || f.Kind != fault.Unmappable {
		t.Fatalf("error %v, want unmappable", err)
	}
	want := []string{
		"PID-8|Patient.gender|the sex is needed (m/mapping.yaml:10:13)",
		"PID-7|Patient.birthDate|the birthday is needed: a day or a time that does not exist, or a year before 1800 or after 2199 (m/mapping.yaml:11:16)",
		"PID-5.1|Patient.name[0].family|a name is needed (m/mapping.yaml:12:21)",
		"PID-6|Patient.given|more (m/mapping.yaml:13:12)",
		"|Task.for|somebody (m/mapping.yaml:14:32)",
	}
	var got []string
	for _, is := range f.Issues {
		got = append(got, is.Place+"|"+is.Expression+"|"+is.Text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(err.Error(), "1999") {
		t.Error("the error quotes the message")
	}
}

func TestFindingPath(t *testing.T) {
	m := compile(t, head+"resources:\n  p:\n    resourceType: Patient\n    a: [{b: x}, {$each: PID-3, c: [<- .1, <- .2 | date]}]\n")
	msg := decode(t, "PID|1||A~B^never")
	r, err := m.Apply(msg, mapping.Context{})
	if err != nil || len(r.Findings) != 1 {
		t.Fatalf("%d findings, %v", len(r.Findings), err)
	}
	if at := msg.Node(r.Findings[0].Node - 1); at.Value() != "never" {
		t.Errorf("the finding is of %s", at.Address())
	}
	want := mapping.Finding{Node: r.Findings[0].Node, Code: "not-a-date", Address: "PID-3[2].2", Rule: "m/mapping.yaml:9:43",
		Path: "Patient.a[2].c[1]", Text: "not a date as HL7 v2 or ISO 8601 write one"}
	if len(r.Findings) != 1 || r.Findings[0] != want {
		t.Errorf("got  %+v\nwant %+v", r.Findings, want)
	}
}

func TestConstantsOfTheSender(t *testing.T) {
	m := compile(t, head+"constants: {ns: 'urn:default'}\nresources: {p: {resourceType: Patient, s: = ns, e: '= ns + \"/\"', v: <- PID-1}}")
	msg := decode(t, "PID|1")
	for override, want := range map[string]string{"": "urn:default", "urn:own": "urn:own"} {
		r, err := m.Apply(msg, mapping.Context{Constants: map[string]string{"ns": override}})
		if err != nil {
			t.Fatal(err)
		}
		if p := r.Get("p").Root; p.Str("s") != want || p.Str("e") != want+"/" {
			t.Errorf("override %q gave %s", override, p.JSON())
		}
	}
}

func TestBounds(t *testing.T) {
	many := strings.Repeat("\nNTE|1||x", 2100)
	for name, body := range map[string]string{
		"each":     "a: {$each: NTE, b: <- .3}",
		"values":   "a: <- each NTE-3",
		"growing":  `c: <- each PID-3 | replace("x", "y,y,y,y,y,y") | split(",")`,
		"nested":   "a: {$each: 'NTE[where 3 = y]', b: {$each: NTE, c: <- .3}}",
		"emptied":  "a: {$each: 'NTE[where 3 = y]', b: {$each: PID-3, c: {$each: PID-3, d: <- .9, e: {f: g, h: i}}}}",
		"one kind": "a: {$each: PID-3, b: {$each: PID-3, c: x}}",
	} {
		t.Run(name, func(t *testing.T) {
			m := compile(t, head+"resources:\n  p:\n    resourceType: Patient\n"+indent(body))
			msg := decode(t, "PID|1||"+strings.Repeat("x~", 400)+"x"+many+strings.Repeat("\nNTE|1||y", 30))
			_, err := m.Apply(msg, mapping.Context{})
			if fault.KindOf(err) != fault.TooLarge || err == nil {
				t.Errorf("got %v, want too-large", err)
			}
		})
	}
}

func TestExplainAndUnmapped(t *testing.T) {
	m := compile(t, head+"resources:\n  p:\n    resourceType: Patient\n    use: official\n    a:\n      - b: <- PID-3[2].1\n    c: '= src(\"PID-5.2\") + \"!\"'\n")
	msg := decode(t, "PID|1||A~B^^^X||Smith^Ann")
	r, err := m.Apply(msg, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range m.Explain(msg, r) {
		got = append(got, fmt.Sprintf("%s=%s %s=%s %s %s:%d", s.FHIRPath, s.Value, s.SourceAddress, s.SourceValue, s.Rule, s.File, s.Line))
	}
	want := []string{
		"Patient.resourceType=Patient = Patient m/mapping.yaml:8",
		"Patient.use=official = official m/mapping.yaml:9",
		"Patient.a[0].b=B PID-3[2].1=B <- PID-3[2].1 m/mapping.yaml:11",
		`Patient.c=Ann! PID-5.2=Ann = src("PID-5.2") + "!" m/mapping.yaml:12`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	unmapped := m.Unmapped(msg, r)
	for address, want := range map[string]bool{"PID-3[1]": true, "PID-3[2].4": true, "PID-5.1": true, "PID-3[2].1": false, "PID-5.2": false} {
		if slices.Contains(unmapped, address) != want {
			t.Errorf("Unmapped has %s: %t, want %t (%v)", address, !want, want, unmapped)
		}
	}
	var table strings.Builder
	if err := mapping.WriteExplanation(&table, m.Explain(msg, r)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "Patient.a[0].b        B         PID-3[2].1     <- PID-3[2].1") {
		t.Errorf("table:\n%s", table.String())
	}
}

// TestCopy takes structures of a FHIR message as they are.
func TestCopy(t *testing.T) {
	yaml := strings.Replace(head, "hl7v2", "fhirmsg", 1) + `resources:
  p:
    resourceType: Patient
    name: <- copy Patient.name
    one: <- copy Patient.period
    list: [{x: y}, <- copy Patient.name]
    none: <- copy Patient.photo
    owner: <- copy Task.for.resolve().period
    n: <- Patient.rank
    s: <- Patient.rank | text
    each: {$each: Patient.name, family: <- .family, given: <- each .given}
`
	msg := message.NewTree(32, nil)
	p := msg.Add(msg.Root(), "Patient", message.Object, "")
	names := msg.Add(p, "name", message.List, "")
	n := msg.Add(names, "", message.Object, "")
	msg.Add(n, "family", message.Text, "Hale")
	given := msg.Add(n, "given", message.List, "")
	msg.Add(given, "", message.Text, "Tom")
	msg.Add(given, "", message.Text, "Joe")
	msg.Add(msg.Add(p, "period", message.Object, ""), "start", message.Text, "2026")
	msg.Add(p, "rank", message.Number, "1.50")
	task := msg.Add(msg.Root(), "Task", message.Object, "")
	msg.Add(msg.Add(task, "for", message.Object, ""), "reference", message.Text, "urn:uuid:1")
	msg.Anchor("urn:uuid:1", p)
	r, err := compile(t, yaml).Apply(msg, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	name := `{"family":"Hale","given":["Tom","Joe"]}`
	want := `{"resourceType":"Patient","name":[` + name + `],"one":{"start":"2026"},"list":[{"x":"y"},` + name +
		`],"owner":{"start":"2026"},"n":1.50,"s":"1.50","each":[` + name + `]}`
	if got := string(r.Get("p").Root.JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestResultsAreSeparate: changing one result does not change the next.
func TestResultsAreSeparate(t *testing.T) {
	m, ex := shipped(t, "walking-group")
	msg, err := hl7v2.New().Decode(ex.Input)
	if err != nil {
		t.Fatal(err)
	}
	first, err := m.Apply(msg.Tree, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	before := string(mapping.PrintResult(first))
	for _, res := range first.Resources {
		for i := range res.Root.Fields {
			res.Root.Fields[i].Value.Text = "changed"
			res.Root.Fields[i].Value.Fields = append(res.Root.Fields[i].Value.Fields, res.Root.Fields[0])
		}
		res.Root.SetString("id", "1")
	}
	second, err := m.Apply(msg.Tree, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(mapping.PrintResult(second)); got != before {
		t.Error("a changed result showed in the next one")
	}
}

// TestConcurrentUse is for the race detector: a mapping is shared by all.
func TestConcurrentUse(t *testing.T) {
	m := compile(t, head+"constants: {ns: 'urn:x'}\nresources: {p: {resourceType: Patient, a: '= src(\"PID-5\") + ns', b: {$each: NTE, $as: n, c: '= n + src(\".3\")'}}}")
	msg := decode(t, "PID|1||||Smith\nNTE|1||x\nNTE|2||y")
	want := `{"resourceType":"Patient","a":"Smithurn:x","b":[{"c":"1x"},{"c":"2y"}]}`
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				r, err := m.Apply(msg, mapping.Context{})
				if err != nil || string(r.Get("p").Root.JSON()) != want {
					t.Errorf("got %v, %v", r, err)
					return
				}
			}
		})
	}
	group.Wait()
}

// TestFindingsOfExpressions: they name every place that the expression read,
// and the rule.
func TestFindingsOfExpressions(t *testing.T) {
	const pid = "PID|1||A^^^^MR~9^^^^NH||Smith^Ann||19700614|F\nNTE|1||one\nNTE|2||two"
	for _, tc := range []struct{ name, body, code, address string }{
		{"number of a text", `a: '= double(src("PID-5.1"))'`, "expression-failed", "PID-5.1"},
		{"of several", `a: '= double(src("PID-1") + src("PID-5.2")) + double(loud)'`, "expression-failed", "PID-1, PID-5.2"},
		{"of nothing", `a: '= double(src("PID-40"))'`, "expression-failed", "PID-40 (nothing there)"},
		{"of a list", `a: '= all("NTE-3")[int(src("PID-1")) + 3]'`, "expression-failed", "NTE[1]-3, NTE[2]-3, PID-1"},
		{"of an empty list", `a: '= all("PID-40")[0]'`, "expression-failed", "PID-40 (nothing there)"},
		{"asked for", `a: '= has("PID-3") && !has("PID-40") ? double(loud) : 1.0'`, "expression-failed", "PID-3[1], PID-5.1, PID-40 (nothing there)"},
		{"the second value is no date", `a: '= src("PID-5.1") + date(src("PID-8"))'`, "not-a-date", "PID-8"},
		{"the second code is unknown", `a: '= code("sex", src("PID-8")) + code("sex", src("PID-5.2"))'`, "unknown-code", "PID-5.2"},
		{"put together", `a: '= src("PID-5.1") + date(src("PID-8") + src("PID-1"))'`, "not-a-date", "PID-5.1, PID-8, PID-1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := compile(t, head+"let: {loud: <- PID-5.1 | upper}\nresources:\n  p:\n    resourceType: Patient\n    b: = loud\n    "+tc.body+"\n")
			r, err := m.Apply(decode(t, pid), mapping.Context{})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Findings) != 1 {
				t.Fatalf("findings %+v", r.Findings)
			}
			f := r.Findings[0]
			if f.Code != tc.code || f.Address != tc.address || f.Rule != "m/mapping.yaml:11:9" || f.Path != "Patient.a" {
				t.Errorf("%+v, want %s at %s", f, tc.code, tc.address)
			}
		})
	}
}
