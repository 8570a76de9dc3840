package profile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// SystemDataQuality is the code system of data-quality flags, as they stand in
// Task.meta.tag. It is a urn of this house, because no published system has
// these concepts (conformance/DIVERGENCES.md).
const SystemDataQuality = "urn:linkloop:codesystem:data-quality"

// SystemReferralChange is the code system of what a sender did to a referral
// after it was made, as it stands in Task.meta.tag
// (conformance/CodeSystem-referral-change.json).
const SystemReferralChange = "urn:linkloop:codesystem:referral-change"

// The codes of SystemReferralChange.
const (
	ChangedBySender   = "changed-by-sender"
	CancelledBySender = "cancelled-by-sender"
)

// SystemBusinessStatus is the vocabulary of this house for link-worker work, as
// it stands in Task.businessStatus (conformance/CodeSystem-business-status.json).
const SystemBusinessStatus = "urn:linkloop:codesystem:business-status"

// FlagDemographics is the flag of a Task whose referral disagrees with the
// Patient on record about name, birth date or gender.
const FlagDemographics = "demographics-conflict"

// FlagMissing is the flag of a referral without an NHS number. Mappings put it
// on the Tasks of senders whose referrals come from elsewhere than a GP system.
const FlagMissing = "nhs-number-missing"

// FlagPractice is the flag of a referral from which no practice with an ODS
// code can be told, so that nobody will know whose record its outcome belongs
// to. Mappings put it on the Tasks of senders of whom that is expected; it is
// then told as information.
const FlagPractice = "practice-missing"

// FlagConsent is the flag of a referral that brings a Consent which refuses: it
// is taken, and whoever works on it decides whether there is anything to do.
const FlagConsent = "consent-refused"

// FlagConsentUnclear is the flag of a referral that brings a Consent which is not
// decided yet, or whose sender said something about consent that nothing could
// be made of.
const FlagConsentUnclear = "consent-unclear"

// FlagSeveral is the flag of a person who comes with different NHS numbers.
const FlagSeveral = "nhs-number-several"

// FlagShared is the flag of a person who comes with a local identifier, such as
// a hospital number, that is on record for somebody else.
const FlagShared = "identifier-shared"

// FlagDeceased is the flag of a referral for a person who has died, as its sender
// says: nobody should telephone before that is known to be wrong.
const FlagDeceased = "patient-deceased"

// Flag is one value that was made unusable, and why. Text and Wrong name the rule
// and, for a truncated SNOMED CT id, the id it was probably cut from; they never
// hold the value itself.
type Flag struct {
	Code       string // nhs-number-check-digit, snomed-truncated, ods-length: what, then nhs.Reason
	Expression string // FHIRPath: ServiceRequest.reasonCode[0].coding[0].code
	Text       string // what is wrong and what became of the value, for who is taken all the same
	Wrong      string // what is wrong alone, for who is refused for it
}

// Quality makes identifiers and codes that fail their checks harmless, in
// place, and says so. A referral is never lost because of them: what people can
// read stays, what systems would match on goes.
//
//   - A SNOMED CT coding whose id fails keeps its display and loses system and
//     code; where nothing readable is left, the id stays as text.
//   - An NHS number or ODS code that fails keeps its value and loses its
//     system, and its type says so in words.
//   - Systems written in one of the known variant ways are written the
//     standard way, and NHS numbers without spaces.
func Quality(resources []*element.Value) []Flag {
	var q quality
	for _, r := range resources {
		q.walk(r, &place{name: r.ResourceType(), index: -1})
		if r.ResourceType() == "Patient" {
			q.several(r)
		}
	}
	return q.flags
}

// several takes the system from the NHS numbers of a Patient who has more than
// one: nobody can tell which of two people it is.
func (q *quality) several(patient *element.Value) {
	first, different := "", false
	for _, id := range patient.List("identifier") {
		if n := id.Str("value"); id.Str("system") == nhs.SystemNHSNumber {
			different = different || first != "" && n != first
			first = n
		}
	}
	if !different {
		return
	}
	for i, id := range patient.List("identifier") {
		if id.Str("system") == nhs.SystemNHSNumber {
			at := place{&place{name: "Patient", index: -1}, "identifier", i}
			q.flag(FlagSeveral, &at, ".value", "the person comes with more than one NHS number", "they are kept as text and nothing is matched on them", "")
			id.Remove("system")
			unverify(id)
			id.Set("type", element.NewObject(element.S("text", "NHS number as sent, not usable: one of several")))
		}
	}
}

type quality struct{ flags []Flag }

// place is a step of a path, linked to the one above; it becomes text only for
// a flag.
type place struct {
	up    *place
	name  string
	index int // -1: not in an array
}

func (p *place) String() string {
	s := p.name
	if p.index >= 0 {
		s += "[" + strconv.Itoa(p.index) + "]"
	}
	if p.up != nil {
		return p.up.String() + "." + s
	}
	return s
}

