package relay

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/store"
)

// mark is what a delivery is found by when an acknowledgement comes, and what
// an orphan waits under.
func mark(channel, name string) string { return "ref " + channel + " " + name }

// Acknowledge takes a word of a peer about something that was sent, whenever it
// comes and in whatever order. When it returns without an error the word is on
// disk, and its carrier may be told so. It belongs to what it names first by
// Response, else by Echo, else by Transport; what names nothing known is kept as
// an orphan in front of a human, and finds its delivery when that becomes known
// later. A repeat changes nothing.
func (r *Relay) Acknowledge(ctx context.Context, ack outbound.Acknowledgement) error {
	if ack.Channel == "" {
		return fault.New(fault.Internal, "", "an acknowledgement must name its channel")
	}
	at := r.now()
	return r.store.Decide(ctx, func(tx store.Tx) error {
		first, err := tx.Ledger().Once(identity(ack))
		if err != nil || !first {
			return err
		}
		d, found, err := r.named(tx, ack)
		if err != nil {
			return err
		}
		if !found {
			return r.orphan(tx, ack, at)
		}
		return r.hear(tx, d, ack, at)
	})
}

// identity is what a repeat of an acknowledgement is known by.
func identity(ack outbound.Acknowledgement) string {
	id := ack.ID
	if id == "" {
		id = fmt.Sprintf("%x", sha256.Sum256([]byte(ack.Response+"\x00"+ack.Echo+"\x00"+ack.Transport+"\x00"+string(ack.Stage)+"\x00"+string(ack.Evidence))))
	}
	key := "ack " + ack.Channel + " " + id
	if len(key) > 500 {
		key = fmt.Sprintf("ack %x", sha256.Sum256([]byte(key)))
	}
	return key
}

// named finds the delivery of an acknowledgement, by the names in their order.
func (r *Relay) named(tx store.Tx, ack outbound.Acknowledgement) (store.Delivery, bool, error) {
	for _, name := range []string{ack.Response, ack.Echo, ack.Transport} {
		if name == "" {
			continue
		}
		list, err := tx.Deliveries().List(store.DeliveryFilter{Mark: mark(ack.Channel, name), Limit: 10})
		if err != nil {
			return store.Delivery{}, false, err
		}
		for _, d := range list {
			if d.Stage != string(outbound.Orphan) {
				return d, true, nil
			}
		}
	}
	return store.Delivery{}, false, nil
}

// orphan keeps an acknowledgement of nothing that is known, in front of a human.
func (r *Relay) orphan(tx store.Tx, ack outbound.Acknowledgement, at time.Time) error {
	whole, err := json.Marshal(ack)
	if err != nil {
		return err
	}
	d := store.Delivery{
		Key: "orphan/" + identity(ack), Channel: ack.Channel, State: store.Dead, Stage: string(outbound.Orphan),
		Created: at, Settled: at, Payload: whole,
		Reason: "an acknowledgement came that belongs to nothing sent from here; find out what it answers, then close this",
	}
	for _, name := range []string{ack.Response, ack.Echo, ack.Transport} {
		if name != "" {
			d.Marks = append(d.Marks, mark(ack.Channel, name))
		}
	}
	id, added, err := tx.Deliveries().Owe(d)
	if err != nil || !added {
		return err
	}
	d.ID = id
	return tx.Deliveries().Advance(d, r.heard(d, ack, at))
}

