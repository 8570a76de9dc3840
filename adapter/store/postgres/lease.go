package postgres

import (
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// deliveryWriter is the writing room of deliveries.
type deliveryWriter struct {
	deliveries
	t *tx
}

// Get answers from what the group has read and made, else from the database.
func (w deliveryWriter) Get(id int64) (store.Delivery, error) {
	d, err := w.row(id)
	if err != nil {
		return store.Delivery{}, err
	}
	return d.public(), nil
}

func (w deliveryWriter) row(id int64) (*delivery, error) {
	c := &w.t.w.cache
	if d := c.deliveries[id]; d != nil {
		return d, nil
	}
	rows, err := w.t.direct("SELECT "+deliveryColumns+", payload FROM linkloop.delivery WHERE id = $1", id)
	if err != nil {
		return nil, err
	}
	d, err := collectDelivery(rows)
	if err != nil {
		return nil, err
	}
	c.deliveries[id], c.byKey[d.Key] = d, d
	return d, nil
}

// known returns the delivery that is owed under a key, nil when there is none.
func (w deliveryWriter) known(key string) (*delivery, error) {
	c := &w.t.w.cache
	if d, known := c.byKey[key]; known {
		return d, nil
	}
	rows, err := w.t.direct("SELECT "+deliveryColumns+", payload FROM linkloop.delivery WHERE key = $1", []byte(key))
	if err != nil {
		return nil, err
	}
	d, err := collectDelivery(rows)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	c.byKey[key] = d
	if d != nil {
		c.deliveries[d.ID] = d
	}
	return d, nil
}

// keep is the delivery as it is from now on.
func (w deliveryWriter) keep(was *delivery, d delivery) {
	if was != nil {
		w.t.made.tally[was.state]--
	}
	w.t.made.tally[d.state]++
	w.t.made.deliveries[d.ID] = &d
	set(w.t, w.t.w.cache.deliveries, d.ID, &d)
	set(w.t, w.t.w.cache.byKey, d.Key, &d)
}

// Owe adds a delivery as owed, held or dead, due at once when it names no time.
func (w deliveryWriter) Owe(d store.Delivery) (id int64, added bool, err error) {
	row := delivery{Delivery: d, state: stateOwed}
	switch {
	case d.Key == "":
		return 0, false, fault.New(fault.Internal, "", "a delivery must have a key")
	case d.State == store.Held:
		row.state = stateHeld
	case d.State == store.Dead:
		row.state = stateDead
	case d.State != "" && d.State != store.Owed:
		return 0, false, fault.New(fault.IllegalMove, "", "a delivery begins as owed, held or dead")
	}
	if err := w.t.writing(); err != nil {
		return 0, false, err
	}
	have, err := w.known(d.Key)
	if err != nil {
		return 0, false, err
	}
	if have != nil {
		return have.ID, false, nil
	}
	if row.Created.IsZero() {
		row.Created = w.t.Time()
	}
	if row.due = micros(d.Due); row.due == 0 {
		row.due = w.t.micros()
	}
	row.wake, row.Fence, row.Attempts = row.due, 0, 0
	row.Created, row.Settled = instant(micros(row.Created)), instant(micros(row.Settled))
	w.t.w.ids.delivery++
	row.ID = w.t.w.ids.delivery
	w.keep(nil, row)
	return row.ID, true, nil
}

// Lease takes up to n due deliveries.
func (w deliveryWriter) Lease(now, until time.Time, n int, except []string) ([]store.Delivery, error) {
	if n <= 0 {
		return nil, nil
	}
	sql := "SELECT " + deliveryColumns + ", payload FROM linkloop.delivery WHERE state < 2 AND wake <= $1"
	args := []any{micros(now)}
	if len(except) > 0 {
		closed := make([][]byte, len(except))
		for i, lane := range except {
			closed[i] = []byte(lane)
		}
		args = append(args, closed)
		sql += " AND (lane IS NULL OR lane <> ALL($2::bytea[]))"
	}
	rows, err := w.t.rows(sql+" ORDER BY wake, id LIMIT "+strconv.Itoa(min(n, maxPage)), args...)
	if err != nil {
		return nil, asFault(err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*delivery, error) { return scanDelivery(row, true) })
	if err != nil {
		return nil, w.t.breaks(err)
	}
	out := make([]store.Delivery, 0, len(due))
	for _, was := range due {
		d := *was
		d.state, d.wake = stateLeased, micros(until)
		d.Fence++
		w.keep(was, d)
		out = append(out, d.public())
	}
	return out, nil
}

var errLeaseOver = "the lease is over: another one has been taken or the delivery is settled"

// Settle ends a lease. The attempt gets the next number. Attempts on a delivery
// that somebody else has leased since, or settled, are fault.Conflict, because
// their result is no longer the latest word.
func (w deliveryWriter) Settle(d store.Delivery, a store.Attempt) error {
	state, ok := stateNumber(d.State)
	if !ok || state == stateLeased {
		return fault.New(fault.IllegalMove, "", "a lease cannot end in this state")
	}
	if err := w.t.writing(); err != nil {
		return err
	}
	was, err := w.row(d.ID)
	if err != nil {
		return err
	}
	if was.state != stateLeased || was.Fence != d.Fence {
		return fault.New(fault.Conflict, "", "%s", errLeaseOver)
	}
	now := *was
	now.state, now.Reason = state, d.Reason
	if due := micros(d.Due); due != 0 {
		now.due = due
	}
	now.wake = now.due
	now.Settled = time.Time{}
	if state >= 2 && state != stateHeld {
		if now.Settled = instant(micros(d.Settled)); now.Settled.IsZero() {
			now.Settled = w.t.Time()
		}
	}
	now.Attempts++
	a.Delivery, a.Number = d.ID, now.Attempts
	w.t.made.attempts = append(w.t.made.attempts, a)
	w.keep(was, now)
	return nil
}

// Extend moves the end of the current lease.
func (w deliveryWriter) Extend(id, fence int64, until time.Time) error {
	if err := w.t.writing(); err != nil {
		return err
	}
	was, err := w.row(id)
	if fault.KindOf(err) == fault.NotFound && err != nil || err == nil && (was.state != stateLeased || was.Fence != fence) {
		return fault.New(fault.Conflict, "", "%s", errLeaseOver)
	}
	if err != nil {
		return err
	}
	now := *was
	now.wake = micros(until)
	w.keep(was, now)
	return nil
}

// Release is a human's move: dead or held to owed, owed or leased to held.
func (w deliveryWriter) Release(id int64, to store.DeliveryState, now time.Time) error {
	if err := w.t.writing(); err != nil {
		return err
	}
	was, err := w.row(id)
	if err != nil {
		return err
	}
	again := to == store.Owed && (was.state == stateDead || was.state == stateHeld)
	if !again && !(to == store.Held && (was.state == stateOwed || was.state == stateLeased)) {
		return fault.New(fault.IllegalMove, "", "a dead or held delivery can be released to owed, an owed or leased one held; this one is %s", was.public().State)
	}
	d := *was
	d.state, d.Settled = stateHeld, time.Time{}
	if again {
		d.state, d.due = stateOwed, micros(now)
	}
	d.wake = d.due
	w.keep(was, d)
	return nil
}