func (q *quality) walk(v *element.Value, at *place) {
	for _, f := range v.Fields {
		switch f.Value.Kind {
		case element.Object:
			p := place{at, f.Name, -1}
			q.object(f.Value, &p)
		case element.Array:
			for i, it := range f.Value.Items {
				if it.Kind != element.Object {
					continue // null, where only the extensions of others stand
				}
				p := place{at, f.Name, i}
				q.object(it, &p)
			}
		}
	}
	if codings := v.Get("coding"); codings != nil && codings.Kind == element.Array {
		q.prune(v, codings)
	}
}

// object checks what has a system: a Coding or an Identifier.
func (q *quality) object(v *element.Value, at *place) {
	if system := v.Get("system"); system != nil && system.Kind == element.String {
		if s, ok := nhs.CanonicalSystem(system.Text); ok {
			system.Text = s
		}
		switch system.Text {
		case nhs.SystemSNOMED:
			q.snomed(v, at)
		case nhs.SystemNHSNumber:
			q.identifier(v, at, "nhs-number", "NHS number", nhs.ParseNumber)
		case nhs.SystemODSOrganization, nhs.SystemODSSite:
			q.identifier(v, at, "ods", "ODS code", nhs.ParseODS)
		}
	}
	q.walk(v, at)
}

func (q *quality) snomed(v *element.Value, at *place) {
	code := v.Get("code")
	if code == nil || code.Kind != element.String {
		return
	}
	concept, reason := nhs.ParseConcept(code.Text)
	if reason == nhs.Valid {
		code.Text = concept
		return
	}
	hint := ""
	if reason == nhs.Truncated {
		if candidate, ok := nhs.RestoreSnomedID(code.Text); ok {
			hint = "; the id with the right check digit would be " + candidate
		}
	}
	q.flag("snomed-"+reason.String(), at, ".code", "the SNOMED CT id "+reason.Text(), "it is kept as text and not used as a code", hint)
	words := "display"
	if v.Get("value") != nil { // a Quantity, whose words are the unit
		words = "unit"
	}
	if v.Str(words) == "" {
		v.SetString(words, "code as sent, not usable: "+code.Text)
	}
	v.Remove("system")
	v.Remove("code")
}

// prune moves what is left of unusable codings into the words of the concept,
// so that readers that show only text show it too.
func (q *quality) prune(concept, codings *element.Value) {
	if concept.Str("text") != "" {
		return
	}
	for _, c := range codings.Items {
		if c.Kind == element.Object && c.Get("code") == nil && c.Get("system") == nil && c.Str("display") != "" {
			concept.SetString("text", c.Str("display"))
			return
		}
	}
}

func (q *quality) identifier(v *element.Value, at *place, word, name string, parse func(string) (string, nhs.Reason)) {
	value := v.Get("value")
	if value == nil || value.Kind != element.String {
		return
	}
	normal, reason := parse(value.Text)
	if reason == nhs.Valid {
		value.Text = normal
		return
	}
	made := "it is kept as text and nothing is matched on it"
	if unverify(v) {
		made += "; that the number was verified, as it came with it, is left out"
	}
	q.flag(word+"-"+reason.String(), at, ".value", "the "+name+" "+reason.Text(), made, "")
	v.Remove("system")
	v.Set("type", element.NewObject(element.S("text", name+" as sent, not usable: "+reason.Text())))
	// FHIR has no order of members, but people read from the top.
	slices.SortStableFunc(v.Fields, func(a, b element.Field) int {
		return strings.Compare(order(a.Name), order(b.Name))
	})
}

// unverify takes from an NHS number that is not usable the statement that it was
// verified, which cannot be true of it, and reports whether there was one. Other
// states, such as that a trace is required, stay.
func unverify(id *element.Value) bool {
	extensions := id.Get("extension")
	if extensions == nil {
		return false
	}
	before := len(extensions.Items)
	extensions.Items = slices.DeleteFunc(extensions.Items, func(x *element.Value) bool {
		return strings.HasSuffix(x.Str("url"), "NHSNumberVerificationStatus") &&
			slices.ContainsFunc(x.All("valueCodeableConcept.coding"), func(c *element.Value) bool {
				return slices.Contains(verified, c.Str("code"))
			})
	})
	if len(extensions.Items) == 0 {
		id.Remove("extension")
	}
	return before > len(extensions.Items)
}

// verified are the codes of UKCore-NHSNumberVerificationStatus, and of the NHS
// Data Dictionary, for a number that is present and verified.
var verified = []string{"number-present-and-verified", "01"}

func order(name string) string {
	switch name {
	case "use":
		return "0"
	case "type":
		return "1"
	default:
		return "2"
	}
}

// flag notes what is wrong with a value, what was made of it, and a hint.
func (q *quality) flag(code string, at *place, suffix, wrong, made, hint string) {
	q.flags = append(q.flags, Flag{Code: code, Expression: at.String() + suffix, Text: wrong + "; " + made + hint, Wrong: wrong + hint})
}
