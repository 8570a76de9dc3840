package app

import (
	"context"
	"fmt"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/fhirapi"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/config"
)

// channelName is what deliveries to FHIR endpoints are owed to.
const channelName = "fhirapi"

// records routes a delivery to the endpoint of its practice.
type records struct {
	byODS map[string]outbound.Channel
}

func newRecords(cfg config.Config) (*records, error) {
	r := &records{byODS: map[string]outbound.Channel{}}
	for _, rec := range cfg.Records {
		fc := fhirapi.DefaultConfig()
		fc.BaseURL, fc.Token = rec.BaseURL, rec.Token.Reveal()
		fc.ConnectTimeout, fc.RequestTimeout = cfg.Relay.ConnectTimeout, cfg.Relay.RequestTimeout
		ch, err := fhirapi.New(fc)
		if err != nil {
			return nil, fmt.Errorf("record of practice %s: %w", rec.ODS, err)
		}
		r.byODS[rec.ODS] = ch
	}
	return r, nil
}

// Deliver implements outbound.Channel.
func (r *records) Deliver(ctx context.Context, d outbound.Delivery) outbound.Result {
	ch := r.byODS[d.Destination]
	if ch == nil {
		ch = r.byODS[config.AnyPractice]
	}
	if ch == nil {
		return outbound.Result{State: outbound.Dead, Reason: "no record endpoint is configured for this practice; add it to records, then retry"}
	}
	return ch.Deliver(ctx, d)
}

func (a *App) newRelay() (*relay.Relay, error) {
	ch, err := newRecords(a.cfg)
	if err != nil {
		return nil, err
	}
	rc := relay.DefaultConfig()
	rc.Workers, rc.Lease = a.cfg.Relay.Workers, a.cfg.Relay.Lease
	rc.BackoffMin, rc.BackoffMax, rc.GiveUpAfter = a.cfg.Relay.BackoffMin, a.cfg.Relay.BackoffMax, a.cfg.Relay.GiveUpAfter
	return relay.New(rc, relay.Parts{
		Store: a.store, Channels: map[string]outbound.Channel{channelName: ch},
		Observer: a.metrics, Log: a.log, Now: a.now,
	})
}
