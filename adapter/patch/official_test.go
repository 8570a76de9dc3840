package patch_test

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
	"github.com/linkloop/linkloop/adapter/patch"
)

const corpus = "../../../shared/corpus/patch/"

// official reads a file of the official cases, or skips.
func official(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(corpus + name)
	if err != nil {
		t.Skip("the corpus of official patch cases is not there")
	}
	return b
}

// TestOfficialJSON runs the cases of FHIR for JSON Patch, all of them.
func TestOfficialJSON(t *testing.T) {
	var cases []struct {
		Comment              string
		Doc, Patch, Expected json.RawMessage
		Error                string
	}
	if err := json.Unmarshal(official(t, "r4_patch_json-patch-tests.json"), &cases); err != nil || len(cases) < 15 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		t.Run(c.Comment, func(t *testing.T) {
			doc := value(t, string(c.Doc))
			p, err := patch.ParseJSON(c.Patch)
			var got *element.Value
			if err == nil {
				got, err = p.Apply(doc)
			}
			if (err != nil) != (c.Error != "") {
				t.Fatalf("error %v, want %q", err, c.Error)
			}
			if err == nil && !element.Equal(got, value(t, string(c.Expected))) {
				t.Errorf("got %s, want %s", got.JSON(), c.Expected)
			}
			if !element.Equal(doc, value(t, string(c.Doc))) {
				t.Error("the patch changed what it was given")
			}
		})
	}
}

type inner struct {
	XML []byte `xml:",innerxml"`
}

// TestOfficialFHIRPath runs the cases of FHIR for FHIRPath Patch, all of them.
func TestOfficialFHIRPath(t *testing.T) {
	var suite struct {
		Cases []struct {
			Name   string    `xml:"name,attr"`
			Input  inner     `xml:"input"`
			Diff   inner     `xml:"diff"`
			Output inner     `xml:"output"`
			Error  *struct{} `xml:"error"`
		} `xml:"case"`
	}
	if err := xml.Unmarshal(official(t, "r4_patch_fhir-patch-tests.xml"), &suite); err != nil || len(suite.Cases) < 30 {
		t.Fatalf("%d cases, %v", len(suite.Cases), err)
	}
	for _, c := range suite.Cases {
		t.Run(c.Name, func(t *testing.T) {
			doc, diff := resource(t, c.Input.XML), resource(t, c.Diff.XML)
			before := doc.Clone()
			p, err := patch.ParseParameters(diff)
			var got *element.Value
			if err == nil {
				got, err = p.Apply(doc)
			}
			if (err != nil) != (c.Error != nil) {
				t.Fatalf("error %v, one is wanted: %v", err, c.Error != nil)
			}
			if err == nil {
				patch.Tidy(got)
				want := resource(t, c.Output.XML)
				// A quotation mark in a text of XHTML has two spellings.
				for _, v := range []*element.Value{got, want} {
					if div := v.At("text.div"); div != nil {
						div.Text = strings.ReplaceAll(div.Text, "&quot;", `"`)
					}
				}
				if !element.Equal(got, want) {
					t.Errorf("got  %s\nwant %s", got.JSON(), want.JSON())
				}
			}
			if !element.Equal(doc, before) {
				t.Error("the patch changed what it was given")
			}
		})
	}
}

// resource reads FHIR XML; the narrative of a case stands in it as it is.
func resource(t *testing.T, b []byte) *element.Value {
	t.Helper()
	v, err := fhirxml.Read(b, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func value(t *testing.T, s string) *element.Value {
	t.Helper()
	v, err := element.Parse([]byte(s), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
