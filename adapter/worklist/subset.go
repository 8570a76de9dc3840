package worklist

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// tagSubsetted marks a resource that is not shown whole.
// https://hl7.org/fhir/R4/search.html#elements
const tagSubsetted = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"

// always are the elements that a resource is never shown without: its identity,
// and what changes the meaning of the rest.
var always = []string{"resourceType", "id", "meta", "implicitRules", "modifierExtension", "status", "intent"}

// subset shows the versions as _elements or _summary asks. What the store
// serves is not changed.
func subset(q *resource.Search, versions []store.Version) ([]store.Version, error) {
	var keep func(name string) bool
	switch {
	case q.Elements != nil:
		keep = func(name string) bool { return slices.Contains(q.Elements, name) }
	case q.Text:
		keep = func(name string) bool { return name == "text" }
	case q.Data:
		keep = func(name string) bool { return name != "text" }
	default:
		return versions, nil
	}
	out := make([]store.Version, len(versions))
	for i, v := range versions {
		root, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return nil, err
		}
		root.Fields = slices.DeleteFunc(root.Fields, func(f element.Field) bool {
			return !slices.Contains(always, f.Name) && !keep(f.Name)
		})
		meta := root.Get("meta")
		if meta == nil {
			meta = element.NewObject()
			root.Set("meta", meta)
		}
		meta.Append("tag", element.NewObject(element.S("system", tagSubsetted), element.S("code", "SUBSETTED")))
		out[i] = v
		out[i].Body = root.JSON()
	}
	return out, nil
}
