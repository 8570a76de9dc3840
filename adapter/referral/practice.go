package referral

import (
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// PracticeOf is the Organization whose record the outcome of a Task belongs
// to: the patient's own practice as the referral named it, else the
// organisation that asked, by itself or by a PractitionerRole. at reads what a
// reference names; nil for what is not there. The result is nil when nothing
// leads to an organisation, and one that was reached by who asked may have no
// ODS code. Errors are those of at.
func PracticeOf(patient, task *element.Value, at func(reference string) (*element.Value, error)) (*element.Value, error) {
	for _, gp := range patient.List("generalPractitioner") {
		if gp.TextAt("identifier.system") == nhs.SystemODSOrganization {
			// Named by its code: that is all that is needed to find its record.
			org := element.NewObject(element.F("identifier", element.NewArray(gp.Get("identifier"))))
			org.SetString("name", gp.Str("display"))
			return org, nil
		}
		org, err := at(gp.Str("reference"))
		if err != nil {
			return nil, err
		}
		if org.Identifier(nhs.SystemODSOrganization) != "" {
			return org, nil
		}
	}
	asked, err := at(task.TextAt("requester.reference"))
	if err != nil || asked == nil {
		return nil, err
	}
	switch asked.ResourceType() {
	case "PractitionerRole":
		return at(asked.TextAt("organization.reference"))
	case "Organization":
		return asked, nil
	}
	return nil, nil
}
