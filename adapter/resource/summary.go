package resource

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

//go:embed summary.txt
var summaryTable string

// summaries are the summary elements by structure. A structure that is not
// there is shown whole.
var summaries = func() map[string][]string {
	out := map[string][]string{}
	for _, line := range strings.Split(summaryTable, "\n") {
		name, elements, ok := strings.Cut(line, ":")
		if ok && line[0] != '#' {
			out[name] = strings.Fields(elements)
		}
	}
	return out
}()

// alwaysShown are the elements of every structure that a summary has: identity,
// and what changes the meaning of the rest.
var alwaysShown = []string{"resourceType", "id", "meta", "implicitRules", "modifierExtension"}

// Summarize leaves of a resource the elements that R4 marks as summary.
// https://hl7.org/fhir/R4/search.html#summary
func Summarize(v *element.Value) {
	if t, known := fhir.TypeOf(v.ResourceType()); known {
		summarize(v, t, t.Name())
	}
}

// summarize goes through one object; structure is the line of the table for it.
func summarize(v *element.Value, t fhir.Type, structure string) {
	if shown, limited := summaries[structure]; limited {
		v.Fields = slices.DeleteFunc(v.Fields, func(f element.Field) bool {
			return !slices.Contains(shown, strings.TrimPrefix(f.Name, "_")) && !slices.Contains(alwaysShown, f.Name)
		})
	}
	for _, f := range v.Fields {
		of, known := t.Element(f.Name)
		if !known {
			continue
		}
		values := []*element.Value{f.Value}
		if f.Value.Kind == element.Array {
			values = f.Value.Items
		}
		for _, x := range values {
			switch {
			case x.Kind != element.Object:
			case of.Type().AnyResource():
				Summarize(x)
			case summaries[structure+"."+f.Name] != nil:
				summarize(x, of.Type(), structure+"."+f.Name)
			default:
				summarize(x, of.Type(), of.Type().Name())
			}
		}
	}
}
