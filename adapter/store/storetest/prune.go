package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// maxStep is more than any store should remove in one step.
const maxStep = 5000

// prune runs a whole round and returns what it removed.
func prune(t *testing.T, s store.Store, r store.Retention) (removed int) {
	t.Helper()
	for range 10_000 {
		n, more, err := s.Prune(ctx(), r)
		if err != nil {
			t.Fatalf("prune: %v", err)
		}
		if n < 0 || n > maxStep {
			t.Errorf("one step removed %d", n)
		}
		if removed += n; !more {
			return removed
		}
	}
	t.Fatal("pruning does not end")
	return 0
}

// days is a moment of the suite's calendar.
func days(n int) time.Time { return start.AddDate(0, 0, n) }

// onDay opens a store whose clock the test sets by days.
func onDay(t *testing.T, open Open) (store.Store, func(day int)) {
	t.Helper()
	c := newClock()
	s := open(t, t.TempDir(), c.tick)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s, func(day int) { c.set(days(day)) }
}

func testPrune(t *testing.T, open Open) {
	t.Run("messages", func(t *testing.T) { pruneMessages(t, open) })
	t.Run("deliveries", func(t *testing.T) { pruneDeliveries(t, open) })
	t.Run("history", func(t *testing.T) { pruneHistory(t, open) })
	t.Run("audit", func(t *testing.T) { pruneAudit(t, open) })
	t.Run("many", func(t *testing.T) { pruneMany(t, open) })
	t.Run("ids are not given twice", func(t *testing.T) { pruneIDs(t, open) })
}

func addMessage(t *testing.T, s store.Store, n int, state store.MessageState, received time.Time) (id int64) {
	t.Helper()
	decide(t, s, func(tx store.Tx) (err error) {
		id, err = tx.Inbox().Add(store.Message{
			Dedupe: [32]byte{1, byte(n), byte(n >> 8)}, Sender: "north", Task: fmt.Sprint("task-", n), State: state,
			Received: received, Body: []byte("MSH|"), Reply: []byte("MSA|AA"), Seen: 1,
		})
		return err
	})
	return id
}

// pruneMessages: what is accepted goes with its identity, so that the same
// bytes would be a new message; what failed is somebody's work and stays.
func pruneMessages(t *testing.T, open Open) {
	s, _ := onDay(t, open)
	old := addMessage(t, s, 1, store.Accepted, days(1))
	failed := addMessage(t, s, 2, store.Failed, days(1))
	edge := addMessage(t, s, 3, store.Accepted, days(10))
	late := addMessage(t, s, 4, store.Accepted, days(2)) // ids and times do not always agree
	addMessage(t, s, 5, store.Accepted, days(11))
	closed := addMessage(t, s, 6, store.ClosedMessage, days(1))
	addMessage(t, s, 7, store.Accepted, days(11)) // the newest row may be kept for its id

	want(t, "with no retention", prune(t, s, store.Retention{}), 0)
	want(t, "of other kinds", prune(t, s, store.Retention{Deliveries: days(99), History: days(99), Audit: days(99)}), 0)
	want(t, "removed", prune(t, s, store.Retention{Messages: days(10)}), 2)
	want(t, "again", prune(t, s, store.Retention{Messages: days(10)}), 0)
	view(t, s, func(r store.Reader) error {
		for id, there := range map[int64]bool{old: false, failed: true, edge: true, late: false, closed: true} {
			if _, err := r.Inbox().Get(id); (err == nil) != there {
				t.Errorf("message %d: %v", id, err)
			}
		}
		_, err := r.Inbox().Find([32]byte{1, 1})
		wantKind(t, err, fault.NotFound)
		_, err = r.Inbox().ForTask("task-1")
		wantKind(t, err, fault.NotFound)
		list, err := r.Inbox().List(store.InboxFilter{Sender: "north"})
		want(t, "listed", len(list), 5)
		return err
	})
	if again := addMessage(t, s, 1, store.Accepted, days(12)); again <= old {
		t.Errorf("the message was given %d again", again)
	}
}

