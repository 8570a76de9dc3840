package intake

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
)

// consents flags a Consent of the message that refuses, and one of which nobody
// can tell whether it permits. The referral is taken all the same, because what
// the person refused may be the sharing of outcomes and not the help; but nobody
// must find out only when the work is done.
func (d *draft) consents(m *mapping.Mapping, out *mapping.Result, tree *message.Tree) {
	unread := unclear(m, out)
	for _, r := range out.Resources {
		if r.Type != "Consent" {
			continue
		}
		said := referral.ReadConsent(r.Root)
		if said.Says == referral.Refuses {
			d.flags = append(d.flags, refusedConsent(said.At, locate(r.Root, said.At, tree)))
			continue
		}
		place := ""
		switch s := r.Root.Str("status"); {
		case unread != nil:
			// What was said stands beside it; it permits nothing by itself.
			place = unread.Address
			r.Root.SetString("status", "proposed")
			complete(r.Root)
		case s == "": // the value was reported where another rule came upon it
			r.Root.SetString("status", "proposed")
			complete(r.Root)
		case said.Says == referral.Undecided:
			place = locate(r.Root, "Consent.status", tree)
		default:
			continue
		}
		d.flags = append(d.flags, fault.Issue{
			Severity: "warning", Code: profile.FlagConsentUnclear, Expression: "Consent.status", Place: place,
			Text: "what was said about the consent of the person is no answer that can be acted on; until a Consent that answers is recorded, only that leaves for a record which sharing.unclear allows",
		})
	}
}

// refusals keeps of a cancellation the Consents that refuse: who takes a referral
// back may take back with it that its outcome is shared. Anything else that it
// says about consent gives no permission and is not used.
func (s *Service) refusals(d *draft, out *mapping.Result, tree *message.Tree) {
	for _, r := range out.Resources {
		if r.Type != "Consent" {
			continue
		}
		said := referral.ReadConsent(r.Root)
		if said.Says != referral.Refuses {
			continue
		}
		place := locate(r.Root, said.At, tree)
		if s.sound(r.Root, nil) != nil {
			// A refusal is not lost for the form it has.
			whole := element.NewObject(element.S("resourceType", "Consent"), element.S("id", r.Root.ID()), element.S("status", "rejected"))
			if patient := r.Root.Get("patient"); patient != nil {
				whole.Set("patient", patient)
			}
			complete(whole)
			r.Root = whole
		}
		d.refused = append(d.refused, s.ready(r.Root, r.Key, place))
		d.flags = append(d.flags, refusedConsent(said.At, place))
	}
}

func refusedConsent(path, place string) fault.Issue {
	return fault.Issue{
		Severity: "warning", Code: profile.FlagConsent, Expression: path, Place: place,
		Text: "the person did not consent; nothing will be written into a record because of this referral unless they do",
	}
}

// unclear adds a Consent that is proposed where the message says something about
// consent and the mapping made none of it, or of what it permits, and returns
// the finding at fault; nil: there is nothing unclear. Without such a Consent
// the referral would look like one whose sender said nothing.
func unclear(m *mapping.Mapping, out *mapping.Result) *mapping.Finding {
	var unread *mapping.Finding
	for i := range out.Findings {
		if f := &out.Findings[i]; permits(f.Path) {
			unread = f
			break
		}
	}
	made, patient := false, ""
	for _, r := range out.Resources {
		made = made || r.Type == "Consent"
		if r.Type == "Patient" && patient == "" {
			patient = r.Key
		}
	}
	key := m.Key("Consent")
	if unread == nil && !made && slices.ContainsFunc(out.Lacking, func(k string) bool { return k == key || strings.HasPrefix(k, key+"[") }) {
		unread = &mapping.Finding{}
	}
	if unread == nil || made || patient == "" {
		return unread
	}
	consent := element.NewObject(element.S("resourceType", "Consent"))
	consent.Set("patient", element.NewObject(element.S("reference", mapping.ReferencePrefix+patient)))
	out.Resources = append(out.Resources, mapping.Resource{Key: key, Type: "Consent", Root: consent})
	return unread
}

// permits reports whether a path is of an element that says what a Consent
// permits.
func permits(path string) bool {
	for _, name := range [...]string{"status", "policyRule", "provision"} {
		if rest, is := strings.CutPrefix(path, "Consent."+name); is && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// complete gives a Consent what R4 asks of every one.
//
// https://hl7.org/fhir/R4/consent.html: scope 1..1, category 1..*, ppc-1
func complete(consent *element.Value) {
	concept := func(system, code string) *element.Value {
		return element.NewObject(element.F("coding", element.NewArray(element.NewObject(element.S("system", system), element.S("code", code)))))
	}
	if consent.Get("scope") == nil {
		consent.Set("scope", concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"))
	}
	if consent.Get("category") == nil {
		consent.Set("category", element.NewArray(concept("http://loinc.org", "59284-0")))
	}
	if consent.Get("policy") == nil && consent.Get("policyRule") == nil {
		consent.Set("policyRule", element.NewObject(element.S("text", "Not clear from the referral")))
	}
}
