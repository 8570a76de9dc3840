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
	"strings"
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
	PerSecond   float64       // deliveries that begin in a second for one practice; 0: as many as there are
	Sweep       time.Duration // between two looks for acknowledgements that did not come
}

// DefaultConfig suits one server of two cores.
func DefaultConfig() Config {
	return Config{
		Workers: 4, PerLane: 2, Attempt: 2 * time.Minute, Lease: 10 * time.Second,
		BackoffMin: 5 * time.Second, BackoffMax: 15 * time.Minute, GiveUpAfter: 72 * time.Hour,
		TripAfter: 5, Idle: 5 * time.Second, Sweep: time.Minute,
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
	positive("sweep", c.Sweep > 0)
	if c.PerSecond < 0 {
		errs = append(errs, errors.New("relay.per_second must not be below zero"))
	}
	if c.BackoffMax < c.BackoffMin {
		errs = append(errs, errors.New("relay.backoff_max is below relay.backoff_min"))
	}
	return errors.Join(errs...)
}

// Observer hears what became of each attempt.
type Observer interface {
	Attempt(channel, state string, took time.Duration)
}

// Gate decides at the time of sending whether a delivery leaves, what of it, and
// by which channel. It reads in the snapshot or the decision it is given, so that
// what an operator or the person it is about said last counts.
type Gate interface {
	// Open returns until when a lane gets nothing; the zero time when it is open.
	Open(r store.Reader, now time.Time) (func(lane string) time.Time, error)
	// Plan says what is to be done about a delivery.
	Plan(r store.Reader, d store.Delivery, now time.Time) (outbound.Plan, error)
	// Next is the channel to fall back to after a result, "" for none. made are
	// the attempts so far, without the one of the result.
	Next(tx store.Tx, d store.Delivery, res outbound.Result, made []store.Attempt) (string, error)
}

// always sends everything at once by the channel it was owed to.
type always struct{}

func (always) Open(store.Reader, time.Time) (func(string) time.Time, error) {
	return func(string) time.Time { return time.Time{} }, nil
}

func (always) Plan(_ store.Reader, d store.Delivery, _ time.Time) (outbound.Plan, error) {
	return outbound.Plan{Do: outbound.Sent, Channel: d.Channel, Payload: d.Payload}, nil
}

func (always) Next(store.Tx, store.Delivery, outbound.Result, []store.Attempt) (string, error) {
	return "", nil
}

type deaf struct{}

func (deaf) Attempt(string, string, time.Duration) {}

// Relay delivers. Make it with New.
type Relay struct {
	cfg      Config
	store    store.Store
	channels map[string]outbound.Channel
	others   func(name string) outbound.Channel
	gate     Gate
	told     func(tx store.Tx, was, is store.Delivery) error
	tells    func(was, is store.Delivery) []store.Key
	observer Observer
	log      *slog.Logger
	now      func() time.Time
	wake     chan struct{}

	mu    sync.Mutex
	lanes map[string]*lane
}

// Parts are what a relay works with. All but Store and Channels may be left out.
type Parts struct {
	Store    store.Store
	Channels map[string]outbound.Channel
	Others   func(name string) outbound.Channel // channels that may change while it runs; nil for none of the name
	Gate     Gate                               // nil: everything leaves at once
	// Told hears, within the decision, that a delivery came to another state or
	// stage. Its error undoes the decision.
	Told func(tx store.Tx, was, is store.Delivery) error
	// Tells are the resources that Told will look at; nil: not known beforehand.
	Tells    func(was, is store.Delivery) []store.Key
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
		cfg: cfg, store: p.Store, channels: p.Channels, others: p.Others, gate: p.Gate, told: p.Told, tells: p.Tells, observer: p.Observer, log: p.Log, now: p.Now,
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
	if r.gate == nil {
		r.gate = always{}
	}
	if r.told == nil {
		r.told = func(store.Tx, store.Delivery, store.Delivery) error { return nil }
	}
	if r.tells == nil {
		r.tells = func(_, _ store.Delivery) []store.Key { return nil }
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
	flying.Go(func() { r.watch(ctx) })
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
	// Looking first keeps an idle relay from writing.
	due := false
	var closed func(lane string) time.Time
	err := r.store.View(ctx, func(rd store.Reader) error {
		next, err := rd.Deliveries().NextDue()
		if due = err == nil && !next.IsZero() && !next.After(now); !due {
			return err
		}
		closed, err = r.gate.Open(rd, now)
		return err
	})
	if err != nil || !due {
		return nil, err
	}
	room := r.room(now)
	var batch []store.Delivery
	err = r.store.Decide(ctx, func(tx store.Tx) error {
		var err error
		batch, err = tx.Deliveries().Lease(now, now.Add(r.cfg.Lease), free, func(lane string) int {
			if closed(lane).After(now) {
				return 0
			}
			return room(lane)
		})
		return err
	})
	return batch, err
}

// sleep waits for a wake-up, the next due time, or the end.
func (r *Relay) sleep(ctx context.Context) {
	wait := r.cfg.Idle
	if opens := r.opens(r.now()); opens > 0 {
		wait = min(wait, opens)
	}
	err := r.store.View(ctx, func(rd store.Reader) error {
		next, err := rd.Deliveries().NextDue()
		if err == nil && !next.IsZero() {
			// Due already but not leased: its practice is busy or left alone.
			if due := next.Sub(r.now()); due > 0 {
				wait = min(wait, due)
			} else {
				wait = min(wait, r.cfg.BackoffMin/4)
			}
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

// deliver makes one attempt, if the gate lets it, and settles it.
func (r *Relay) deliver(ctx context.Context, d store.Delivery) {
	started := r.now()
	plan, err := r.plan(ctx, d)
	if err != nil {
		r.log.Error("nobody could say whether a delivery may leave", "delivery", d.ID, "kind", fault.KindOf(err).String())
		plan = outbound.Plan{Do: outbound.Retry, Until: started.Add(r.cfg.BackoffMin)}
	}
	switch plan.Do {
	case outbound.Sent:
	case outbound.Retry:
		// The lease ends when it may leave; nothing was tried, so nothing is on record.
		until := plan.Until
		if !until.After(started) {
			until = started.Add(r.cfg.BackoffMin)
		}
		_ = r.store.Decide(ctx, func(tx store.Tx) error { return tx.Deliveries().Extend(d.ID, d.Fence, until) })
		return
	default:
		r.close(ctx, d, outbound.Result{State: plan.Do, Reason: plan.Reason}, started, started)
		return
	}
	was := d.Payload
	d.Channel, d.Payload = plan.Channel, plan.Payload
	res := r.attempt(ctx, d)
	d.Payload = was
	if res.Reason == "" {
		res.Reason = plan.Reason
	} else if plan.Reason != "" {
		res.Reason += "; " + plan.Reason
	}
	if res.State != outbound.Elsewhere && !(res.State == outbound.Retry && res.Unsent) && !strings.HasPrefix(res.Reason, outbound.NotSent) {
		d.Marks = append(d.Marks, plan.Marks...) // it may have arrived: a recall takes back what left
	}
	ended := r.now()
	r.judge(d.Lane, res.State, ended)
	r.close(ctx, d, res, started, ended)
	r.observer.Attempt(d.Channel, string(res.State), ended.Sub(started))
}

func (r *Relay) plan(ctx context.Context, d store.Delivery) (p outbound.Plan, err error) {
	err = r.store.View(ctx, func(rd store.Reader) error {
		p, err = r.gate.Plan(rd, d, r.now())
		return err
	})
	return p, err
}

// close writes down what an attempt came to. When an acknowledgement was faster
// than the answer to sending, or a human held the delivery meanwhile, that stands
// and the attempt is noted.
func (r *Relay) close(ctx context.Context, d store.Delivery, res outbound.Result, started, ended time.Time) {
	made := r.made(ctx, d, ended)
	began := began(d, made, started)
	var next store.Delivery
	overtaken := false
	err := r.store.Decide(ctx, func(tx store.Tx) error {
		overtaken = false
		next = r.settle(d, res, ended, began)
		if next.State == store.Dead && (res.State == outbound.Elsewhere || res.State == outbound.Retry || res.State == outbound.Dead) {
			channel, err := r.gate.Next(tx, d, res, made)
			if err != nil {
				return err
			}
			if channel != "" {
				next.State, next.Channel, next.Due, next.Stage = store.Owed, channel, ended, string(outbound.FallBack)
				next.Settled = time.Time{}
			}
		}
		a := store.Attempt{
			Delivery: d.ID, Number: d.Attempts + 1, Channel: d.Channel, Started: started, Ended: ended,
			State: word(res), Status: res.Status, Reason: res.Reason, Evidence: res.Evidence,
		}
		if next.State == store.Dead {
			a.State = string(outbound.Dead) // since then nobody tries; see began
			if res.State == outbound.Elsewhere || res.State == outbound.Retry && res.Unsent {
				a.Reason = outbound.NotSent + res.Reason // else a recall takes back what never arrived
			}
		}
		now, err := tx.Deliveries().Get(d.ID)
		if err != nil {
			return err
		}
		if now.State == store.Held && now.Fence == d.Fence || now.Fence > d.Fence && now.State != store.Leased && now.State != store.Owed {
			overtaken = true
			now.Marks = next.Marks
			return tx.Deliveries().Advance(now, a) // where it is
		}
		if err := tx.Deliveries().Settle(next, a); err != nil {
			return err
		}
		if err := r.told(tx, d, next); err != nil {
			return err
		}
		return r.adopt(tx, next, res.References)
	}, store.Hint{Deliveries: []int64{d.ID}, Keys: r.tells(d, r.settle(d, res, ended, began))})
	if err != nil {
		// Another took over after our lease ran out, or the store is away; the
		// delivery is due again then, and the peer recognises it.
		r.log.Warn("delivery not settled", "delivery", d.ID, "kind", fault.KindOf(err).String())
		return
	}
	if next.State == store.Dead && !overtaken {
		r.log.Error("delivery needs a human", "delivery", d.ID, "attempts", next.Attempts, "status", res.Status)
	}
}

// word is how an attempt stands on record: a failure of which nobody knows what
// it did is told from one that certainly did nothing.
func word(res outbound.Result) string {
	if res.State == outbound.Retry && !res.Unsent {
		return string(outbound.Unknown)
	}
	return string(res.State)
}

// attempt calls the channel and keeps the lease meanwhile; a channel that panics
// has delivered nothing that is known.
func (r *Relay) attempt(ctx context.Context, d store.Delivery) (res outbound.Result) {
	ch := r.channels[d.Channel]
	if ch == nil && r.others != nil {
		ch = r.others(d.Channel)
	}
	if ch == nil {
		return outbound.Result{State: outbound.Dead, Reason: outbound.NotSent + "this channel is no longer configured"}
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
		ID: d.ID, Key: d.Key, Destination: d.Lane, Task: d.Task, Payload: d.Payload, Attempt: d.Attempts + 1, Created: d.Created,
	})
}

// made are the attempts so far, for deliveries that are old enough to be given
// up or have been refused; the others need not be asked. When the record cannot
// be read the last one is the one just made: trying once more is the lesser evil.
func (r *Relay) made(ctx context.Context, d store.Delivery, now time.Time) []store.Attempt {
	if d.Attempts == 0 {
		return nil
	}
	var made []store.Attempt
	err := r.store.View(ctx, func(rd store.Reader) (err error) {
		made, err = rd.Deliveries().Attempts(d.ID)
		return err
	})
	if err != nil {
		return []store.Attempt{{State: string(outbound.Unknown), Channel: d.Channel, Started: now}}
	}
	return made
}

// began is when it began to be tried, for its age: what waited for a stop or quiet
// hours, and what a human released after it was given up, or held before it was
// ever tried, gets the whole time, and so does the next channel of its route.
func began(d store.Delivery, made []store.Attempt, started time.Time) time.Time {
	began := started // nothing was tried since it was owed or released
	for i := len(made) - 1; i >= 0; i-- {
		a := made[i]
		if a.State == string(outbound.Dead) || a.State == string(outbound.Elsewhere) || a.Channel != "" && a.Channel != d.Channel {
			break
		}
		began = a.Started
	}
	return began
}

// settle is the delivery after an attempt; began is when it began to be tried.
func (r *Relay) settle(d store.Delivery, res outbound.Result, now, began time.Time) store.Delivery {
	d.Attempts++
	d.Reason = res.Reason
	for _, name := range res.References {
		d.Marks = append(d.Marks, mark(d.Channel, name))
	}
	if res.Stage != "" {
		d.Stage = string(res.Stage)
	}
	switch res.State {
	case outbound.Proven:
		d.State, d.Settled, d.Reason, d.Stage = store.Proven, now, "", string(outbound.Verified)
	case outbound.Delivered:
		d.State, d.Settled, d.Reason = store.Delivered, now, ""
		if res.Stage == "" {
			d.Stage = string(outbound.Taken)
		}
	case outbound.Sent:
		d.State, d.Due, d.Reason = store.Sent, now.Add(res.Await), ""
		if res.Stage == "" {
			d.Stage = string(outbound.Transport)
		}
	case outbound.Withheld:
		d.State, d.Settled = store.Withheld, now
	case outbound.Retry:
		if age := now.Sub(began); age >= r.cfg.GiveUpAfter {
			d.State, d.Settled = store.Dead, now
			d.Reason = fmt.Sprintf("given up after %s and %d attempts in all; the last: %s", age.Round(time.Minute), d.Attempts, res.Reason)
			break
		}
		d.State, d.Due = store.Owed, now.Add(r.backoff(d.Attempts, res.RetryAfter))
		if !res.Unsent {
			d.Stage = string(outbound.Unknown)
		}
	default:
		d.State, d.Settled = store.Dead, now
		switch {
		case res.Arrived:
			d.Stage = string(outbound.Taken)
		case res.Status != 0:
			d.Stage = string(outbound.Refused)
		}
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
