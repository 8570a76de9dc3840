package worklist

import (
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
		parties := []*element.Value{who}
		if who.ResourceType() == "PractitionerRole" {
			parties = nil
			for _, at := range []string{"practitioner.reference", "organization.reference"} {
				party, err := s.at(tx, who.TextAt(at))
				if err != nil {
					return nil, err
				}
				parties = append(parties, party)
			}
		}
		var named []string
		for _, p := range parties {
			if n := outcome.NameOf(p); n != "" {
				named = append(named, n)
			}
		}
		out[ref] = strings.Join(named, ", ")
	}
	return out, nil
}
