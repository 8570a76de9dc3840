package storetest

import (
	"fmt"
	"testing"

	"github.com/linkloop/linkloop/adapter/store"
)

// testAudit: the trail is read newest first, by who, what, about what and when,
// and page by page; a look at it is bounded.
func testAudit(t *testing.T, open Open) {
	s, _ := onDay(t, open)
	line := func(n int, agent, action, entity string) store.AuditEvent {
		return store.AuditEvent{At: days(n), Agent: agent, Action: action, Entity: entity, Version: int64(n), Outcome: "success"}
	}
	listed := func(f store.AuditFilter) (string, int64) {
		t.Helper()
		var page store.AuditPage
		if err := s.View(ctx(), func(r store.Reader) (err error) {
			page, err = r.Audit().List(f)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		names := ""
		for _, l := range page.Lines {
			names += fmt.Sprint(l.Version, " ")
			if l.Outcome != "success" || l.Version < 900 && !l.At.Equal(days(int(l.Version))) {
				t.Errorf("read: %+v", l)
			}
		}
		return names, page.Next
	}
	if got, next := listed(store.AuditFilter{}); got != "" || next != 0 {
		t.Errorf("of an empty trail: %q, next %d", got, next)
	}
	decide(t, s, func(tx store.Tx) error {
		for i, e := range []store.AuditEvent{line(1, "ann", "read", "Task/1"), line(2, "bob", "read", "Task/1"), line(3, "ann", "update", "Task/1"), line(4, "ann", "read", "Task/2"), line(5, "", "", "")} {
			if err := tx.Ledger().Audit(e); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		return nil
	})
	for name, c := range map[string]struct {
		f    store.AuditFilter
		want string
	}{
		"all":          {store.AuditFilter{}, "5 4 3 2 1 "},
		"who":          {store.AuditFilter{Agent: "ann"}, "4 3 1 "},
		"what":         {store.AuditFilter{Action: "read"}, "4 2 1 "},
		"about what":   {store.AuditFilter{Entity: "Task/1"}, "3 2 1 "},
		"all of them":  {store.AuditFilter{Agent: "ann", Action: "read", Entity: "Task/1"}, "1 "},
		"from a time":  {store.AuditFilter{Agent: "ann", Since: days(3)}, "4 3 "},
		"up to a time": {store.AuditFilter{Until: days(3)}, "2 1 "},
		"nobody":       {store.AuditFilter{Agent: "' OR 1=1"}, ""},
	} {
		got, _ := listed(c.f)
		want(t, name, got, c.want)
	}
	got, next := listed(store.AuditFilter{Agent: "ann", Limit: 2})
	want(t, "the first page", got, "4 3 ")
	got, next = listed(store.AuditFilter{Agent: "ann", Limit: 2, Before: next})
	want(t, "the next page", got, "1 ")
	if next != 0 {
		t.Errorf("there is no end: %d", next)
	}
	// What stands far back is not looked for in one go.
	decide(t, s, func(tx store.Tx) error {
		for range store.AuditScan {
			if err := tx.Ledger().Audit(store.AuditEvent{Agent: "many", Version: 1000, Outcome: "success"}); err != nil {
				return err
			}
		}
		return nil
	})
	got, next = listed(store.AuditFilter{Agent: "bob"})
	if got != "" || next == 0 {
		t.Errorf("a look of more than %d lines: %q, next %d", store.AuditScan, got, next)
	}
	got, next = listed(store.AuditFilter{Agent: "bob", Before: next})
	if want(t, "the look after it", got, "2 "); next != 0 {
		t.Errorf("there is no end: %d", next)
	}
}
