package mappings_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/mappings"
)

// referralSchema is the published schema of the mapping generic-json.
func referralSchema(t *testing.T) (*jsonschema.Resolved, *jsonschema.Schema) {
	t.Helper()
	body, err := os.ReadFile("generic-json/referral.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, &s
}

func valid(t *testing.T, schema *jsonschema.Resolved, body []byte) error {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	return schema.Validate(v)
}

// TestSchemaAndMappingAgree: an example validates if, and only if, it is mapped
// without a remark.
func TestSchemaAndMappingAgree(t *testing.T) {
	schema, _ := referralSchema(t)
	m, err := compile("generic-json")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := mapping.Examples(mappings.FS(), "generic-json")
	if err != nil {
		t.Fatal(err)
	}
	for _, ex := range examples {
		tree, _, err := decode(m, ex.Input)
		if err != nil {
			t.Fatal(err)
		}
		res, refused := m.Apply(tree, mapping.Context{})
		clean := refused == nil && len(res.Findings) == 0
		if err := valid(t, schema, ex.Input); (err == nil) != clean {
			t.Errorf("%s: the mapping says %v, the schema %v", ex.Name, refused, err)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema, _ := referralSchema(t)
	const good = `{"id": "R1", "createdAt": "2026-03-02T10:15:00Z", "priority": "routine",
		"patient": {"familyName": "Hollis", "nhsNumber": "999 000 2002", "dateOfBirth": "1970-11-02", "address": {"postcode": "AM1 4EF"}},
		"referrer": {"practiceOdsCode": "A81001"}, "needs": [{"code": "267076002"}], "consent": true}`
	if err := valid(t, schema, []byte(good)); err != nil {
		t.Fatalf("a good referral: %v", err)
	}
	for _, change := range [][2]string{
		{`"id": "R1"`, `"number": "R1"`},
		{`"id": "R1", `, ``},
		{`"id": "R1"`, `"id": "R1", "action": "cancel"`},
		{`"id": "R1"`, `"id": "R1", "action": "park"`},
		{`"id": "R1"`, `"id": ["R1"]`},
		{`"createdAt": "2026-03-02T10:15:00Z"`, `"createdAt": "02/03/2026"`},
		{`"createdAt": "2026-03-02T10:15:00Z", `, ``},
		{`"routine"`, `"whenever"`},
		{`"familyName": "Hollis", `, ``},
		{`"999 000 2002"`, `"999 000 200"`},
		{`"1970-11-02"`, `"1970-31-02"`},
		{`"AM1 4EF"`, `"the corner house"`},
		{`"A81001"`, `"A-81"`},
		{`{"practiceOdsCode": "A81001"}`, `{}`},
		{`{"code": "267076002"}`, `"267076002"`},
		{`"consent": true`, `"consent": "maybe"`},
	} {
		body := strings.Replace(good, change[0], change[1], 1)
		if body == good || valid(t, schema, []byte(body)) == nil {
			t.Errorf("with %s for %s nothing is wrong", change[1], change[0])
		}
	}
}

// TestSchemaIsRead: every member of the schema has a rule in the mapping.
func TestSchemaIsRead(t *testing.T) {
	_, schema := referralSchema(t)
	text, err := os.ReadFile("generic-json/mapping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	members := 0
	var walk func(s *jsonschema.Schema, path string)
	walk = func(s *jsonschema.Schema, path string) {
		if s == nil {
			return
		}
		for _, o := range s.OneOf {
			walk(o, path)
		}
		if s.Items != nil {
			walk(s.Items, "")
		}
		for name, p := range s.Properties {
			at := strings.TrimPrefix(path+"."+name, ".")
			if path == "" && s != schema {
				at = "." + name // of a repetition
			}
			if len(p.Properties) == 0 && p.Items == nil && at != "type" { // the decoder reads the type
				members++
				if !strings.Contains(string(text), at) {
					t.Errorf("no rule reads %s", at)
				}
			}
			walk(p, strings.TrimPrefix(path+"."+name, "."))
		}
	}
	walk(schema, "")
	if members < 40 {
		t.Errorf("%d members", members)
	}
}
