package routing

import (
	"net/url"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// SystemSharing is the code system of how much a person lets leave, in
// Consent.provision.code. No published code system has these words; it is ours,
// in conformance/CodeSystem-sharing.json.
const SystemSharing = "urn:linkloop:codesystem:sharing"

// shares are its codes.
var shares = map[string]Share{"nothing": Nothing, "codes-only": CodesOnly, "summary": Summary, "all": All}

// lefts are how much left by a share, see outbound.LeftMark.
var lefts = map[Share]string{CodesOnly: outbound.LeftCodes, Summary: outbound.LeftSummary, All: outbound.LeftAll}

// ParseShare reads a code of SystemSharing.
func ParseShare(code string) (Share, bool) {
	s, ok := shares[code]
	return s, ok
}

// choice is what one Consent that is decided allows. A consent that was
// withdrawn, refused or denies allows nothing; a person who said it once need
// not say it twice. One that was entered in error says nothing.
//
// https://hl7.org/fhir/R4/consent.html: status, provision.type, policyRule
func choice(consent *element.Value, without Share) (Share, bool) {
	switch consent.Str("status") {
	case "entered-in-error":
		return 0, false
	case "rejected", "inactive":
		return Nothing, true
	}
	for _, c := range consent.All("provision.code.coding") {
		if c.Str("system") == SystemSharing {
			s, known := ParseShare(c.Str("code"))
			if !known {
				return Nothing, true // a word nobody here knows is no permission
			}
			return s, true
		}
	}
	if consent.TextAt("provision.type") == "deny" {
		return Nothing, true
	}
	for _, c := range consent.All("policyRule.coding") {
		if c.Str("system") == "http://terminology.hl7.org/CodeSystem/v3-ActCode" && c.Str("code") == "OPTOUT" {
			return Nothing, true
		}
	}
	return without, true
}

// Consents finds what people chose.
type Consents struct {
	Indexer *resource.Indexer
	BaseURL string
	Without Share // what leaves of a person who chose nothing in particular
	Unclear Share // at most this leaves of a person whose newest Consent is not decided
}

// open reports whether a Consent is not decided yet: it is in force in no way,
// and says that somebody asked.
//
// https://hl7.org/fhir/R4/valueset-consent-state-codes.html
func open(consent *element.Value) bool {
	s := consent.Str("status")
	return s == "draft" || s == "proposed"
}

// maxConsents is how many Consents of one person are looked at, newest first.
const maxConsents = 50

// Of is what a person allows now: what the newest of their Consents says, by the
// day it was given and then by when it was written here. It is read in the
// snapshot, so that a choice counts from the moment it is stored.
//
// unclear says that a Consent which is not decided was written after, or with,
// every one that is: then no more leaves than Unclear, and never more than what
// was decided before. A decided one that is written later settles it, whatever
// day it was given on.
func (c Consents) Of(r store.Reader, patient string) (allowed Share, unclear bool, err error) {
	if patient == "" {
		return c.Without, false, nil
	}
	q, err := resource.Parse(c.Indexer, "Consent", url.Values{"patient": {"Patient/" + patient}, "_sort": {"-_lastUpdated"}},
		resource.Options{BaseURL: c.BaseURL})
	if err != nil {
		return Nothing, false, err
	}
	q.Query.Limit = maxConsents
	page, err := r.Resources().Search(q.Query)
	if err != nil {
		return Nothing, false, err
	}
	allowed = c.Without
	var given, decided, asked time.Time
	for _, v := range page.Versions {
		consent, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return Nothing, false, err
		}
		if open(consent) {
			if v.Updated.After(asked) {
				asked = v.Updated
			}
			continue
		}
		said, ok := choice(consent, c.Without)
		if !ok {
			continue
		}
		if v.Updated.After(decided) {
			decided = v.Updated
		}
		at := v.Updated
		if withdrawn := said == Nothing; !withdrawn {
			// A permission counts from the day it was given, a withdrawal from
			// when it was heard of.
			if day, err := time.Parse(time.RFC3339, consent.Str("dateTime")); err == nil && day.Before(at) {
				at = day
			}
		}
		if given.IsZero() || at.After(given) {
			allowed, given = said, at
		}
	}
	if !asked.IsZero() && !asked.Before(decided) {
		return min(allowed, c.Unclear), true, nil
	}
	return allowed, false, nil
}
