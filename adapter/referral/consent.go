package referral

import (
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// SystemSharing is the code system of how much a person lets leave, as a rule in
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
	least, where := len(Sharing), ""
	sharing(consent, func(at, code string) {
		if i := slices.Index(Sharing, code); i < least {
			least, where = i, at
		}
	})
	said := Consented{Says: Permits}
	if least < len(Sharing) {
		said.At = where
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

// sharing tells of each coding of SystemSharing in a Consent, with the element
// that it stands in, and its code.
func sharing(consent *element.Value, tell func(at, code string)) {
	var walk func(v *element.Value, at string)
	walk = func(v *element.Value, at string) {
		if v.Str("system") == SystemSharing {
			tell(strings.TrimSuffix(at, ".coding"), v.Str("code"))
			return
		}
		for _, it := range v.Items {
			walk(it, at)
		}
		for _, f := range v.Fields {
			if f.Name != "contained" {
				walk(f.Value, at+"."+f.Name)
			}
		}
	}
	walk(consent, "Consent")
}

// CheckSharing reports the codes of SystemSharing in a Consent that are none, for
// those who can be told: read, such a word would let nothing leave.
func CheckSharing(v *element.Value) []fault.Issue {
	if v.ResourceType() != "Consent" {
		return nil
	}
	var out []fault.Issue
	sharing(v, func(at, code string) {
		if !slices.Contains(Sharing, code) {
			out = append(out, fault.Issue{Code: "code-invalid", Expression: at,
				Text: fmt.Sprintf("the code must be one of %s: %s", SystemSharing, strings.Join(Sharing, ", "))})
		}
	})
	return out
}
