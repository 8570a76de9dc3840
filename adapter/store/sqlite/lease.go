package sqlite

import (
	"slices"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// deliveryWriter is the writing room of deliveries.
type deliveryWriter struct {
	deliveries
	t *tx
}

// Owe adds a delivery as owed, held or dead, due at once when it names no time.
func (w deliveryWriter) Owe(d store.Delivery) (id int64, added bool, err error) {
	state := int64(stateOwed)
	switch {
	case d.Key == "":
		return 0, false, fault.New(fault.Internal, "", "a delivery must have a key")
	case d.State == store.Held:
		state = stateHeld
	case d.State == store.Dead:
		state = stateDead
	case d.State != "" && d.State != store.Owed:
		return 0, false, fault.New(fault.IllegalMove, "", "a delivery begins as owed, held or dead")
	}
	known := w.c.stmt("SELECT id FROM delivery WHERE key = ?")
	defer known.done()
	if ok, err := known.text(d.Key).step(); err != nil || ok {
		return known.int64(0), false, asFault(err)
	}
	if err := w.t.writing(); err != nil {
		return 0, false, err
	}
	created, due := micros(d.Created), micros(d.Due)
	if created == 0 {
		created = w.t.micros()
	}
	if due == 0 {
		due = w.t.micros()
	}
	s := w.c.stmt("INSERT INTO delivery (key, state, wake, due, fence, attempts, created, settled, lane, channel, task, patient, reason, payload) " +
		"VALUES (?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?)")
	defer s.done()
	s.text(d.Key).int(state).int(due).int(due).int(created).int(micros(d.Settled)).optional(d.Lane).optional(d.Channel).
		optional(d.Task).optional(d.Patient).optional(d.Reason).blob(d.Payload)
	if err := s.exec(); err != nil {
		return 0, false, w.t.breaks(err)
	}
	return w.c.inserted(), true, nil
}

// Lease takes up to n due deliveries. It walks the index of what is due past
// the lanes in except, half a microsecond each.
func (w deliveryWriter) Lease(now, until time.Time, n int, except []string) ([]store.Delivery, error) {
	var ids []int64
	s := w.c.stmt("SELECT id, lane FROM delivery WHERE state < 2 AND wake <= ? ORDER BY wake, id")
	s.int(micros(now))
	for len(ids) < min(n, maxPage) {
		ok, err := s.step()
		if err != nil {
			s.done()
			return nil, asFault(err)
		}
		if !ok {
			break
		}
		if len(except) == 0 || !slices.Contains(except, s.string(1)) {
			ids = append(ids, s.int64(0))
		}
	}
	s.done()
	if len(ids) == 0 {
		return nil, nil
	}
	if err := w.t.writing(); err != nil {
		return nil, err
	}
	take := w.c.stmt("UPDATE delivery SET state = 1, wake = ?, fence = fence + 1 WHERE id = ?")
	defer take.done()
	out := make([]store.Delivery, 0, len(ids))
	for _, id := range ids {
		if err := take.int(micros(until)).int(id).exec(); err != nil {
			return nil, w.t.breaks(err)
		}
		d, err := w.Get(id)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// Settle ends a lease. The attempt gets the next number. Attempts on a delivery
// that somebody else has leased since, or settled, are fault.Conflict, because
// their result is no longer the latest word.
func (w deliveryWriter) Settle(d store.Delivery, a store.Attempt) error {
	state, ok := stateNumber(d.State)
	if !ok || state == stateLeased {
		return fault.New(fault.IllegalMove, "", "a lease cannot end in this state")
	}
	have, err := w.Get(d.ID)
	if err != nil {
		return err
	}
	if have.State != store.Leased || have.Fence != d.Fence {
		return fault.New(fault.Conflict, "", "the lease is over: another one has been taken or the delivery is settled")
	}
	if err := w.t.writing(); err != nil {
		return err
	}
	due := micros(d.Due)
	if due == 0 {
		due = micros(have.Due)
	}
	var settled int64
	if state >= 2 && state != stateHeld {
		if settled = micros(d.Settled); settled == 0 {
			settled = w.t.micros()
		}
	}
	s := w.c.stmt("UPDATE delivery SET state = ?, wake = ?, due = ?, attempts = ?, settled = ?, reason = ? WHERE id = ?")
	defer s.done()
	number := have.Attempts + 1
	if err := s.int(state).int(due).int(due).int(int64(number)).int(settled).optional(d.Reason).int(d.ID).exec(); err != nil {
		return w.t.breaks(err)
	}
	at := w.c.stmt("INSERT INTO attempt (delivery, number, started, ended, state, status, reason, evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
	defer at.done()
	return w.t.breaks(at.int(d.ID).int(int64(number)).int(micros(a.Started)).int(micros(a.Ended)).
		optional(a.State).int(int64(a.Status)).optional(a.Reason).blob(a.Evidence).exec())
}

// Extend moves the end of the current lease.
func (w deliveryWriter) Extend(id, fence int64, until time.Time) error {
	if err := w.t.writing(); err != nil {
		return err
	}
	s := w.c.stmt("UPDATE delivery SET wake = ? WHERE id = ? AND state = 1 AND fence = ?")
	defer s.done()
	if err := s.int(micros(until)).int(id).int(fence).exec(); err != nil {
		return w.t.breaks(err)
	}
	if w.c.changed() == 0 {
		return fault.New(fault.Conflict, "", "the lease is over: another one has been taken or the delivery is settled")
	}
	return nil
}

// Release is a human's move: dead or held to owed, owed or leased to held.
func (w deliveryWriter) Release(id int64, to store.DeliveryState, now time.Time) error {
	have, err := w.Get(id)
	if err != nil {
		return err
	}
	again := to == store.Owed && (have.State == store.Dead || have.State == store.Held)
	if !again && !(to == store.Held && (have.State == store.Owed || have.State == store.Leased)) {
		return fault.New(fault.IllegalMove, "", "a dead or held delivery can be released to owed, an owed or leased one held; this one is %s", have.State)
	}
	if err := w.t.writing(); err != nil {
		return err
	}
	state, due := int64(stateHeld), micros(have.Due)
	if again {
		state, due = stateOwed, micros(now)
	}
	s := w.c.stmt("UPDATE delivery SET state = ?, wake = ?, due = ?, settled = 0 WHERE id = ?")
	defer s.done()
	return w.t.breaks(s.int(state).int(due).int(due).int(id).exec())
}
