package fhir

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// The rules of single resource types, as they stand at the end of each page,
// such as https://hl7.org/fhir/R4/appointment.html#invs.

var appointmentRules = []invariant{
	{"app-2", "start and end are both there, or neither", func(v *element.Value) bool {
		return exists(v, "start") == exists(v, "end")
	}},
	{"app-3", "only an appointment that is proposed, cancelled or on the waitlist has no start and no end", func(v *element.Value) bool {
		return exists(v, "start") && exists(v, "end") || among(v.Str("status"), "proposed", "cancelled", "waitlist")
	}},
	{"app-4", "cancelationReason is for an appointment that is cancelled or noshow", func(v *element.Value) bool {
		return !exists(v, "cancelationReason") || among(v.Str("status"), "cancelled", "noshow")
	}},
}

var conditionRules = []invariant{
	{"con-4", "a condition that has abated has the clinicalStatus inactive, resolved or remission", func(v *element.Value) bool {
		return !hasChoice(v, "abatement") || coded(v.Get("clinicalStatus"), concepts["Condition.clinicalStatus"].system, "inactive", "resolved", "remission")
	}},
	{"con-5", "a condition that is entered in error has no clinicalStatus", func(v *element.Value) bool {
		return !exists(v, "clinicalStatus") || !coded(v.Get("verificationStatus"), concepts["Condition.verificationStatus"].system, "entered-in-error")
	}},
}

var careTeamParticipantRules = []invariant{
	{"ctm-1", "onBehalfOf is for a member who is a Practitioner", func(v *element.Value) bool {
		typ, _, literal := strings.Cut(v.Get("member").Str("reference"), "/")
		return !exists(v, "onBehalfOf") || !literal || !among(typ, "PractitionerRole", "RelatedPerson", "Patient", "Organization", "CareTeam")
	}},
}

var listRules = []invariant{
	{"lst-1", "emptyReason is for a list without entries", func(v *element.Value) bool {
		return !exists(v, "emptyReason") || !exists(v, "entry")
	}},
	{"lst-2", "deleted is for entries of a list whose mode is changes", func(v *element.Value) bool {
		return v.Str("mode") == "changes" || !inItems(v, "entry", "deleted")
	}},
	{"lst-3", "date is for entries of a list whose mode is working", func(v *element.Value) bool {
		return v.Str("mode") == "working" || !inItems(v, "entry", "date")
	}},
}

var includeRules = []invariant{
	{"vsd-1", "a system or a valueSet is needed", func(v *element.Value) bool {
		return exists(v, "system") || exists(v, "valueSet")
	}},
	{"vsd-2", "concept and filter need a system", func(v *element.Value) bool {
		return exists(v, "system") || !exists(v, "concept") && !exists(v, "filter")
	}},
	{"vsd-3", "only one of concept and filter may be there", func(v *element.Value) bool {
		return !exists(v, "concept") || !exists(v, "filter")
	}},
}

var containsRules = []invariant{
	{"vsd-6", "a code or a display is needed", func(v *element.Value) bool {
		return exists(v, "code") || exists(v, "display")
	}},
	{"vsd-9", "a code is needed where the entry is not abstract", func(v *element.Value) bool {
		return exists(v, "code") || isTrue(v, "abstract")
	}},
	{"vsd-10", "a code needs a system", func(v *element.Value) bool {
		return !exists(v, "code") || exists(v, "system")
	}},
}

// among reports whether a code is one of several.
func among(code string, codes ...string) bool {
	return slices.Contains(codes, code)
}

// coded reports whether a CodeableConcept has one of the codes of a system.
func coded(v *element.Value, system string, codes ...string) bool {
	return slices.ContainsFunc(v.List("coding"), func(c *element.Value) bool {
		return c.Str("system") == system && among(c.Str("code"), codes...)
	})
}

// isTrue reports whether a boolean is there and true.
func isTrue(v *element.Value, name string) bool {
	x := v.Get(name)
	return x != nil && x.Kind == element.Bool && x.Text == "true"
}

// inItems reports whether one item of a list has an element.
func inItems(v *element.Value, list, name string) bool {
	return slices.ContainsFunc(v.List(list), func(it *element.Value) bool { return exists(it, name) })
}

// distinct reports whether no text stands twice.
func distinct(texts []string) bool {
	seen := make(map[string]bool, len(texts))
	for _, s := range texts {
		if seen[s] {
			return false
		}
		seen[s] = true
	}
	return true
}

// below collects the texts of an element throughout a tree of items.
func below(v *element.Value, list, name string, out []string) []string {
	for _, it := range v.List(list) {
		if s := it.Str(name); s != "" {
			out = append(out, s)
		}
		out = below(it, list, name, out)
	}
	return out
}
