package worklist

import (
	"fmt"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/store"
)

// organisationOf names the element that says whose a resource is, of types
// that belong to an organisation.
var organisationOf = map[string]string{
	"PractitionerRole":  "organization",
	"HealthcareService": "providedBy",
	"Location":          "managingOrganization",
	"Endpoint":          "managingOrganization",
}

// personOf names the element that says whom a resource is about, where that is
// not the subject.
var personOf = map[string]string{
	"Consent":       "patient",
	"RelatedPerson": "patient",
	"Appointment":   "participant.actor",
	"Group":         "member.entity",
	"Binary":        "securityContext",
}

// aboutNobody are the types that belong to no organisation and no person, so
// that no client is nearer to them than another.
var aboutNobody = map[string]bool{
	"Bundle": true, "MessageHeader": true, "Questionnaire": true,
	"CapabilityStatement": true, "CodeSystem": true, "ConceptMap": true, "NamingSystem": true,
	"OperationDefinition": true, "SearchParameter": true, "StructureDefinition": true, "ValueSet": true,
}

// maxPeople bounds how many people one resource that a client writes is about.
const maxPeople = 50

// mayWrite decides by what a resource belongs to: an organisation, or people
// for each of whom the caller has a Task.
func (s *Service) mayWrite(tx store.Tx, who Caller, v *element.Value) error {
	typ := v.ResourceType()
	if !who.LinkWorker && !who.Practice {
		return forbidden(typ, "this client's role does not write resources")
	}
	switch at, owned := organisationOf[typ]; {
	case owned:
		if is, err := s.represents(tx, who, v.TextAt(at+".reference")); is || err != nil {
			return err
		}
		return forbidden(typ+"."+at, "only those concerned may write this: those whose organisation stands here")
	case typ == "Organization":
		if who.Organization != "" && (v.ID() == who.Organization || s.cfg.NationalID(v) == who.Organization) {
			return nil
		}
		return forbidden(typ, "only those concerned may write this: the organisation itself")
	case typ == "Practitioner":
		return nil
	case aboutNobody[typ]:
		return forbidden(typ, "this type belongs to no organisation and to no person, and is not written by clients of this role")
	}
	return s.mayWriteOf(tx, who, v)
}

// mayWriteOf decides about a resource that is about people.
func (s *Service) mayWriteOf(tx store.Tx, who Caller, v *element.Value) error {
	typ := v.ResourceType()
	at := typ + ".subject"
	people := map[string]bool{}
	switch path := personOf[typ]; {
	case typ == "Patient":
		at, people["Patient/"+v.ID()] = typ, true
	case path != "":
		at = typ + "." + path
		for _, r := range v.All(path + ".reference") {
			if r := strings.TrimPrefix(r.Text, s.cfg.BaseURL+"/"); strings.HasPrefix(r, "Patient/") {
				people[r] = true
			}
		}
	default:
		people[v.TextAt("subject.reference")] = true
	}
	if len(people) > maxPeople {
		return broken(at, fmt.Sprintf("a resource that a client writes is about at most %d people", maxPeople))
	}
	ok := len(people) > 0
	for person := range people {
		is, err := s.concerned(tx, who, person)
		if err != nil {
			return err
		}
		ok = ok && is
	}
	if !ok {
		return forbidden(at, "only those concerned may write this: a party to a Task of each person that it is about")
	}
	return nil
}
