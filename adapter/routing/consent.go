package routing

import (
	"net/url"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// shares are the codes of referral.SystemSharing.
var shares = map[string]Share{"nothing": Nothing, "codes-only": CodesOnly, "summary": Summary, "all": All}

// lefts are how much left by a share, see outbound.LeftMark.
var lefts = map[Share]string{CodesOnly: outbound.LeftCodes, Summary: outbound.LeftSummary, All: outbound.LeftTold}

// ParseShare reads a code of referral.SystemSharing.
func ParseShare(code string) (Share, bool) {
	s, ok := shares[code]
	return s, ok
}

// Consents finds what people chose.
type Consents struct {
	Indexer *resource.Indexer
	BaseURL string
	Without Share // what leaves of a person who chose nothing in particular
	Unclear Share // at most this leaves of a person whose newest Consent is not decided
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
		// A person who said no once need not say it twice.
		said := c.Without
		switch read := referral.ReadConsent(consent); read.Says {
		case referral.SaysNothing:
			continue
		case referral.Undecided:
			if v.Updated.After(asked) {
				asked = v.Updated
			}
			continue
		case referral.Refuses:
			said = Nothing
		case referral.Permits:
			if read.Word != "" {
				said = shares[read.Word]
			}
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
