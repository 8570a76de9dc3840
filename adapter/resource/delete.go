package resource

// kept are the types that are not deleted over the API, with what to do
// instead: what a referral hangs on, and what shows who did what.
var kept = map[string]string{
	"Task":             "a Task is part of the history of a referral; cancel it, or set its status to entered-in-error",
	"ServiceRequest":   "a request is part of the history of a referral; set its status to revoked or entered-in-error",
	"Patient":          "people who were referred are not deleted; set active to false",
	"Practitioner":     "who took part in a referral is not deleted; set active to false",
	"PractitionerRole": "who took part in a referral is not deleted; set active to false",
	"Organization":     "who took part in a referral is not deleted; set active to false",
	"Consent":          "that a consent was given stays known; set its status to inactive or entered-in-error",
	"Provenance":       "what shows who did what is not deleted",
	"AuditEvent":       "what shows who did what is not deleted",
}

// Deletable reports whether resources of the type are deleted over the API;
// else instead says what to do.
func (d *Definition) Deletable() (ok bool, instead string) {
	if why, is := kept[d.Type]; is {
		return false, why
	}
	if !d.Create || !d.Update {
		return false, "resources of this type are not written over the API"
	}
	return true, ""
}
