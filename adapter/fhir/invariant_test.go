package fhir

import (
	"slices"
	"strings"
	"testing"

	apb "github.com/google/fhir/go/proto/google/fhir/proto/annotations_go_proto"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// checked says which invariant of ours stands for which constraint, in
// FHIRPath as R4 has it. What google/fhir has as a constraint of a primitive, or
// not at all, is not here: ext-1, ele-1, ref-1, dom-2 to dom-5, con-3, bdl-8.
var checked = map[string]string{
	"Period: start.hasValue().not() or end.hasValue().not() or (start <= end)":                                                                            "per-1",
	"Attachment: data.empty() or contentType.exists()":                                                                                                    "att-1",
	"Quantity: code.empty() or system.exists()":                                                                                                           "qty-3",
	"SimpleQuantity: code.empty() or system.exists()":                                                                                                     "qty-3",
	"Ratio: (numerator.empty() xor denominator.exists()) and (numerator.exists() or extension.exists())":                                                  "rat-1",
	"Consent: policy.exists() or policyRule.exists()":                                                                                                     "ppc-1",
	"Observation: dataAbsentReason.empty() or value.empty()":                                                                                              "obs-6",
	"Observation: value.empty() or component.code.where(coding.intersect(%resource.code.coding).exists()).empty()":                                        "obs-7",
	"Observation.ReferenceRange: low.exists() or high.exists() or text.exists()":                                                                          "obs-3",
	"Organization: (identifier.count() + name.count()) > 0":                                                                                               "org-1",
	"ServiceRequest: orderDetail.empty() or code.exists()":                                                                                                "prr-1",
	"Task: lastModified.exists().not() or authoredOn.exists().not() or lastModified >= authoredOn":                                                        "inv-1",
	"Appointment: (start.exists() and end.exists()) or (status in ('proposed' | 'cancelled' | 'waitlist'))":                                               "app-3",
	"Appointment: Appointment.cancelationReason.exists() implies (Appointment.status='no-show' or Appointment.status='cancelled')":                        "app-4",
	"Appointment: start.exists() = end.exists()":                                                                                                          "app-2",
	"Appointment.Participant: type.exists() or actor.exists()":                                                                                            "app-1",
	"Bundle: (type = 'history') or entry.where(fullUrl.exists()).select(fullUrl&resource.meta.versionId).isDistinct()":                                    "bdl-7",
	"Bundle: entry.all(request.exists() = (%resource.type = 'batch' or %resource.type = 'transaction' or %resource.type = 'history'))":                    "bdl-3",
	"Bundle: entry.all(response.exists() = (%resource.type = 'batch-response' or %resource.type = 'transaction-response' or %resource.type = 'history'))": "bdl-4",
	"Bundle: entry.search.empty() or (type = 'searchset')":                                                                                                "bdl-2",
	"Bundle: total.empty() or (type = 'searchset') or (type = 'history')":                                                                                 "bdl-1",
	"Bundle: type = 'document' implies (identifier.system.exists() and identifier.value.exists())":                                                        "bdl-9",
	"Bundle: type = 'document' implies (timestamp.hasValue())":                                                                                            "bdl-10",
	"Bundle: type = 'document' implies entry.first().resource.is(Composition)":                                                                            "bdl-11",
	"Bundle: type = 'message' implies entry.first().resource.is(MessageHeader)":                                                                           "bdl-12",
	"Bundle.Entry: resource.exists() or request.exists() or response.exists()":                                                                            "bdl-5",
	"CarePlan.Activity: detail.empty() or reference.empty()":                                                                                              "cpl-3",
	"CareTeam.Participant: onBehalfOf.exists() implies (member.resolve().iif(empty(), true, ofType(Practitioner).exists()))":                              "ctm-1",
	"CodeSystem: concept.code.combine($this.descendants().concept.code).isDistinct()":                                                                     "csd-1",
	"Condition: abatement.empty() or clinicalStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/condition-clinical' and (code='resolved' or code='remission' or code='inactive')).exists()": "con-4",
	"Condition: verificationStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/condition-ver-status' and code='entered-in-error').empty() or clinicalStatus.empty()":                        "con-5",
	"Condition.Evidence: code.exists() or detail.exists()":                         "con-2",
	"Condition.Stage: summary.exists() or assessment.exists()":                     "con-1",
	"Goal.Target: (detail.exists() and measure.exists()) or detail.exists().not()": "gol-1",
	"Group: member.empty() or (actual = true)":                                     "grp-1",
	"List: emptyReason.empty() or entry.empty()":                                   "lst-1",
	"List: mode = 'changes' or entry.deleted.empty()":                              "lst-2",
	"List: mode = 'working' or entry.date.empty()":                                 "lst-3",
	"Questionnaire: descendants().linkId.isDistinct()":                             "que-2",
	"Questionnaire.Item: (type='group' implies item.empty().not()) and (type.trace('type')='display' implies item.trace('item').empty())": "que-1",
	"Questionnaire.Item: type!='display' or code.empty()":                "que-3",
	"Questionnaire.Item: answerOption.empty() or answerValueSet.empty()": "que-4",
	"Questionnaire.Item: (type ='choice' or type = 'open-choice' or type = 'decimal' or type = 'integer' or type = 'date' or type = 'dateTime' or type = 'time' or type = 'string' or type = 'quantity') or (answerValueSet.empty() and answerOption.empty())": "que-5",
	"Questionnaire.Item: type!='display' or (required.empty() and repeats.empty())":                                                      "que-6",
	"Questionnaire.Item: (type!='group' and type!='display') or initial.empty()":                                                         "que-8",
	"Questionnaire.Item: type!='display' or readOnly.empty()":                                                                            "que-9",
	"Questionnaire.Item: (type in ('boolean' | 'decimal' | 'integer' | 'string' | 'text' | 'url' | 'open-choice')) or maxLength.empty()": "que-10",
	"Questionnaire.Item: answerOption.empty() or initial.empty()":                                                                        "que-11",
	"Questionnaire.Item: enableWhen.count() > 2 implies enableBehavior.exists()":                                                         "que-12",
	"Questionnaire.Item: repeats=true or initial.count() <= 1":                                                                           "que-13",
	"Questionnaire.Item.EnableWhen: operator = 'exists' implies (answer is Boolean)":                                                     "que-7",
	"QuestionnaireResponse.Item: (answer.exists() and item.exists()).not()":                                                              "qrs-1",
	"ValueSet.Compose.ConceptSet: valueSet.exists() or system.exists()":                                                                  "vsd-1",
	"ValueSet.Compose.ConceptSet: (concept.exists() or filter.exists()) implies system.exists()":                                         "vsd-2",
	"ValueSet.Compose.ConceptSet: concept.empty() or filter.empty()":                                                                     "vsd-3",
	"ValueSet.Expansion.Contains: code.exists() or display.exists()":                                                                     "vsd-6",
	"ValueSet.Expansion.Contains: code.exists() or abstract = true":                                                                      "vsd-9",
	"ValueSet.Expansion.Contains: code.empty() or system.exists()":                                                                       "vsd-10",
}

// unchecked names constraints of R4 that Check leaves alone, by how they begin,
// and why.
var unchecked = map[string]string{
	"ContactPoint: value.empty() or system.exists()": "senders give a number without saying what it is; no referral is lost for that",
	"Patient.Contact: name.exists() or telecom":      "a next of kin known by the relationship alone; no referral is lost for that",
	"Organization.telecom: where(use = 'home')":      "senders mark numbers of a practice as home; no referral is lost for that",
	"Organization.address: where(use = 'home')":      "as for telecom",
	"Consent: patient.exists() or scope":             "ppc-2 to ppc-5 of R4 name the system 'something', which nothing has",
	"Narrative.div: htmlChecks()":                    "narrative is kept and never shown as HTML",
	"Range: low.empty() or high.empty()":             "to compare quantities their units have to be understood",
	"SimpleQuantity: comparator.empty()":             "google/fhir gives it no comparator, so that one is an unknown element",
	"Timing.Repeat: ":                                "schedules are kept and never read",
	"Age: ":                                          "kept and never read",
	"Count: ":                                        "kept and never read",
	"Distance: ":                                     "kept and never read",
	"Duration: ":                                     "kept and never read",
	"AuditEvent.Entity: ":                            "written here alone",
	"CapabilityStatement":                            "definitions are kept for others to read",
	"ConceptMap.":                                    "definitions are kept for others to read",
	"ElementDefinition":                              "definitions are kept for others to read; a profile that is loaded and cannot be used is said",
	"NamingSystem: ":                                 "definitions are kept for others to read",
	"OperationDefinition.":                           "definitions are kept for others to read",
	"SearchParameter: ":                              "definitions are kept for others to read",
	"StructureDefinition":                            "as for ElementDefinition",
	"DataRequirement.":                               "stands only in extensions of knowledge resources",
	"Expression: ":                                   "stands only in extensions of knowledge resources",
	"TriggerDefinition: ":                            "stands only in extensions of knowledge resources",
}

// TestInvariantsAreComplete: every constraint of R4 on a served type, as
// google/fhir has it, is checked or left out by name, and both lists name
// nothing else.
func TestInvariantsAreComplete(t *testing.T) {
	served := strings.Fields("Appointment AuditEvent Binary Bundle CapabilityStatement CarePlan CareTeam CodeSystem Communication CommunicationRequest ConceptMap Condition Consent DocumentReference Encounter Endpoint Flag Goal Group HealthcareService List Location MessageHeader NamingSystem Observation OperationDefinition Organization Patient Practitioner PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson SearchParameter ServiceRequest StructureDefinition Subscription Task ValueSet")
	met := map[string]bool{}
	constraint := func(at, rule string) {
		text := at + ": " + rule
		if id, ok := checked[text]; ok {
			met[text] = true
			if !slices.ContainsFunc(invariants[at], func(i invariant) bool { return i.id == id }) {
				t.Errorf("%s is to be checked as %s of %s, which is not there", text, id, at)
			}
			return
		}
		for begin := range unchecked {
			if strings.HasPrefix(text, begin) {
				met[begin] = true
				return
			}
		}
		t.Errorf("neither checked nor left out by name: %s", text)
	}
	seen := map[protoreflect.FullName]bool{}
	var walk func(md protoreflect.MessageDescriptor)
	walk = func(md protoreflect.MessageDescriptor) {
		if seen[md.FullName()] || md.Name() == "ContainedResource" {
			return
		}
		seen[md.FullName()] = true
		rules, _ := proto.GetExtension(md.Options(), apb.E_FhirPathMessageConstraint).([]string)
		for _, r := range rules {
			constraint(path(md.FullName()), r)
		}
		for i := range md.Fields().Len() {
			fd := md.Fields().Get(i)
			rules, _ := proto.GetExtension(fd.Options(), apb.E_FhirPathConstraint).([]string)
			for _, r := range rules {
				constraint(path(md.FullName())+"."+fd.JSONName(), r)
			}
			if fd.Message() != nil {
				walk(fd.Message())
			}
		}
	}
	all := (&bcrpb.ContainedResource{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields()
	for i := range all.Len() {
		if md := all.Get(i).Message(); slices.Contains(served, string(md.Name())) {
			walk(md)
		}
	}
	for text := range checked {
		if !met[text] {
			t.Errorf("R4 has no such constraint: %s", text)
		}
	}
	for begin := range unchecked {
		if !met[begin] {
			t.Errorf("R4 has no such constraint: %s", begin)
		}
	}
}

// TestInvariantsAreReached: each is attached to a structure of the schema.
func TestInvariantsAreReached(t *testing.T) {
	attached := map[string]bool{}
	seen := map[*structure]bool{}
	var walk func(s *structure)
	walk = func(s *structure) {
		if seen[s] {
			return
		}
		seen[s] = true
		for _, i := range s.rules {
			attached[i.id] = true
		}
		for _, f := range s.fields {
			walk(f.of)
		}
	}
	for _, s := range schema() {
		walk(s)
	}
	for at, list := range invariants {
		for _, i := range list {
			if !attached[i.id] {
				t.Errorf("%s of %s is attached to nothing", i.id, at)
			}
		}
	}
}
