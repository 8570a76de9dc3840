package fhir

import (
	"reflect"
	"strings"
	"sync"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// unmarshaller is google/fhir's, made at first use. The zone is UTC because it
// only decides how protos keep times, and needs no time zone data.
var unmarshaller = sync.OnceValues(func() (*jsonformat.Unmarshaller, error) {
	u, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err == nil {
		u.MaxNestingDepth = 40
	}
	return u, err
})

// Strict holds a resource against google/fhir's jsonformat: the second opinion
// to Check, a hundred times slower. Depth is bounded first, because its cost
// grows with the square of the nesting. The error is a *fault.Fault of Parse.
func Strict(b []byte) ([]fault.Issue, error) {
	v, err := element.Parse(b, element.Limits{})
	if err != nil {
		return nil, err
	}
	u, err := unmarshaller()
	if err != nil {
		return nil, err
	}
	v = v.Clone()
	fillNulls(v)
	if _, err := u.Unmarshal(v.JSON()); err != nil {
		return strictIssues(err), nil
	}
	return nil, nil
}

// fillNulls works around a defect of jsonformat v0.7.4, which refuses null in
// arrays of primitives although FHIR uses it for values that only have an
// extension: null becomes the extension's object in the one array and an empty
// object in the other, which jsonformat reads as meant.
func fillNulls(v *element.Value) {
	for _, f := range v.Fields {
		beside := v.Get("_" + f.Name)
		if f.Value.Kind == element.Array && beside != nil && beside.Kind == element.Array {
			for i, it := range f.Value.Items {
				if it.Kind == element.Null && i < len(beside.Items) {
					f.Value.Items[i] = beside.Items[i].Clone()
				}
			}
			for i, it := range beside.Items {
				if it.Kind == element.Null {
					beside.Items[i] = element.NewObject()
				}
			}
		}
		fillNulls(f.Value)
	}
	for _, it := range v.Items {
		fillNulls(it)
	}
}

// strictIssues reads jsonformat's errors. What they say is in exported fields
// of types of an internal package, hence reflection; their Diagnostics quote
// the input and are left out.
func strictIssues(err error) []fault.Issue {
	v := reflect.ValueOf(err)
	switch {
	case v.Kind() == reflect.Slice:
		var out []fault.Issue
		for i := range v.Len() {
			if e, ok := v.Index(i).Interface().(error); ok {
				out = append(out, strictIssues(e)...)
			}
		}
		return out
	case v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct:
		path, details := v.Elem().FieldByName("Path"), v.Elem().FieldByName("Details")
		if path.IsValid() && details.IsValid() && path.Kind() == reflect.String && details.Kind() == reflect.String {
			return []fault.Issue{{Code: "structure", Expression: knownPath(path.String()), Text: strings.TrimSpace(details.String())}}
		}
	}
	return []fault.Issue{{Code: "structure", Text: "google/fhir does not accept the resource"}}
}

// knownPath cuts a path of jsonformat at the first step that is no name of
// R4, because such a step was taken from the input.
func knownPath(path string) string {
	end := 0
	for end < len(path) {
		next := len(path)
		if i := strings.IndexByte(path[end+1:], '.'); i >= 0 {
			next = end + 1 + i
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(path[end:next], "."), "[")
		if !vocabulary()[name] {
			break
		}
		end = next
	}
	return path[:end]
}

// vocabulary is every name of a type or an element of R4.
var vocabulary = sync.OnceValue(func() map[string]bool {
	words, seen := map[string]bool{}, map[*structure]bool{}
	var walk func(s *structure)
	walk = func(s *structure) {
		if seen[s] {
			return
		}
		seen[s] = true
		for _, f := range s.fields {
			words[f.name] = true
			if f.choice != "" {
				words[f.choice] = true
			}
			walk(f.of)
		}
	}
	for name, s := range schema() {
		words[name] = true
		walk(s)
	}
	return words
})
