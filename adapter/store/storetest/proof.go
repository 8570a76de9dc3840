package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// testLanes: each lane gives as much as it has room for, and what has piled up
// in one of them hides nothing of the others.
func testLanes(t *testing.T, open Open) {
	s := fresh(t, open)
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	decide(t, s, func(tx store.Tx) error {
		for i := range 1200 {
			if _, _, err := tx.Deliveries().Owe(store.Delivery{Key: fmt.Sprint("full-", i), Lane: "F", Due: at(1)}); err != nil {
				return err
			}
		}
		return nil
	})
	for i, lane := range []string{"A", "B", "", "A", "A", "Z"} {
		owe(t, s, store.Delivery{Key: string(rune('a' + i)), Lane: lane, Due: at(10 + i)})
	}
	take := func(n int, room map[string]int) (out []store.Delivery) {
		decide(t, s, func(tx store.Tx) (err error) {
			out, err = tx.Deliveries().Lease(at(60), at(61), n, func(lane string) int { return room[lane] })
			return err
		})
		return out
	}
	want(t, "no room", len(take(10, nil)), 0)
	want(t, "past a full lane", keys(take(3, map[string]int{"A": 2, "B": 5, "": 1, "Z": 1})), "abc")
	want(t, "room of a lane", keys(take(10, map[string]int{"A": 1, "B": 5, "Z": 1})), "df")
	got := take(4, map[string]int{"F": 2, "A": 3})
	want(t, "the oldest first", len(got), 3)
	want(t, "two of the full lane", got[0].Lane+got[1].Lane+got[2].Key, "FFe")
	var all []store.Delivery
	decide(t, s, func(tx store.Tx) (err error) {
		all, err = tx.Deliveries().Lease(at(60), at(61), 2000, nil)
		return err
	})
	want(t, "bounded", len(all), 1000)
}

// testProof: what a peer took is awaited, acknowledged or overdue.
func testProof(t *testing.T, open Open) {
	s := fresh(t, open)
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	for i := range 3 {
		owe(t, s, store.Delivery{Key: string(rune('a' + i)), Lane: "A", Channel: "mesh", Due: at(1)})
	}
	taken := lease(t, s, at(2), at(3), 3)
	for i, d := range taken {
		d.Stage, d.Due, d.Channel = "accepted-for-transport", at(100-i), "other"
		want(t, "sent", settle(s, d, store.Sent, store.Attempt{State: "sent", Channel: "mesh"}), nil)
	}
	got := delivery(t, s, taken[0].ID)
	want(t, "as sent", fmt.Sprint(got.State, " ", got.Stage, " ", got.Channel, " ", got.Due.Equal(at(100)), " ", got.Settled.IsZero()), "sent accepted-for-transport other true true")
	view(t, s, func(r store.Reader) error {
		due, err := r.Deliveries().NextDue()
		want(t, "nothing is due", due.IsZero(), true)
		counts, _ := r.Deliveries().Counts()
		want(t, "counted", counts[store.Sent], int64(3))
		over, _ := r.Deliveries().Overdue(at(99), 10)
		want(t, "overdue", keys(over), "cb")
		over, _ = r.Deliveries().Overdue(at(99), 1)
		want(t, "the longest overdue", keys(over), "c")
		list, _ := r.Deliveries().List(store.DeliveryFilter{State: store.Sent})
		want(t, "listed", keys(list), "cba")
		return err
	})
	want(t, "not leased", keys(lease(t, s, at(200), at(201), 10)), "")
	advance := func(id int64, state store.DeliveryState, a store.Attempt) error {
		return s.Decide(ctx(), func(tx store.Tx) error {
			d, err := tx.Deliveries().Get(id)
			if err != nil {
				return err
			}
			d.State, d.Stage = state, a.State
			return tx.Deliveries().Advance(d, a)
		})
	}
	want(t, "acknowledged", advance(taken[0].ID, store.Delivered, store.Attempt{State: "in-practice-workflow", Evidence: []byte("<ok/>")}), nil)
	got = delivery(t, s, taken[0].ID)
	want(t, "as acknowledged", fmt.Sprint(got.State, " ", got.Stage, " ", got.Attempts, " ", got.Settled.IsZero()), "delivered in-practice-workflow 2 false")
	wantKind(t, advance(taken[0].ID, store.Leased, store.Attempt{}), fault.IllegalMove)
	wantKind(t, advance(99, store.Dead, store.Attempt{}), fault.NotFound)

	// An acknowledgement that overtakes the answer to sending ends the lease.
	late, _ := owe(t, s, store.Delivery{Key: "late", Due: at(1)})
	leased := lease(t, s, at(2), at(3), 1)[0]
	want(t, "acknowledged while leased", advance(late, store.Delivered, store.Attempt{State: "known"}), nil)
	wantKind(t, settle(s, leased, store.Sent, store.Attempt{}), fault.Conflict)
	note := func(id int64) error {
		return s.Decide(ctx(), func(tx store.Tx) error {
			return tx.Deliveries().Note(id, store.Attempt{State: "sent", Channel: "mesh", Status: 202})
		})
	}
	want(t, "noted", note(late), nil)
	wantKind(t, note(99), fault.NotFound)
	got = delivery(t, s, late)
	want(t, "moved by the first word alone", fmt.Sprint(got.State, " ", got.Attempts), "delivered 2")
	view(t, s, func(r store.Reader) error {
		all, err := r.Deliveries().Attempts(late)
		if len(all) != 2 || all[0].State != "known" || all[1].Channel != "mesh" || all[1].Status != 202 {
			t.Errorf("attempts are %+v", all)
		}
		return err
	})
	want(t, "withheld", advance(taken[1].ID, store.Withheld, store.Attempt{State: "withheld"}), nil)
	decide(t, s, func(tx store.Tx) error { return tx.Deliveries().Release(taken[1].ID, store.Owed, at(300)) })
	want(t, "owed again", delivery(t, s, taken[1].ID).State, store.Owed)
	want(t, "closed", advance(taken[2].ID, store.Closed, store.Attempt{State: "closed"}), nil)
	wantKind(t, s.Decide(ctx(), func(tx store.Tx) error { return tx.Deliveries().Release(taken[2].ID, store.Owed, at(300)) }), fault.IllegalMove)
}

