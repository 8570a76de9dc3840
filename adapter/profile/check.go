// Package profile holds resources against what this house asks of them beyond
// the structure of FHIR: the rules of conformance/house-rules.yaml, and codes
// and identifiers that can be trusted.
package profile

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// Rules are the house rules by resource type.
type Rules struct{ byType map[string]rule }

type rule struct {
	Type     string            `yaml:"type"`
	Source   string            `yaml:"source"`
	Required []string          `yaml:"required"`
	Fixed    map[string]string `yaml:"fixed"`
	Codes    map[string]string `yaml:"codes"` // CodeableConcept path: file of a CodeSystem

	systems []bound
}

// LoadRules reads the rules of a file, and the code systems that it names from
// the same folder.
func LoadRules(fsys fs.FS, file string) (*Rules, error) {
	b, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("house rules: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	var list []rule
	if err := dec.Decode(&list); err != nil {
		return nil, fmt.Errorf("house rules %s: %w", file, err)
	}
	rs := &Rules{byType: make(map[string]rule, len(list))}
	for _, r := range list {
		if _, twice := rs.byType[r.Type]; twice || r.Type == "" || r.Source == "" {
			return nil, fmt.Errorf("house rules %s: each entry has a type of its own and a source", file)
		}
		if r.systems, err = loadCodes(fsys, r.Codes); err != nil {
			return nil, fmt.Errorf("house rules %s: %w", file, err)
		}
		rs.byType[r.Type] = r
	}
	return rs, nil
}

// Source says where the rules for a type come from: the address of the profile
// whose rules they are, or words; empty when there are none.
func (rs *Rules) Source(typ string) string {
	if rs == nil {
		return ""
	}
	return rs.byType[typ].Source
}

// Check reports every rule that a resource breaks, in a stable order. Elements
// are FHIRPath.
func (rs *Rules) Check(v *element.Value) []fault.Issue {
	r, ok := rs.byType[v.ResourceType()]
	if !ok {
		return nil
	}
	var out []fault.Issue
	for _, path := range r.Required {
		if v.At(path) == nil {
			out = append(out, fault.Issue{Code: "required", Expression: r.Type + "." + path, Text: "is required (" + r.Source + ")"})
		}
	}
	paths := make([]string, 0, len(r.Fixed))
	for p := range r.Fixed {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		if v.At(p) != nil && v.TextAt(p) != r.Fixed[p] {
			out = append(out, fault.Issue{Code: "value", Expression: r.Type + "." + p, Text: "must be " + r.Fixed[p] + " (" + r.Source + ")"})
		}
	}
	for i := range r.systems {
		out = append(out, r.systems[i].check(v, r.Type)...)
	}
	return out
}
