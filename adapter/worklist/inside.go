package worklist

import (
	"context"

	"github.com/linkloop/linkloop/adapter/store"
)

// within runs work as one decision: whatever the service that it gets does is
// part of it, so that several interactions happen together or not at all. An
// error must be returned, for what came before it to be undone.
func (s *Service) within(ctx context.Context, work func(in *Service, tx store.Tx) error, hints ...store.Hint) error {
	owed := false
	err := s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		owed = false
		in := *s
		in.cfg.Store = inside{s.cfg.Store, tx}
		in.cfg.Owed = func() { owed = true } // told after the commit
		return work(&in, tx)
	}, hints...)
	if err == nil && owed {
		s.cfg.Owed()
	}
	return err
}

// deciding reports whether what the service does is part of a decision.
func (s *Service) deciding() bool {
	of := s.cfg.Store
	if m, ok := of.(metered); ok {
		of = m.Store
	}
	_, within := of.(inside)
	return within
}

// inside is the store as seen from within a decision.
type inside struct {
	store.Store
	tx store.Tx
}

// Decide runs fn as part of the decision, which holds up everybody who writes:
// not beyond the time of the request.
func (i inside) Decide(ctx context.Context, fn func(store.Tx) error, _ ...store.Hint) error {
	if err := inTime(ctx); err != nil {
		return err
	}
	return fn(i.tx)
}

// View reads what the decision sees, its own writes among it.
func (i inside) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := inTime(ctx); err != nil {
		return err
	}
	return fn(reader{i.tx})
}

// reader is a decision that only reads.
type reader struct{ tx store.Tx }

func (r reader) Resources() store.ResourceReader  { return r.tx.Resources() }
func (r reader) Inbox() store.InboxReader         { return r.tx.Inbox() }
func (r reader) Deliveries() store.DeliveryReader { return r.tx.Deliveries() }
