package conformance_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/conformance"
)

var update = flag.Bool("update", false, "write the StructureDefinitions again")

type ownProfile struct {
	ID, Name, Title, Type, Description string
	Elements                           []ownElement
}

type ownElement struct {
	Path, Fixed, Short string
	Min                int
	Targets            []string
	Pattern            map[string]any
	Slices             []ownSlice
}

type ownSlice struct{ Name, By, System, Codes string }

// TestProfilesAreFresh makes the StructureDefinitions of this house from
// profiles.yaml and the elements of R4, and compares.
func TestProfilesAreFresh(t *testing.T) {
	b, err := fs.ReadFile(conformance.Files, "profiles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list []ownProfile
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&list); err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		file := "StructureDefinition-" + p.ID + ".json"
		var out bytes.Buffer
		if err := json.Indent(&out, structureDefinition(t, p).JSON(), "", "  "); err != nil {
			t.Fatal(err)
		}
		out.WriteByte('\n')
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, out.Bytes()) {
			t.Errorf("%s is not what profiles.yaml makes: go test ./conformance -run TestProfilesAreFresh -update", file)
		}
	}
}

const baseOf = "http://hl7.org/fhir/StructureDefinition/"

func structureDefinition(t *testing.T, p ownProfile) *element.Value {
	t.Helper()
	typ, ok := fhir.TypeOf(p.Type)
	if !ok {
		t.Fatalf("%s: no type %s", p.ID, p.Type)
	}
	b := &snapshotBuilder{t: t, own: map[string]ownElement{}}
	for _, e := range p.Elements {
		b.own[e.Path] = e
	}
	b.add(p.Type, p.Type, amount{0, "*"}, p.Type, amount{0, "*"})
	b.below(p.Type, typ)
	for path := range b.own {
		t.Errorf("%s: there is no element %s", p.ID, path)
	}
	return element.NewObject(
		element.S("resourceType", "StructureDefinition"), element.S("id", p.ID), element.S("url", "urn:linkloop:profile:"+p.ID),
		element.S("version", "1.0.0"), element.S("name", p.Name), element.S("title", p.Title), element.S("status", "active"),
		element.F("experimental", element.NewBool(false)), element.S("date", "2026-11-21"), element.S("publisher", "linkloop"),
		element.S("description", p.Description), element.S("fhirVersion", "4.0.1"), element.S("kind", "resource"),
		element.F("abstract", element.NewBool(false)), element.S("type", p.Type), element.S("baseDefinition", baseOf+p.Type),
		element.S("derivation", "constraint"), element.F("snapshot", element.NewObject(element.F("element", element.NewArray(b.out...)))))
}

type snapshotBuilder struct {
	t   *testing.T
	own map[string]ownElement
	out []*element.Value
}

// amount is how often an element may be there.
type amount struct {
	min int
	max string
}

// add adds an element, and where and how often R4 has it.
func (b *snapshotBuilder) add(id, path string, is amount, base string, was amount) *element.Value {
	typ, _, _ := strings.Cut(path, ".")
	v := element.NewObject(element.S("id", id), element.S("path", path),
		element.S("definition", "As in https://hl7.org/fhir/R4/"+strings.ToLower(typ)+".html"),
		element.F("min", number(is.min)), element.S("max", is.max),
		element.F("base", element.NewObject(element.S("path", base), element.F("min", number(was.min)), element.S("max", was.max))))
	b.out = append(b.out, v)
	return v
}

// baseElement is where R4 defines an element of a type.
func baseElement(path string, of fhir.Type, name string) string {
	switch {
	case of.Resource() && slices.Contains([]string{"id", "meta", "implicitRules", "language"}, name):
		return "Resource." + name
	case of.Resource() && slices.Contains([]string{"text", "contained", "extension", "modifierExtension"}, name):
		return "DomainResource." + name
	case !of.Resource() && (name == "id" || name == "extension"):
		return "Element." + name
	case of.Backbone() && name == "modifierExtension":
		return "BackboneElement." + name
	case of.Resource() || of.Backbone():
		return path + "." + name
	}
	return of.Name() + "." + name
}

