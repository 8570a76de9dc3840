package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

func owe(t *testing.T, s store.Store, d store.Delivery) (id int64, added bool) {
	t.Helper()
	decide(t, s, func(tx store.Tx) (err error) {
		id, added, err = tx.Deliveries().Owe(d)
		return err
	})
	return id, added
}

func lease(t *testing.T, s store.Store, now, until time.Time, n int, except ...string) (out []store.Delivery) {
	t.Helper()
	decide(t, s, func(tx store.Tx) (err error) {
		out, err = tx.Deliveries().Lease(now, until, n, func(lane string) int {
			if slices.Contains(except, lane) {
				return 0
			}
			return n
		})
		return err
	})
	return out
}

func settle(s store.Store, d store.Delivery, state store.DeliveryState, a store.Attempt) error {
	d.State = state
	return s.Decide(ctx(), func(tx store.Tx) error { return tx.Deliveries().Settle(d, a) })
}

func delivery(t *testing.T, s store.Store, id int64) (d store.Delivery) {
	t.Helper()
	view(t, s, func(r store.Reader) (err error) {
		d, err = r.Deliveries().Get(id)
		return err
	})
	return d
}

func keys(ds []store.Delivery) string {
	out := ""
	for _, d := range ds {
		out += d.Key
	}
	return out
}

func testDeliveries(t *testing.T, open Open) {
	s := fresh(t, open)
	full := store.Delivery{
		Key: "a", Lane: "A81001", Channel: "fhirapi", Task: "task-1", Patient: "patient-1", State: store.Owed,
		Due: start, Created: start.Add(-time.Second), Payload: []byte(`{"a":1}`),
	}
	var added bool
	full.ID, added = owe(t, s, full)
	want(t, "added", added, true)
	if got := delivery(t, s, full.ID); !reflect.DeepEqual(got, full) {
		t.Errorf("got %+v, want %+v", got, full)
	}
	again, added := owe(t, s, store.Delivery{Key: "a", Lane: "other"})
	want(t, "owed again", fmt.Sprint(again, added), fmt.Sprint(full.ID, false))
	owe(t, s, store.Delivery{Key: "b", Lane: "A81001", Task: "task-1", Due: start.Add(time.Minute)})
	owe(t, s, store.Delivery{Key: "c", Lane: "B2", Task: "task-2", Due: start.Add(2 * time.Minute)})
	held, _ := owe(t, s, store.Delivery{Key: "d", Lane: "B2", State: store.Held})

	for name, c := range map[string]struct {
		f    store.DeliveryFilter
		want string
	}{
		"all":        {store.DeliveryFilter{}, "dcba"},
		"limit":      {store.DeliveryFilter{Limit: 2}, "dc"},
		"before":     {store.DeliveryFilter{Before: held, Limit: 2}, "cb"},
		"owed":       {store.DeliveryFilter{State: store.Owed}, "cba"},
		"held":       {store.DeliveryFilter{State: store.Held}, "d"},
		"dead":       {store.DeliveryFilter{State: store.Dead}, ""},
		"proven":     {store.DeliveryFilter{State: store.Proven}, ""},
		"lane":       {store.DeliveryFilter{Lane: "B2"}, "dc"},
		"task":       {store.DeliveryFilter{Task: "task-1"}, "ba"},
		"everything": {store.DeliveryFilter{State: store.Owed, Lane: "A81001", Task: "task-1", Before: held, Limit: 1}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			view(t, s, func(r store.Reader) error {
				list, err := r.Deliveries().List(c.f)
				want(t, "keys", keys(list), c.want)
				for _, d := range list {
					if d.Payload != nil {
						t.Error("a list carries payloads")
					}
				}
				return err
			})
		})
	}
	t.Run("counts and next due", func(t *testing.T) {
		view(t, s, func(r store.Reader) error {
			counts, err := r.Deliveries().Counts()
			want(t, "counts", fmt.Sprint(counts[store.Owed], counts[store.Held], counts[store.Dead]), "3 1 0")
			if err != nil {
				return err
			}
			due, err := r.Deliveries().NextDue()
			want(t, "next due", due, start)
			return err
		})
	})
	t.Run("release", func(t *testing.T) {
		release := func(id int64, to store.DeliveryState) error {
			return s.Decide(ctx(), func(tx store.Tx) error { return tx.Deliveries().Release(id, to, start.Add(time.Hour)) })
		}
		wantKind(t, release(99, store.Owed), fault.NotFound)
		wantKind(t, release(full.ID, store.Owed), fault.IllegalMove)
		wantKind(t, release(held, store.Held), fault.IllegalMove)
		wantKind(t, release(held, store.Proven), fault.IllegalMove)
		want(t, "held to owed", release(held, store.Owed), nil)
		want(t, "due", delivery(t, s, held).Due, start.Add(time.Hour))
		want(t, "owed to held", release(full.ID, store.Held), nil)
		want(t, "leased while held", keys(lease(t, s, start.Add(10*time.Second), start.Add(time.Minute), 10)), "")
		want(t, "state", delivery(t, s, full.ID).State, store.Held)
		// Holding ends a lease: its holder's word counts no more.
		want(t, "owed again", release(full.ID, store.Owed), nil)
		taken := lease(t, s, start.Add(2*time.Hour), start.Add(3*time.Hour), 10)
		for _, d := range taken {
			if d.ID == full.ID {
				want(t, "leased to held", release(full.ID, store.Held), nil)
				wantKind(t, settle(s, d, store.Owed, store.Attempt{}), fault.Conflict)
			}
		}
		want(t, "held for good", delivery(t, s, full.ID).State, store.Held)
	})
	t.Run("dead from the start", func(t *testing.T) {
		s := fresh(t, open)
		id, added := owe(t, s, store.Delivery{Key: "x", State: store.Dead, Reason: "no destination", Settled: start})
		got := delivery(t, s, id)
		if !added || got.State != store.Dead || got.Reason != "no destination" || !got.Settled.Equal(start) {
			t.Errorf("got %+v", got)
		}
		want(t, "leased while dead", keys(lease(t, s, start.Add(time.Hour), start.Add(2*time.Hour), 10)), "")
		for _, state := range []store.DeliveryState{store.Leased, store.Delivered, store.Proven} {
			err := s.Decide(ctx(), func(tx store.Tx) error {
				_, _, err := tx.Deliveries().Owe(store.Delivery{Key: string(state), State: state})
				return err
			})
			wantKind(t, err, fault.IllegalMove)
		}
	})
	t.Run("nothing owed", func(t *testing.T) {
		s := fresh(t, open)
		view(t, s, func(r store.Reader) error {
			due, err := r.Deliveries().NextDue()
			want(t, "next due", due.IsZero(), true)
			_, missing := r.Deliveries().Get(1)
			wantKind(t, missing, fault.NotFound)
			return err
		})
	})
}

