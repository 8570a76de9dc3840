// Package relay brings what is owed to where it belongs. It leases due
// deliveries, lets the channel deliver each once, settles the result with the
// attempt on record, and alone decides on trying again. A crash in between
// costs nothing: the lease runs out and the delivery is due again, for this
// instance or for another one on the same database.
package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/store"
)

// Config is how deliveries are sent. The zero value is not useful; start from
// DefaultConfig.
type Config struct {
	Workers     int           // deliveries in flight at once
	PerLane     int           // of those, to one practice
	Attempt     time.Duration // how long one attempt may take
	Lease       time.Duration // how long a delivery stays ours without a sign of life; renewed while an attempt lasts
	BackoffMin  time.Duration // first wait after a failure, doubled each time
	BackoffMax  time.Duration // longest wait between attempts
	GiveUpAfter time.Duration // how long is tried before a delivery goes in front of a human; again after a human released it
	TripAfter   int           // failures in a row after which a practice is left alone for a while
	Idle        time.Duration // longest sleep when nothing is due: what other instances leave behind is found then
}

// DefaultConfig suits one server of two cores.
func DefaultConfig() Config {
	return Config{
		Workers: 4, PerLane: 2, Attempt: 2 * time.Minute, Lease: 10 * time.Second,
		BackoffMin: 5 * time.Second, BackoffMax: 15 * time.Minute, GiveUpAfter: 72 * time.Hour,
		TripAfter: 5, Idle: 5 * time.Second,
	}
}

// Validate names every problem at once.
func (c Config) Validate() error {
	var errs []error
	positive := func(name string, ok bool) {
		if !ok {
			errs = append(errs, fmt.Errorf("relay.%s must be above zero", name))
		}
	}
	positive("workers", c.Workers > 0)
	positive("per_lane", c.PerLane > 0)
	positive("attempt", c.Attempt > 0)
	positive("lease", c.Lease > 0)
	positive("backoff_min", c.BackoffMin > 0)
	positive("give_up_after", c.GiveUpAfter > 0)
	positive("trip_after", c.TripAfter > 0)
	positive("idle", c.Idle > 0)
	if c.BackoffMax < c.BackoffMin {
		errs = append(errs, errors.New("relay.backoff_max is below relay.backoff_min"))
	}
	return errors.Join(errs...)
}

// Observer hears what became of each attempt.
type Observer interface {
	Attempt(channel, state string, took time.Duration)
}

type deaf struct{}

func (deaf) Attempt(string, string, time.Duration) {}

// Relay delivers. Make it with New.
type Relay struct {
	cfg      Config
	store    store.Store
	channels map[string]outbound.Channel
	observer Observer
	log      *slog.Logger
	now      func() time.Time
	wake     chan struct{}

	mu    sync.Mutex
	lanes map[string]*lane
}

// Parts are what a relay works with. Observer, Log and Now may be left out.
type Parts struct {
	Store    store.Store
	Channels map[string]outbound.Channel
	Observer Observer
	Log      *slog.Logger
	Now      func() time.Time
}