func number(n int) *element.Value { return element.NewNumber(string(rune('0' + n))) }

// below adds the elements of a type: all of them, those of backbone elements
// too, and of datatypes where a rule is about one of theirs.
func (b *snapshotBuilder) below(path string, typ fhir.Type) {
	done := map[string]bool{}
	for _, e := range typ.Elements() {
		name := e.Name()
		if e.Choice() != "" {
			name = e.Choice() + "[x]"
		}
		if done[name] {
			continue
		}
		done[name] = true
		at, was := path+"."+name, amount{0, "1"}
		if typ.Requires(strings.TrimSuffix(name, "[x]")) {
			was.min = 1
		}
		if e.Repeats() {
			was.max = "*"
		}
		own := b.own[at]
		delete(b.own, at)
		base := baseElement(path, typ, name)
		v := b.add(at, at, amount{max(was.min, own.Min), was.max}, base, was)
		v.SetString("short", own.Short)
		v.Set("type", types(typ, e, own.Targets))
		b.rules(v, e, own)
		if e.Type().Backbone() || b.deeper(at) {
			b.below(at, e.Type())
		}
		for _, s := range own.Slices {
			b.slice(at, e, s, base)
		}
	}
}

func (b *snapshotBuilder) deeper(at string) bool {
	for path := range b.own {
		if strings.HasPrefix(path, at+".") {
			return true
		}
	}
	return false
}

func (b *snapshotBuilder) rules(v *element.Value, e fhir.Element, own ownElement) {
	name := strings.ToUpper(code(e.Type())[:1]) + code(e.Type())[1:]
	if own.Fixed != "" {
		v.SetString("fixed"+name, own.Fixed)
	}
	if own.Pattern != nil {
		text, err := json.Marshal(own.Pattern)
		if err != nil {
			b.t.Fatal(err)
		}
		pattern, err := element.Parse(text, element.Limits{})
		if err != nil {
			b.t.Fatal(err)
		}
		v.Set("pattern"+name, pattern)
	}
	if len(own.Slices) > 0 {
		v.Set("slicing", element.NewObject(element.F("discriminator", element.NewArray(element.NewObject(
			element.S("type", "value"), element.S("path", own.Slices[0].By)))), element.S("rules", "open")))
	}
}

// slice adds a Coding of one system, with its codes.
func (b *snapshotBuilder) slice(at string, e fhir.Element, s ownSlice, base string) {
	id, any, one := at+":"+s.Name, amount{0, "*"}, amount{1, "1"}
	v := b.add(id, at, any, base, any)
	v.SetString("sliceName", s.Name)
	v.Set("type", element.NewArray(element.NewObject(element.S("code", code(e.Type())))))
	v.Set("binding", element.NewObject(element.S("strength", "required"), element.S("valueSet", s.Codes)))
	system := b.add(id+".system", at+".system", one, "Coding.system", amount{0, "1"})
	system.Set("type", element.NewArray(element.NewObject(element.S("code", "uri"))))
	system.SetString("fixedUri", s.System)
	c := b.add(id+".code", at+".code", one, "Coding.code", amount{0, "1"})
	c.Set("type", element.NewArray(element.NewObject(element.S("code", "code"))))
}

// types are those that an element may have, with what references may point to.
func types(of fhir.Type, e fhir.Element, targets []string) *element.Value {
	out := element.NewArray()
	for _, x := range of.Elements() {
		if x.Name() != e.Name() && (e.Choice() == "" || x.Choice() != e.Choice()) {
			continue
		}
		v := element.NewObject(element.S("code", code(x.Type())))
		if e.Name() == "id" { // R4 has ids and urls as what FHIRPath calls a String
			v = element.NewObject(element.F("extension", element.NewArray(element.NewObject(
				element.S("url", baseOf+"structuredefinition-fhir-type"), element.S("valueUrl", "string")))),
				element.S("code", "http://hl7.org/fhirpath/System.String"))
		}
		list := targets
		if list == nil {
			for _, t := range x.Targets() {
				list = append(list, baseOf+t)
			}
		}
		if v.Str("code") == "Reference" {
			for _, t := range list {
				v.Append("targetProfile", element.NewString(t))
			}
		}
		out.Items = append(out.Items, v)
	}
	return out
}

