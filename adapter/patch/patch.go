// Package patch changes a FHIR resource by a description of the change: JSON
// Patch, FHIRPath Patch and XML Patch. All are pure functions over
// element.Value that change nothing of what they are given: the result is a
// new tree, or there is a fault and no result.
//
// What comes out is a tree and not yet a resource: whether R4 and the rules of
// this house allow it is for the caller to check, as with any other update.
//
// Source: https://hl7.org/fhir/R4/http.html#patch
package patch

import (
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
)

// Media types of patches. A Parameters resource in either FHIR format is a
// FHIRPath Patch.
const (
	MediaJSON = "application/json-patch+json"

	mediaFHIRJSON = "application/fhir+json"
	mediaFHIRXML  = fhirxml.MediaType
)

// MediaTypes lists what Parse takes, as CapabilityStatement.patchFormat says it.
func MediaTypes() []string { return []string{MediaJSON, MediaXML, mediaFHIRJSON, mediaFHIRXML} }

// Bounds on one patch.
const (
	MaxOperations = 500
	maxWork       = 2_000_000 // values looked at or copied by one patch
)

// Patch is one change, read and ready to be applied.
type Patch interface {
	// Apply returns the changed copy of a resource. Faults: Conflict when a
	// test of the patch fails; Profile (422) when an operation has nothing to
	// work on, named by its place in the patch; TooLarge.
	Apply(doc *element.Value) (*element.Value, error)
}

// Parse reads a patch of the media type, whose parameters do not matter.
// Faults: UnsupportedMedia, Malformed, TooLarge.
func Parse(mediaType string, body []byte) (Patch, error) {
	base, _, _ := strings.Cut(mediaType, ";")
	switch strings.ToLower(strings.TrimSpace(base)) {
	case MediaJSON:
		return ParseJSON(body)
	case MediaXML:
		return ParseXML(body)
	case mediaFHIRJSON:
		v, err := element.Parse(body, element.Limits{})
		if err != nil {
			return nil, err
		}
		return ParseParameters(v)
	case mediaFHIRXML:
		v, err := fhirxml.Read(body, element.Limits{})
		if err != nil {
			return nil, err
		}
		return ParseParameters(v)
	}
	return nil, &fault.Fault{Kind: fault.UnsupportedMedia, Issues: []fault.Issue{{
		Place: "Content-Type", Text: "a patch is one of " + strings.Join(MediaTypes(), ", ")}}}
}

// Check refuses a change of what a patch cannot change: the type, the id and
// the version of a resource.
func Check(old, patched *element.Value) error {
	if patched == nil || patched.Kind != element.Object {
		return unfit("", "a patch leaves a resource, which is an object")
	}
	for _, path := range []string{"resourceType", "id", "meta.versionId"} {
		if !element.Equal(old.At(path), patched.At(path)) {
			f := unfit("", "a patch does not change this element")
			f.Issues[0].Expression = old.ResourceType() + "." + path
			return f
		}
	}
	return nil
}

// Tidy drops the empty objects and arrays that a patch left where it took the
// last thing out, because FHIR has none; nulls in arrays stay, as they hold
// places.
func Tidy(v *element.Value) {
	kept := v.Fields[:0]
	for _, f := range v.Fields {
		Tidy(f.Value)
		if !empty(f.Value) {
			kept = append(kept, f)
		}
	}
	v.Fields = kept
	items := v.Items[:0]
	for _, it := range v.Items {
		Tidy(it)
		if !empty(it) {
			items = append(items, it)
		}
	}
	v.Items = items
}

func empty(v *element.Value) bool {
	return v.Kind == element.Object && len(v.Fields) == 0 || v.Kind == element.Array && len(v.Items) == 0
}

// unfit is an operation that has nothing to work on.
func unfit(place, text string) *fault.Fault {
	return &fault.Fault{Kind: fault.Profile, Issues: []fault.Issue{{Code: "value", Place: place, Text: text}}}
}

func malformed(place, text string) *fault.Fault {
	return fault.New(fault.Malformed, place, "%s", text)
}

// measure counts the values of a tree, and fails below the depth that
// element.Parse takes.
func measure(v *element.Value, depth int) (n int, ok bool) {
	if depth > element.DefaultLimits.Depth {
		return 0, v.Kind != element.Object && v.Kind != element.Array
	}
	n = 1
	for _, f := range v.Fields {
		m, ok := measure(f.Value, depth+1)
		if !ok {
			return n, false
		}
		n += m
	}
	for _, it := range v.Items {
		m, ok := measure(it, depth+1)
		if !ok {
			return n, false
		}
		n += m
	}
	return n, true
}

// bounded refuses a result that could not be read again.
func bounded(v *element.Value) (*element.Value, error) {
	n, ok := measure(v, 1)
	if !ok || n > element.DefaultLimits.Nodes {
		return nil, fault.New(fault.TooLarge, "", "the patched resource is larger or deeper than what is taken")
	}
	return v, nil
}
