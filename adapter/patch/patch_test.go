package patch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/patch"
)

const patient = `{"resourceType":"Patient","id":"1","meta":{"versionId":"3"},
	"identifier":[{"system":"a","value":"1","use":"official"},{"system":"b","value":"2"}],
	"name":[{"given":["Ann","Beth"],"_given":[null,{"id":"g2"}]}],"birthDate":"1950-01-02","active":true,
	"extension":[{"url":"http://example.org/x","valueString":"one"}],"multipleBirthInteger":2}`

func TestJSON(t *testing.T) {
	for _, c := range []struct {
		name, doc, patch, want string
		kind                   fault.Kind
	}{
		{"numbers by value", `{"a":1.50}`, `[{"op":"test","path":"/a","value":15e-1}]`, `{"a":1.50}`, 0},
		{"numbers that differ", `{"a":1.50}`, `[{"op":"test","path":"/a","value":1.51}]`, "", fault.Conflict},
		{"zero", `{"a":-0.0}`, `[{"op":"test","path":"/a","value":0}]`, `{"a":-0.0}`, 0},
		{"leading zero of an index", `{"a":[1]}`, `[{"op":"replace","path":"/a/00","value":2}]`, "", fault.Profile},
		{"beyond the end", `{"a":[1]}`, `[{"op":"add","path":"/a/2","value":2}]`, "", fault.Profile},
		{"behind the end", `{"a":[1]}`, `[{"op":"add","path":"/a/1","value":2}]`, `{"a":[1,2]}`, 0},
		{"all or nothing", `{"a":1}`, `[{"op":"remove","path":"/a"},{"op":"test","path":"/b","value":1}]`, "", fault.Profile},
		{"copy is not shared", `{"a":{"x":1}}`, `[{"op":"copy","from":"/a","path":"/b"},{"op":"replace","path":"/a/x","value":2}]`, `{"a":{"x":2},"b":{"x":1}}`, 0},
		{"replace below a value of the patch", `{}`, `[{"op":"add","path":"/a","value":{"x":1}},{"op":"add","path":"/b","value":{"x":1}},{"op":"replace","path":"/a/x","value":2}]`, `{"a":{"x":2},"b":{"x":1}}`, 0},
		{"into itself", `{"a":{"b":1}}`, `[{"op":"move","from":"/a","path":"/a/b/c"}]`, "", fault.Profile},
		{"the whole", `{"a":1}`, `[{"op":"replace","path":"","value":{"b":2}}]`, `{"b":2}`, 0},
		{"the whole away", `{"a":1}`, `[{"op":"remove","path":""}]`, "", fault.Profile},
		{"unknown operation", `{}`, `[{"op":"append","path":"/a","value":1}]`, "", fault.Malformed},
		{"no value", `{}`, `[{"op":"add","path":"/a"}]`, "", fault.Malformed},
		{"null is a value", `{}`, `[{"op":"add","path":"/a","value":null}]`, `{"a":null}`, 0},
		{"no pointer", `{}`, `[{"op":"remove","path":"a"}]`, "", fault.Malformed},
		{"bad escape", `{}`, `[{"op":"remove","path":"/~2"}]`, "", fault.Malformed},
		{"no array", `{}`, `{"op":"remove","path":"/a"}`, "", fault.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := patch.ParseJSON([]byte(c.patch))
			var got *element.Value
			if err == nil {
				got, err = p.Apply(value(t, c.doc))
			}
			check(t, got, err, c.want, c.kind)
		})
	}
}