// pruneDeliveries: only what reached its end well goes, with its attempts.
func pruneDeliveries(t *testing.T, open Open) {
	s, day := onDay(t, open)
	day(1)
	ids := map[string]int64{}
	for _, k := range []string{"proven", "delivered", "late", "dead", "held", "retry", "leased"} {
		ids[k], _ = owe(t, s, store.Delivery{Key: k, Lane: "A", Task: "t", Due: days(1), Payload: []byte("{}")})
	}
	for _, d := range lease(t, s, days(1), days(2), 10) {
		a := store.Attempt{Started: days(1), Ended: days(1), State: "x", Evidence: []byte("seen")}
		state := map[string]store.DeliveryState{
			"proven": store.Proven, "delivered": store.Delivered, "late": store.Proven, "dead": store.Dead,
			"held": store.Held, "retry": store.Owed,
		}[d.Key]
		if d.Settled = days(1); d.Key == "late" {
			d.Settled = days(10)
		}
		if state == "" {
			continue // stays leased
		}
		if err := settle(s, d, state, a); err != nil {
			t.Fatalf("%s: %v", d.Key, err)
		}
	}
	day(20)
	owe(t, s, store.Delivery{Key: "newest"})

	want(t, "before their time", prune(t, s, store.Retention{Deliveries: days(1)}), 0)
	want(t, "removed", prune(t, s, store.Retention{Deliveries: days(10)}), 2)
	want(t, "again", prune(t, s, store.Retention{Deliveries: days(10)}), 0)
	view(t, s, func(r store.Reader) error {
		for k, id := range ids {
			gone := k == "proven" || k == "delivered"
			_, err := r.Deliveries().Get(id)
			if (err != nil) != gone || err != nil && fault.KindOf(err) != fault.NotFound {
				t.Errorf("%s: %v", k, err)
			}
			tried, err := r.Deliveries().Attempts(id)
			if want := !gone && k != "leased"; (len(tried) == 1) != want || err != nil {
				t.Errorf("%s has %d attempts, %v", k, len(tried), err)
			}
		}
		n, err := r.Deliveries().Counts()
		want(t, "counts", fmt.Sprint(n[store.Owed], n[store.Leased], n[store.Delivered], n[store.Proven], n[store.Dead], n[store.Held]), "2 1 0 1 1 1")
		return err
	})
	if _, added := owe(t, s, store.Delivery{Key: "late"}); added {
		t.Error("a delivery that is there was owed again")
	}
}

// pruneHistory: the current version stays whatever its age, a deletion too; the
// rest of the history is as if it had never been.
func pruneHistory(t *testing.T, open Open) {
	s, day := onDay(t, open)
	a, b, once, revived, gone := key("Task", "a"), key("Task", "b"), key("Patient", "once"), key("Task", "revived"), key("Task", "gone")
	day(1)
	put(t, s, a, 0, "1", facts("x"))
	put(t, s, once, 0, "1", facts("y"))
	put(t, s, revived, 0, "1", facts("x"))
	remove(t, s, revived, 1)
	put(t, s, gone, 0, "1", facts("x"))
	remove(t, s, gone, 1)
	day(2)
	put(t, s, a, 1, "2", facts("x"))
	put(t, s, revived, 2, "3", facts("x"))
	put(t, s, b, 0, "1", facts("x"))
	day(10)
	put(t, s, a, 2, "3", facts("x"))
	day(11)
	put(t, s, a, 3, "4", facts("x"))
	put(t, s, b, 1, "2", facts())

	want(t, "before their time", prune(t, s, store.Retention{History: days(1)}), 0)
	want(t, "removed", prune(t, s, store.Retention{History: days(10)}), 6)
	want(t, "again", prune(t, s, store.Retention{History: days(10)}), 0)
	check := func(what string, k store.Key, limit int, expected string) {
		t.Helper()
		got := ""
		for q := (store.HistoryQuery{Key: k, Limit: limit}); ; {
			page := history(t, s, q)
			if got += " " + numbered(page); page.Next == "" {
				break
			}
			q.After = page.Next
		}
		want(t, what, got, " "+expected)
	}
	for _, limit := range []int{1, 2, 50} {
		separated := func(pages ...string) (out string) {
			for i, p := range pages {
				if i > 0 && i%limit == 0 {
					out += " "
				}
				if out += p; i < len(pages)-1 && (i+1)%limit != 0 {
					out += " "
				}
			}
			return out
		}
		check("history of one", a, limit, separated("a/4", "a/3"))
		check("of one with one version", once, limit, "once/1")
		check("of one that came back", revived, limit, "revived/3")
		check("of one that is deleted", gone, limit, "gone/2-")
		check("of a type", store.Key{Type: "Task"}, limit, separated("b/2", "a/4", "a/3", "revived/3", "gone/2-"))
		check("of everything", store.Key{}, limit, separated("b/2", "a/4", "a/3", "revived/3", "gone/2-", "once/1"))
	}
	view(t, s, func(r store.Reader) error {
		for _, c := range []struct {
			k      store.Key
			number int64
			there  bool
		}{{a, 1, false}, {a, 2, false}, {a, 3, true}, {a, 4, true}, {b, 1, false}, {revived, 2, false}, {gone, 1, false}, {gone, 2, true}, {once, 1, true}} {
			_, err := r.Resources().GetVersion(c.k, c.number)
			if (err == nil) != c.there || err != nil && fault.KindOf(err) != fault.NotFound {
				t.Errorf("version %d of %s: %v", c.number, c.k, err)
			}
		}
		return nil
	})
	q := resource.Query{Type: "Task", Limit: 10, Clauses: []resource.Clause{{Any: []resource.Term{term("x")}}}}
	want(t, "found", ids(search(t, s, q)), "revived a")
	// Life goes on where the numbers stood.
	want(t, "next version", put(t, s, a, 4, "5", facts("x")).Number, int64(5))
	want(t, "revived", put(t, s, gone, 2, "3", facts("x")).Number, int64(3))
	want(t, "removed later", prune(t, s, store.Retention{History: days(12)}), 3)
	check("history of one, later", a, 50, "a/5")
	check("of the one that came back from deletion", gone, 50, "gone/3")
}

