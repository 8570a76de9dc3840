package recall

import (
	"context"
	"slices"
	"strconv"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/store"
)

// remarkSwitch says down to which delivery all are marked with their codes, those
// included by which their letters say how contacts were held. Earlier versions
// left these out, or all.
const remarkSwitch = "remark/contacts"

// remarkStep is how many deliveries are read at once.
const remarkStep = 100

// Remark marks the deliveries of earlier versions with the codes that they carry,
// newest first, a few in each decision, and says how many carry one. What is done
// stays done: it may break off and be called again, and beside itself.
func (s *Service) Remark(ctx context.Context) (marked int, err error) {
	for {
		n, done, err := s.remark(ctx)
		if marked += n; err != nil || done {
			return marked, err
		}
	}
}

// remark is one step. Everything is read outside of the decision, which others
// wait for.
func (s *Service) remark(ctx context.Context) (marked int, done bool, err error) {
	var before []byte
	var next int64
	marks := map[int64][]string{}
	err = s.Store.View(ctx, func(r store.Reader) error {
		if before, err = r.Switches().Get(remarkSwitch); err != nil {
			return err
		}
		from, _ := strconv.ParseInt(string(before), 10, 64)
		if before != nil && from <= 1 {
			done = true
			return nil
		}
		page, err := r.Deliveries().List(store.DeliveryFilter{Before: from, Limit: remarkStep})
		if err != nil {
			return err
		}
		next = 1 // below it is none
		for _, f := range page {
			if next = f.ID; outbound.IsCorrection(f.Key) {
				continue // it has its marks, and its letter is found with its outcome
			}
			d, err := r.Deliveries().Get(f.ID)
			if err != nil {
				return err
			}
			for _, c := range outcome.Codes(d.Payload) {
				marks[f.ID] = append(marks[f.ID], outbound.CodeMark(c.Code))
			}
		}
		return nil
	})
	if err != nil || done {
		return 0, done, err
	}
	err = s.Store.Decide(ctx, func(tx store.Tx) error {
		if now, err := tx.Switches().Get(remarkSwitch); err != nil || !slices.Equal(now, before) {
			return err // another one was faster
		}
		for id, m := range marks {
			if err := tx.Deliveries().Mark(id, m); err != nil && fault.KindOf(err) != fault.NotFound { // pruned meanwhile
				return err
			}
		}
		return tx.Switches().Set(remarkSwitch, strconv.AppendInt(nil, next, 10))
	})
	return len(marks), false, err
}
