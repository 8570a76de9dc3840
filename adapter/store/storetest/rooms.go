package storetest

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

func testInbox(t *testing.T, open Open) {
	s := fresh(t, open)
	full := store.Message{
		Dedupe: [32]byte{1, 2, 3}, Sender: "north", MessageID: "m-1", Format: "hl7v2", Received: start, Body: []byte("MSH|\x00\xff"),
		Mapping: "hash", State: store.Accepted, Issues: []byte(`[]`), Task: "task-1", Request: "request-1",
		ReplyStatus: 200, ReplyType: "text/plain", Reply: []byte("MSA|AA"), Seen: 1,
	}
	failed := store.Message{Dedupe: [32]byte{4}, Sender: "south", Received: start, State: store.Failed, Kind: "profile", Seen: 2}
	decide(t, s, func(tx store.Tx) (err error) {
		if full.ID, err = tx.Inbox().Add(full); err != nil {
			return err
		}
		if failed.ID, err = tx.Inbox().Add(failed); err != nil {
			return err
		}
		for i := range 5 {
			if _, err := tx.Inbox().Add(store.Message{Dedupe: [32]byte{9, byte(i)}, Sender: "north", State: store.Failed, Received: start}); err != nil {
				return err
			}
		}
		return nil
	})
	if full.ID <= 0 || failed.ID <= full.ID {
		t.Errorf("ids %d and %d do not increase from 1", full.ID, failed.ID)
	}
	same := func(what string, got store.Message, err error, want store.Message) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", what, got, err, want)
		}
	}
	view(t, s, func(r store.Reader) error {
		m, err := r.Inbox().Get(full.ID)
		same("get", m, err, full)
		m, err = r.Inbox().Find(failed.Dedupe)
		same("find", m, err, failed)
		m, err = r.Inbox().ForTask("task-1")
		same("for task", m, err, full)
		_, err = r.Inbox().Get(99)
		wantKind(t, err, fault.NotFound)
		_, err = r.Inbox().Find([32]byte{5})
		wantKind(t, err, fault.NotFound)
		for _, task := range []string{"task-2", ""} {
			_, err = r.Inbox().ForTask(task)
			wantKind(t, err, fault.NotFound)
		}
		return nil
	})
	for name, c := range map[string]struct {
		f    store.InboxFilter
		want string
	}{
		"all":        {store.InboxFilter{}, "7 6 5 4 3 2 1"},
		"limit":      {store.InboxFilter{Limit: 2}, "7 6"},
		"before":     {store.InboxFilter{Limit: 2, Before: 6}, "5 4"},
		"after":      {store.InboxFilter{After: 4}, "7 6 5"},
		"oldest":     {store.InboxFilter{Oldest: true, Limit: 3}, "1 2 3"},
		"onwards":    {store.InboxFilter{Oldest: true, State: store.Failed, After: 2, Before: 6}, "3 4 5"},
		"failed":     {store.InboxFilter{State: store.Failed}, "7 6 5 4 3 2"},
		"accepted":   {store.InboxFilter{State: store.Accepted}, "1"},
		"sender":     {store.InboxFilter{Sender: "south"}, "2"},
		"everything": {store.InboxFilter{Sender: "north", State: store.Failed, Before: 6, Limit: 2}, "5 4"},
		"task":       {store.InboxFilter{Task: "task-1", Oldest: true}, "1"},
		"task of":    {store.InboxFilter{Task: "task-1", Sender: "south"}, ""},
		"none":       {store.InboxFilter{Sender: "east"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			view(t, s, func(r store.Reader) error {
				list, err := r.Inbox().List(c.f)
				got := ""
				for i, m := range list {
					if i > 0 {
						got += " "
					}
					got += fmt.Sprint(m.ID - full.ID + 1)
					if m.Body != nil || m.Reply != nil {
						t.Error("a list carries bodies")
					}
				}
				want(t, "ids", got, c.want)
				return err
			})
		})
	}
	t.Run("closed", func(t *testing.T) {
		// One that failed is closed, lists as that and as nothing else, is read as
		// it was but for its state, and fails again when it is opened.
		closed := failed
		closed.State, closed.Issues = store.ClosedMessage, []byte(`[{"text":"a trailer"}]`)
		states := func() string {
			var out []string
			view(t, s, func(r store.Reader) error {
				for _, state := range []store.MessageState{store.Accepted, store.Failed, store.ClosedMessage} {
					list, err := r.Inbox().List(store.InboxFilter{State: state, Sender: "south", Limit: 2})
					if err != nil {
						return err
					}
					for _, m := range list {
						out = append(out, string(state), string(m.State), m.Kind)
					}
				}
				return nil
			})
			return strings.Join(out, " ")
		}
		decide(t, s, func(tx store.Tx) error {
			if err := tx.Inbox().Replace(closed); err != nil {
				return err
			}
			m, err := tx.Inbox().Get(closed.ID)
			same("closed in the decision", m, err, closed)
			return nil
		})
		want(t, "closed", states(), "closed closed profile")
		view(t, s, func(r store.Reader) error {
			m, err := r.Inbox().Find(closed.Dedupe)
			same("closed", m, err, closed)
			return nil
		})
		decide(t, s, func(tx store.Tx) error {
			m, err := tx.Inbox().Find(closed.Dedupe)
			same("closed in a later decision", m, err, closed)
			wantKind(t, tx.Inbox().Replace(store.Message{ID: closed.ID, State: "lost"}), fault.Internal)
			return tx.Inbox().Replace(failed)
		})
		want(t, "opened", states(), "failed failed profile")
	})
	t.Run("replace", func(t *testing.T) {
		failed.State, failed.Kind, failed.Task, failed.Seen, failed.Body = store.Accepted, "", "task-2", 3, []byte("raw")
		decide(t, s, func(tx store.Tx) error {
			wantKind(t, tx.Inbox().Replace(store.Message{ID: 99, State: store.Failed}), fault.NotFound)
			return tx.Inbox().Replace(failed)
		})
		view(t, s, func(r store.Reader) error {
			m, err := r.Inbox().ForTask("task-2")
			same("replaced", m, err, failed)
			return nil
		})
	})
	t.Run("the same identity twice", func(t *testing.T) {
		decide(t, s, func(tx store.Tx) error {
			_, err := tx.Inbox().Add(store.Message{Dedupe: full.Dedupe, State: store.Accepted})
			wantKind(t, err, fault.Duplicate)
			return nil
		})
	})
}

