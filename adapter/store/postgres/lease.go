package postgres

import (
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
	row.Marks = nil
	w.keep(nil, row)
	w.mark(row.ID, d.Marks)
	return row.ID, true, nil
}

// mark adds what a delivery is found by; what it has already stays.
func (w deliveryWriter) mark(id int64, marks []string) {
	for _, m := range marks {
		w.t.made.marks = append(w.t.made.marks, markRow{m, id})
	}
}

// leaseLook is how many due deliveries are looked at in the order of time before
// the lanes are asked one by one.
const leaseLook = 500

const (
	sqlOldest = "SELECT id, lane FROM linkloop.delivery WHERE state < 2 AND wake <= $1 ORDER BY wake, id LIMIT $2"
	// The lanes in which something is owed, by jumping from one to the next.
	sqlLanes = "WITH RECURSIVE l AS ((SELECT coalesce(lane, ''::bytea) AS lane FROM linkloop.delivery WHERE state < 2 ORDER BY 1 LIMIT 1) " +
		"UNION ALL SELECT (SELECT coalesce(d.lane, ''::bytea) FROM linkloop.delivery d WHERE d.state < 2 AND coalesce(d.lane, ''::bytea) > l.lane ORDER BY 1 LIMIT 1) FROM l WHERE l.lane IS NOT NULL) " +
		"SELECT lane FROM l WHERE lane IS NOT NULL"
	sqlOfLanes = "SELECT d.id FROM unnest($2::bytea[], $3::int[]) l(lane, room), LATERAL (SELECT id, wake FROM linkloop.delivery " +
		"WHERE state < 2 AND coalesce(lane, ''::bytea) = l.lane AND wake <= $1 ORDER BY wake, id LIMIT l.room) d ORDER BY d.wake, d.id LIMIT $4"
)

// Lease takes up to n due deliveries.
func (w deliveryWriter) Lease(now, until time.Time, n int, room func(lane string) int) ([]store.Delivery, error) {
	if n = min(n, maxPage); n <= 0 {
		return nil, nil
	}
	if room == nil {
		room = func(string) int { return n }
	}
	ids, more, err := w.oldest(micros(now), n, room)
	if err == nil && more && len(ids) < n {
		ids, err = w.ofEachLane(micros(now), n, room)
	}
	if err != nil {
		return nil, w.t.breaks(err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := w.t.rows("SELECT "+deliveryColumns+", payload FROM linkloop.delivery WHERE id = ANY($1) ORDER BY wake, id", ids)
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

// oldest looks at what is due in the order of time. more reports that it ended
// before there was no more.
func (w deliveryWriter) oldest(now int64, n int, room func(string) int) (ids []int64, more bool, err error) {
	rows, err := w.t.rows(sqlOldest, now, leaseLook)
	if err != nil {
		return nil, false, err
	}
	left := map[string]int{}
	looked := 0
	var id int64
	var lane []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &lane}, func() error {
		looked++
		name := string(lane)
		if _, known := left[name]; !known {
			left[name] = room(name)
		}
		if left[name] > 0 && len(ids) < n {
			left[name]--
			ids = append(ids, id)
		}
		return nil
	})
	return ids, looked == leaseLook, err
}

// ofEachLane asks for the oldest of each lane that has room: what has piled up
// in one of them is passed over in one step.
func (w deliveryWriter) ofEachLane(now int64, n int, room func(string) int) ([]int64, error) {
	rows, err := w.t.rows(sqlLanes)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, err
	}
	var lanes [][]byte
	var rooms []int32
	for _, lane := range all {
		if limit := min(room(string(lane)), n); limit > 0 {
			lanes, rooms = append(lanes, lane), append(rooms, int32(limit))
		}
	}
	if len(lanes) == 0 {
		return nil, nil
	}
	if rows, err = w.t.rows(sqlOfLanes, now, lanes, rooms, n); err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
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
	w.move(was, *was, d, state, a)
	return nil
}

// Advance moves a delivery without a lease; who holds one has lost it.
func (w deliveryWriter) Advance(d store.Delivery, a store.Attempt) error {
	state, ok := stateNumber(d.State)
	if !ok || state == stateLeased {
		return fault.New(fault.IllegalMove, "", "a delivery cannot be brought into this state")
	}
	if err := w.t.writing(); err != nil {
		return err
	}
	was, err := w.row(d.ID)
	if err != nil {
		return err
	}
	now := *was
	if was.state == stateLeased {
		now.Fence++
	}
	w.move(was, now, d, state, a)
	return nil
}

// move writes what d says over now, and the attempt.
func (w deliveryWriter) move(was *delivery, now delivery, d store.Delivery, state int, a store.Attempt) {
	now.state, now.Channel, now.Stage, now.Reason = state, d.Channel, d.Stage, d.Reason
	if due := micros(d.Due); due != 0 {
		now.due = due
	}
	now.wake = now.due
	now.Settled = time.Time{}
	if ends(state) {
		if now.Settled = instant(micros(d.Settled)); now.Settled.IsZero() {
			now.Settled = w.t.Time()
		}
	}
	w.mark(d.ID, d.Marks)
	w.attempt(was, now, a)
}

func (w deliveryWriter) attempt(was *delivery, now delivery, a store.Attempt) {
	now.Attempts++
	a.Delivery, a.Number = now.ID, now.Attempts
	w.t.made.attempts = append(w.t.made.attempts, a)
	w.keep(was, now)
}

// Note adds to the record of attempts.
func (w deliveryWriter) Note(id int64, a store.Attempt) error {
	if err := w.t.writing(); err != nil {
		return err
	}
	was, err := w.row(id)
	if err != nil {
		return err
	}
	w.attempt(was, *was, a)
	return nil
}

// Mark adds marks.
func (w deliveryWriter) Mark(id int64, marks []string) error {
	if err := w.t.writing(); err != nil {
		return err
	}
	if _, err := w.row(id); err != nil {
		return err
	}
	w.mark(id, marks)
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

// Release is a human's move: dead, held or withheld to owed, owed or leased to held.
func (w deliveryWriter) Release(id int64, to store.DeliveryState, now time.Time) error {
	if err := w.t.writing(); err != nil {
		return err
	}
	was, err := w.row(id)
	if err != nil {
		return err
	}
	again := to == store.Owed && (was.state == stateDead || was.state == stateHeld || was.state == stateWithheld)
	if !again && !(to == store.Held && (was.state == stateOwed || was.state == stateLeased)) {
		return fault.New(fault.IllegalMove, "", "a dead, held or withheld delivery can be released to owed, an owed or leased one held; this one is %s", was.public().State)
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
