package mapping_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/mappings"
)

const head = "mapping: m\ntitle: t\nversion: 1.0.0\nformat: hl7v2\naccepts: [REF^I12]\n"

const sexTable = `{"resourceType":"ConceptMap","group":[{"target":"http://hl7.org/fhir/administrative-gender",
"element":[{"code":"F","target":[{"code":"female","display":"Female","equivalence":"equal"}]},
{"code":"Q","target":[{"equivalence":"unmatched"}]}]}]}`

const fixedTable = `{"resourceType":"ConceptMap","group":[{"element":[{"code":"a","target":[{"code":"A"}]}],
"unmapped":{"mode":"fixed","code":"other"}}]}`

const providedTable = `{"resourceType":"ConceptMap","group":[{"element":[{"code":"a","target":[{"code":"A"}]}],
"unmapped":{"mode":"provided"}}]}`

func files(yaml string) fstest.MapFS {
	return fstest.MapFS{
		"m/mapping.yaml":             {Data: []byte(yaml)},
		"m/vocabulary/sex.json":      {Data: []byte(sexTable)},
		"m/vocabulary/fixed.json":    {Data: []byte(fixedTable)},
		"m/vocabulary/provided.json": {Data: []byte(providedTable)},
	}
}

func compile(t testing.TB, yaml string, options ...mapping.Option) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Compile(files(yaml), "m", options...)
	if err != nil {
		t.Fatalf("%v\n%s", err, yaml)
	}
	return m
}

