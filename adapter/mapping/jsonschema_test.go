package mapping_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/mapping"
)

var updateSchema = flag.Bool("update-schema", false, "write the JSON Schemas of mappings")

// schemas are the files that editors read.
var schemas = map[string]func() []byte{
	"../../mappings/mapping.schema.json":  mapping.JSONSchema,
	"../../mappings/fragment.schema.json": mapping.FragmentSchema,
}

func TestSchemasAreFresh(t *testing.T) {
	for file, make := range schemas {
		if *updateSchema {
			if err := os.WriteFile(file, make(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(file)
		if err != nil || string(data) != string(make()) {
			t.Errorf("%s is out of date (%v): go test ./adapter/mapping -run TestSchemas -update-schema", filepath.Base(file), err)
		}
	}
}

// TestShippedMappingsFitTheSchema: what the compiler takes, an editor takes.
func TestShippedMappingsFitTheSchema(t *testing.T) {
	for pattern, schema := range map[string]func() []byte{
		"../../mappings/*/mapping.yaml": mapping.JSONSchema,
		"../../mappings/shared/*.yaml":  mapping.FragmentSchema,
	} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range validate(t, schema(), string(data)) {
				t.Errorf("%s: %s", f, p)
			}
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	clean := head + "resources:\n  p:\n    resourceType: Patient\n    gender: <- PID-8 | code(sex)\n"
	if ps := validate(t, mapping.JSONSchema(), clean); len(ps) > 0 {
		t.Fatalf("a clean mapping: %v", ps)
	}
	for name, change := range map[string][2]string{
		"key":            {"title:", "titel:"},
		"missing":        {"title: t\n", ""},
		"format":         {"hl7v2", "hl7"},
		"accepts":        {"[REF^I12]", "REF^I12"},
		"function":       {"code(sex)", "cod(sex)"},
		"function tail":  {"code(sex)", "codes(sex)"},
		"directive":      {"gender:", "$eech: PID-3\n    gender:"},
		"directive kind": {"gender:", "$first: a\n    gender:"},
		"element":        {"gender:", "gen-der:"},
		"reference":      {"<- PID-8 | code(sex)", "'-> '"},
		"empty":          {"<- PID-8 | code(sex)", "''"},
		"let":            {"resources:", "let: {Who: <- PID-5}\nresources:"},
		"fragment":       {"gender:", "$use: ../x\n    gender:"},
		"cases":          {"resources:", "constantsBy: {value: <- MSH-4}\nresources:"},
	} {
		if ps := validate(t, mapping.JSONSchema(), strings.Replace(clean, change[0], change[1], 1)); len(ps) == 0 {
			t.Errorf("%s: nothing is wrong", name)
		}
	}
	if ps := validate(t, mapping.FragmentSchema(), addressFragment); len(ps) > 0 {
		t.Errorf("a fragment: %v", ps)
	}
	if ps := validate(t, mapping.FragmentSchema(), strings.Replace(addressFragment, "optional", "optionel", 1)); len(ps) == 0 {
		t.Error("a misspelt parameter passes")
	}
}

// TestSchemaKnowsEveryWord: the references and the schema name the same words.
func TestSchemaKnowsEveryWord(t *testing.T) {
	text := string(mapping.JSONSchema())
	for _, f := range mapping.FunctionReference() {
		if !strings.Contains(text, "|"+f.Name+"|") && !strings.Contains(text, "("+f.Name+"|") && !strings.Contains(text, "|"+f.Name+")") {
			t.Errorf("the schema does not know %s", f.Name)
		}
	}
	for _, h := range slices.Concat(mapping.HeadReference(), mapping.DirectiveReference()) {
		if h.Says == "" || !strings.Contains(text, `"`+h.Name+`": {`) {
			t.Errorf("the schema does not know %s", h.Name)
		}
	}
}

// validate checks YAML against the part of JSON Schema that the schemas use.
func validate(t *testing.T, schema []byte, text string) []string {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	v := validator{root: s}
	return v.check(s, doc, "")
}

type validator struct{ root map[string]any }

func (v validator) check(s map[string]any, x any, at string) (out []string) {
	fail := func(format string, args ...any) { out = append(out, at+": "+fmt.Sprintf(format, args...)) }
	if ref, ok := s["$ref"].(string); ok {
		return v.check(v.root["definitions"].(map[string]any)[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any), x, at)
	}
	for key, want := range s {
		switch key {
		case "type":
			kinds, ok := want.([]any)
			if !ok {
				kinds = []any{want}
			}
			if !slices.Contains(kinds, kindOf(x)) {
				fail("is a %v, not %v", kindOf(x), want)
			}
		case "enum":
			if !slices.ContainsFunc(want.([]any), func(e any) bool { return reflect.DeepEqual(e, x) }) {
				fail("%v is none of %v", x, want)
			}
		case "pattern":
			if text, ok := x.(string); ok && !regexp.MustCompile(want.(string)).MatchString(text) {
				fail("%q does not match %s", text, want)
			}
		case "minLength":
			if text, ok := x.(string); ok && utf8.RuneCountInString(text) < int(want.(float64)) {
				fail("too short")
			}
		case "not":
			if len(v.check(want.(map[string]any), x, at)) == 0 {
				fail("fits what it must not")
			}
		case "anyOf":
			var all []string
			fits := slices.ContainsFunc(want.([]any), func(o any) bool {
				ps := v.check(o.(map[string]any), x, at)
				all = append(all, ps...)
				return len(ps) == 0
			})
			if !fits {
				fail("fits nothing: %s", strings.Join(all, "; "))
			}
		case "allOf":
			for _, o := range want.([]any) {
				out = append(out, v.check(o.(map[string]any), x, at)...)
			}
		case "items":
			if list, ok := x.([]any); ok {
				for i, e := range list {
					out = append(out, v.check(want.(map[string]any), e, fmt.Sprintf("%s[%d]", at, i))...)
				}
			}
		case "minItems":
			if list, ok := x.([]any); ok && len(list) < int(want.(float64)) {
				fail("too few items")
			}
		case "minProperties":
			if m, ok := x.(map[string]any); ok && len(m) < int(want.(float64)) {
				fail("too few members")
			}
		case "required":
			for _, name := range want.([]any) {
				if m, ok := x.(map[string]any); ok && m[name.(string)] == nil {
					fail("%s is missing", name)
				}
			}
		case "propertyNames":
			if m, ok := x.(map[string]any); ok {
				for name := range m {
					out = append(out, v.check(want.(map[string]any), name, at+"."+name)...)
				}
			}
		case "properties", "patternProperties", "additionalProperties":
			if m, ok := x.(map[string]any); ok && key == firstOf(s) {
				out = append(out, v.members(s, m, at)...)
			}
		case "$schema", "title", "description", "definitions":
		default:
			fail("the test does not know the keyword %s", key)
		}
	}
	return out
}

// firstOf is the keyword under which the members of an object are checked.
func firstOf(s map[string]any) string {
	for _, k := range []string{"properties", "patternProperties", "additionalProperties"} {
		if s[k] != nil {
			return k
		}
	}
	return ""
}

func (v validator) members(s map[string]any, m map[string]any, at string) (out []string) {
	props, _ := s["properties"].(map[string]any)
	patterns, _ := s["patternProperties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if p, ok := props[name].(map[string]any); ok {
			out = append(out, v.check(p, m[name], at+"."+name)...)
			continue
		}
		known := false
		for pattern, p := range patterns {
			if regexp.MustCompile(pattern).MatchString(name) {
				known = true
				out = append(out, v.check(p.(map[string]any), m[name], at+"."+name)...)
			}
		}
		if known {
			continue
		}
		switch more := s["additionalProperties"].(type) {
		case bool:
			if !more {
				out = append(out, at+": unknown member "+name)
			}
		case map[string]any:
			out = append(out, v.check(more, m[name], at+"."+name)...)
		}
	}
	return out
}

func kindOf(x any) any {
	switch x.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case int, float64:
		return "number"
	default:
		return "null"
	}
}
