package relay

import (
	"context"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// hold renews the lease of a delivery while an attempt lasts, and cancels the
// attempt when the lease is lost or cannot be renewed in time: from then on
// another instance may send. Short leases are what makes the death of an
// instance cheap. The function it returns ends the renewing.
func (r *Relay) hold(ctx context.Context, cancel context.CancelFunc, d store.Delivery) (release func()) {
	done := make(chan struct{})
	go func() {
		every := time.NewTicker(r.cfg.Lease / 3)
		defer every.Stop()
		safe := time.NewTimer(r.cfg.Lease * 9 / 10)
		defer safe.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return // an attempt that is deaf to its end does not keep others away
			case <-safe.C:
				r.log.Warn("lease not renewed in time; the attempt is broken off", "delivery", d.ID)
				cancel()
				return
			case <-every.C:
			}
			renewed := time.Now()
			err := r.extend(ctx, d)
			switch {
			case err == nil:
				safe.Reset(r.cfg.Lease*9/10 - time.Since(renewed))
			case fault.KindOf(err) == fault.Conflict:
				r.log.Warn("lease lost; the attempt is broken off", "delivery", d.ID)
				cancel()
				return
			}
		}
	}()
	return func() { close(done) }
}

// extend moves the end of the lease. It does not wait longer than the lease
// would allow for.
func (r *Relay) extend(ctx context.Context, d store.Delivery) error {
	ctx, stop := context.WithTimeout(ctx, r.cfg.Lease/3)
	defer stop()
	return r.store.Decide(ctx, func(tx store.Tx) error {
		return tx.Deliveries().Extend(d.ID, d.Fence, r.now().Add(r.cfg.Lease))
	}, store.Hint{Deliveries: []int64{d.ID}})
}
