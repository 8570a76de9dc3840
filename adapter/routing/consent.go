package routing

import (
	"net/url"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// SystemSharing is the code system of how much a person lets leave, in
// Consent.provision.code. No published code system has these words; it is ours,
// in conformance/CodeSystem-sharing.json.
const SystemSharing = "urn:linkloop:codesystem:sharing"

// shares are its codes.
var shares = map[string]Share{"nothing": Nothing, "codes-only": CodesOnly, "summary": Summary, "all": All}

// ParseShare reads a code of SystemSharing.
func ParseShare(code string) (Share, bool) {
	s, ok := shares[code]
	return s, ok
}

// choice is what one Consent allows. A consent that was withdrawn, refused or
// denies allows nothing; a person who said it once need not say it twice. One
// that was entered in error, or is not decided yet, says nothing.
//
// https://hl7.org/fhir/R4/consent.html: status, provision.type
func choice(consent *element.Value, without Share) (Share, bool) {
	switch consent.Str("status") {
	case "entered-in-error", "draft", "proposed":
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
	return without, true
}

// Consents finds what people chose.
type Consents struct {
	Indexer *resource.Indexer
	BaseURL string
	Without Share // what leaves of a person who chose nothing in particular
}

// maxConsents is how many Consents of one person are looked at, newest first.
const maxConsents = 50

// Of is what a person allows now: what the newest of their Consents says, by the
// day it was given and then by when it was written here. It is read in the
// snapshot, so that a choice counts from the moment it is stored.
func (c Consents) Of(r store.Reader, patient string) (Share, error) {
	if patient == "" {
		return c.Without, nil
	}
	q, err := resource.Parse(c.Indexer, "Consent", url.Values{"patient": {"Patient/" + patient}, "_sort": {"-_lastUpdated"}},
		resource.Options{BaseURL: c.BaseURL})
	if err != nil {
		return Nothing, err
	}
	q.Query.Limit = maxConsents
	page, err := r.Resources().Search(q.Query)
	if err != nil {
		return Nothing, err
	}
	allowed, given := c.Without, time.Time{}
	for _, v := range page.Versions {
		consent, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return Nothing, err
		}
		said, ok := choice(consent, c.Without)
		if !ok {
			continue
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
	return allowed, nil
}