// adopt gives a delivery the acknowledgements that came before anybody knew
// what they belong to.
func (r *Relay) adopt(tx store.Tx, d store.Delivery, names []string) error {
	for _, name := range names {
		list, err := tx.Deliveries().List(store.DeliveryFilter{Mark: mark(d.Channel, name), State: store.Dead, Limit: 10})
		if err != nil {
			return err
		}
		for _, o := range list {
			if o.Stage != string(outbound.Orphan) {
				continue
			}
			whole, err := tx.Deliveries().Get(o.ID)
			if err != nil {
				return err
			}
			var ack outbound.Acknowledgement
			if err := json.Unmarshal(whole.Payload, &ack); err != nil {
				continue // stays in front of a human
			}
			now, err := tx.Deliveries().Get(d.ID)
			if err != nil {
				return err
			}
			if err := r.hear(tx, now, ack, o.Created); err != nil {
				return err
			}
			o.State, o.Reason = store.Closed, "it belongs to delivery "+fmt.Sprint(d.ID)
			if err := tx.Deliveries().Advance(o, store.Attempt{Channel: o.Channel, Started: r.now(), Ended: r.now(), State: string(store.Closed), Reason: o.Reason}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Relay) heard(d store.Delivery, ack outbound.Acknowledgement, at time.Time) store.Attempt {
	word := string(ack.Stage)
	if word == "" {
		word = string(ack.State)
	}
	return store.Attempt{Delivery: d.ID, Channel: ack.Channel, Started: at, Ended: at,
		State: word, Status: ack.Status, Reason: ack.Reason, Evidence: ack.Evidence}
}

// hear moves a delivery by what was said about it. Words come in any order, so
// none takes a delivery back: what is proven stays proven, and what was refused
// stays in front of the human.
func (r *Relay) hear(tx store.Tx, d store.Delivery, ack outbound.Acknowledgement, at time.Time) error {
	a := r.heard(d, ack, at)
	is, moves := r.after(d, ack, at)
	if !moves {
		return tx.Deliveries().Note(d.ID, a)
	}
	if ack.State == outbound.Elsewhere {
		made, err := tx.Deliveries().Attempts(d.ID)
		if err != nil {
			return err
		}
		next, err := r.gate.Next(tx, d, ack.Result, made)
		if err != nil {
			return err
		}
		if next != "" {
			is.State, is.Channel, is.Due, is.Stage = store.Owed, next, at, string(outbound.FallBack)
		}
	}
	if err := tx.Deliveries().Advance(is, a); err != nil {
		return err
	}
	if is.State == store.Owed {
		defer r.Notify()
	}
	return r.told(tx, d, is)
}

// after is the delivery after an acknowledgement; moves is false when that only
// goes on record.
func (r *Relay) after(d store.Delivery, ack outbound.Acknowledgement, at time.Time) (is store.Delivery, moves bool) {
	is = d
	final := d.State == store.Proven || d.State == store.Withheld || d.State == store.Closed ||
		d.State == store.Dead && d.Stage == string(outbound.Refused)
	if final {
		return d, false
	}
	is.Reason = ""
	if ack.Stage.Further(outbound.Stage(d.Stage)) {
		is.Stage = string(ack.Stage)
	}
	switch ack.State {
	case outbound.Proven:
		is.State, is.Settled, is.Stage = store.Proven, at, string(outbound.Verified)
	case outbound.Delivered:
		if is.State == store.Delivered && is.Stage == d.Stage {
			return d, false
		}
		is.State, is.Settled = store.Delivered, at
		if !outbound.Stage(is.Stage).Further(outbound.Received) {
			is.Stage = string(outbound.Taken)
		}
	case outbound.Sent:
		switch d.State {
		case store.Delivered:
			return d, false
		case store.Sent:
			if is.Stage == d.Stage {
				return d, false
			}
		}
		// What was tried again, or given up, has arrived after all.
		is.State, is.Due, is.Settled = store.Sent, at.Add(ack.Await), time.Time{}
		if ack.Await <= 0 {
			is.Due = d.Due
		}
	case outbound.Elsewhere, outbound.Dead:
		is.State, is.Settled, is.Stage, is.Reason = store.Dead, at, string(outbound.Refused), ack.Reason
		if d.State == store.Delivered {
			is.Reason = "the practice had it, and then refused it: " + ack.Reason
		}
	default:
		return d, false
	}
	return is, true
}

// watch looks for acknowledgements that did not come, until ctx ends.
func (r *Relay) watch(ctx context.Context) {
	tick := time.NewTicker(r.cfg.Sweep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.sweep(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("overdue acknowledgements cannot be looked for", "kind", fault.KindOf(err).String())
		}
	}
}

// sweep puts what waits for an acknowledgement past its time in front of a
// human. An acknowledgement that comes later still counts.
func (r *Relay) sweep(ctx context.Context) error {
	for {
		now := r.now()
		var over []store.Delivery
		err := r.store.View(ctx, func(rd store.Reader) (err error) {
			over, err = rd.Deliveries().Overdue(now, sweepStep)
			return err
		})
		if err != nil || len(over) == 0 {
			return err
		}
		err = r.store.Decide(ctx, func(tx store.Tx) error {
			for _, o := range over {
				d, err := tx.Deliveries().Get(o.ID)
				if err != nil {
					return err
				}
				if d.State != store.Sent || d.Due.After(now) {
					continue // acknowledged meanwhile, or another instance was first
				}
				was := d
				d.Reason = fmt.Sprintf("no acknowledgement by %s; the last that is known: %s. Ask the practice whether it has it before sending it again",
					d.Due.UTC().Format("2006-01-02 15:04 MST"), d.Stage)
				d.State, d.Stage, d.Settled = store.Dead, string(outbound.Overdue), now
				a := store.Attempt{Channel: d.Channel, Started: now, Ended: now, State: string(outbound.Overdue), Reason: d.Reason}
				if err := tx.Deliveries().Advance(d, a); err != nil {
					return err
				}
				if err := r.told(tx, was, d); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		r.log.Error("deliveries need a human: no acknowledgement came in time", "deliveries", len(over))
	}
}

// sweepStep is how many overdue deliveries one decision moves.
const sweepStep = 100
