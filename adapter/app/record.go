package app

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/fhirapi"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/worklist"
	"github.com/linkloop/linkloop/config"
)

// channelName is what deliveries to FHIR endpoints are owed to.
const channelName = "fhirapi"

// records routes a delivery to the endpoint of its practice.
type records struct {
	byODS atomic.Pointer[map[string]outbound.Channel]
}

func channels(cfg config.Config) (map[string]outbound.Channel, error) {
	byODS := map[string]outbound.Channel{}
	for _, rec := range cfg.Records {
		fc := fhirapi.DefaultConfig()
		fc.BaseURL, fc.Token = rec.BaseURL, rec.Token.Reveal()
		fc.ConnectTimeout, fc.RequestTimeout = cfg.Relay.ConnectTimeout, cfg.Relay.RequestTimeout
		ch, err := fhirapi.New(fc)
		if err != nil {
			return nil, fmt.Errorf("record of practice %s: %w", rec.ODS, err)
		}
		byODS[rec.ODS] = ch
	}
	return byODS, nil
}

// Deliver implements outbound.Channel.
func (r *records) Deliver(ctx context.Context, d outbound.Delivery) outbound.Result {
	byODS := *r.byODS.Load()
	ch := byODS[d.Destination]
	if ch == nil {
		ch = byODS[config.AnyPractice]
	}
	if ch == nil {
		return outbound.Result{State: outbound.Dead, Reason: "no record endpoint is configured for this practice; add it to records, then retry"}
	}
	return ch.Deliver(ctx, d)
}

func (a *App) newRelay() (*relay.Relay, error) {
	byODS, err := channels(a.cfg)
	if err != nil {
		return nil, err
	}
	a.records = &records{}
	a.records.byODS.Store(&byODS)
	to, err := answering(a.cfg)
	if err != nil {
		return nil, err
	}
	a.answers = &answers{}
	a.answers.bySender.Store(&to)
	way, err := outgoingOf(a.cfg)
	if err != nil {
		return nil, err
	}
	a.outgoing = newOutgoing(a.store.Now, a.cfg)
	a.outgoing.use(way)
	named := map[string]outbound.Channel{channelName: a.records, responseChannel: a.answers}
	rc := relay.DefaultConfig()
	rc.Workers, rc.Lease, rc.Attempt = a.cfg.Relay.Workers, a.cfg.Relay.Lease, a.cfg.Relay.AttemptTimeout
	rc.BackoffMin, rc.BackoffMax, rc.GiveUpAfter = a.cfg.Relay.BackoffMin, a.cfg.Relay.BackoffMax, a.cfg.Relay.GiveUpAfter
	rc.PerSecond = float64(a.cfg.Relay.PerPractice)
	return relay.New(rc, relay.Parts{
		Store: a.store, Channels: named, Others: a.outgoing.channel, Gate: a.outgoing.gate,
		Told:     func(tx store.Tx, was, is store.Delivery) error { return a.worklist.Told(tx, was, is) },
		Tells:    worklist.Tells,
		Observer: a.metrics, Log: a.log, Now: a.store.Now,
	})
}
