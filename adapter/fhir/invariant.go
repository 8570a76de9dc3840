package fhir

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// invariant is a rule of R4 over several elements of one structure.
type invariant struct {
	id    string // as R4 names it, and what the issue says
	says  string
	holds func(v *element.Value) bool
}

// invariants are the rules that matter to the served types, by the path of the
// structure. Those of R4 that are left out stand in invariant_test.go, each
// with its reason. https://hl7.org/fhir/R4/conformance-rules.html#constraints
var invariants = map[string][]invariant{
	"Extension": {{"ext-1", "an extension has either a value or extensions", func(v *element.Value) bool {
		return hasChoice(v, "value") != exists(v, "extension")
	}}},
	"Period": {{"per-1", "start must not be behind end", func(v *element.Value) bool {
		return !later(v.Str("start"), v.Str("end"))
	}}},
	"Attachment": {{"att-1", "data needs a contentType", func(v *element.Value) bool {
		return !exists(v, "data") || exists(v, "contentType")
	}}},
	"Quantity":       {codeNeedsSystem},
	"SimpleQuantity": {codeNeedsSystem},
	"Ratio": {{"rat-1", "numerator and denominator are both there, or neither and an extension", func(v *element.Value) bool {
		n := exists(v, "numerator")
		return n == exists(v, "denominator") && (n || exists(v, "extension"))
	}}},
	"Appointment": appointmentRules,
	"Appointment.Participant": {{"app-1", "a type or an actor is needed", func(v *element.Value) bool {
		return exists(v, "type") || exists(v, "actor")
	}}},
	"Bundle":       bundleRules,
	"Bundle.Entry": entryRules,
	"CarePlan.Activity": {{"cpl-3", "only one of reference and detail may be there", func(v *element.Value) bool {
		return !exists(v, "reference") || !exists(v, "detail")
	}}},
	"CareTeam.Participant": careTeamParticipantRules,
	"CodeSystem": {{"csd-1", "each code stands once in a code system", func(v *element.Value) bool {
		return distinct(below(v, "concept", "code", nil))
	}}},
	"Condition": conditionRules,
	"Condition.Evidence": {{"con-2", "a code or a detail is needed", func(v *element.Value) bool {
		return exists(v, "code") || exists(v, "detail")
	}}},
	"Condition.Stage": {{"con-1", "a summary or an assessment is needed", func(v *element.Value) bool {
		return exists(v, "summary") || exists(v, "assessment")
	}}},
	"Consent": {{"ppc-1", "a policy or a policyRule is needed", func(v *element.Value) bool {
		return exists(v, "policy") || exists(v, "policyRule")
	}}},
	"Goal.Target": {{"gol-1", "a detail needs a measure", func(v *element.Value) bool {
		return !hasChoice(v, "detail") || exists(v, "measure")
	}}},
	"Group": {{"grp-1", "only an actual group has members", func(v *element.Value) bool {
		return !exists(v, "member") || isTrue(v, "actual")
	}}},
	"List": listRules,
	"Observation": {
		{"obs-6", "dataAbsentReason is for an observation without a value", func(v *element.Value) bool {
			return !exists(v, "dataAbsentReason") || !hasChoice(v, "value")
		}},
		{"obs-7", "a component must not have the code of the observation when that has a value", componentsDiffer},
	},
	"Observation.ReferenceRange": {{"obs-3", "low, high or text is needed", func(v *element.Value) bool {
		return exists(v, "low") || exists(v, "high") || exists(v, "text")
	}}},
	"Organization": {{"org-1", "an identifier or a name is needed", func(v *element.Value) bool {
		return exists(v, "identifier") || exists(v, "name")
	}}},
	"Questionnaire":                 questionnaireRules,
	"Questionnaire.Item":            questionRules,
	"Questionnaire.Item.EnableWhen": enableWhenRules,
	"QuestionnaireResponse.Item":    answeredRules,
	"ServiceRequest": {{"prr-1", "orderDetail needs a code", func(v *element.Value) bool {
		return !exists(v, "orderDetail") || exists(v, "code")
	}}},
	"Task": {{"inv-1", "lastModified must not be before authoredOn", func(v *element.Value) bool {
		return !later(v.Str("authoredOn"), v.Str("lastModified"))
	}}},
	"ValueSet.Compose.ConceptSet": includeRules,
	"ValueSet.Expansion.Contains": containsRules,
}

var codeNeedsSystem = invariant{"qty-3", "the code of a unit needs a system", func(v *element.Value) bool {
	return !exists(v, "code") || exists(v, "system")
}}

// exists reports whether an element is there, or its extensions.
func exists(v *element.Value, name string) bool {
	return slices.ContainsFunc(v.Fields, func(f element.Field) bool {
		return f.Name == name || len(f.Name) == len(name)+1 && f.Name[0] == '_' && f.Name[1:] == name
	})
}

// hasChoice is exists for an element of several types, such as value[x]. No
// structure above has an element whose name only begins like one of its choices.
func hasChoice(v *element.Value, name string) bool {
	return slices.ContainsFunc(v.Fields, func(f element.Field) bool {
		return strings.HasPrefix(strings.TrimPrefix(f.Name, "_"), name)
	})
}

func componentsDiffer(v *element.Value) bool {
	components := v.List("component")
	if len(components) == 0 || !hasChoice(v, "value") {
		return true
	}
	for _, have := range v.Get("code").List("coding") {
		for _, c := range components {
			if slices.ContainsFunc(c.Get("code").List("coding"), func(x *element.Value) bool { return element.Equal(x, have) }) {
				return false
			}
		}
	}
	return true
}

// later reports whether a is certainly behind b: of whole days as they are
// written, unless both are given to the second.
func later(a, b string) bool {
	const day = len("2006-01-02")
	if len(a) < 4 || len(b) < 4 {
		return false
	}
	if len(a) > day && len(b) > day {
		x, errA := instant(a)
		y, errB := instant(b)
		return errA == nil && errB == nil && x.After(y)
	}
	n := min(len(a), len(b), day)
	return a[:n] > b[:n]
}
