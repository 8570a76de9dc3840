package resource_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/resource"
)

var update = flag.Bool("update", false, "write registry.txt again, from the official search parameters")

const officialParameters = "../../../shared/corpus/r4-definitions/search-parameters-selected.json"

// officialStatement is what a server of all of R4 says. It has the parameters of
// types that the selection lacks, though not where their values stand.
const officialStatement = "../../../shared/corpus/r4-definitions/CapabilityStatement-base.json"

type statedParameter struct {
	typ                                   string
	Name, Type, Definition, Documentation string
}

// statedParameters are those of the served types in officialStatement.
func statedParameters(t *testing.T) []statedParameter {
	t.Helper()
	b, err := os.ReadFile(officialStatement)
	if err != nil {
		t.Fatal(err)
	}
	var statement struct {
		Rest []struct {
			Resource []struct {
				Type        string
				SearchParam []statedParameter
			}
		}
	}
	if err := json.Unmarshal(b, &statement); err != nil {
		t.Fatal(err)
	}
	var out []statedParameter
	for _, r := range statement.Rest[0].Resource {
		if _, served := resource.Lookup(r.Type); !served {
			continue
		}
		for _, p := range r.SearchParam {
			p.typ = r.Type
			out = append(out, p)
		}
	}
	return out
}

// TestRegistry: addresses and words of search parameters are those of R4.
func TestRegistry(t *testing.T) {
	b, err := os.ReadFile(officialParameters)
	if err != nil {
		t.Skip("the corpus of official search parameters is not there")
	}
	var bundle struct {
		Entry []struct {
			Resource struct {
				Code, URL, Description string
				Base                   []string
			}
		}
	}
	if err := json.Unmarshal(b, &bundle); err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{}
	selected := map[string]bool{}
	for _, e := range bundle.Entry {
		r := e.Resource
		for _, base := range r.Base {
			name := base
			selected[base+" "+r.Code] = true
			if d, ok := resource.Lookup(base); ok {
				if _, served := d.Parameter(r.Code); !served {
					continue
				}
			} else if base != "Resource" || r.Code == "_query" || r.Code == "_content" {
				continue
			}
			id, ok := strings.CutPrefix(r.URL, "http://hl7.org/fhir/SearchParameter/")
			if !ok {
				t.Fatalf("%s is at another place", r.URL)
			}
			lines[name] = append(lines[name], "  "+r.Code+" "+id+" "+words(r.Description, base))
		}
	}
	for _, p := range statedParameters(t) {
		d, _ := resource.Lookup(p.typ)
		if _, served := d.Parameter(p.Name); served && !selected[p.typ+" "+p.Name] {
			lines[p.typ] = append(lines[p.typ], "  "+p.Name+" "+strings.TrimPrefix(p.Definition, "http://hl7.org/fhir/SearchParameter/")+" "+words(p.Documentation, p.typ))
		}
	}
	var out strings.Builder
	out.WriteString(`# The search parameters of https://hl7.org/fhir/R4/searchparameter-registry.html that are
# served: name, last part of the address of the definition, and what R4 says (CC0).
# Written by: go test ./adapter/resource -run TestRegistry -update

`)
	for _, typ := range slices.Sorted(maps.Keys(lines)) {
		slices.Sort(lines[typ])
		fmt.Fprintf(&out, "%s\n%s\n", typ, strings.Join(lines[typ], "\n"))
	}
	if *update {
		if err := os.WriteFile("registry.txt", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("registry.txt")
	if err != nil || string(have) != out.String() {
		t.Errorf("registry.txt is not what R4 says (%v); run this test with -update", err)
	}
}

// words are those about one type, of a text that may be about several:
//
//   - [Task](task.html): Search by task owner
func words(text, typ string) string {
	for _, line := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "* ["+typ+"]("); ok {
			_, text, _ = strings.Cut(rest, "): ")
		}
	}
	text = strings.Join(strings.Fields(text), " ")
	for strings.HasSuffix(text, ".") {
		text = strings.TrimSuffix(text, ".")
	}
	return text
}
