package mapping_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/mapping"
)

const addressFragment = `fragment: uk-address
title: A UK address in one place of the message
parameters:
  at: where the address stands
  lines: {says: the places of its lines, default: .1 and .2}
  use: {says: the place of its kind, optional: true}
body:
  $each: ${at}
  use: <- ${use} | lower
  line: ['<- ${lines}']
  postalCode: <- .5 | upper
`

// with adds shared files to those of a mapping.
func with(yaml string, shared map[string]string) fstest.MapFS {
	fsys := files(yaml)
	for name, text := range shared {
		fsys["shared/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestFragment(t *testing.T) {
	yaml := head + `resources:
  p:
    resourceType: Patient
    address:
      $use: shared/uk-address
      $with: {at: <- PID-11, lines: .1}
      type: postal
      postalCode: <- .5 | code(post)
    contact:
      - address: {$use: shared/uk-address, $with: {at: NK1-4, use: .7}}
`
	table := `{"resourceType":"ConceptMap","group":[{"element":[{"code":"x","target":[{"code":"X"}]}]}]}`
	fsys := with(yaml, map[string]string{"uk-address.yaml": addressFragment, "vocabulary/post.json": table, "unused.yaml": "rubbish: ["})
	m, err := mapping.Compile(fsys, "m")
	if err != nil {
		t.Fatal(err)
	}
	msg := decode(t, "PID|||||||||||1 Mill Lane^Flat^^^x^^H\nNK1||||2 Hill^Top^^^ls1^^H")
	r, err := m.Apply(msg, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Patient","address":[{"line":["1 Mill Lane"],"postalCode":"X","type":"postal"}],` +
		`"contact":[{"address":[{"use":"h","line":["2 Hill","Top"],"postalCode":"LS1"}]}]}`
	if got := string(r.Get("p").Root.AppendJSON(nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	places := map[string]string{}
	for _, s := range m.Explain(msg, r) {
		places[s.FHIRPath] = s.File + " " + s.Rule
	}
	for path, want := range map[string]string{
		"Patient.address[0].line[0]":            "shared/uk-address.yaml <- .1",
		"Patient.address[0].postalCode":         "m/mapping.yaml <- .5 | code(post)",
		"Patient.contact[0].address[0].use":     "shared/uk-address.yaml <- .7 | lower",
		"Patient.contact[0].address[0].line[1]": "shared/uk-address.yaml <- .1 and .2",
	} {
		if places[path] != want {
			t.Errorf("%s: %q, want %q", path, places[path], want)
		}
	}

	// The archive holds what is used, and compiles to the same mapping.
	for name, want := range map[string]bool{"-- shared/uk-address.yaml --": true, "-- shared/vocabulary/post.json --": true, "unused": false} {
		if strings.Contains(string(m.Source()), name) != want {
			t.Errorf("archive with %s: %t, want %t", name, !want, want)
		}
	}
	again, err := mapping.CompileArchive(m.Source())
	if err != nil || again.Hash() != m.Hash() {
		t.Fatalf("from its archive: %v", err)
	}
	fsys["shared/uk-address.yaml"].Data = []byte(addressFragment + "# changed\n")
	if other, err := mapping.Compile(fsys, "m"); err != nil || other.Hash() == m.Hash() {
		t.Errorf("a changed fragment has the same hash (%v)", err)
	}
}

// TestFragmentNests: a fragment uses another, and hands structures through.
func TestFragmentNests(t *testing.T) {
	m, err := mapping.Compile(with(head+`resources:
  p:
    $use: shared/person
    $with: {born: PID-7, codes: [{system: 'urn:a', code: <- PID-8}]}
    gender: <- PID-8 | lower
`, map[string]string{
		"person.yaml": "fragment: person\nparameters: {born: the birth date, codes: codings, more: {optional: true}}\nbody:\n  resourceType: Patient\n" +
			"  birthDate: {$use: shared/day, $with: {at: '${born}'}}\n  maritalStatus:\n    coding: ${codes}\n    text: ${more}\n  name:\n    - {family: '${more}'}\n",
		"day.yaml": "fragment: day\nparameters: {at: where}\nbody: <- ${at} | date\n",
	}), "m")
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Apply(decode(t, "PID|||||||19530417|F"), mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Patient","birthDate":"1953-04-17","maritalStatus":{"coding":[{"system":"urn:a","code":"F"}]},"gender":"f"}`
	if got := string(r.Get("p").Root.AppendJSON(nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFragmentProblems(t *testing.T) {
	bomb := map[string]string{}
	for _, x := range [][2]string{{"a", "b"}, {"b", "c"}, {"c", "d"}, {"d", "e"}} {
		bomb[x[0]+".yaml"] = "fragment: " + x[0] + "\nbody:\n" + strings.Repeat("  - $use: shared/"+x[1]+"\n", 100)
	}
	bomb["e.yaml"] = "fragment: e\nbody: {text: x}\n"
	for _, tc := range []struct {
		name, use string
		shared    map[string]string
		want      string
	}{
		{"missing", "{$use: shared/uk-adress}", nil, "mapping.yaml:9:21: there is no fragment shared/uk-adress.yaml (did you mean shared/uk-address?)"},
		{"elsewhere", "{$use: ../secret}", nil, "$use names a fragment of the folder shared"},
		{"climbing", "{$use: shared/../secret}", nil, "$use names a fragment of the folder shared"},
		{"parameter missing", "{$use: shared/uk-address}", nil, "mapping.yaml:9:21: the fragment uk-address needs the parameter at"},
		{"parameter unknown", "{$use: shared/uk-address, $with: {at: PID-11, lins: .1}}", nil, `has no parameter "lins" (did you mean lines?)`},
		{"error inside", "{$use: shared/uk-address, $with: {at: PID-11, use: .7 | lowr}}", nil,
			`shared/uk-address.yaml:9:8: unknown function "lowr" (did you mean lower?; used at mapping.yaml:9:21)`},
		{"placeholder", "{$use: shared/x}", map[string]string{"x.yaml": "fragment: x\nparameters: {at: a}\nbody: {a: '${att}'}"}, "shared/x.yaml:3:12: ${att} is not one of the fragment's parameters (did you mean at?)"},
		{"name", "{$use: shared/x}", map[string]string{"x.yaml": "fragment: y\nbody: {a: b}"}, "not called as its file"},
		{"no body", "{$use: shared/x}", map[string]string{"x.yaml": "fragment: x"}, "body is missing"},
		{"key", "{$use: shared/x}", map[string]string{"x.yaml": "fragment: x\nbodi: {}\nbody: {a: b}"}, `unknown key "bodi" in a fragment (did you mean body?)`},
		{"not yaml", "{$use: shared/x}", map[string]string{"x.yaml": "a: b: c"}, "shared/x.yaml:1: not YAML"},
		{"itself", "{$use: shared/x}", map[string]string{"x.yaml": "fragment: x\nbody: {a: {$use: shared/x}}"}, "deeper than 5 levels"},
		{"bomb", "{$use: shared/a}", bomb, "make the mapping too large"},
		{"beside a text", "{$use: shared/x, a: b}", map[string]string{"x.yaml": "fragment: x\nbody: <- PID-3"}, "a cannot stand beside $use"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			shared := tc.shared
			if shared == nil {
				shared = map[string]string{"uk-address.yaml": addressFragment}
			}
			_, err := mapping.Compile(with(head+"resources:\n  p:\n    resourceType: Patient\n    address: "+tc.use+"\n", shared), "m")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got\n%v\nwant ...%s...", err, tc.want)
			}
		})
	}
}
