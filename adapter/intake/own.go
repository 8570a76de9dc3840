package intake

import (
	"context"
	"net/url"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// MaxOwn bounds how many referrals of one person OwnAbout looks at.
const MaxOwn = 100

// Own is a ServiceRequest that the sender made, as it is now, for a sender that
// reads before it changes. Somebody else's is as if it were not there:
// fault.NotFound.
func (s *Service) Own(ctx context.Context, sender, id string) (store.Version, error) {
	x, ok := s.Sender(sender)
	if !ok {
		return store.Version{}, fault.New(fault.NotFound, "", "no sender of this name is configured")
	}
	var out store.Version
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		v, err := r.Resources().Get(store.Key{Type: "ServiceRequest", ID: id})
		if err != nil {
			return err
		}
		_, own, err := s.lastWord(r.Resources(), x, id)
		if err == nil && (!own || v.Deleted) {
			err = fault.New(fault.NotFound, "ServiceRequest/id", "no referral of this sender has this id")
		}
		out = v
		return err
	})
	return out, err
}

// OwnAbout are the ServiceRequests that the sender made about the person with
// an NHS number, newest first, of the MaxOwn latest about that person.
func (s *Service) OwnAbout(ctx context.Context, sender, number string) (list []store.Version, err error) {
	x, ok := s.Sender(sender)
	if !ok {
		return nil, fault.New(fault.NotFound, "", "no sender of this name is configured")
	}
	patient := s.deriveID("Patient", nhs.SystemNHSNumber, number)
	q, err := resource.Parse(s.cfg.Indexer, "ServiceRequest",
		url.Values{"subject": {"Patient/" + patient}, "_sort": {"-_lastUpdated"}}, resource.Options{BaseURL: s.cfg.BaseURL})
	if err != nil {
		return nil, err
	}
	q.Query.Limit = MaxOwn
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		list = nil // the view may run again
		page, err := r.Resources().Search(q.Query)
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			_, own, err := s.lastWord(r.Resources(), x, v.ID)
			if err != nil {
				return err
			}
			if own {
				list = append(list, v)
			}
		}
		return nil
	})
	return list, err
}
