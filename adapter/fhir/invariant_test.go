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
// FHIRPath as R4 has it. ext-1 is not among the constraints of google/fhir.
var checked = map[string]string{
	"Period: start.hasValue().not() or end.hasValue().not() or (start <= end)":                                     "per-1",
	"Attachment: data.empty() or contentType.exists()":                                                             "att-1",
	"Quantity: code.empty() or system.exists()":                                                                    "qty-3",
	"SimpleQuantity: code.empty() or system.exists()":                                                              "qty-3",
	"Ratio: (numerator.empty() xor denominator.exists()) and (numerator.exists() or extension.exists())":           "rat-1",
	"Consent: policy.exists() or policyRule.exists()":                                                              "ppc-1",
	"Observation: dataAbsentReason.empty() or value.empty()":                                                       "obs-6",
	"Observation: value.empty() or component.code.where(coding.intersect(%resource.code.coding).exists()).empty()": "obs-7",
	"Observation.ReferenceRange: low.exists() or high.exists() or text.exists()":                                   "obs-3",
	"Organization: (identifier.count() + name.count()) > 0":                                                        "org-1",
	"ServiceRequest: orderDetail.empty() or code.exists()":                                                         "prr-1",
	"Task: lastModified.exists().not() or authoredOn.exists().not() or lastModified >= authoredOn":                 "inv-1",
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
	"DataRequirement.":                               "stands only in extensions of knowledge resources",
	"Expression: ":                                   "stands only in extensions of knowledge resources",
	"TriggerDefinition: ":                            "stands only in extensions of knowledge resources",
}

// TestInvariantsAreComplete: every constraint of R4 on a served type, as
// google/fhir has it, is checked or left out by name, and both lists name
// nothing else.
func TestInvariantsAreComplete(t *testing.T) {
	served := []string{"Patient", "Practitioner", "PractitionerRole", "Organization", "ServiceRequest", "Consent", "Task", "Procedure", "Observation", "Provenance"}
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
		if seen[md.FullName()] {
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