// testMarks: a delivery is found by what it was marked with, in a period and a
// practice, until it is pruned.
func testMarks(t *testing.T, open Open) {
	s := fresh(t, open)
	for i := range 6 {
		marks := []string{"all"}
		if i%2 == 1 {
			marks = append(marks, "code 1", "code 1")
		}
		owe(t, s, store.Delivery{Key: string(rune('a' + i)), Lane: string(rune('A' + i/3)), Created: days(i), Due: days(0), Marks: marks})
	}
	d := lease(t, s, days(1), days(2), 1)[0]
	d.Marks = []string{"ref 7", "all"}
	want(t, "marked by settling", settle(s, d, store.Proven, store.Attempt{}), nil)
	decide(t, s, func(tx store.Tx) error { return tx.Deliveries().Mark(3, []string{"late", "all"}) })
	wantKind(t, s.Decide(ctx(), func(tx store.Tx) error { return tx.Deliveries().Mark(99, []string{"late"}) }), fault.NotFound)
	list := func(f store.DeliveryFilter) (out string) {
		view(t, s, func(r store.Reader) error {
			ds, err := r.Deliveries().List(f)
			out = keys(ds)
			return err
		})
		return out
	}
	for name, c := range map[string]struct {
		f    store.DeliveryFilter
		want string
	}{
		"mark":            {store.DeliveryFilter{Mark: "code 1"}, "fdb"},
		"marked later":    {store.DeliveryFilter{Mark: "late"}, "c"},
		"settled mark":    {store.DeliveryFilter{Mark: "ref 7"}, "a"},
		"unknown":         {store.DeliveryFilter{Mark: "code"}, ""},
		"limit":           {store.DeliveryFilter{Mark: "all", Limit: 2}, "fe"},
		"before":          {store.DeliveryFilter{Mark: "all", Before: 3}, "ba"},
		"period":          {store.DeliveryFilter{Since: days(1), Until: days(3)}, "cb"},
		"period and mark": {store.DeliveryFilter{Mark: "code 1", Since: days(2)}, "fd"},
		"everything":      {store.DeliveryFilter{Mark: "code 1", Since: days(2), Until: days(9), Lane: "B", State: store.Owed, Before: 6}, "d"},
	} {
		if got := list(c.f); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	owe(t, s, store.Delivery{Key: "z"}) // the newest row stays whatever its age
	want(t, "pruned", prune(t, s, store.Retention{Deliveries: time.Now().AddDate(50, 0, 0)}), 1)
	want(t, "marks go along", list(store.DeliveryFilter{Mark: "ref 7"}), "")
}

func testSwitches(t *testing.T, open Open) {
	place := t.TempDir()
	s := open(t, place, newClock().tick)
	set := func(name string, value []byte) error {
		return s.Decide(ctx(), func(tx store.Tx) error { return tx.Switches().Set(name, value) })
	}
	get := func(name string) (out string) {
		view(t, s, func(r store.Reader) error {
			v, err := r.Switches().Get(name)
			out = fmt.Sprint(v != nil, " ", string(v))
			return err
		})
		return out
	}
	want(t, "not set", get("stop/A81001"), "false ")
	for _, name := range []string{"stop/A81001", "stop/A81002", "stop", "stoq/A", "stop/\u00e9"} {
		want(t, "set", set(name, []byte("1 "+name)), nil)
	}
	want(t, "set again", set("stop/A81001", []byte("2")), nil)
	want(t, "changed", get("stop/A81001"), "true 2")
	want(t, "removed", set("stop/A81002", nil), nil)
	want(t, "empty is not absent", set("empty", []byte{}), nil)
	wantKind(t, set("", []byte("x")), fault.Internal)
	wantKind(t, set("x", make([]byte, 65<<10)), fault.Internal)
	wantKind(t, s.Decide(ctx(), func(tx store.Tx) error {
		if err := tx.Switches().Set("undone", []byte("x")); err != nil {
			return err
		}
		if v, err := tx.Switches().Get("undone"); string(v) != "x" || err != nil {
			t.Errorf("a decision does not see its own switch: %q, %v", v, err)
		}
		return fault.New(fault.Conflict, "", "no")
	}), fault.Conflict)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, place, newClock().tick)
	defer s.Close()
	want(t, "undone", get("undone"), "false ")
	want(t, "empty", get("empty"), "true ")
	view(t, s, func(r store.Reader) error {
		all, err := r.Switches().List("stop/")
		want(t, "listed", fmt.Sprint(len(all), " ", string(all["stop/A81001"]), " ", string(all["stop/\u00e9"])), "2 2 1 stop/\u00e9")
		return err
	})
}
