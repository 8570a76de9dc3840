package sqlite

import (
	"cmp"
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
	id = w.c.inserted()
	return id, true, w.mark(id, d.Marks)
}

// mark adds what a delivery is found by; what it has already stays.
func (w deliveryWriter) mark(id int64, marks []string) error {
	if len(marks) == 0 {
		return nil
	}
	s := w.c.stmt("INSERT INTO mark (mark, delivery) VALUES (?, ?) ON CONFLICT DO NOTHING")
	defer s.done()
	for _, m := range marks {
		if err := s.text(m).int(id).exec(); err != nil {
			return w.t.breaks(err)
		}
	}
	return nil
}

// leaseLook is how many due deliveries are looked at in the order of time before
// the lanes are asked one by one.
const leaseLook = 500

// leaseMisses is how many in a row may belong to lanes without room before that:
// behind them lies what has piled up for a practice that is down.
const leaseMisses = 50

// ripe is a delivery that is due.
type ripe struct{ id, wake int64 }

// Lease takes up to n due deliveries.
func (w deliveryWriter) Lease(now, until time.Time, n int, room func(lane string) int) ([]store.Delivery, error) {
	n = min(n, maxPage)
	if room == nil {
		room = func(string) int { return n }
	}
	due, more, err := w.oldest(micros(now), n, room)
	if err == nil && more && len(due) < n {
		due, err = w.ofEachLane(micros(now), n, room)
	}
	if err != nil {
		return nil, asFault(err)
	}
	ids := make([]int64, len(due))
	for i, d := range due {
		ids[i] = d.id
	}
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

// oldest walks the index of what is due in the order of time. more reports
// that it ended before the index did.
func (w deliveryWriter) oldest(now int64, n int, room func(string) int) (due []ripe, more bool, err error) {
	s := w.c.stmt("SELECT id, lane, wake FROM delivery WHERE state < 2 AND wake <= ? ORDER BY wake, id LIMIT ?")
	defer s.done()
	s.int(now).int(leaseLook)
	left := map[string]int{}
	misses := 0
	for looked := 0; ; looked++ {
		ok, err := s.step()
		if err != nil || !ok || len(due) == n || misses == leaseMisses {
			return due, looked == leaseLook || misses == leaseMisses, err
		}
		lane := s.string(1)
		if _, known := left[lane]; !known {
			left[lane] = room(lane)
		}
		if left[lane] > 0 {
			left[lane]--
			due = append(due, ripe{s.int64(0), s.int64(2)})
			misses = 0
		} else {
			misses++
		}
	}
}

// ofEachLane jumps from lane to lane: what has piled up in one of them is passed
// over in one step. The index is named, because there is one of all deliveries of
// a lane too, which grows with those that are settled.
func (w deliveryWriter) ofEachLane(now int64, n int, room func(string) int) (due []ripe, err error) {
	next := w.c.stmt("SELECT lane FROM delivery INDEXED BY delivery_lane_due WHERE state < 2 AND lane > ? ORDER BY lane LIMIT 1")
	defer next.done()
	take := func(s *stmt, limit int) error {
		defer s.reset()
		s.int(now).int(int64(limit))
		for {
			ok, err := s.step()
			if err != nil || !ok {
				return err
			}
			due = append(due, ripe{s.int64(0), s.int64(1)})
		}
	}
	none := w.c.stmt("SELECT id, wake FROM delivery INDEXED BY delivery_lane_due WHERE state < 2 AND lane IS NULL AND wake <= ? ORDER BY wake, id LIMIT ?")
	defer none.done()
	if limit := min(room(""), n); limit > 0 {
		if err := take(none, limit); err != nil {
			return nil, err
		}
	}
	one := w.c.stmt("SELECT id, wake FROM delivery INDEXED BY delivery_lane_due WHERE state < 2 AND lane = ? AND wake <= ? ORDER BY wake, id LIMIT ?")
	defer one.done()
	for lane := ""; ; {
		ok, err := next.text(lane).step()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		lane = next.string(0)
		next.reset()
		if limit := min(room(lane), n); limit > 0 {
			if err := take(one.text(lane), limit); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(due, func(a, b ripe) int { return cmp.Or(cmp.Compare(a.wake, b.wake), cmp.Compare(a.id, b.id)) })
	return due[:min(n, len(due))], nil
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
	return w.move(have, d, state, a)
}

// Advance moves a delivery without a lease; who holds one has lost it.
func (w deliveryWriter) Advance(d store.Delivery, a store.Attempt) error {
	state, ok := stateNumber(d.State)
	if !ok || state == stateLeased {
		return fault.New(fault.IllegalMove, "", "a delivery cannot be brought into this state")
	}
	have, err := w.Get(d.ID)
	if err != nil {
		return err
	}
	if have.State == store.Leased {
		have.Fence++
	}
	return w.move(have, d, state, a)
}

// move writes what d says over what there is, and the attempt.
func (w deliveryWriter) move(have, d store.Delivery, state int64, a store.Attempt) error {
	if err := w.t.writing(); err != nil {
		return err
	}
	due := micros(d.Due)
	if due == 0 {
		due = micros(have.Due)
	}
	var settled int64
	if ends(state) {
		if settled = micros(d.Settled); settled == 0 {
			settled = w.t.micros()
		}
	}
	s := w.c.stmt("UPDATE delivery SET state = ?, wake = ?, due = ?, fence = ?, settled = ?, channel = ?, stage = ?, reason = ? WHERE id = ?")
	defer s.done()
	if err := s.int(state).int(due).int(due).int(have.Fence).int(settled).optional(d.Channel).optional(d.Stage).
		optional(d.Reason).int(d.ID).exec(); err != nil {
		return w.t.breaks(err)
	}
	if err := w.mark(d.ID, d.Marks); err != nil {
		return err
	}
	return w.Note(d.ID, a)
}

// Note adds to the record of attempts.
func (w deliveryWriter) Note(id int64, a store.Attempt) error {
	if err := w.t.writing(); err != nil {
		return err
	}
	count := w.c.stmt("UPDATE delivery SET attempts = attempts + 1 WHERE id = ? RETURNING attempts")
	defer count.done()
	ok, err := count.int(id).step()
	if err != nil {
		return w.t.breaks(err)
	}
	if !ok {
		return notFound()
	}
	number := count.int64(0)
	at := w.c.stmt("INSERT INTO attempt (delivery, number, started, ended, state, status, reason, evidence, channel) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
	defer at.done()
	return w.t.breaks(at.int(id).int(number).int(micros(a.Started)).int(micros(a.Ended)).
		optional(a.State).int(int64(a.Status)).optional(a.Reason).blob(a.Evidence).optional(a.Channel).exec())
}

// Mark adds marks.
func (w deliveryWriter) Mark(id int64, marks []string) error {
	if _, err := w.Get(id); err != nil {
		return err
	}
	if err := w.t.writing(); err != nil {
		return err
	}
	return w.mark(id, marks)
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

// Release is a human's move: dead, held or withheld to owed, owed or leased to held.
func (w deliveryWriter) Release(id int64, to store.DeliveryState, now time.Time) error {
	have, err := w.Get(id)
	if err != nil {
		return err
	}
	again := to == store.Owed && (have.State == store.Dead || have.State == store.Held || have.State == store.Withheld)
	if !again && !(to == store.Held && (have.State == store.Owed || have.State == store.Leased)) {
		return fault.New(fault.IllegalMove, "", "a dead, held or withheld delivery can be released to owed, an owed or leased one held; this one is %s", have.State)
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