// TestProblems: each line of the body is compiled below "resources: p:
// resourceType: Patient", line 8 of the file on; want is a part of a problem.
func TestProblems(t *testing.T) {
	for _, tc := range []struct{ name, body, want string }{
		{"unknown function", "gender: <- PID-8 | cod(sex)", `mapping.yaml:8:24: unknown function "cod" (did you mean code?)`},
		{"unknown table", "gender: <- PID-8 | code(sec)", "mapping.yaml:8:29: there is no vocabulary/sec.json (did you mean sex?)"},
		{"path syntax", "gender: <- PID.8", "mapping.yaml:8:19: a field number follows a hyphen"},
		{"no such field", "gender: <- PID-99", "mapping.yaml:8:16: PID has no field 99; its last is PID-40"},
		{"no such segment", "gender: <- PIF-8", "PIF is not a segment"},
		{"second path", "gender: <- PID-8 or pid-9", "mapping.yaml:8:25: pid-9 is neither"},
		{"arguments", "gender: <- PID-8 | trim(x)", "mapping.yaml:8:24: trim takes no argument"},
		{"missing argument", "gender: <- PID-8 | code", "code takes one argument"},
		{"unclosed", "gender: <- PID-8 | code(sex", "the bracket is not closed"},
		{"rubbish", "gender: <- PID-8 and", "pipe and a function"},
		{"mixed", "given: <- PID-8 or PID-9 and PID-10", "do not go together"},
		{"layout", `birthDate: <- PID-7 | date("dd/MM")`, "a layout names the year"},
		{"two digits", `birthDate: <- PID-7 | date("dd/MM/yy")`, `a year of two digits needs the first year that it can mean, as in ("dd/MM/yy", "yy from 1930")`},
		{"two digits of no century", `birthDate: <- PID-7 | date("dd/MM/yy", "yy from 30")`, "the first year that two digits can mean, 1800 to 2100"},
		{"century in vain", `birthDate: <- PID-7 | date("dd/MM/yyyy", "yy from 1930")`, "no layout has a year of two digits"},
		{"century twice", `birthDate: <- PID-7 | date("dd/MM/yy", "yy from 1930", "yy from 1940")`, `"yy from" stands twice`},
		{"layout of ISO", `birthDate: <- PID-7 | date("yyyy-MM-ddTHH:mm")`, `not with "T"; the layout "iso" reads`},
		{"day twice", `birthDate: <- PID-7 | date("do d MMM yyyy")`, "d stands twice"},
		{"layout letter", `birthDate: <- PID-7 | date("dd/MM/yyyy Q")`, `not with "Q"`},
		{"required without reason", "gender: <- PID-8 | required", "required takes the reason"},
		{"required last", `gender: <- PID-8 | required("x") | trim`, "required stands last"},
		{"copy with function", "name: <- copy PID-5 | trim", "no function can follow"},
		{"part", `gender: <- PID-8 | part("-", x)`, "number of the part"},
		{"empty replace", `gender: <- PID-8 | replace("", x)`, "first argument is empty"},
		{"reference", "managingOrganization: -> practise", `there is no resource "practise" above`},
		{"reference below", "managingOrganization: -> later", "later stands further down"},
		{"reference tail", "managingOrganization: -> later | trim", "only required can stand"},
		{"dot outside", "gender: <- .8", "stands inside $each"},
		{"directive", "name: {$eech: PID-5, family: <- .1}", "unknown directive $eech (did you mean $each?)"},
		{"as without each", "name: {$as: x, family: <- PID-5}", "there is none"},
		{"needs", "name: {$needs: famly, family: <- PID-5}", `"famly" is none (did you mean family?)`},
		{"when constant", "name: {$when: yes, family: <- PID-5}", "always the same"},
		{"value alone", "name: {$value: <- PID-5}", "$value stands beside $each"},
		{"first and more", "name: {$first: [a], family: b}", "family cannot stand beside $first"},
		{"empty value", "gender:", "gender has no value"},
		{"empty text", "gender: ''", "FHIR has no empty texts"},
		{"name of element", "gen der: x", "not the name of a FHIR element"},
		{"twice", "gender: a\n    gender: b", "mapping.yaml:9:5: gender stands twice"},
		{"arrays", "given: [[a]]", "no arrays of arrays"},
		{"alias", "a: &x b", "anchors and aliases"},
		{"resource each", "$each: PID-3", "a message is one referral, so it makes one Patient (take the document apart"},
		{"resource first", "$first: [a]", "$first makes an element, not a resource"},
		{"resource each as list", "managingOrganization: -> each practise", `there is no resource "practise" above`},
		{"constant as path", "gender: <- where0", "where0 is a constant"},
		{"cel name", "gender: = sarc(\"PID-8\")", "mapping.yaml:8:15: unknown name sarc (did you mean src?)"},
		{"cel path", `gender: '= src("PID-8") + src("PID.9")'`, "mapping.yaml:8:39: a field number follows"},
		{"cel table", `gender: '= code("sec", src("PID-8"))'`, "mapping.yaml:8:21: there is no vocabulary/sec.json"},
		{"cel literal", `gender: = src(where0)`, "src takes a path in quotes"},
		{"cel type", `gender: '= src("PID-8") + 1'`, "mapping.yaml:8:29: found no matching overload"},
		{"cel syntax", `gender: = "a" +`, "mapping.yaml:8:"},
		{"cel map", `gender: '= {"a": 1}'`, "an expression gives a text"},
		{"cel scope", `gender: = phone`, "phone cannot be used here"},
		{"path scope", "gender: <- phone-1", "phone cannot be used here"},
		{"let text followed", "gender: <- upperName-1", "upperName is a text"},
		{"short escape", `gender: '<- PID-5 | replace("\u0b", "-")'`, "behind a backslash"},
		{"half a character", `gender: '<- PID-5 | replace("\ud800", "-")'`, "behind a backslash"},
		{"unknown escape", `gender: '<- PID-5 | replace("\d", "-")'`, "behind a backslash"},
		{"each over a text", "name: [{$each: upperName, text: <- .}]", "so there is nothing to repeat"},
		{"let indexed", "gender: <- who[1]", "who is one place"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			yaml := head + "resources:\n  p:\n    " + tc.body + "\n    resourceType: Patient\n    telecom: {$each: PID-13, $as: phone, value: <- phone.1}\n" +
				"  later:\n    resourceType: Organization\n    name: <- PID-8\n" +
				"constants:\n  where0: x\nlet:\n  who: <- PID-5\n  upperName: <- PID-5 | upper\n"
			_, err := mapping.Compile(files(yaml), "m")
			var ps mapping.Problems
			if !errors.As(err, &ps) {
				t.Fatalf("error %v, want Problems", err)
			}
			if !strings.Contains(ps.Error(), tc.want) {
				t.Errorf("got\n%v\nwant ...%s...", ps, tc.want)
			}
		})
	}
}

