package worklist

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// misshapen refuses a Bundle that has not the structure of one around its
// entries: entries that are no list would not be done, and nobody told.
func misshapen(bundle *element.Value) error {
	if list := bundle.Get("entry"); list != nil && list.Kind != element.Array {
		return &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{Code: "structure", Expression: "Bundle.entry", Text: "an array is expected"}}}
	}
	return shapeless(structural(without(bundle, "entry")))
}

// misshapenEntry refuses an entry that has not the structure of one around its
// resource: a condition whose name is misspelt would not be heeded. Places are
// within the entry.
func misshapenEntry(x *element.Value) error {
	issues := structural(element.NewObject(element.S("resourceType", "Bundle"),
		element.F("entry", element.NewArray(without(x, "resource", "response")))))
	for i, is := range issues {
		_, within, _ := strings.Cut(strings.TrimPrefix(is.Expression, "Bundle."), ".")
		issues[i].Expression, issues[i].Place = "", within
	}
	return shapeless(issues)
}

// structural lists what is wrong with the structure of a Bundle. Its values are
// looked at where they are used.
func structural(bundle *element.Value) []fault.Issue {
	return slices.DeleteFunc(fhir.Check(bundle), func(is fault.Issue) bool { return is.Code != "structure" })
}

func shapeless(issues []fault.Issue) error {
	if len(issues) == 0 {
		return nil
	}
	return &fault.Fault{Kind: fault.Malformed, Issues: issues}
}

// without is an object less some of its elements.
func without(v *element.Value, names ...string) *element.Value {
	out := *v
	out.Fields = slices.DeleteFunc(slices.Clone(v.Fields), func(f element.Field) bool { return slices.Contains(names, f.Name) })
	return &out
}
