package fhir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// canary stands for what must never be told: the value in a resource.
const canary = "Canary-9434765919"

// mutation breaks one value of a resource.
type mutation struct {
	name  string
	apply func(parent *element.Value, i int) bool // member i of an object; false: does not fit
}

func replace(parent *element.Value, i int, x *element.Value) bool {
	parent.Fields[i].Value = x
	return true
}

func scalar(v *element.Value) bool { return v.Kind != element.Object && v.Kind != element.Array }

// mutations are done to every member of every object of an example, one at a
// time.
var mutations = []mutation{
	{"drop", func(p *element.Value, i int) bool {
		p.Fields = slices.Delete(slices.Clone(p.Fields), i, i+1)
		return len(p.Fields) > 0
	}},
	{"rename", func(p *element.Value, i int) bool { p.Fields[i].Name += canary; return true }},
	{"wrap in an array", func(p *element.Value, i int) bool {
		return p.Fields[i].Value.Kind != element.Array && replace(p, i, element.NewArray(p.Fields[i].Value))
	}},
	{"take out of the array", func(p *element.Value, i int) bool {
		return len(p.Fields[i].Value.Items) == 1 && replace(p, i, p.Fields[i].Value.Items[0])
	}},
	{"object for scalar", func(p *element.Value, i int) bool {
		return scalar(p.Fields[i].Value) && replace(p, i, element.NewObject(element.S("text", canary)))
	}},
	{"text for object", func(p *element.Value, i int) bool {
		return p.Fields[i].Value.Kind == element.Object && replace(p, i, element.NewString(canary))
	}},
	{"number for text", func(p *element.Value, i int) bool {
		return p.Fields[i].Value.Kind == element.String && replace(p, i, element.NewNumber("9434765919"))
	}},
	{"text for boolean or number", func(p *element.Value, i int) bool {
		k := p.Fields[i].Value.Kind
		return (k == element.Bool || k == element.Number) && replace(p, i, element.NewString(canary))
	}},
	{"another text", func(p *element.Value, i int) bool {
		return p.Fields[i].Value.Kind == element.String && replace(p, i, element.NewString(canary))
	}},
	{"a text with a space behind", func(p *element.Value, i int) bool {
		v := p.Fields[i].Value
		return v.Kind == element.String && replace(p, i, element.NewString(v.Text+" "))
	}},
	{"a date that does not exist", func(p *element.Value, i int) bool {
		v := p.Fields[i].Value
		return v.Kind == element.String && len(v.Text) >= 10 && v.Text[4] == '-' && v.Text[7] == '-' &&
			replace(p, i, element.NewString(v.Text[:5]+"13"+v.Text[7:]))
	}},
	{"a time without zone", func(p *element.Value, i int) bool {
		v := p.Fields[i].Value
		return v.Kind == element.String && len(v.Text) > 19 && v.Text[10] == 'T' && replace(p, i, element.NewString(v.Text[:19]))
	}},
	{"null", func(p *element.Value, i int) bool { return replace(p, i, &element.Value{}) }},
	{"empty text", func(p *element.Value, i int) bool {
		return p.Fields[i].Value.Kind == element.String && replace(p, i, element.NewString(""))
	}},
	{"empty array", func(p *element.Value, i int) bool {
		return p.Fields[i].Value.Kind == element.Array && replace(p, i, element.NewArray())
	}},
	{"empty object", func(p *element.Value, i int) bool {
		return p.Fields[i].Value.Kind == element.Object && replace(p, i, element.NewObject())
	}},
}