func TestHeadProblems(t *testing.T) {
	for _, tc := range []struct{ name, yaml, want string }{
		{"empty", "", "mapping.yaml:1: the file is empty"},
		{"not yaml", "a: b: c", "mapping.yaml:1: not YAML"},
		{"unknown key", head + "resorces: {}", `mapping.yaml:6:1: unknown key "resorces" in a mapping (did you mean resources?)`},
		{"no resources", head, "resources is missing"},
		{"missing", "mapping: m\nresources: {p: {resourceType: Patient, active: true}}", "format is missing"},
		{"format", strings.Replace(head, "hl7v2", "hl7", 1), `unknown format "hl7" (did you mean hl7v2?)`},
		{"accepts", strings.Replace(head, "[REF^I12]", "REF^I12", 1), "accepts is a list"},
		{"folder", strings.Replace(head, "mapping: m", "mapping: n", 1) + "resources: {p: {resourceType: Patient, active: true}}", `called "n" but its folder "m"`},
		{"type", head + "resources: {p: {active: true}}", "p has no resourceType"},
		{"names", head + "constants: {size: x}\nresources: {p: {resourceType: Patient, active: true}}", `"size" cannot be a name`},
		{"let", head + "let: {x: y}\nresources: {p: {resourceType: Patient, active: true}}", "a let comes from the message"},
		{"taken", head + "constants: {x: y}\nlet: {x: <- PID-1}\nresources: {p: {resourceType: Patient, active: true}}", "the name x is taken"},
		{"deep", head + "resources: {p: " + strings.Repeat("{a: ", 50) + "b" + strings.Repeat("}", 50) + "}", "nested deeper"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := mapping.Compile(files(tc.yaml), "m")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v\nwant ...%s...", err, tc.want)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := mapping.Compile(files(head+"resources:\n  p:\n    resourceType: Patient\n    gender: <- PID-99\n    birthDate: <- PID-7 | dat\n    active: = tru\n"), "m")
	var ps mapping.Problems
	if !errors.As(err, &ps) || len(ps) != 3 {
		t.Fatalf("got %d problems, want 3:\n%v", len(ps), err)
	}
	for i, line := range []int{9, 10, 11} {
		if ps[i].Line != line || ps[i].File != "mapping.yaml" || ps[i].Column == 0 {
			t.Errorf("problem %d is at %s:%d:%d, want line %d", i, ps[i].File, ps[i].Line, ps[i].Column, line)
		}
	}
}

func TestVocabularyProblems(t *testing.T) {
	for _, tc := range []struct{ name, json, want string }{
		{"syntax", "{\n  \"a\" 1}", "vocabulary/x.json:2:7: a colon is expected"},
		{"resource", `{"resourceType":"ValueSet"}`, "a vocabulary file is a FHIR ConceptMap"},
		{"no group", `{"resourceType":"ConceptMap"}`, "has no group"},
		{"no code", `{"resourceType":"ConceptMap","group":[{"element":[{}]}]}`, "group[0].element[0] has no code"},
		{"equivalence", `{"resourceType":"ConceptMap","group":[{"element":[{"code":"a","target":[{"code":"b","equivalence":"same"}]}]}]}`, "unknown equivalence"},
		{"other map", `{"resourceType":"ConceptMap","group":[{"unmapped":{"mode":"other-map"}}]}`, "modes provided and fixed"},
		{"fixed", `{"resourceType":"ConceptMap","group":[{"unmapped":{"mode":"fixed"}}]}`, "has no code"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fsys := files(head + "resources: {p: {resourceType: Patient, active: true}}")
			fsys["m/vocabulary/x.json"] = &fstest.MapFile{Data: []byte(tc.json)}
			_, err := mapping.Compile(fsys, "m")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v\nwant ...%s...", err, tc.want)
			}
		})
	}
}

type patientSchema struct{}

func (patientSchema) Element(kind, path string) (bool, string) {
	switch path {
	case "gender", "name", "name.family", "contained", "name.id", "name.extension":
		return true, ""
	case "gendre":
		return false, "gender"
	}
	return kind == "Organization" && path == "alias", ""
}

