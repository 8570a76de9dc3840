package fhirpath

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

const corpus = "../../../shared/corpus/"

type suite struct {
	Groups []struct {
		Name  string `xml:"name,attr"`
		Tests []struct {
			Name       string `xml:"name,attr"`
			Input      string `xml:"inputfile,attr"`
			Predicate  bool   `xml:"predicate,attr"`
			Expression struct {
				Text    string `xml:",chardata"`
				Invalid string `xml:"invalid,attr"`
			} `xml:"expression"`
			Outputs []struct {
				Type string `xml:"type,attr"`
				Text string `xml:",chardata"`
			} `xml:"output"`
		} `xml:"test"`
	} `xml:"group"`
}

// differs names the official cases whose result here is another one, and why.
var differs = map[string]string{
	"testDollar/testDollarOrderNotAllowed":     "the order of children() is that of the document here",
	"testInheritance/testFHIRPathIsFunction8":  "the example of the corpus has no such extension",
	"testInheritance/testFHIRPathIsFunction9":  "as before",
	"testInheritance/testFHIRPathIsFunction10": "as before",
	"testInheritance/testFHIRPathAsFunction21": "as() of several is a filter, which dom-3 of R4 needs",
	"testObservations/testPolymorphismAsB":     "whether a type fits a place is not looked into",
}

// TestOfficial runs the official suite of FHIRPath for R4: what compiles here
// has the result that the suite wants, or is an error. What does not compile
// would be reported as not checked.
func TestOfficial(t *testing.T) {
	b, err := os.ReadFile(corpus + "patch/r4_fhirpath_tests-fhir-r4.xml")
	if err != nil {
		t.Skip("the corpus is not there")
	}
	var s suite
	if err := xml.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	inputs := map[string]*element.Value{}
	agree, unknown, failed := 0, 0, 0
	for _, g := range s.Groups {
		for _, c := range g.Tests {
			name := g.Name + "/" + c.Name
			v, read := inputs[c.Input]
			if !read {
				v = example(c.Input)
				inputs[c.Input] = v
			}
			x, err := Compile(c.Expression.Text)
			if err != nil {
				unknown++
				continue
			}
			if v == nil && c.Input != "" {
				continue
			}
			out, err := evaluate(x, v)
			if err != nil {
				failed++
				if c.Expression.Invalid == "" {
					t.Logf("%s: %s: %v", name, c.Expression.Text, err)
				}
				continue
			}
			var want, got []string
			for _, o := range c.Outputs {
				want = append(want, strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(o.Text), "@"), "T"))
			}
			if c.Predicate && len(want) == 1 && len(out) > 0 {
				is, known, err := truth(out)
				if err != nil {
					is, known = true, true
				}
				out = ofBool(is && known)
			}
			for _, it := range out {
				got = append(got, shown(it))
			}
			why, known := differs[name]
			switch ok := slices.Equal(got, want) && c.Expression.Invalid == ""; {
			case ok && !known:
				agree++
			case ok:
				t.Errorf("%s: agrees now; it was left out because %s", name, why)
			case !known:
				t.Errorf("%s: %s\ngot  %q\nwant %q %s", name, c.Expression.Text, got, want, c.Expression.Invalid)
			}
		}
	}
	t.Logf("%d cases agree, %d do not compile, %d are errors, %d differ", agree, unknown, failed, len(differs))
	if agree < 300 {
		t.Error("that is too few to mean anything")
	}
}

func evaluate(x *Expression, v *element.Value) ([]Item, error) {
	steps := 100_000
	at := Place{Resource: v}
	if v != nil {
		typ, _ := fhir.TypeOf(v.ResourceType())
		at.Focus = Element(v, nil, typ)
	}
	return x.Evaluate(at, &steps)
}

func example(file string) *element.Value {
	file = strings.TrimSuffix(strings.TrimSuffix(file, ".xml"), ".json") + ".json"
	b, err := os.ReadFile(filepath.Join(corpus, "r4-examples/json", file))
	if err != nil {
		return nil
	}
	v, err := element.Parse(b, element.Limits{})
	if err != nil {
		return nil
	}
	return v
}

func shown(it Item) string {
	switch it.kind {
	case boolean:
		if it.is {
			return "true"
		}
		return "false"
	case number:
		if it.text != "" {
			return it.text
		}
		if it.num.IsInt() {
			return it.num.Num().String()
		}
		return strings.TrimRight(it.num.FloatString(8), "0")
	case none:
		return "?"
	}
	return it.text
}
