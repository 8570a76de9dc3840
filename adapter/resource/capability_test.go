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
	v := resource.Surface{
		Base: "https://linkloop.example/fhir", Version: "1.2.3", Formats: []string{"json"}, PatchFormats: []string{"application/json-patch+json"},
		Interactions: []string{"batch", "create", "delete", "history-system", "read", "search-type", "update"},
		Operations: []resource.Operation{
			{Name: "validate", Definition: "http://hl7.org/fhir/OperationDefinition/Resource-validate", Type: resource.EveryType},
			{Name: "own", Definition: "urn:test:own", Type: "Task"}, {Name: "all", Definition: "urn:test:all"},
		},
		Security: "token", CORS: true,
	}.Statement()
	for _, is := range fhir.Check(v) {
		t.Errorf("%s: %s", is.Expression, is.Text)
	}
	if issues, err := fhir.Strict(v.JSON()); err != nil || len(issues) > 0 {
		t.Errorf("google/fhir: %v %v", issues, err)
	}
	if v.TextAt("implementation.url") != "https://linkloop.example/fhir" || v.TextAt("software.version") != "1.2.3" {
		t.Error("base and version are not told")
	}
	for path, want := range map[string]string{
		"rest.interaction.code": "batch history-system", "rest.security.service.text": "token", "rest.security.cors": "true", "rest.operation.name": "all",
	} {
		var got []string
		for _, x := range v.All(path) {
			got = append(got, x.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is %v, want %s", path, got, want)
		}
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
			if !strings.HasPrefix(p.Str("definition"), "http://hl7.org/fhir/") || p.Str("documentation") == "" {
				t.Errorf("%s %s: defined at %q, documented as %q", d.Type, p.Str("name"), p.Str("definition"), p.Str("documentation"))
			}
		}
		for _, x := range r.All("interaction.code") {
			verbs = append(verbs, x.Text)
		}
		wantOperations := 1
		if d.Type == "Task" {
			wantOperations = 2
		}
		if n := len(r.List("operation")); n != wantOperations || slices.Contains(verbs, "patch") || slices.Contains(verbs, "vread") {
			t.Errorf("%s: %d operations and %v are claimed", d.Type, n, verbs)
		}
		if r.Str("type") != d.Type || !slices.Equal(got, want) {
			t.Errorf("%s: claims %v, want %v", d.Type, got, want)
		}
		if slices.Contains(verbs, "create") != d.Create || slices.Contains(verbs, "update") != d.Update {
			t.Errorf("%s: claims %v", d.Type, verbs)
		}
		for _, how := range []string{"Include", "RevInclude"} {
			for _, inc := range r.All("search" + how) {
				if _, err := search(t, d.Type, "_"+strings.ToLower(how)+"="+inc.Text, resource.Options{}); err != nil {
					t.Errorf("%s %s is claimed of %s and refused: %v", how, inc.Text, d.Type, err)
				}
			}
		}
	}
}

// TestDefinitions: types are in order, what references point to are types, and
// combined parameters are there.
func TestDefinitions(t *testing.T) {
	before := ""
	for _, d := range resource.Definitions() {
		if d.Type <= before || !fhir.Known(d.Type) {
			t.Errorf("%s is out of order or no type of R4", d.Type)
		}
		before = d.Type
		for _, p := range d.Parameters {
			for _, target := range p.Targets {
				if !fhir.Known(target) {
					t.Errorf("%s %s: %s is no type of R4", d.Type, p.Name, target)
				}
			}
			if (p.Kind == resource.Reference) != (len(p.Targets) > 0) {
				t.Errorf("%s %s: targets %v of a %s", d.Type, p.Name, p.Targets, p.Kind)
			}
			if (p.Kind == resource.Composite) != (len(p.Components) > 0) {
				t.Errorf("%s %s: components of a %s", d.Type, p.Name, p.Kind)
			}
		}
		for _, names := range d.Combined {
			for _, n := range names {
				if p, ok := d.Parameter(n); !ok || p.Kind != resource.Token && p.Kind != resource.Reference {
					t.Errorf("%s: combined %s is no token or reference", d.Type, n)
				}
			}
		}
	}
}