func TestSchema(t *testing.T) {
	yaml := head + "resources:\n  p:\n    resourceType: Patient\n    gendre: <- PID-8\n    name:\n      - famly: <- PID-5\n    contained: [{resourceType: Organization, alias: [<- PID-5]}]\n"
	_, err := mapping.Compile(files(yaml), "m", mapping.WithSchema(patientSchema{}))
	want := "mapping.yaml:9:5: Patient has no element gendre (did you mean gender?)\nmapping.yaml:11:9: Patient has no element name.famly"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// TestArchive: a mapping made again from its archive is the same mapping.
func TestArchive(t *testing.T) {
	yaml := head + "resources: {p: {resourceType: Patient, gender: <- PID-8 | code(sex)}}" // no line end on purpose
	m := compile(t, yaml)
	again, err := mapping.CompileArchive(m.Source())
	if err != nil {
		t.Fatal(err)
	}
	if again.Hash() != m.Hash() || len(m.Hash()) != 64 {
		t.Errorf("hash %s, again %s", m.Hash(), again.Hash())
	}
	if other := compile(t, yaml+"\n# changed\n"); other.Hash() == m.Hash() {
		t.Error("a changed file has the same hash")
	}
	fsys := files(yaml + "\n-- mapping.yaml --\n")
	if _, err := mapping.Compile(fsys, "m"); err == nil || !strings.Contains(err.Error(), "cannot be archived") {
		t.Errorf("a file that would tear the archive: %v", err)
	}
	if _, err := mapping.CompileArchive(nil); err == nil {
		t.Error("an empty archive compiled")
	}
}

func TestHead(t *testing.T) {
	m := compile(t, head+"constants: {ns: 'urn:x'}\nresources: {p: {resourceType: Patient, active: true}}")
	if m.Name() != "m" || m.Title() != "t" || m.Version() != "1.0.0" || m.Format() != "hl7v2" || m.Constants()["ns"] != "urn:x" {
		t.Errorf("head: %s %s %s %s %v", m.Name(), m.Title(), m.Version(), m.Format(), m.Constants())
	}
	for kind, want := range map[string]bool{"REF^I12": true, "REF^I12^REF_I12": true, "REF^I13": false, "REF^I1": false, "": false} {
		if m.Accepts(kind) != want {
			t.Errorf("Accepts(%q) = %t", kind, !want)
		}
	}
}

// TestReadme compiles the example of the guide, so that it stays true.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../../mappings/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "## Read it aloud\n\n")
	block, _, _ := strings.Cut(rest, "\n\n")
	yaml := head + "resources:\n"
	for line := range strings.Lines(block + "\n") {
		yaml += "  " + strings.TrimPrefix(line, "    ")
	}
	fsys := files(yaml)
	fsys["m/vocabulary/telecom-system.json"] = fsys["m/vocabulary/sex.json"]
	if _, err := mapping.Compile(fsys, "m"); err != nil {
		t.Errorf("%v\n%s", err, yaml)
	}
	for _, f := range mapping.FunctionReference() {
		if !strings.Contains(string(data), "`"+f.Name) {
			t.Errorf("mappings/README.md does not name the function %s", f.Name)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, name := range mappings.Names() {
		shipped, err := os.ReadFile("../../mappings/" + name + "/mapping.yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(shipped))
	}
	f.Add(head + "let: {a: <- PID-5}\nconstants: {c: x}\nresources: {p: {resourceType: Patient, x: {$each: PID-3[where .5 = NH], $as: r, $needs: y, y: <- r.1 and .2 | join(\", \"), z: = src(\".1\") + c}}}")
	f.Add(head + "resources: {p: {resourceType: Patient, x: [{$first: [<- each NTE-3 | lines, = all(\"PID-3\")]}]}, q: {resourceType: Task, for: -> p | required(\"x\")}}")
	msg := tree(map[string]string{"PID-3": "A", "NTE-3": "x"})
	f.Fuzz(func(t *testing.T, yaml string) {
		m, err := mapping.Compile(files(yaml), "m")
		if err != nil {
			var ps mapping.Problems
			if !errors.As(err, &ps) || len(ps) == 0 {
				t.Fatalf("error %v is no Problems", err)
			}
			return
		}
		if r, err := m.Apply(msg, mapping.Context{}); err == nil {
			m.Explain(msg, r)
		}
	})
}
