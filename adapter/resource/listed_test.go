package resource

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

// TestListed: what is indexed narrows to a superset. Each way of asking for each
// value in the official examples has terms that the example is indexed by, and a
// check that holds for it.
func TestListed(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpus/r4-examples/json/*.json")
	if len(files) == 0 {
		t.Skip("the official examples are not there")
	}
	ix := NewIndexer([]byte("key"))
	asked := map[Kind]int{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		root, err := element.Parse(b, element.Limits{})
		if err != nil {
			continue // a defect of the example, or not a resource
		}
		d, ok := Lookup(root.ResourceType())
		if !ok {
			continue
		}
		terms := ix.Index(root).Terms
		for i := range d.Parameters {
			p := &d.Parameters[i]
			var ways []string
			p.visit(root, func(x *element.Value) {
				switch p.Kind {
				case Token:
					ways = append(ways, appendTokens(nil, x)...)
				case Reference:
					ways = append(ways, appendReference(nil, x)...)
				case String:
					texts(x, func(s string) { ways = append(ways, s) })
				}
			})
			for _, way := range ways {
				if normal(way) == "" || way[0] == '#' {
					continue // a string of no letters, and what is contained
				}
				escaped := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`).Replace(way)
				s, err := Parse(ix, d.Type, url.Values{p.Name: {escaped}}, Options{})
				if err != nil {
					t.Errorf("%s %s: %v", d.Type, p.Name, err)
					continue
				}
				asked[p.Kind]++
				for _, c := range s.Query.Clauses {
					if !slices.ContainsFunc(c.Any, func(term Term) bool { return slices.Contains(terms, term) }) {
						t.Errorf("%s: %s %s=%s is not found", filepath.Base(file), d.Type, p.Name, escaped)
					}
				}
				if s.Query.Check != nil && !s.Query.Check(root.JSON()) {
					t.Errorf("%s: %s %s=%s does not hold", filepath.Base(file), d.Type, p.Name, escaped)
				}
			}
		}
	}
	for _, k := range []Kind{Token, Reference, String} {
		if asked[k] < 300 {
			t.Errorf("%d values of kind %s are too few to mean anything", asked[k], k)
		}
	}
}

// TestStandIns: which parameters have no terms of their own.
func TestStandIns(t *testing.T) {
	for name, want := range map[string]string{
		"Patient family": "name", "Patient given": "name", "Patient name": "",
		"Patient email": "telecom", "Patient phone": "telecom", "Patient address-city": "address", "Patient address-use": "",
		"Task patient": "subject", "Task subject": "", "Task owner": "", "ServiceRequest patient": "subject",
		"Appointment patient": "actor", "Appointment location": "actor", "Provenance patient": "target",
		"PractitionerRole phone": "telecom", "Observation combo-code": "", "Observation code": "combo-code",
	} {
		typ, param, _ := strings.Cut(name, " ")
		d, _ := Lookup(typ)
		p, ok := d.Parameter(param)
		if !ok {
			t.Errorf("%s is not served", name)
		} else if p.by != want {
			t.Errorf("%s stands under %q, want %q", name, p.by, want)
		}
	}
}
