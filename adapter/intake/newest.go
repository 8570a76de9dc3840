package intake

import (
	"net/url"
	"slices"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// newest reports whether a message is the latest word about a person: made, or
// where that does not tell come, after every other message about them and after
// whatever was written over the API. Messages of several senders, rows of one
// file and replays need not be decided in the order in which they were made.
func (s *Service) newest(tx store.Tx, d *draft, patient store.Version) (bool, error) {
	q, err := resource.Parse(s.cfg.Indexer, "Provenance",
		url.Values{"target": {patient.Key.String()}, "_sort": {"-_lastUpdated"}}, resource.Options{BaseURL: s.cfg.BaseURL})
	if err != nil {
		return false, err
	}
	q.Query.Limit = maxWords
	page, err := tx.Resources().Search(q.Query)
	if err != nil {
		return false, err
	}
	mine := spoken(d.sent, d.received)
	heard := false
	for _, v := range page.Versions {
		root, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return false, err
		}
		if root.TextAt("entity.what.identifier.system") != systemMessage {
			continue
		}
		if !heard && patient.Updated.After(v.Updated) {
			break // written over the API since
		}
		heard = true
		if d.changes(root) {
			continue // it was made after what it changes
		}
		came := cameAt(root)
		theirs := spoken(parseSpan(root.Str("occurredDateTime")), came)
		if mine.before(theirs) || !theirs.before(mine) && d.cameBefore(came) {
			return false, nil
		}
	}
	return heard || mine.last.After(patient.Updated), nil
}

// changes reports whether a message changes the referral that the message of a
// Provenance brought.
func (d *draft) changes(provenance *element.Value) bool {
	return d.intention == referral.Modify && provenance.TextAt("activity.text") == string(referral.New) &&
		slices.ContainsFunc(provenance.List("target"), func(t *element.Value) bool { return t.Str("reference") == "ServiceRequest/"+d.request })
}

// spoken is when a message was made, or where it does not say so, when it came.
func spoken(sent span, came time.Time) span {
	if sent.known() || came.IsZero() {
		return sent
	}
	return parseSpan(came.UTC().Format(element.InstantLayout))
}

// cameBefore reports whether the message came before a time, to the microsecond
// in which times are kept.
func (d *draft) cameBefore(at time.Time) bool {
	return d.received.Truncate(time.Microsecond).Before(at)
}
