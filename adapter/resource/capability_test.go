package resource_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/resource"
)

// TestCapability: the statement is valid R4 to both checkers, and claims what
// the definitions say and nothing else.
func TestCapability(t *testing.T) {
	v := resource.Capability("https://linkloop.example/fhir", "1.2.3")
	for _, is := range fhir.Check(v) {
		t.Errorf("%s: %s", is.Expression, is.Text)
	}
	if issues, err := fhir.Strict(v.JSON()); err != nil || len(issues) > 0 {
		t.Errorf("google/fhir: %v %v", issues, err)
	}
	if v.TextAt("implementation.url") != "https://linkloop.example/fhir" || v.TextAt("software.version") != "1.2.3" {
		t.Error("base and version are not told")
	}
	claimed := v.All("rest.resource")
	if len(claimed) != len(resource.Definitions()) {
		t.Fatalf("%d types, want %d", len(claimed), len(resource.Definitions()))
	}
	for i, d := range resource.Definitions() {
		r := claimed[i]
		want := []string{"_id token", "_lastUpdated date"}
		for _, p := range d.Parameters {
			want = append(want, p.Name+" "+string(p.Kind))
		}
		var got, verbs []string
		for _, p := range r.List("searchParam") {
			got = append(got, p.Str("name")+" "+p.Str("type"))
		}
		for _, x := range r.All("interaction.code") {
			verbs = append(verbs, x.Text)
		}
		if r.Str("type") != d.Type || !slices.Equal(got, want) {
			t.Errorf("%s: claims %v, want %v", d.Type, got, want)
		}
		if slices.Contains(verbs, "create") != d.Create || slices.Contains(verbs, "update") != d.Update {
			t.Errorf("%s: claims %v", d.Type, verbs)
		}
		for _, inc := range r.All("searchInclude") {
			if _, err := search(t, d.Type, "_include="+inc.Text, resource.Options{}); err != nil {
				t.Errorf("%s is claimed and refused: %v", inc.Text, err)
			}
		}
	}
}

// TestDefinitions: types are in order, paths exist in R4, and combined
// parameters are there.
func TestDefinitions(t *testing.T) {
	before := ""
	for _, d := range resource.Definitions() {
		if d.Type <= before || !fhir.Known(d.Type) {
			t.Errorf("%s is out of order or no type of R4", d.Type)
		}
		before = d.Type
		for _, p := range d.Parameters {
			for _, path := range p.Paths {
				if known, near := (fhir.Schema{}).Element(d.Type, path); !known {
					t.Errorf("%s.%s: no such path, the nearest is %s", d.Type, path, near)
				}
			}
			for _, target := range p.Targets {
				if !fhir.Known(target) {
					t.Errorf("%s %s: %s is no type of R4", d.Type, p.Name, target)
				}
			}
			if (p.Kind == resource.Reference) != (len(p.Targets) > 0) {
				t.Errorf("%s %s: targets %v of a %s", d.Type, p.Name, p.Targets, p.Kind)
			}
		}
		for _, names := range d.Combined {
			for _, n := range names {
				if p, ok := d.Parameter(n); !ok || p.Kind == resource.Date {
					t.Errorf("%s: combined %s is no token or reference", d.Type, n)
				}
			}
		}
	}
}

// TestOfficialParameters: names and kinds are those of the R4 registry.
func TestOfficialParameters(t *testing.T) {
	b, err := os.ReadFile("../../../shared/corpus/r4-definitions/search-parameters-selected.json")
	if err != nil {
		t.Skip("the corpus of official search parameters is not there")
	}
	var bundle struct {
		Entry []struct {
			Resource struct {
				Code, Type, Expression string
				Base                   []string
			}
		}
	}
	if err := json.Unmarshal(b, &bundle); err != nil {
		t.Fatal(err)
	}
	type official struct{ kind, expression string }
	known := map[string]official{}
	for _, e := range bundle.Entry {
		for _, base := range e.Resource.Base {
			known[base+" "+e.Resource.Code] = official{e.Resource.Type, e.Resource.Expression}
		}
	}
	for _, d := range resource.Definitions() {
		for _, p := range d.Parameters {
			if p.URL != "" {
				continue // of another guide: TestGravityParameters
			}
			o, ok := known[d.Type+" "+p.Name]
			if strings.HasPrefix(p.Name, "_") { // of every type
				o, ok = known["Resource "+p.Name]
				o.expression = strings.ReplaceAll(o.expression, "Resource.", d.Type+".")
			}
			if !ok || o.kind != string(p.Kind) {
				t.Errorf("%s %s %s: R4 says %q", d.Type, p.Name, p.Kind, o.kind)
				continue
			}
			for _, path := range p.Paths {
				// effectivePeriod is Observation.effective in the expression.
				first, _, _ := strings.Cut(path, ".")
				if !strings.Contains(o.expression, d.Type+"."+choiceOf(first)) {
					t.Errorf("%s %s: %s is not in %q", d.Type, p.Name, path, o.expression)
				}
			}
		}
	}
}

// choiceOf is performed of performedDateTime, and the name itself of others.
func choiceOf(name string) string {
	for _, typ := range []string{"DateTime", "Period", "Instant", "Reference"} {
		if base, ok := strings.CutSuffix(name, typ); ok && base != "" {
			return base
		}
	}
	return name
}
