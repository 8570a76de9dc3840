package intake

import (
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/profile"
)

// consents flags a Consent of the message that refuses. The referral is taken
// all the same, because what the person refused may be the sharing of outcomes
// and not the help; but nobody must find out only when the work is done.
func (d *draft) consents(resources []mapping.Resource, tree *message.Tree) {
	for _, r := range resources {
		path := refusedAt(r.Root)
		if r.Type != "Consent" || path == "" {
			continue
		}
		d.flags = append(d.flags, fault.Issue{
			Severity: "warning", Code: profile.FlagConsent, Expression: path, Place: locate(r.Root, path, tree),
			Text: "the person did not consent; nothing will be written into a record because of this referral unless they do",
		})
	}
}

// refusedAt is the element by which a Consent refuses; empty: it does not.
//
// https://hl7.org/fhir/R4/consent.html: status, provision.type
func refusedAt(consent *element.Value) string {
	if s := consent.Str("status"); s == "rejected" || s == "inactive" {
		return "Consent.status"
	}
	if consent.TextAt("provision.type") == "deny" {
		return "Consent.provision.type"
	}
	return ""
}
