package mappings_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/csvdoc"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/inbound/xmldoc"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/conformance"
	"github.com/linkloop/linkloop/mappings"
)

var update = flag.Bool("update", false, "write what came out into the examples")

// compile reads a shipped mapping as the server does.
func compile(name string) (*mapping.Mapping, error) {
	return mapping.Compile(mappings.FS(), name, mapping.WithSchema(fhir.Schema{}), mapping.WithIntentions(referral.Whole, referral.Brief))
}

// formatOf is the wire format of a mapping; nil: none is wired into this test.
func formatOf(m *mapping.Mapping) inbound.Format {
	switch m.Format() {
	case "hl7v2":
		return hl7v2.New()
	case "fhirmsg":
		return fhirmsg.New()
	case "json":
		return jsondoc.New()
	case "xml":
		x := m.XML()
		return xmldoc.New(xmldoc.Options{Each: x.Each, ID: x.ID, Type: x.Type, Prefixes: x.Prefixes})
	case "csv":
		c := m.CSV()
		return csvdoc.New(csvdoc.Options{
			Separator: c.Separator, Unquoted: !c.Quotes, Columns: c.Columns, Absent: c.Absent, ID: c.ID, Type: c.Type, Order: c.Order, Passes: c.Passes, Pad: c.Pad,
			Header:   map[string]csvdoc.Header{"no": csvdoc.None, "ignored": csvdoc.Ignored}[c.Header],
			Encoding: map[string]csvdoc.Encoding{"utf-8": csvdoc.UTF8, "windows-1252": csvdoc.Windows1252}[c.Encoding],
		})
	}
	return nil
}

func decode(m *mapping.Mapping, body []byte) (*message.Tree, string, error) {
	f := formatOf(m)
	if f == nil {
		return nil, "", fmt.Errorf("no decoder for the format %s", m.Format())
	}
	msg, err := f.Decode(body)
	if err != nil {
		return nil, "", err
	}
	return msg.Tree, msg.Type, nil
}

// TestExamples runs the examples of every shipped mapping.
func TestExamples(t *testing.T) {
	for _, name := range mappings.Names() {
		t.Run(name, func(t *testing.T) {
			m, err := compile(name)
			if err != nil {
				t.Fatal(err)
			}
			examples, err := mapping.Examples(mappings.FS(), name)
			if err != nil {
				t.Fatal(err)
			}
			if len(examples) < 3 {
				t.Errorf("%d examples: a shipped mapping shows at least 3", len(examples))
			}
			outcomes := m.Test(examples, func(_ string, body []byte) (*message.Tree, string, error) { return decode(m, body) })
			for _, o := range outcomes {
				if *update {
					if err := os.WriteFile(o.Example.File, o.Updated, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			var out strings.Builder
			if err := mapping.WriteOutcomes(&out, outcomes); err != nil {
				t.Fatal(err)
			}
			for _, o := range outcomes {
				if !o.Passed() && !*update {
					t.Fatalf("run go test ./mappings -update when this is as it should be\n%s", out.String())
				}
			}
		})
	}
}

// TestExamplesAreFHIR holds everything that shipped mappings make against R4
// and the rules of this house, after what cannot be trusted was made harmless,
// as the intake does.
func TestExamplesAreFHIR(t *testing.T) {
	rules, err := profile.LoadRules(conformance.Files, "house-rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range mappings.Names() {
		m, err := compile(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		examples, err := mapping.Examples(mappings.FS(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, ex := range examples {
			t.Run(name+"/"+ex.Name, func(t *testing.T) {
				tree, _, err := decode(m, ex.Input)
				if err != nil {
					t.Fatal(err)
				}
				res, err := m.Apply(tree, mapping.Context{})
				if err != nil || slices.Contains(referral.Brief, res.Intention) {
					return // refused, or only names what it is about
				}
				roots := make([]*element.Value, len(res.Resources))
				for i, r := range res.Resources {
					roots[i] = r.Root
				}
				profile.Quality(roots)
				for _, r := range roots {
					for _, is := range append(fhir.Check(pointed(r)), rules.Check(r)...) {
						t.Errorf("%s %s: %s", is.Expression, is.Code, is.Text)
					}
				}
			})
		}
	}
}

// pointed is a resource with references in place of the keys of rules, as it is
// where resources get their ids.
func pointed(v *element.Value) *element.Value {
	v = v.Clone()
	point(v)
	return v
}

func point(v *element.Value) {
	if ref := v.Get("reference"); ref != nil && strings.HasPrefix(ref.Text, mapping.ReferencePrefix) {
		ref.Text = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
	}
	for _, f := range v.Fields {
		point(f.Value)
	}
	for _, it := range v.Items {
		point(it)
	}
}