func testLedger(t *testing.T, open Open) {
	place := t.TempDir()
	s := open(t, place, newClock().tick)
	once := func(key string) (first bool) {
		decide(t, s, func(tx store.Tx) (err error) {
			first, err = tx.Ledger().Once(key)
			return err
		})
		return first
	}
	want(t, "first", once("a"), true)
	want(t, "second", once("a"), false)
	want(t, "another", once("b"), true)
	files := bytes.Repeat([]byte("mapping "), 10_000)
	decide(t, s, func(tx store.Tx) error {
		wantFirst, err := tx.Ledger().Once("c")
		again, err2 := tx.Ledger().Once("c")
		want(t, "twice in one decision", fmt.Sprint(wantFirst, again, err, err2), "true false <nil> <nil>")
		if err := tx.Ledger().SaveMapping("h", files); err != nil {
			return err
		}
		if err := tx.Ledger().SaveMapping("h", files); err != nil {
			return err
		}
		return tx.Ledger().Audit(store.AuditEvent{At: start, Agent: "north", Action: "create", Entity: "Task/1", Version: 1, Outcome: "success"})
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, place, newClock().tick)
	defer s.Close()
	want(t, "after reopening", once("a"), false)
	decide(t, s, func(tx store.Tx) error {
		got, err := tx.Ledger().Mapping("h")
		if err != nil || !bytes.Equal(got, files) {
			t.Errorf("mapping: %d bytes, %v", len(got), err)
		}
		_, err = tx.Ledger().Mapping("unknown")
		wantKind(t, err, fault.NotFound)
		return nil
	})
	// A key that was claimed by a decision that failed is free.
	_ = s.Decide(ctx(), func(tx store.Tx) error {
		if _, err := tx.Ledger().Once("undone"); err != nil {
			return err
		}
		return errRefused
	})
	want(t, "claimed and undone", once("undone"), true)
	var wins int
	for range 3 {
		results := make([]bool, 16)
		key := fmt.Sprint("race ", time.Duration(wins))
		together(16, func(i int) {
			if err := s.Decide(ctx(), func(tx store.Tx) (err error) { results[i], err = tx.Ledger().Once(key); return err }); err != nil {
				t.Errorf("once: %v", err)
			}
		})
		for _, won := range results {
			if won {
				wins++
			}
		}
	}
	want(t, "winners of three races", wins, 3)
}
