package fhir

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
)

// concept is a required binding of a CodeableConcept: one of its codings is of
// this system and has one of these codes.
// https://hl7.org/fhir/R4/terminologies.html#required
type concept struct {
	system string
	codes  map[string]bool
}

// concepts are the required bindings of CodeableConcepts in served types.
// google/fhir has those of codes alone.
var concepts = map[string]*concept{
	"Condition.clinicalStatus":     bind("http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "recurrence", "relapse", "inactive", "remission", "resolved"),
	"Condition.verificationStatus": bind("http://terminology.hl7.org/CodeSystem/condition-ver-status", "unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"),
}

func bind(system string, codes ...string) *concept {
	c := &concept{system: system, codes: map[string]bool{}}
	for _, code := range codes {
		c.codes[code] = true
	}
	return c
}

func (c *concept) holds(v *element.Value) bool {
	return slices.ContainsFunc(v.List("coding"), func(x *element.Value) bool {
		return x.Str("system") == c.system && c.codes[x.Str("code")]
	})
}
