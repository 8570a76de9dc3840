package worklist

import (
	"net/url"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
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
	var keep func(t fhir.Type, name string) bool
	switch {
	case q.Elements != nil:
		keep = func(t fhir.Type, name string) bool { return slices.Contains(q.Elements, name) || mandatory(t, name) }
	case q.Text:
		keep = func(t fhir.Type, name string) bool { return name == "text" || mandatory(t, name) }
	case q.Data:
		keep = func(_ fhir.Type, name string) bool { return name != "text" }
	case q.Summary:
		keep = func(fhir.Type, string) bool { return true }
	default:
		return versions, nil
	}
	out := make([]store.Version, len(versions))
	for i, v := range versions {
		out[i] = v
		if v.Deleted {
			continue
		}
		root, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return nil, err
		}
		if q.Summary {
			resource.Summarize(root)
		}
		t, _ := fhir.TypeOf(v.Type)
		root.Fields = slices.DeleteFunc(root.Fields, func(f element.Field) bool {
			name := strings.TrimPrefix(f.Name, "_")
			return !slices.Contains(always, name) && !keep(t, name)
		})
		meta := root.Get("meta")
		if meta == nil {
			meta = element.NewObject()
			root.Set("meta", meta)
		}
		meta.Append("tag", element.NewObject(element.S("system", tagSubsetted), element.S("code", "SUBSETTED")))
		out[i].Body = root.JSON()
	}
	return out, nil
}

// mandatory reports whether R4 wants the element in every resource of the type.
func mandatory(t fhir.Type, name string) bool {
	if e, ok := t.Element(name); ok && e.Choice() != "" {
		name = e.Choice()
	}
	return t.Requires(name)
}

// whole refuses a resource that says of itself that it is cut: written back, it
// would take away what the client never saw.
func whole(v *element.Value) error {
	for _, tag := range v.All("meta.tag") {
		if tag.Str("code") == "SUBSETTED" {
			return &fault.Fault{Kind: fault.Profile, Issues: []fault.Issue{{Code: "business-rule", Expression: v.ResourceType() + ".meta.tag",
				Text: "the resource has the tag SUBSETTED, so that parts of it are missing; read it without _elements and _summary, and change that"}}}
		}
	}
	return nil
}

// shown are the parameters that say which part of a resource is wanted.
var shown = []string{"_elements", "_summary"}

// Show is a version as _elements and _summary among the parameters ask for it;
// without them it is the version as stored.
// https://hl7.org/fhir/R4/http.html#summary
func (s *Service) Show(v store.Version, params url.Values) (store.Version, error) {
	asked := url.Values{}
	for _, name := range shown {
		if params.Has(name) {
			asked[name] = params[name]
		}
	}
	if len(asked) == 0 {
		return v, nil
	}
	q, err := resource.Parse(s.cfg.Indexer, v.Type, asked, resource.Options{BaseURL: s.cfg.BaseURL})
	if err != nil {
		return v, err
	}
	one, err := subset(q, []store.Version{v})
	if err != nil {
		return v, err
	}
	return one[0], nil
}
