package escalation_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/escalation"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// TestLook: each step tells once of what has waited long enough and still does.
func TestLook(t *testing.T) {
	cfg := sqlite.DefaultConfig()
	cfg.Path = t.TempDir()
	s, err := sqlite.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	n := 0
	dead := func(at time.Time, lane string, stage outbound.Stage) {
		n++
		if err := s.Decide(t.Context(), func(tx store.Tx) error {
			d := store.Delivery{Key: fmt.Sprint("k", n), Lane: lane, State: store.Dead, Created: at, Settled: at}
			id, _, err := tx.Deliveries().Owe(d)
			if err != nil {
				return err
			}
			d.ID, d.Stage = id, string(stage)
			return tx.Deliveries().Advance(d, store.Attempt{})
		}); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	w := &escalation.Watcher{Store: s, Steps: []escalation.Step{{0, "hook"}, {24 * time.Hour, "duty"}}, Every: time.Minute, Owed: func() { told++ }}
	look := func(at time.Time, want string) {
		t.Helper()
		told = 0
		if err := w.Look(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := s.View(t.Context(), func(r store.Reader) error {
			list, err := r.Deliveries().List(store.DeliveryFilter{Limit: told + 1})
			for i := told - 1; i >= 0; i-- {
				d, err := r.Deliveries().Get(list[i].ID)
				if err != nil {
					return err
				}
				var a escalation.Alert
				if err := json.Unmarshal(d.Payload, &a); err != nil {
					return err
				}
				got += fmt.Sprint(d.Lane, " ", a.Count, a.Overdue, a.Orphans, a.Practices, ";")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("at %s: %q, want %q", at.Sub(start), got, want)
		}
	}
	look(start, "")
	dead(start.Add(time.Minute), "A81001", outbound.Overdue)
	dead(start.Add(2*time.Minute), "", outbound.Orphan)
	look(start.Add(time.Hour), "alert/hook 2 1 1 map[A81001:1];")
	look(start.Add(time.Hour), "")
	dead(start.Add(90*time.Minute), "A81001", "")
	look(start.Add(2*time.Hour), "alert/hook 1 0 0 map[A81001:1];")
	// One of them was seen to meanwhile.
	if err := s.Decide(t.Context(), func(tx store.Tx) error { return tx.Deliveries().Release(1, store.Owed, start) }); err != nil {
		t.Fatal(err)
	}
	look(start.Add(25*time.Hour), "alert/duty 1 0 1 map[];")
	look(start.Add(26*time.Hour), "alert/duty 1 0 0 map[A81001:1];")
	look(start.Add(90*time.Hour), "")
}

func TestText(t *testing.T) {
	subject, body, err := escalation.Text([]byte(`{"kind":"needs-a-human","waiting":"24h0m0s","count":3,"overdue":1,"practices":{"B2":1,"A81001":2}}`))
	if err != nil || subject != "linkloop: 3 deliveries wait for a human" || !strings.Contains(body, "practice A81001: 2\npractice B2: 1\n") {
		t.Errorf("%q %q %v", subject, body, err)
	}
	for _, bad := range []string{"", "{}", "[]"} {
		if _, _, err := escalation.Text([]byte(bad)); err == nil {
			t.Errorf("%q is an alert", bad)
		}
	}
}
