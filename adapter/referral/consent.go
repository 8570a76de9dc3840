package referral

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
)

// SystemSharing is the code system of how much a person lets leave, in
// Consent.provision.code. No published code system has these words; it is ours,
// in conformance/CodeSystem-sharing.json.
const SystemSharing = "urn:linkloop:codesystem:sharing"

// Sharing are its codes, from the least to the most.
var Sharing = []string{"nothing", "codes-only", "summary", "all"}

// Says is what one Consent says.
type Says int

const (
	SaysNothing Says = iota // it was entered in error
	Undecided               // it says that somebody asked, and is in force in no way
	Refuses                 // nothing leaves
	Permits
)

// Consented is what a Consent says, and where.
type Consented struct {
	Says Says
	// Word is how much leaves of one that permits, a code of Sharing; empty: it
	// says nothing in particular.
	Word string
	At   string // the element that decided, such as Consent.policyRule; empty of one that permits and has no Word
}

// systemActCode has OPTIN and OPTOUT, which a Consent says in policyRule.
const systemActCode = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

// ReadConsent reads a Consent, for the flag at the intake and for what leaves
// later alike. Any element that refuses refuses, whatever others say: nobody who
// refused is to be talked past. A word of Sharing that nobody knows is no
// permission, and of several the least counts.
//
// https://hl7.org/fhir/R4/consent.html: status, provision.type, policyRule;
// https://hl7.org/fhir/R4/valueset-consent-state-codes.html
func ReadConsent(consent *element.Value) Consented {
	switch consent.Str("status") {
	case "entered-in-error":
		return Consented{SaysNothing, "", "Consent.status"}
	case "rejected", "inactive":
		return Consented{Refuses, "", "Consent.status"}
	}
	if consent.TextAt("provision.type") == "deny" {
		return Consented{Refuses, "", "Consent.provision.type"}
	}
	for _, c := range consent.All("policyRule.coding") {
		if c.Str("system") == systemActCode && c.Str("code") == "OPTOUT" {
			return Consented{Refuses, "", "Consent.policyRule"}
		}
	}
	least := len(Sharing)
	for _, c := range consent.All("provision.code.coding") {
		if c.Str("system") == SystemSharing {
			least = min(least, slices.Index(Sharing, c.Str("code")))
		}
	}
	said := Consented{Says: Permits}
	if least < len(Sharing) {
		said.At = "Consent.provision.code"
		if least <= 0 {
			said.Says = Refuses
			return said
		}
		said.Word = Sharing[least]
	}
	switch consent.Str("status") {
	case "", "draft", "proposed":
		return Consented{Undecided, "", "Consent.status"}
	}
	return said
}
