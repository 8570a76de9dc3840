package reconciliation_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/reconciliation"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

func opened(t *testing.T) store.Store {
	t.Helper()
	cfg := sqlite.DefaultConfig()
	cfg.Path = t.TempDir()
	s, err := sqlite.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// owe puts a delivery on the books in a state.
func owe(t *testing.T, s store.Store, key, lane string, created time.Time, state store.DeliveryState, stage outbound.Stage) {
	t.Helper()
	if err := s.Decide(t.Context(), func(tx store.Tx) error {
		d := store.Delivery{Key: key, Lane: lane, Channel: "c", Created: created, Due: created.AddDate(10, 0, 0)}
		id, _, err := tx.Deliveries().Owe(d)
		if err != nil || state == store.Owed {
			return err
		}
		d.ID, d.State, d.Stage = id, state, string(stage)
		return tx.Deliveries().Advance(d, store.Attempt{Channel: "c"})
	}); err != nil {
		t.Fatal(err)
	}
}

// sent are the reports on the books, oldest first, as channel and day.
func sent(t *testing.T, s store.Store) (names []string, messages []reconciliation.Message) {
	t.Helper()
	if err := s.View(t.Context(), func(r store.Reader) error {
		names, messages = nil, nil
		list, err := r.Deliveries().List(store.DeliveryFilter{Limit: 1000})
		if err != nil {
			return err
		}
		for i := len(list) - 1; i >= 0; i-- {
			if !strings.HasPrefix(list[i].Key, outbound.AlertKey) {
				continue
			}
			d, err := r.Deliveries().Get(list[i].ID)
			if err != nil {
				return err
			}
			var m reconciliation.Message
			if err := json.Unmarshal(d.Payload, &m); err != nil {
				return err
			}
			names, messages = append(names, d.Channel+" "+m.Day), append(messages, m)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return names, messages
}

// TestDailyTimes: the report of a day comes on the next one, at the time that
// the clocks in London show, in winter and in summer and when they are changed;
// once, and after a pause for each day that was missed.
func TestDailyTimes(t *testing.T) {
	type look struct{ now, want string } // want: the days that are new
	for name, c := range map[string]struct {
		at    string
		looks []look
	}{
		"winter": {"07:00", []look{{"2026-01-10T06:59:59Z", ""}, {"2026-01-10T07:00:00Z", "2026-01-09"}, {"2026-01-10T07:01:00Z", ""}, {"2026-01-11T06:59:00Z", ""}, {"2026-01-11T09:00:00Z", "2026-01-10"}}},
		"summer": {"07:00", []look{{"2026-07-10T05:59:59Z", ""}, {"2026-07-10T06:00:00Z", "2026-07-09"}, {"2026-07-10T23:30:00Z", ""}, {"2026-07-11T06:00:00Z", "2026-07-10"}}},
		"clocks go forward": {"07:00", []look{{"2026-03-28T07:00:00Z", "2026-03-27"}, {"2026-03-29T05:59:00Z", ""}, {"2026-03-29T06:00:00Z", "2026-03-28"},
			{"2026-03-30T05:59:00Z", ""}, {"2026-03-30T06:00:00Z", "2026-03-29"}}},
		"clocks go back":                {"07:00", []look{{"2026-10-24T06:00:00Z", "2026-10-23"}, {"2026-10-25T06:59:00Z", ""}, {"2026-10-25T07:00:00Z", "2026-10-24"}, {"2026-10-26T07:00:00Z", "2026-10-25"}}},
		"a time that spring leaves out": {"01:30", []look{{"2026-03-28T01:30:00Z", "2026-03-27"}, {"2026-03-29T01:40:00Z", "2026-03-28"}, {"2026-03-29T03:00:00Z", ""}, {"2026-03-30T00:30:00Z", "2026-03-29"}}},
		"a time that autumn has twice":  {"01:30", []look{{"2026-10-24T00:30:00Z", "2026-10-23"}, {"2026-10-25T01:30:00Z", "2026-10-24"}, {"2026-10-25T01:31:00Z", ""}, {"2026-10-26T01:30:00Z", "2026-10-25"}}},
		"midnight":                      {"00:00", []look{{"2026-07-09T23:00:00Z", "2026-07-09"}, {"2026-07-10T22:59:59Z", ""}, {"2026-07-10T23:00:00Z", "2026-07-10"}}},
		"nobody ran for three days":     {"07:00", []look{{"2026-01-10T07:00:00Z", "2026-01-09"}, {"2026-01-13T12:00:00Z", "2026-01-10 2026-01-11 2026-01-12"}}},
		"the clock goes back a week": {"07:00", []look{{"2026-01-10T07:00:00Z", "2026-01-09"}, {"2026-01-03T07:00:00Z", "2026-01-02"},
			{"2026-01-05T07:00:00Z", "2026-01-03 2026-01-04"}}},
		"the clock goes back a day": {"07:00", []look{{"2026-01-10T07:00:00Z", "2026-01-09"}, {"2026-01-08T07:00:00Z", ""}, {"2026-01-11T07:00:00Z", "2026-01-10"}}},
		// What was reported while the clock was ahead is reported when it is over.
		"the clock was ahead": {"07:00", []look{{"2026-01-10T07:00:00Z", "2026-01-09"}, {"2026-01-14T07:00:00Z", "2026-01-10 2026-01-11 2026-01-12 2026-01-13"},
			{"2026-01-11T06:00:00Z", ""}, {"2026-01-11T07:00:00Z", "2026-01-10"}, {"2026-01-11T07:01:00Z", ""}, {"2026-01-13T07:00:00Z", "2026-01-11 2026-01-12"}}},
	} {
		s := opened(t)
		minutes, err := reconciliation.ParseTimeOfDay(c.at)
		if err != nil {
			t.Fatal(err)
		}
		had := 0
		for _, l := range c.looks {
			// A new one each time, as after a restart.
			d := &reconciliation.Daily{Store: s, At: minutes, Channels: []string{"hook"}}
			if err := d.Look(t.Context(), at(t, l.now)); err != nil {
				t.Fatal(err)
			}
			names, _ := sent(t, s)
			got := strings.ReplaceAll(strings.Join(names[had:], " "), "hook ", "")
			if had = len(names); got != l.want {
				t.Errorf("%s: at %s: %q, want %q", name, l.now, got, l.want)
			}
		}
	}
	long := opened(t)
	d := &reconciliation.Daily{Store: long, Channels: []string{"hook"}}
	for _, now := range []string{"2026-01-10T07:00:00Z", "2026-06-10T07:00:00Z"} {
		if err := d.Look(t.Context(), at(t, now)); err != nil {
			t.Fatal(err)
		}
	}
	if names, _ := sent(t, long); len(names) != 32 || names[1] != "hook 2026-05-10" || names[31] != "hook 2026-06-09" {
		t.Errorf("after five months: %d reports, %v", len(names), names)
	}
}

// TestClockAheadIsLogged: that the clock was ahead by a year is told, once, and the
// reports go on.
func TestClockAheadIsLogged(t *testing.T) {
	s := opened(t)
	var log strings.Builder
	d := &reconciliation.Daily{Store: s, At: 420, Channels: []string{"hook"}, Log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, now := range []string{"2026-01-10T07:00:00Z", "2027-01-10T07:00:00Z", "2026-01-12T06:00:00Z", "2026-01-12T07:00:00Z", "2026-01-13T07:00:00Z"} {
		if err := d.Look(t.Context(), at(t, now)); err != nil {
			t.Fatal(err)
		}
	}
	names, _ := sent(t, s)
	if n := len(names); names[n-2] != "hook 2026-01-11" || names[n-1] != "hook 2026-01-12" || strings.Count(log.String(), "the clock was ahead") != 1 {
		t.Errorf("%v\n%s", names, log.String())
	}
}

// TestDailyOnce: several instances look at the same time; each channel gets each
// report once.
func TestDailyOnce(t *testing.T) {
	s := opened(t)
	told := make(chan struct{}, 100)
	var all sync.WaitGroup
	for range 8 {
		d := &reconciliation.Daily{Store: s, Channels: []string{"hook", "mail"}, Owed: func() { told <- struct{}{} }}
		all.Go(func() {
			for i := range 3 {
				if err := d.Look(t.Context(), at(t, "2026-01-10T07:00:00Z").AddDate(0, 0, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	names, _ := sent(t, s)
	seen := map[string]int{}
	for _, n := range names {
		seen[n]++
	}
	// An instance that is first with a later day leaves no earlier one out of
	// its own, but the first report ever is that of the day it was.
	for n, times := range seen {
		if times != 1 {
			t.Errorf("%s: %d times", n, times)
		}
	}
	if seen["hook 2026-01-11"] != 1 || seen["mail 2026-01-11"] != 1 || len(told) != len(names) {
		t.Errorf("%v, told %d times", names, len(told))
	}
}

// TestOf: every delivery that was owed on a day in London is in one column of
// its practice, and what is left of earlier days is told beside it.
func TestOf(t *testing.T) {
	s := opened(t)
	day := at(t, "2026-03-29T12:00:00Z") // of 23 hours: 00:00 UTC to 23:00 UTC
	for i, d := range []struct {
		lane, created string
		state         store.DeliveryState
		stage         outbound.Stage
	}{
		{"A1", "2026-03-29T00:00:00Z", store.Owed, ""},
		{"A1", "2026-03-29T22:59:59Z", store.Sent, outbound.Transport},
		{"A1", "2026-03-29T10:00:00Z", store.Dead, outbound.Overdue},
		{"A1", "2026-03-29T10:00:00Z", store.Dead, outbound.Refused},
		{"B2", "2026-03-29T10:00:00Z", store.Proven, outbound.Verified},
		{"B2", "2026-03-29T10:00:00Z", store.Delivered, outbound.Taken},
		{"B2", "2026-03-29T10:00:00Z", store.Withheld, ""},
		{"B2", "2026-03-29T10:00:00Z", store.Closed, ""},
		{"B2", "2026-03-29T10:00:00Z", store.Held, ""},
		{"", "2026-03-29T10:00:00Z", store.Dead, ""},
		{"sender/x", "2026-03-29T10:00:00Z", store.Dead, ""},
		{"A1", "2026-03-29T23:00:00Z", store.Proven, outbound.Verified}, // the next day, in London
		{"A1", "2026-03-28T23:59:59Z", store.Dead, outbound.Overdue},
		{"B2", "2026-03-20T10:00:00Z", store.Proven, outbound.Verified},
		{"B2", "2026-03-21T10:00:00Z", store.Sent, outbound.Transport},
	} {
		owe(t, s, fmt.Sprint("k", i), d.lane, at(t, d.created), d.state, d.stage)
	}
	d := &reconciliation.Daily{Store: s, Channels: []string{"hook"}}
	if err := d.Look(t.Context(), day.AddDate(0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	_, messages := sent(t, s)
	if len(messages) != 1 {
		t.Fatalf("%d reports", len(messages))
	}
	m := messages[0]
	want := []reconciliation.Line{
		{Practice: "", Owed: 1, Human: 1},
		{Practice: "A1", Owed: 4, Waiting: 1, Sent: 1, Overdue: 1, Human: 1},
		{Practice: "B2", Owed: 5, Delivered: 1, Proven: 1, Held: 1, Withheld: 1, Closed: 1},
	}
	if fmt.Sprint(m.Practices) != fmt.Sprint(want) || m.Total.Owed != 10 || m.Earlier != (reconciliation.Line{Practice: "earlier", Owed: 2, Sent: 1, Overdue: 1}) {
		t.Errorf("%+v\n%+v", m.Practices, m)
	}
	if m.Oldest == nil || !m.Oldest.Owed.Equal(at(t, "2026-03-21T10:00:00Z")) {
		t.Errorf("oldest: %+v", m.Oldest)
	}
	payload, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	subject, body, err := reconciliation.Text(payload)
	if err != nil || subject != "linkloop: 2026-03-29: 10 owed, 1 proven; overdue 2, in front of a human 2" ||
		!strings.Contains(body, "A1     4        1     1          0       0        1      1") || !strings.Contains(body, "delivery 15, sent, owed since 2026-03-21 10:00") {
		t.Errorf("%v\n%s\n%s", err, subject, body)
	}
}

func TestTextOfOthers(t *testing.T) {
	for _, bad := range []string{"", "{}", "[]", `{"kind":"needs-a-human","count":1}`} {
		if _, _, err := reconciliation.Text([]byte(bad)); err == nil {
			t.Errorf("%q is a report", bad)
		}
	}
	for _, bad := range []string{"", "7:00", "24:00", "07:60", "07:00:00", "noon"} {
		if _, err := reconciliation.ParseTimeOfDay(bad); err == nil {
			t.Errorf("%q is a time of day", bad)
		}
	}
}
