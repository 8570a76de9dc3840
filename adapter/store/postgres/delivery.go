package postgres

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

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
func ends(state int) bool { return state >= 2 && state != stateHeld && state != stateSent }

func stateNumber(s store.DeliveryState) (int, bool) {
	i := slices.Index(stateNames[:], s)
	return i, i >= 0
}

// delivery is a row.
type delivery struct {
	store.Delivery
	state     int
	wake, due int64
}

const deliveryColumns = "id, key, lane, channel, task, patient, state, due, wake, fence, attempts, created, settled, reason, stage"

func scanDelivery(row pgx.CollectableRow, whole bool) (*delivery, error) {
	d := &delivery{}
	var key, lane, channel, task, patient, reason, stage []byte
	var created, settled int64
	into := []any{&d.ID, &key, &lane, &channel, &task, &patient, &d.state, &d.due, &d.wake, &d.Fence, &d.Attempts, &created, &settled, &reason, &stage}
	if whole {
		into = append(into, &d.Payload)
	}
	if err := row.Scan(into...); err != nil {
		return d, err
	}
	d.Key, d.Lane, d.Channel, d.Task, d.Patient, d.Reason = string(key), string(lane), string(channel), string(task), string(patient), string(reason)
	d.Stage, d.Created, d.Settled = string(stage), instant(created), instant(settled)
	return d, nil
}

// public is the row in the words of the contract.
func (d *delivery) public() store.Delivery {
	out := d.Delivery
	out.Due = instant(d.due)
	if d.state >= 0 && d.state < len(stateNames) {
		out.State = stateNames[d.state]
	}
	out.LeaseUntil = time.Time{}
	if out.State == store.Leased {
		out.LeaseUntil = instant(d.wake)
	}
	return out
}

// Get returns a delivery with its payload.
func (r deliveries) Get(id int64) (store.Delivery, error) {
	rows, err := r.q.rows("SELECT "+deliveryColumns+", payload FROM linkloop.delivery WHERE id = $1", id)
	if err != nil {
		return store.Delivery{}, asFault(err)
	}
	d, err := collectDelivery(rows)
	if err != nil {
		return store.Delivery{}, err
	}
	return d.public(), nil
}

func collectDelivery(rows pgx.Rows) (*delivery, error) {
	d, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (*delivery, error) { return scanDelivery(row, true) })
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, notFound()
	}
	return d, asFault(err)
}

// List returns deliveries, newest first, without their payloads.
func (r deliveries) List(f store.DeliveryFilter) ([]store.Delivery, error) {
	sql := "SELECT " + deliveryColumns + " FROM linkloop.delivery WHERE id < $1"
	args := []any{below(f.Before)}
	if f.Mark != "" {
		args = append(args, []byte(f.Mark))
		sql += " AND id IN (SELECT delivery FROM linkloop.mark WHERE mark = $2 AND delivery < $1)"
	}
	if f.State != "" {
		n, ok := stateNumber(f.State)
		if !ok {
			return nil, fault.New(fault.Unsupported, "", "no such delivery state")
		}
		sql += " AND state = " + strconv.Itoa(n)
	}
	for _, c := range []struct{ column, value string }{{"task", f.Task}, {"lane", f.Lane}} {
		if c.value != "" {
			args = append(args, []byte(c.value))
			sql += " AND " + c.column + " = $" + strconv.Itoa(len(args))
		}
	}
	for _, c := range []struct {
		test string
		at   time.Time
	}{{"created >=", f.Since}, {"created <", f.Until}} {
		if !c.at.IsZero() {
			args = append(args, micros(c.at))
			sql += " AND " + c.test + " $" + strconv.Itoa(len(args))
		}
	}
	return r.list(sql+" ORDER BY id DESC LIMIT "+strconv.Itoa(listLimit(f.Limit)), args...)
}

// Overdue lists what waits for an acknowledgement that should have come.
func (r deliveries) Overdue(now time.Time, n int) ([]store.Delivery, error) {
	return r.list("SELECT "+deliveryColumns+" FROM linkloop.delivery WHERE state = 6 AND due <= $1 ORDER BY due, id LIMIT "+strconv.Itoa(listLimit(n)), micros(now))
}

func (r deliveries) list(sql string, args ...any) ([]store.Delivery, error) {
	rows, err := r.q.rows(sql, args...)
	if err != nil {
		return nil, asFault(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Delivery, error) {
		d, err := scanDelivery(row, false)
		return d.public(), err
	})
	return list, asFault(err)
}

// Attempts returns every try of a delivery, the first first.
func (r deliveries) Attempts(id int64) ([]store.Attempt, error) {
	rows, err := r.q.rows("SELECT number, started, ended, state, status, reason, evidence, channel FROM linkloop.attempt WHERE delivery = $1 ORDER BY number", id)
	if err != nil {
		return nil, asFault(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Attempt, error) {
		a := store.Attempt{Delivery: id}
		var started, ended int64
		var state, reason, channel []byte
		err := row.Scan(&a.Number, &started, &ended, &state, &a.Status, &reason, &a.Evidence, &channel)
		a.Started, a.Ended, a.State, a.Reason, a.Channel = instant(started), instant(ended), string(state), string(reason), string(channel)
		return a, err
	})
	return list, asFault(err)
}

// NextDue is when the relay has something to do next: a due time or the end of
// a lease.
func (r deliveries) NextDue() (time.Time, error) {
	rows, err := r.q.rows("SELECT wake FROM linkloop.delivery WHERE state < 2 ORDER BY wake LIMIT 1")
	if err != nil {
		return time.Time{}, asFault(err)
	}
	wake, err := pgx.CollectOneRow(rows, pgx.RowTo[int64])
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, asFault(err)
	}
	return time.UnixMicro(wake).UTC(), nil
}

// Counts returns how many deliveries are in each state; every state is there.
func (r deliveries) Counts() (map[store.DeliveryState]int64, error) {
	rows, err := r.q.rows("SELECT state, n FROM linkloop.tally")
	if err != nil {
		return nil, asFault(err)
	}
	out := make(map[store.DeliveryState]int64, len(stateNames))
	var state int
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		if state >= 0 && state < len(stateNames) {
			out[stateNames[state]] = n
		}
		return nil
	})
	return out, asFault(err)
}