// New returns a relay that does nothing until Run.
func New(cfg Config, p Parts) (*Relay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	r := &Relay{
		cfg: cfg, store: p.Store, channels: p.Channels, observer: p.Observer, log: p.Log, now: p.Now,
		wake: make(chan struct{}, 1), lanes: map[string]*lane{},
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.observer == nil {
		r.observer = deaf{}
	}
	return r, nil
}

// Notify says that something may be due. It never blocks.
func (r *Relay) Notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends, then waits for what is in flight; the channels
// have their own limits of time.
func (r *Relay) Run(ctx context.Context) {
	var flying sync.WaitGroup
	defer flying.Wait()
	slots := make(chan struct{}, r.cfg.Workers)
	for ctx.Err() == nil {
		batch, err := r.lease(ctx, cap(slots)-len(slots))
		if err != nil && ctx.Err() == nil {
			r.log.Error("deliveries cannot be leased", "kind", fault.KindOf(err).String())
		}
		for _, d := range batch {
			slots <- struct{}{}
			r.enter(d.Lane)
			flying.Go(func() {
				r.deliver(context.WithoutCancel(ctx), d)
				r.leave(d.Lane)
				<-slots
				r.Notify()
			})
		}
		if len(batch) == 0 || len(slots) == cap(slots) {
			r.sleep(ctx)
		}
	}
}

// lease takes due deliveries for the free workers, but none for practices that
// are busy or left alone.
func (r *Relay) lease(ctx context.Context, free int) ([]store.Delivery, error) {
	if free <= 0 {
		return nil, nil
	}
	now := r.now()
	room, except := r.room(now)
	// Looking first keeps an idle relay from writing.
	due := false
	err := r.store.View(ctx, func(rd store.Reader) error {
		next, err := rd.Deliveries().NextDue()
		due = err == nil && !next.IsZero() && !next.After(now)
		return err
	})
	if err != nil || !due {
		return nil, err
	}
	var batch []store.Delivery
	err = r.store.Decide(ctx, func(tx store.Tx) error {
		var err error
		batch, err = tx.Deliveries().Lease(now, now.Add(r.cfg.Lease), min(free, room), func(lane string) int {
			if slices.Contains(except, lane) {
				return 0
			}
			return free
		})
		return err
	})
	return batch, err
}

// sleep waits for a wake-up, the next due time, or the end.
func (r *Relay) sleep(ctx context.Context) {
	wait := r.cfg.Idle
	err := r.store.View(ctx, func(rd store.Reader) error {
		next, err := rd.Deliveries().NextDue()
		if err == nil && !next.IsZero() {
			// Due already but not leased: its practice is busy or left alone.
			wait = min(wait, max(next.Sub(r.now()), r.cfg.BackoffMin/4))
		}
		return err
	})
	if err != nil {
		wait = min(wait, r.cfg.BackoffMax)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-t.C:
	}
}

// deliver makes one attempt and settles it.
func (r *Relay) deliver(ctx context.Context, d store.Delivery) {
	started := r.now()
	res := r.attempt(ctx, d)
	ended := r.now()
	r.judge(d.Lane, res.State, ended)
	next := r.settle(d, res, ended, r.since(ctx, d, ended))
	a := store.Attempt{
		Delivery: d.ID, Number: d.Attempts + 1, Started: started, Ended: ended,
		State: string(res.State), Status: res.Status, Reason: res.Reason, Evidence: res.Evidence,
	}
	if next.State == store.Dead {
		a.State = string(outbound.Dead) // since then nobody tries; see since
	}
	err := r.store.Decide(ctx, func(tx store.Tx) error { return tx.Deliveries().Settle(next, a) })
	if err != nil {
		// Another took over after our lease ran out, or the store is away; the
		// delivery is due again then, and the peer recognises it.
		r.log.Warn("delivery not settled", "delivery", d.ID, "kind", fault.KindOf(err).String())
		return
	}
	r.observer.Attempt(d.Channel, string(res.State), ended.Sub(started))
	if next.State == store.Dead {
		r.log.Error("delivery needs a human", "delivery", d.ID, "attempts", next.Attempts, "status", res.Status)
	}
}

// attempt calls the channel and keeps the lease meanwhile; a channel that panics
// has delivered nothing that is known.
func (r *Relay) attempt(ctx context.Context, d store.Delivery) (res outbound.Result) {
	ch := r.channels[d.Channel]
	if ch == nil {
		return outbound.Result{State: outbound.Dead, Reason: "this channel is no longer configured"}
	}
	defer func() {
		if p := recover(); p != nil {
			res = outbound.Result{State: outbound.Retry, Reason: "the channel failed inside linkloop"}
			r.log.Error("channel panicked", "delivery", d.ID, "channel", d.Channel)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Attempt)
	defer cancel()
	defer r.hold(ctx, cancel, d)()
	return ch.Deliver(ctx, outbound.Delivery{
		ID: d.ID, Key: d.Key, Destination: d.Lane, Payload: d.Payload, Attempt: d.Attempts + 1,
	})
}

// since is when it began to be tried, for its age: what a human released after
// it was given up, or held before it was ever tried, gets the whole time again.
// Attempts are looked at only when the delivery itself is that old.
func (r *Relay) since(ctx context.Context, d store.Delivery, now time.Time) time.Time {
	if now.Sub(d.Created) < r.cfg.GiveUpAfter {
		return d.Created
	}
	var made []store.Attempt
	err := r.store.View(ctx, func(rd store.Reader) (err error) {
		made, err = rd.Deliveries().Attempts(d.ID)
		return err
	})
	if err != nil {
		return now // trying once more is the lesser evil
	}
	began := d.Due // nothing was tried since it was owed or released
	for i := len(made) - 1; i >= 0 && made[i].State != string(outbound.Dead); i-- {
		began = made[i].Started
	}
	return began
}

// settle is the delivery after an attempt; began is when it began to be tried.
func (r *Relay) settle(d store.Delivery, res outbound.Result, now, began time.Time) store.Delivery {
	d.Attempts++
	d.Reason = res.Reason
	switch res.State {
	case outbound.Proven:
		d.State, d.Settled, d.Reason = store.Proven, now, ""
	case outbound.Delivered:
		d.State, d.Settled, d.Reason = store.Delivered, now, ""
	case outbound.Retry:
		if age := now.Sub(began); age >= r.cfg.GiveUpAfter {
			d.State, d.Settled = store.Dead, now
			d.Reason = fmt.Sprintf("given up after %s and %d attempts in all; the last: %s", age.Round(time.Minute), d.Attempts, res.Reason)
			break
		}
		d.State, d.Due = store.Owed, now.Add(r.backoff(d.Attempts, res.RetryAfter))
	default:
		d.State, d.Settled = store.Dead, now
	}
	return d
}

// backoff is exponential with full jitter, never below half of BackoffMin nor
// above BackoffMax, and never sooner than the peer asked for within that.
func (r *Relay) backoff(attempts int, asked time.Duration) time.Duration {
	ceiling := r.cfg.BackoffMin
	for i := 1; i < attempts && ceiling < r.cfg.BackoffMax; i++ {
		// BackoffMax/2 first, so that doubling cannot overflow.
		if ceiling > r.cfg.BackoffMax/2 {
			ceiling = r.cfg.BackoffMax
		} else {
			ceiling *= 2
		}
	}
	spread := rand.N(ceiling)
	wait := spread + min(r.cfg.BackoffMin/2, r.cfg.BackoffMax-spread)
	return max(wait, min(asked, r.cfg.BackoffMax))
}