// notServed are the parameters of R4 that served types are not searched by, and
// why.
var notServed = map[string]string{
	"Bundle composition":              "what stands in a Bundle is no reference, and is not indexed with it",
	"Bundle message":                  "what stands in a Bundle is no reference, and is not indexed with it",
	"Patient phonetic":                "how names sound is not said by R4; name folds case and accents",
	"Person phonetic":                 "the type is not served",
	"Organization phonetic":           "how names sound is not said by R4; name folds case and accents",
	"Practitioner phonetic":           "how names sound is not said by R4; name folds case and accents",
	"RelatedPerson phonetic":          "how names sound is not said by R4; name folds case and accents",
	"CapabilityStatement fhirversion": "R4 has the path of version for it",
	"CodeSystem code":                 "an entry for each code would be more than the definition",
	"CodeSystem language":             "an entry for each code would be more than the definition",
	"ConceptMap dependson":            "an entry for each code would be more than the definition",
	"ConceptMap product":              "an entry for each code would be more than the definition",
	"ConceptMap source-code":          "an entry for each code would be more than the definition",
	"ConceptMap target-code":          "an entry for each code would be more than the definition",
	"ValueSet code":                   "an entry for each code would be more than the definition",
	"StructureDefinition path":        "an entry for each element would be more than the definition",
	"StructureDefinition base-path":   "an entry for each element would be more than the definition",
	"StructureDefinition valueset":    "an entry for each element would be more than the definition",
	"Resource _content":               "text over whole resources is not indexed",
	"Resource _query":                 "there are no named queries",
	"DomainResource _text":            "narratives are not indexed",
}

// TestOfficialParameters: every parameter of R4 of a served type is served,
// with the kind and the paths of the registry, or there is a reason.
func TestOfficialParameters(t *testing.T) {
	b, err := os.ReadFile(officialParameters)
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
	n := 0
	for _, e := range bundle.Entry {
		r := e.Resource
		for _, base := range r.Base {
			known[base+" "+r.Code] = official{r.Type, r.Expression}
			types := []string{base}
			if base == "Resource" || base == "DomainResource" {
				types = []string{"Task"}
			}
			for _, typ := range types {
				d, ok := resource.Lookup(typ)
				if !ok || r.Code == "_id" || r.Code == "_lastUpdated" {
					continue
				}
				n++
				_, served := d.Parameter(r.Code)
				if reason := notServed[base+" "+r.Code]; served == (reason != "") {
					t.Errorf("%s %s: served %v, reason %q", base, r.Code, served, reason)
				}
			}
		}
	}
	for _, p := range statedParameters(t) {
		key := p.typ + " " + p.Name
		if _, ok := known[key]; ok {
			continue
		}
		known[key] = official{kind: p.Type}
		n++
		d, _ := resource.Lookup(p.typ)
		_, served := d.Parameter(p.Name)
		if reason := notServed[key]; served == (reason != "") {
			t.Errorf("%s: served %v, reason %q", key, served, reason)
		}
	}
	if n < 500 {
		t.Errorf("%d parameters are too few to mean anything", n)
	}
	plain := strings.NewReplacer("(", "", ")", "", " ", "", ".as", ".ofType", "as", ".ofType")
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
			if o.expression == "" {
				continue // known by its statement alone
			}
			var want []string
			for _, one := range strings.Split(o.expression, "|") {
				one = strings.Trim(strings.TrimSpace(one), "(")
				if one == d.Type {
					want = append(want, "$this")
				} else if rest, mine := strings.CutPrefix(one, d.Type+"."); mine {
					want = append(want, plain.Replace(strings.Replace(rest, " as ", ".as", 1)))
				}
			}
			if len(p.Paths) != len(want) {
				t.Errorf("%s %s: %d paths, R4 says %q", d.Type, p.Name, len(p.Paths), o.expression)
				continue
			}
			for i, path := range p.Paths {
				if plain.Replace(path.Text) != want[i] {
					t.Errorf("%s %s: %q, R4 says %q", d.Type, p.Name, path.Text, o.expression)
				}
			}
		}
	}
}
