package fhir

import (
	"slices"
	"strings"
)

// Shape says how the element at a dotted path without indexes is written in
// JSON: whether as an array; its kind, which is string, number, boolean, object
// or Reference; the codes of a required binding; the types a reference may
// point to. Empty codes and targets mean any. It does not know the elements of
// a resource inside another (contained, Bundle.entry.resource).
func (Schema) Shape(resourceType, path string) (list bool, kind string, codes, targets []string, known bool) {
	s := schema()[resourceType]
	var f *field
	for path != "" && s != nil {
		var name string
		name, path, _ = strings.Cut(path, ".")
		if s.any {
			return false, "", nil, nil, false
		}
		if f = s.fields[name]; f == nil {
			return false, "", nil, nil, false
		}
		s = f.of
	}
	if f == nil || s == nil || s.any {
		return false, "", nil, nil, false
	}
	codes = keys(s.codes)
	switch {
	case s.name == "Reference":
		return f.array, "Reference", nil, slices.Clone(f.targets), true
	case !s.primitive:
		return f.array, "object", nil, nil, true
	case s.name == "Boolean":
		return f.array, "boolean", nil, nil, true
	case slices.Contains([]string{"Integer", "Decimal", "PositiveInt", "UnsignedInt"}, s.name):
		return f.array, "number", nil, nil, true
	default:
		return f.array, "string", codes, nil, true
	}
}
