package app

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/conformance"
)

// misfits are the reasons for which intake would refuse the result of an
// example, each with the line of the mapping that made the element: the
// structure of R4 and the rules of this house. A message that asks for less
// than a whole referral is not held to them.
func misfits(m *mapping.Mapping, o mapping.Outcome) ([]string, error) {
	if o.Result == nil || o.Result.Intention != "" && !referral.Intention(o.Result.Intention).NeedsWhole() {
		return nil, nil
	}
	rules, err := profile.LoadRules(conformance.Files, "house-rules.yaml")
	if err != nil {
		return nil, err
	}
	var steps []mapping.Step
	if tree, _, err := decode(m, o.Example.Input); err == nil {
		steps = m.Explain(tree, o.Result)
	}
	var roots []*element.Value
	for _, r := range o.Result.Resources {
		roots = append(roots, r.Root)
	}
	profile.Quality(roots) // as intake does: what it makes harmless is no reason
	var out []string
	for _, r := range o.Result.Resources {
		own := slices.DeleteFunc(slices.Clone(steps), func(s mapping.Step) bool { return s.Key != r.Key })
		for _, is := range append(fhir.Check(r.Root), rules.Check(r.Root)...) {
			out = append(out, mapping.ReasonOf(is, own).String())
		}
	}
	return out, nil
}