// wePrefer names what Check refuses and google/fhir v0.7.4 takes: by the kind
// of mutation, the place, and the words of the issue; an empty one fits all.
var wePrefer = []struct{ mutation, place, says, why string }{
	{"empty", "", "never empty", "google/fhir takes empty texts, arrays and objects, which R4 forbids (json.html)"},
	{"null", "", "", "google/fhir takes null for any element, which R4 forbids but in arrays beside _name"},
	{"empty object", "", "is required", "google/fhir takes {} for an element that needs more"},
	{"a text with a space behind", "", "a code has no spaces", "google/fhir keeps MIME types as they are"},
	{"a text with a space behind", "", "a UR", "google/fhir keeps URIs and URLs as they are, and R4 has no spaces in them"},
	{"a text with a space behind", "", "a reference without spaces", "google/fhir keeps what it cannot read as a reference"},
	{"", ".contained[", "is required", "google/fhir does not validate contained resources"},
	{"a text with a space behind", ".contained[", "an id is", "google/fhir does not validate contained resources"},
	{"", "", "(dom-3)", "google/fhir does not know the invariants of R4"},
	{"", "", "(ref-1)", "google/fhir does not know the invariants of R4"},
	{"drop", "", "(bdl-5)", "google/fhir does not know the invariants of R4"},
	{"drop", "", "(ele-1)", "google/fhir does not know the invariants of R4"},
	{"", "clinicalStatus", "a coding with one of", "google/fhir knows required bindings of codes alone"},
	{"", "verificationStatus", "a coding with one of", "google/fhir knows required bindings of codes alone"},
	{"drop", "", "ext-1", "google/fhir does not know the invariants of R4"},
	{"drop", "", "att-1", "google/fhir does not know the invariants of R4"},
	{"drop", "", "org-1", "google/fhir does not know the invariants of R4"},
	{"drop", "", "ppc-1", "google/fhir does not know the invariants of R4"},
	{"drop", "", "qty-3", "google/fhir does not know the invariants of R4"},
}

// theyPrefer names what google/fhir refuses and Check takes. It is empty, and
// an entry must say why.
var theyPrefer = []struct{ mutation, place, says, why string }{}

// TestMutations: every official example is broken in every place in every way,
// and Check and google/fhir agree whether the result is FHIR, but for named
// reasons. What is told never holds the value.
func TestMutations(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpus/r4-examples/json/*.json")
	if len(files) == 0 {
		t.Skip("the corpus of official R4 examples is not there")
	}
	var done, refused, ours, theirs int
	types := map[string]int{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v := parse(t, string(b))
		// Each type is represented by its first example that is not long.
		if len(b) > 20_000 || differs[filepath.Base(file)] != "" || types[v.ResourceType()] > 0 {
			continue
		}
		types[v.ResourceType()]++
		v.Remove("text")
		for _, at := range objects(v, nil) {
			for i := range at.Fields {
				for _, m := range mutations {
					saved := slices.Clone(at.Fields)
					if m.apply(at, i) {
						done++
						r, o, th := compare(t, filepath.Base(file)+" "+saved[i].Name, m.name, v)
						refused, ours, theirs = refused+r, ours+o, theirs+th
					}
					at.Fields = saved
				}
			}
		}
	}
	t.Logf("%d mutations of %d types: both refuse %d, only we %d, only google/fhir %d", done, len(types), refused, ours, theirs)
	if done < 1000 || refused < 500 {
		t.Error("that is too few to mean anything")
	}
}

// objects lists every object of a resource.
func objects(v *element.Value, out []*element.Value) []*element.Value {
	if v.Kind == element.Object {
		out = append(out, v)
	}
	for i := range v.Fields {
		out = objects(v.Fields[i].Value, out)
	}
	for _, it := range v.Items {
		out = objects(it, out)
	}
	return out
}

func compare(t *testing.T, file, mutation string, v *element.Value) (both, ours, theirs int) {
	t.Helper()
	what := file + ": " + mutation
	mine := fhir.Check(v)
	strict, err := fhir.Strict(v.JSON())
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, is := range slices.Concat(mine, strict) {
		if told := fmt.Sprint(is); strings.Contains(told, canary) || strings.Contains(told, "9434765919") {
			t.Errorf("%s: the value is told: %s", what, told)
		}
	}
	switch {
	case len(mine) > 0 && len(strict) > 0:
		return 1, 0, 0
	case len(mine) > 0:
		for _, p := range wePrefer {
			if strings.HasPrefix(mutation, p.mutation) && strings.Contains(mine[0].Expression, p.place) && strings.Contains(mine[0].Text, p.says) {
				return 0, 1, 0
			}
		}
		t.Errorf("%s: only Check refuses: %s: %s", what, mine[0].Expression, mine[0].Text)
		return 0, 1, 0
	case len(strict) > 0:
		for _, p := range theyPrefer {
			if strings.HasPrefix(mutation, p.mutation) && strings.Contains(strict[0].Expression, p.place) && strings.Contains(strict[0].Text, p.says) {
				return 0, 0, 1
			}
		}
		t.Errorf("%s: only google/fhir refuses: %s: %s", what, strict[0].Expression, strict[0].Text)
		return 0, 0, 1
	}
	return 0, 0, 0
}