func testLeases(t *testing.T, open Open) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	setup := func(t *testing.T) store.Store {
		s := fresh(t, open)
		for i, lane := range []string{"A", "A", "B", "C", "A"} {
			owe(t, s, store.Delivery{Key: string(rune('a' + i)), Lane: lane, Due: at(5 - i), Payload: []byte{byte(i)}})
		}
		return s
	}
	t.Run("due ones, oldest first", func(t *testing.T) {
		s := setup(t)
		want(t, "not yet due", keys(lease(t, s, at(0), at(1), 10)), "")
		got := lease(t, s, at(3), at(4), 10)
		want(t, "due", keys(got), "edc")
		want(t, "lease", fmt.Sprint(string(got[0].State), " ", got[0].LeaseUntil.Equal(at(4)), " ", got[0].Fence, " ", got[0].Payload), "leased true 1 [4]")
		want(t, "leased already", keys(lease(t, s, at(3), at(4), 10)), "")
		// A lease that has run out counts as due from then on.
		want(t, "all", keys(lease(t, s, at(6), at(60), 10)), "bcdea")
	})
	t.Run("lanes left out", func(t *testing.T) {
		s := setup(t)
		want(t, "without A", keys(lease(t, s, at(9), at(10), 10, "A", "Z")), "dc")
		want(t, "the rest, two", keys(lease(t, s, at(9), at(10), 2)), "eb")
		want(t, "none", keys(lease(t, s, at(9), at(10), 0)), "")
	})
	t.Run("expiry and fence", func(t *testing.T) {
		s := setup(t)
		end := at(1).Add(30 * time.Second)
		first := lease(t, s, at(1), end, 1)[0]
		view(t, s, func(r store.Reader) error {
			due, err := r.Deliveries().NextDue()
			want(t, "next due is the end of the lease", due, end)
			return err
		})
		second := lease(t, s, end, at(3), 1)[0]
		want(t, "leased again", fmt.Sprint(second.Key, " ", second.Fence), "e 2")
		wantKind(t, settle(s, first, store.Delivered, store.Attempt{}), fault.Conflict)
		want(t, "settled by the holder", settle(s, second, store.Delivered, store.Attempt{State: "delivered"}), nil)
		wantKind(t, settle(s, second, store.Delivered, store.Attempt{}), fault.Conflict)
		third := lease(t, s, at(2), at(3), 1)
		want(t, "settled ones are not leased", keys(third), "d")
		// Late, but nobody else has taken it: the word counts.
		want(t, "settled after expiry", settle(s, third[0], store.Proven, store.Attempt{}), nil)
		wantKind(t, settle(s, store.Delivery{ID: 99}, store.Dead, store.Attempt{}), fault.NotFound)
	})
	t.Run("renewed", func(t *testing.T) {
		s := setup(t)
		first := lease(t, s, at(1), at(2), 1)[0]
		extend := func(d store.Delivery, until time.Time) error {
			return s.Decide(ctx(), func(tx store.Tx) error { return tx.Deliveries().Extend(d.ID, d.Fence, until) })
		}
		want(t, "extended", extend(first, at(4)), nil)
		want(t, "not due at its old end", keys(lease(t, s, at(2), at(3), 1)), "d")
		second := lease(t, s, at(4), at(5), 10)
		want(t, "due at its new end", keys(second), "cdbe")
		wantKind(t, extend(first, at(9)), fault.Conflict)
		wantKind(t, extend(store.Delivery{ID: 99, Fence: 1}, at(9)), fault.Conflict)
		for _, d := range second {
			if d.ID == first.ID {
				want(t, "settled", settle(s, d, store.Proven, store.Attempt{}), nil)
				wantKind(t, extend(d, at(9)), fault.Conflict)
			}
		}
	})
	t.Run("attempts", func(t *testing.T) { attempts(t, setup(t)) })
	t.Run("at once", func(t *testing.T) {
		s := fresh(t, open)
		for i := range 40 {
			owe(t, s, store.Delivery{Key: fmt.Sprint(i), Due: at(1)})
		}
		taken := make([][]store.Delivery, 8)
		together(8, func(i int) {
			if err := s.Decide(ctx(), func(tx store.Tx) (err error) {
				taken[i], err = tx.Deliveries().Lease(at(2), at(3), 7, nil)
				return err
			}); err != nil {
				t.Errorf("lease: %v", err)
			}
		})
		seen := map[int64]bool{}
		for _, ds := range taken {
			for _, d := range ds {
				if seen[d.ID] {
					t.Errorf("delivery %d leased twice", d.ID)
				}
				seen[d.ID] = true
			}
		}
		want(t, "leased in all", len(seen), 40)
	})
}