// TestJSONGrowth: copies of copies end at the bound.
// TestJSONNoList: who adds to the end of a list that is not there yet is told what
// to do, since every first note of a Task meets it.
func TestJSONNoList(t *testing.T) {
	p, err := patch.ParseJSON([]byte(`[{"op":"add","path":"/note/-","value":{"text":"a"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(value(t, `{}`)); fault.KindOf(err) != fault.Profile || !strings.Contains(err.Error(), "add the list itself") {
		t.Errorf("got %v", err)
	}
}

func TestJSONGrowth(t *testing.T) {
	ops := []string{`{"op":"add","path":"/a","value":[1]}`}
	for range 60 {
		ops = append(ops, `{"op":"copy","from":"","path":"/b"}`, `{"op":"copy","from":"/b","path":"/c"}`)
	}
	p, err := patch.ParseJSON([]byte("[" + strings.Join(ops, ",") + "]"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(value(t, `{}`)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("got %v, want too large", err)
	}
}

// operation writes one of a FHIRPath Patch.
func operation(parts ...string) string {
	return `{"name":"operation","part":[` + strings.Join(parts, ",") + `]}`
}

func part(name, value string) string { return fmt.Sprintf(`{"name":%q,%s}`, name, value) }

func is(typ, path string) string {
	return part("type", `"valueCode":"`+typ+`"`) + "," + part("path", fmt.Sprintf(`"valueString":%q`, path))
}

func TestFHIRPath(t *testing.T) {
	for _, c := range []struct {
		name, operation string
		at, want        string // a JSON Pointer of what is looked at after, tested with JSON Patch
		kind            fault.Kind
	}{
		{"where", operation(is("replace", "Patient.identifier.where(system = 'b' and value='2').value"), part("value", `"valueString":"9"`)), "/identifier/1/value", `"9"`, 0},
		{"where or exists", operation(is("delete", "Patient.identifier.where(use.exists() or system='zz')")), "/identifier/0/system", `"b"`, 0},
		{"not equal", operation(is("delete", "identifier.where(system != 'a')")), "/identifier", `[{"system":"a","value":"1","use":"official"}]`, 0},
		{"and before or", operation(is("delete", "identifier.where(system = 'b' or system = 'a' and value = 'none')")), "/identifier", `[{"system":"a","value":"1","use":"official"}]`, 0},
		{"functions in a condition", operation(is("delete", "identifier.where(value in ('2' | '3') and system.startsWith('b').not() = false)")), "/identifier", `[{"system":"a","value":"1","use":"official"}]`, 0},
		{"the resource in a condition", operation(is("delete", "identifier.where(%resource.active and use = 'official')")), "/identifier/0/system", `"b"`, 0},
		{"a parenthesis in a text", operation(is("delete", "identifier.where(value != ')' and value = '1')")), "/identifier/0/system", `"b"`, 0},
		{"a condition without an answer", operation(is("delete", "identifier.where(period.start > '2026')")), "/active", "true", 0},
		{"an unknown element in a condition", operation(is("delete", "identifier.where(colour = 'red')")), "", "", fault.Malformed},
		{"an unknown function in a condition", operation(is("delete", "identifier.where(memberOf('x'))")), "", "", fault.Malformed},
		{"a condition that does not end", operation(is("delete", "identifier.where(value = '1'")), "", "", fault.Malformed},
		{"choice by its name", operation(is("replace", "Patient.multipleBirth"), part("value", `"valueBoolean":true`)), "/multipleBirthBoolean", `true`, 0},
		{"choice that is there", operation(is("add", "Patient"), part("name", `"valueString":"multipleBirth"`), part("value", `"valueBoolean":true`)), "", "", fault.Profile},
		{"new choice", operation(is("add", "Patient"), part("name", `"valueString":"deceased"`), part("value", `"valueBoolean":true`)), "/deceasedBoolean", `true`, 0},
		{"extension", operation(is("replace", "Patient.extension('http://example.org/x').value"), part("value", `"valueString":"two"`)), "/extension/0/valueString", `"two"`, 0},
		{"extension of a primitive", operation(is("add", "Patient.birthDate"), part("name", `"valueString":"extension"`), part("value", `"valueExtension":{"url":"u","valueCode":"c"}`)), "/_birthDate/extension/0/url", `"u"`, 0},
		{"primitives keep what is beside them", operation(is("move", "Patient.name[0].given"), part("source", `"valueInteger":1`), part("destination", `"valueInteger":0`)), "/name/0/_given", `[{"id":"g2"},null]`, 0},
		{"primitive away with what is beside it", operation(is("delete", "Patient.name.given[1]")), "/name/0", `{"given":["Ann"]}`, 0},
		{"first and last", operation(is("replace", "Patient.name.first().given.last()"), part("value", `"valueString":"Cleo"`)), "/name/0/given/1", `"Cleo"`, 0},
		{"delete nothing", operation(is("delete", "Patient.maritalStatus")), "/active", "true", 0},
		{"delete several", operation(is("delete", "Patient.identifier")), "", "", fault.Profile},
		{"replace nothing", operation(is("replace", "Patient.maritalStatus"), part("value", `"valueString":"x"`)), "", "", fault.Profile},
		{"delete all", operation(is("delete", "Patient")), "", "", fault.Profile},
		{"add what is there", operation(is("add", "Patient"), part("name", `"valueString":"active"`), part("value", `"valueBoolean":false`)), "", "", fault.Profile},
		{"insert beyond", operation(is("insert", "Patient.identifier"), part("index", `"valueInteger":3`), part("value", `"valueIdentifier":{"value":"3"}`)), "", "", fault.Profile},
		{"insert into what is not there", operation(is("insert", "Patient.telecom"), part("index", `"valueInteger":0`), part("value", `"valueContactPoint":{"value":"3"}`)), "/telecom/0/value", `"3"`, 0},
		{"unknown element", operation(is("add", "Patient"), part("name", `"valueString":"colour"`), part("value", `"valueString":"red"`)), "", "", fault.Profile},
		{"function of elsewhere", operation(is("delete", "Patient.name.trace('x')")), "", "", fault.Malformed},
		{"open bracket", operation(is("delete", "Patient.name[")), "", "", fault.Malformed},
		{"deep", operation(is("delete", "Patient.name.where("+strings.Repeat("(", 60)+"use='x'"+strings.Repeat(")", 60)+")")), "", "", fault.Malformed},
		{"no type", operation(part("path", `"valueString":"Patient"`)), "", "", fault.Malformed},
		{"no index", operation(is("insert", "Patient.name"), part("value", `"valueString":"x"`)), "", "", fault.Malformed},
		{"unknown part", operation(is("delete", "Patient.active"), part("colour", `"valueString":"x"`)), "", "", fault.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := patch.Parse("application/fhir+json; charset=utf-8", []byte(`{"resourceType":"Parameters","parameter":[`+c.operation+`]}`))
			var got *element.Value
			if err == nil {
				got, err = p.Apply(value(t, patient))
			}
			if c.kind != 0 {
				check(t, got, err, "", c.kind)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			look, err := patch.ParseJSON([]byte(`[{"op":"test","path":"` + c.at + `","value":` + c.want + `}]`))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := look.Apply(got); err != nil {
				t.Errorf("%v in %s", err, got.JSON())
			}
		})
	}
}

func check(t *testing.T, got *element.Value, err error, want string, kind fault.Kind) {
	t.Helper()
	var f *fault.Fault
	switch {
	case want != "" && err != nil:
		t.Fatal(err)
	case want != "" && !element.Equal(got, value(t, want)):
		t.Errorf("got %s, want %s", got.JSON(), want)
	case want == "" && (!errors.As(err, &f) || f.Kind != kind):
		t.Errorf("got %v, want a fault of kind %s", err, kind)
	}
}

// TestCheck: what a resource is cannot be changed.
func TestCheck(t *testing.T) {
	for path, changed := range map[string]bool{"/resourceType": true, "/id": true, "/meta/versionId": true, "/birthDate": false} {
		p, err := patch.ParseJSON([]byte(`[{"op":"replace","path":"` + path + `","value":"4"}]`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Apply(value(t, patient))
		if err != nil {
			t.Fatal(err)
		}
		if err := patch.Check(value(t, patient), got); (err != nil) != changed {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTidy(t *testing.T) {
	v := value(t, `{"a":[],"b":{"c":{}},"d":[null,{"x":1}],"e":[{}]}`)
	patch.Tidy(v)
	if string(v.JSON()) != `{"d":[null,{"x":1}]}` {
		t.Errorf("got %s", v.JSON())
	}
}

func TestMediaTypes(t *testing.T) {
	for _, m := range []string{"", "text/plain", "application/merge-patch+json", "application/json"} {
		if _, err := patch.Parse(m, []byte(`[]`)); fault.KindOf(err) != fault.UnsupportedMedia {
			t.Errorf("%q: %v", m, err)
		}
	}
	if _, err := patch.Parse("Application/JSON-patch+json; charset=UTF-8", []byte(`[]`)); err != nil {
		t.Error(err)
	}
}

// FuzzPatch: no patch panics or changes what it is given, and what comes out
// can be read again.
func FuzzPatch(f *testing.F) {
	f.Add(`[{"op":"add","path":"/a","value":1},{"op":"move","from":"/a","path":"/b"}]`)
	f.Add(`[{"op":"copy","from":"/name","path":"/identifier/-"},{"op":"test","path":"","value":1e9}]`)
	f.Add(`{"resourceType":"Parameters","parameter":[` + operation(is("add", "Patient.birthDate"), part("name", `"valueString":"extension"`), part("value", `"valueExtension":{"url":"u"}`)) + `]}`)
	f.Add(`{"resourceType":"Parameters","parameter":[` + operation(is("delete", "Patient.name.where(given.exists() and use!='x')[0].given.last()")) + `]}`)
	f.Add(`{"resourceType":"Parameters","parameter":[` + operation(is("move", "Patient.name[0].given"), part("source", `"valueInteger":1`), part("destination", `"valueInteger":0`)) + `]}`)
	doc, err := element.Parse([]byte(patient), element.Limits{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, media := range []string{patch.MediaJSON, "application/fhir+json"} {
			p, err := patch.Parse(media, []byte(s))
			if err != nil {
				continue
			}
			before := doc.Clone()
			got, err := p.Apply(doc)
			if !element.Equal(doc, before) {
				t.Fatal("the patch changed what it was given")
			}
			if err != nil {
				continue
			}
			if _, err := element.Parse(got.JSON(), element.Limits{Bytes: 1 << 30, Depth: element.DefaultLimits.Depth, Nodes: element.DefaultLimits.Nodes}); err != nil {
				t.Fatalf("the result cannot be read: %v", err)
			}
		}
	})
}
