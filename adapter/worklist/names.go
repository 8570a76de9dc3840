package worklist

import (
	"cmp"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/store"
)

// names are whom references name that say no name themselves: a person, an
// organisation, or both of a PractitionerRole.
func (s *Service) names(tx store.Tx, references ...*element.Value) (map[string]string, error) {
	out := map[string]string{}
	for _, r := range references {
		ref := r.Str("reference")
		if r.Str("display") != "" || ref == "" {
			continue
		}
		who, err := s.at(tx, ref)
		if err != nil {
			return nil, err
		}
		named := []string{outcome.NameOf(who)}
		if who.ResourceType() == "PractitionerRole" {
			named = nil
			for _, party := range []*element.Value{who.Get("practitioner"), who.Get("organization")} {
				r, err := s.at(tx, party.Str("reference"))
				if err != nil {
					return nil, err
				}
				if n := cmp.Or(outcome.NameOf(r), party.Str("display")); n != "" {
					named = append(named, n)
				}
			}
		}
		out[ref] = strings.Join(named, ", ")
	}
	return out, nil
}