// code is the name of a type as a StructureDefinition has it.
func code(t fhir.Type) string {
	switch {
	case t.AnyResource():
		return "Resource"
	case t.Backbone():
		return "BackboneElement"
	case t.Primitive():
		return strings.ToLower(t.Name()[:1]) + t.Name()[1:]
	case t.Name() == "SimpleQuantity":
		return "Quantity"
	}
	return t.Name()
}

// TestSnapshotsAreWhole: each element of a snapshot has what R4 asks for (sdf-3,
// sdf-8b), so that validators of others take the profiles.
func TestSnapshotsAreWhole(t *testing.T) {
	files, err := fs.Glob(conformance.Files, "StructureDefinition-*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no profiles", err)
	}
	for _, file := range files {
		b, err := fs.ReadFile(conformance.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := element.Parse(b, element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range v.All("snapshot.element") {
			for _, name := range []string{"definition", "min", "max", "base.path", "base.min", "base.max"} {
				if e.At(name) == nil {
					t.Errorf("%s: %s has no %s", file, e.ID(), name)
				}
			}
		}
	}
}

// TestOwnProfiles: the profiles of this house can be used in full, and catch
// what they are there for.
func TestOwnProfiles(t *testing.T) {
	own, err := profile.ReadFolder(conformance.Files, "linkloop", "1")
	if err != nil {
		t.Fatal(err)
	}
	l := profile.NewLibrary(own)
	for _, u := range l.Unusable() {
		t.Errorf("%s: %s", u.Canonical, u.Why)
	}
	if n, _, _ := l.Count(); n != 2 {
		t.Errorf("%d profiles, want 2", n)
	}
	for _, p := range l.Profiles() {
		for _, u := range p.Unchecked() {
			t.Errorf("%s: not checked: %s", p.Name, u)
		}
	}
	const good = `{"resourceType":"Task","status":"requested","intent":"order","code":{"coding":[{"system":"urn:x","code":"y"},{"system":"http://hl7.org/fhir/CodeSystem/task-code","code":"fulfill"}]},
		"focus":{"reference":"ServiceRequest/1"},"for":{"reference":"Patient/1"},"authoredOn":"2026-01-01","requester":{"display":"A"},
		"meta":{"tag":[{"system":"urn:x","code":"?"},{"system":"urn:linkloop:codesystem:data-quality","code":"snomed-truncated"}]},
		"businessStatus":{"coding":[{"system":"urn:linkloop:codesystem:business-status","code":"contacted"}]}}`
	tests := []struct{ name, old, new, code, path string }{
		{"as it should be", "", "", "", ""},
		{"another intent", `"intent":"order"`, `"intent":"plan"`, "value", "Task.intent"},
		{"another code", `"code":"fulfill"`, `"code":"approve"`, "value", "Task.code"},
		{"another focus", "ServiceRequest/1", "Procedure/1", "value", "Task.focus.reference"},
		{"nobody", `"for":`, `"owner":`, "required", "Task.for"},
		{"a flag that there is not", "snomed-truncated", "snomed-trunkated", "code-invalid", "Task.meta.tag[1]"},
		{"a status that there is not", `"contacted"`, `"contcated"`, "code-invalid", "Task.businessStatus.coding[0]"},
	}
	for _, tt := range tests {
		v, err := element.Parse([]byte(strings.Replace(good, tt.old, tt.new, 1)), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		issues := l.Check(t.Context(), v, []string{"urn:linkloop:profile:referral-task"}, profile.Checking{})
		switch {
		case tt.code == "" && len(issues) > 0:
			t.Errorf("%s: %+v", tt.name, issues)
		case tt.code != "" && (len(issues) != 1 || issues[0].Code != tt.code || issues[0].Expression != tt.path):
			t.Errorf("%s: %+v, want one issue %s at %s", tt.name, issues, tt.code, tt.path)
		}
	}
}