func pruneAudit(t *testing.T, open Open) {
	s, _ := onDay(t, open)
	for _, at := range []int{1, 2, 12, 3, 10, 11} {
		decide(t, s, func(tx store.Tx) error {
			return tx.Ledger().Audit(store.AuditEvent{At: days(at), Agent: "a", Action: "read", Entity: "Task/1", Outcome: "success"})
		})
	}
	want(t, "removed", prune(t, s, store.Retention{Audit: days(10)}), 3)
	want(t, "again", prune(t, s, store.Retention{Audit: days(10)}), 0)
}

// pruneMany needs several steps, beside which decisions are taken.
func pruneMany(t *testing.T, open Open) {
	s, _ := onDay(t, open)
	const n = 1500
	for i := 0; i < n; {
		decide(t, s, func(tx store.Tx) error {
			for end := i + 100; i < end; i++ {
				state := store.Accepted
				if i%10 == 0 {
					state = store.Failed
				}
				if _, err := tx.Inbox().Add(store.Message{Dedupe: [32]byte{2, byte(i), byte(i >> 8)}, State: state, Received: days(i / 1000)}); err != nil {
					return err
				}
				if err := tx.Ledger().Audit(store.AuditEvent{At: days(i / 1000)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- i
				return
			default:
			}
			if err := s.Decide(ctx(), func(tx store.Tx) error {
				_, err := tx.Inbox().Add(store.Message{Dedupe: [32]byte{3, byte(i), byte(i >> 8)}, State: store.Accepted, Received: days(20)})
				return err
			}); err != nil {
				t.Errorf("a decision beside pruning: %v", err)
			}
		}
	}()
	removed := prune(t, s, store.Retention{Messages: days(1), Audit: days(1)})
	close(stop)
	beside := <-stopped
	want(t, "removed", removed, 900+1000)
	left := 0
	view(t, s, func(r store.Reader) error {
		left = 0
		for f := (store.InboxFilter{Limit: 1000}); ; {
			page, err := r.Inbox().List(f)
			if err != nil || len(page) == 0 {
				return err
			}
			left += len(page)
			f.Before = page[len(page)-1].ID
		}
	})
	want(t, "left", left, n-900+beside)
}

// pruneIDs: the relay and people name things by id, long after.
func pruneIDs(t *testing.T, open Open) {
	place, c := t.TempDir(), newClock()
	s := open(t, place, c.tick)
	message := addMessage(t, s, 1, store.Accepted, days(1))
	owed, _ := owe(t, s, store.Delivery{Key: "a", Due: days(0), Created: days(0)})
	d := lease(t, s, days(1), days(2), 1)[0]
	d.Settled = days(1)
	want(t, "settled", settle(s, d, store.Proven, store.Attempt{}), nil)
	prune(t, s, store.Retention{Messages: days(50), Deliveries: days(50), History: days(50), Audit: days(50)})
	want(t, "close", s.Close(), nil)
	s = open(t, place, c.tick)
	defer s.Close()
	if id := addMessage(t, s, 2, store.Accepted, days(60)); id <= message {
		t.Errorf("message %d was followed by %d", message, id)
	}
	if id, _ := owe(t, s, store.Delivery{Key: "b"}); id <= owed {
		t.Errorf("delivery %d was followed by %d", owed, id)
	}
}
