package mapping

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// settleLocal leaves out references to what a resource was to contain when that
// was left out itself: "#risks" is a constant, which stays whatever comes of the
// risks. What the message says stays too, and is checked.
// https://hl7.org/fhir/R4/domainresource.html#invs
func settleLocal(root *element.Value, t *template) {
	if t.repeat != nil {
		t = t.repeat.body
	}
	if !slices.ContainsFunc(t.fields, func(f field) bool { return f.name == "contained" }) {
		return
	}
	contained := map[string]bool{}
	for _, v := range root.List("contained") {
		contained[v.ID()] = true
	}
	withoutDangling(root, contained)
}

// withoutDangling reports whether anything is left of a value.
func withoutDangling(v *element.Value, contained map[string]bool) bool {
	switch v.Kind {
	case element.Object:
		v.Fields = slices.DeleteFunc(v.Fields, func(f element.Field) bool {
			if f.Name == "reference" && f.Value.Kind == element.String && f.Value.Origin.Node == 0 {
				id, local := strings.CutPrefix(f.Value.Text, "#")
				return local && id != "" && !contained[id] && !strings.HasPrefix(f.Value.Text, ReferencePrefix)
			}
			return !withoutDangling(f.Value, contained)
		})
		return len(v.Fields) > 0
	case element.Array:
		v.Items = slices.DeleteFunc(v.Items, func(it *element.Value) bool { return !withoutDangling(it, contained) })
		return len(v.Items) > 0
	}
	return true
}
