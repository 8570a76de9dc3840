package app

import (
	"context"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/config"
)

// pruneEvery is how often the retention is applied: it is in days.
const pruneEvery = time.Hour

// keepRetention removes what is too old, now and then every hour.
func (a *App) keepRetention(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		if removed, err := a.Prune(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("retention not applied; it will be tried again", "removed", removed, "kind", fault.KindOf(err).String())
		} else if removed > 0 {
			a.log.Info("retention applied", "removed", removed)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Prune applies the retention of the configuration now and returns how many
// rows went. It leaves the store at least half of the time to others.
func (a *App) Prune(ctx context.Context) (removed int, err error) {
	r := retention(a.keep, a.store.Now())
	if r == (store.Retention{}) {
		return 0, nil
	}
	for {
		began := time.Now()
		n, more, err := a.store.Prune(ctx, r)
		removed += n
		a.metrics.pruned.Add(float64(n))
		if err != nil || !more {
			return removed, err
		}
		pause := time.NewTimer(time.Since(began))
		select {
		case <-ctx.Done():
			pause.Stop()
			return removed, ctx.Err()
		case <-pause.C:
		}
	}
}

// retention turns days into the times before which things go.
func retention(r config.Retention, now time.Time) store.Retention {
	before := func(days int) time.Time {
		if days == 0 {
			return time.Time{}
		}
		return now.AddDate(0, 0, -days)
	}
	return store.Retention{
		Messages: before(r.MessagesDays), Deliveries: before(r.DeliveriesDays),
		History: before(r.HistoryDays), Audit: before(r.AuditDays),
	}
}
