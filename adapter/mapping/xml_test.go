package mapping_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/mapping"
)

func TestXMLBlock(t *testing.T) {
	compile := func(format, block string) (*mapping.Mapping, error) {
		text := "mapping: docs\ntitle: Documents\nversion: 1.0.0\nformat: " + format + "\n" + block + "accepts: [Referral]\nresources:\n  patient:\n    resourceType: Patient\n    birthDate: <- Referral.DOB | date\n"
		return mapping.Compile(fstest.MapFS{"docs/mapping.yaml": {Data: []byte(text)}}, "docs")
	}
	m, err := compile("xml", "xml:\n  id: [Referral.@id, Referral.Head.Ref]\n  type: Referral.@kind\n  namespaces: {hl7: 'urn:hl7-org:v3'}\n")
	if err != nil {
		t.Fatal(err)
	}
	x := m.XML()
	if len(x.ID) != 2 || x.ID[1].String() != "Referral.Head.Ref" || x.Type.String() != "Referral.@kind" || x.Prefixes["urn:hl7-org:v3"] != "hl7" {
		t.Errorf("%+v", x)
	}
	if m, err = compile("xml", "xml: {id: Referral.Ref}\n"); err != nil || len(m.XML().ID) != 1 {
		t.Errorf("one path: %v", err)
	}
	if m, err = compile("xml", ""); err != nil || len(m.XML().ID) != 0 || m.XML().Type.String() != "" {
		t.Errorf("no block: %v", err)
	}
	for block, want := range map[string]string{
		"xml: {ids: Referral.Ref}\n":                    "did you mean id?",
		"xml: {id: 'Referral..Ref'}\n":                  "column 10",
		"xml: {id: .Ref}\n":                             "begins with the root element",
		"xml: {id: {a: b}}\n":                           "a path is expected",
		"xml: {namespaces: [a]}\n":                      "prefix: namespace",
		"xml: {namespaces: {xsi: 'urn:a'}}\n":           "is taken",
		"xml: {namespaces: {'a b': 'urn:a'}}\n":         "cannot be a prefix",
		"xml: {namespaces: {a: ''}}\n":                  "is a text",
		"xml: {namespaces: {a: 'urn:a', b: 'urn:a'}}\n": "stands twice",
	} {
		if _, err := compile("xml", block); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want ...%s...", block, err, want)
		}
	}
	if _, err := compile("json", "xml: {}\n"); err == nil || !strings.Contains(err.Error(), "format: xml") {
		t.Errorf("an xml block in a mapping of JSON: %v", err)
	}
}
