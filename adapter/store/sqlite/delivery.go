package sqlite

import (
	"slices"
	"strconv"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// deliveries is the reading room of deliveries.
type deliveries struct{ *snapshot }

// stateNames are the delivery states by their numbers in the table. Below 2 the
// relay has something to do.
var stateNames = [...]store.DeliveryState{store.Owed, store.Leased, store.Delivered, store.Proven, store.Dead, store.Held,
	store.Sent, store.Withheld, store.Closed}

const (
	stateOwed     = 0
	stateLeased   = 1
	stateDead     = 4
	stateHeld     = 5
	stateSent     = 6
	stateWithheld = 7
)

// ends reports whether a delivery in the state has a time when it got there.
func ends(state int64) bool { return state >= 2 && state != stateHeld && state != stateSent }

func stateNumber(s store.DeliveryState) (int64, bool) {
	i := slices.Index(stateNames[:], s)
	return int64(i), i >= 0
}

const deliveryColumns = "id, key, lane, channel, task, patient, state, due, wake, fence, attempts, created, settled, reason, stage"

// Get returns a delivery with its payload.
func (r deliveries) Get(id int64) (store.Delivery, error) {
	s := r.c.stmt("SELECT " + deliveryColumns + ", payload FROM delivery WHERE id = ?")
	defer s.done()
	ok, err := s.int(id).step()
	if err != nil {
		return store.Delivery{}, asFault(err)
	}
	if !ok {
		return store.Delivery{}, notFound()
	}
	d := readDelivery(s)
	d.Payload = s.bytes(15)
	return d, nil
}

func readDelivery(s *stmt) store.Delivery {
	d := store.Delivery{
		ID: s.int64(0), Key: s.string(1), Lane: s.string(2), Channel: s.string(3), Task: s.string(4), Patient: s.string(5),
		Due: instant(s.int64(7)), Fence: s.int64(9), Attempts: int(s.int64(10)),
		Created: instant(s.int64(11)), Settled: instant(s.int64(12)), Reason: s.string(13), Stage: s.string(14),
	}
	if n := s.int64(6); n >= 0 && n < int64(len(stateNames)) {
		d.State = stateNames[n]
	}
	if d.State == store.Leased {
		d.LeaseUntil = instant(s.int64(8))
	}
	return d
}

// List returns deliveries, newest first, without their payloads.
func (r deliveries) List(f store.DeliveryFilter) ([]store.Delivery, error) {
	sql := "SELECT " + deliveryColumns + " FROM delivery WHERE id < ?"
	if f.Mark != "" {
		// The marks lead: they are few, and in the order of the page.
		sql = "SELECT " + deliveryColumns + " FROM mark CROSS JOIN delivery ON id = mark.delivery WHERE mark.delivery < ? AND mark = ?"
	}
	if f.State != "" {
		n, ok := stateNumber(f.State)
		if !ok {
			return nil, fault.New(fault.Unsupported, "", "no such delivery state")
		}
		sql += " AND state = " + strconv.FormatInt(n, 10)
		// The conditions of the partial indexes, for the states they hold.
		switch {
		case n < 2:
			sql += " AND state < 2"
		case n > 3:
			sql += " AND state > 3"
		}
	}
	if f.Task != "" {
		sql += " AND task = ?"
	}
	if f.Lane != "" {
		sql += " AND lane = ?"
	}
	if !f.Since.IsZero() {
		sql += " AND created >= ?"
	}
	if !f.Until.IsZero() {
		sql += " AND created < ?"
	}
	order := "id"
	if f.Mark != "" {
		order = "mark.delivery"
	}
	s := r.c.stmt(sql + " ORDER BY " + order + " DESC LIMIT ?")
	defer s.done()
	s.int(below(f.Before))
	if f.Mark != "" {
		s.text(f.Mark)
	}
	if f.Task != "" {
		s.text(f.Task)
	}
	if f.Lane != "" {
		s.text(f.Lane)
	}
	if !f.Since.IsZero() {
		s.int(micros(f.Since))
	}
	if !f.Until.IsZero() {
		s.int(micros(f.Until))
	}
	return readDeliveries(s.int(listLimit(f.Limit)))
}

func readDeliveries(s *stmt) (out []store.Delivery, err error) {
	for {
		ok, err := s.step()
		if err != nil {
			return nil, asFault(err)
		}
		if !ok {
			return out, nil
		}
		out = append(out, readDelivery(s))
	}
}

// Overdue lists what waits for an acknowledgement that should have come.
func (r deliveries) Overdue(now time.Time, n int) ([]store.Delivery, error) {
	s := r.c.stmt("SELECT " + deliveryColumns + " FROM delivery WHERE state = 6 AND due <= ? ORDER BY due, id LIMIT ?")
	defer s.done()
	return readDeliveries(s.int(micros(now)).int(listLimit(n)))
}

// Attempts returns every try of a delivery, the first first.
func (r deliveries) Attempts(id int64) ([]store.Attempt, error) {
	s := r.c.stmt("SELECT number, started, ended, state, status, reason, evidence, channel FROM attempt WHERE delivery = ? ORDER BY number")
	defer s.done()
	s.int(id)
	var out []store.Attempt
	for {
		ok, err := s.step()
		if err != nil {
			return nil, asFault(err)
		}
		if !ok {
			return out, nil
		}
		out = append(out, store.Attempt{
			Delivery: id, Number: int(s.int64(0)), Started: instant(s.int64(1)), Ended: instant(s.int64(2)),
			State: s.string(3), Status: int(s.int64(4)), Reason: s.string(5), Evidence: s.bytes(6), Channel: s.string(7),
		})
	}
}

// NextDue is when the relay has something to do next: a due time or the end of
// a lease.
func (r deliveries) NextDue() (time.Time, error) {
	s := r.c.stmt("SELECT wake FROM delivery WHERE state < 2 ORDER BY wake LIMIT 1")
	defer s.done()
	ok, err := s.step()
	if err != nil || !ok {
		return time.Time{}, asFault(err)
	}
	return time.UnixMicro(s.int64(0)).UTC(), nil
}

// Counts returns how many deliveries are in each state; every state is there.
func (r deliveries) Counts() (map[store.DeliveryState]int64, error) {
	s := r.c.stmt("SELECT state, n FROM tally")
	defer s.done()
	out := make(map[store.DeliveryState]int64, len(stateNames))
	for {
		ok, err := s.step()
		if err != nil {
			return nil, asFault(err)
		}
		if !ok {
			return out, nil
		}
		if n := s.int64(0); n >= 0 && n < int64(len(stateNames)) {
			out[stateNames[n]] = s.int64(1)
		}
	}
}