func attempts(t *testing.T, s store.Store) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	d := lease(t, s, at(1), at(2), 1)[0]
	d.Due, d.Reason = at(30), "the peer was down"
	first := store.Attempt{Started: at(1), Ended: at(1).Add(time.Second), State: "retry", Status: 503, Reason: "the peer was down", Evidence: []byte("busy")}
	want(t, "retry", settle(s, d, store.Owed, first), nil)
	got := delivery(t, s, d.ID)
	want(t, "after the first", fmt.Sprint(string(got.State), " ", got.Due.Equal(at(30)), " ", got.Attempts, " ", got.Reason, " ", got.Settled.IsZero()), "owed true 1 the peer was down true")
	wantKind(t, settle(s, got, store.Leased, store.Attempt{}), fault.IllegalMove)
	d = lease(t, s, at(30), at(31), 10)[0]
	for d.Key != "e" {
		want(t, "settle", settle(s, d, store.Held, store.Attempt{}), nil)
		d = lease(t, s, at(40), at(41), 1)[0]
	}
	d.Reason = "refused"
	want(t, "dead", settle(s, d, store.Dead, store.Attempt{Started: at(30), Ended: at(31), State: "dead"}), nil)
	got = delivery(t, s, d.ID)
	want(t, "after the second", fmt.Sprint(string(got.State), " ", got.Attempts, " ", got.Settled.IsZero()), "dead 2 false")
	view(t, s, func(r store.Reader) error {
		all, err := r.Deliveries().Attempts(d.ID)
		if err != nil {
			return err
		}
		first.Delivery, first.Number = d.ID, 1
		if len(all) != 2 || !reflect.DeepEqual(all[0], first) || all[1].Number != 2 {
			t.Errorf("attempts are %+v", all)
		}
		counts, err := r.Deliveries().Counts()
		want(t, "dead ones", counts[store.Dead], int64(1))
		return err
	})
	decide(t, s, func(tx store.Tx) error { return tx.Deliveries().Release(d.ID, store.Owed, at(50)) })
	got = delivery(t, s, d.ID)
	want(t, "released", fmt.Sprint(string(got.State), " ", got.Due.Equal(at(50)), " ", got.Settled.IsZero(), " ", got.Attempts), "owed true true 2")
}
