package postgres_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
)

// odd is what a sender may put into any field and no text of PostgreSQL holds.
const odd = "a\x00b\xff\xfe'\\"

// TestAnyBytes: whatever is in them, messages and deliveries are kept as they
// came, and nothing that is asked for breaks a query.
func TestAnyBytes(t *testing.T) {
	s := open(t, postgrestest.Database(t), nil)
	defer s.Close()
	var message, delivery int64
	if err := s.Decide(t.Context(), func(tx store.Tx) (err error) {
		if message, err = tx.Inbox().Add(store.Message{
			Sender: odd, MessageID: odd, Format: odd, Kind: odd, Task: odd, Request: odd, ReplyType: odd, State: store.Failed, Body: []byte(odd), Issues: []byte(odd),
		}); err != nil {
			return err
		}
		if _, err = tx.Ledger().Once(odd); err != nil {
			return err
		}
		if err = tx.Ledger().Audit(store.AuditEvent{Agent: odd, Action: odd, Entity: odd, Outcome: odd}); err != nil {
			return err
		}
		delivery, _, err = tx.Deliveries().Owe(store.Delivery{Key: odd, Lane: odd, Channel: odd, Task: odd, Patient: odd, Reason: odd})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.View(t.Context(), func(r store.Reader) error {
		if m, err := r.Inbox().Get(message); err != nil || m.Sender != odd || m.MessageID != odd || string(m.Body) != odd {
			t.Errorf("message %+v, %v", m, err)
		}
		if m, err := r.Inbox().ForTask(odd); err != nil || m.ID != message {
			t.Errorf("message of the Task: %d, %v", m.ID, err)
		}
		if d, err := r.Deliveries().Get(delivery); err != nil || d.Key != odd || d.Reason != odd {
			t.Errorf("delivery %+v, %v", d, err)
		}
		if list, err := r.Deliveries().List(store.DeliveryFilter{Lane: odd, Task: odd}); err != nil || len(list) != 1 {
			t.Errorf("%d deliveries, %v", len(list), err)
		}
		for _, k := range []store.Key{{Type: odd, ID: "x"}, {Type: "Task", ID: odd}} {
			if _, err := r.Resources().Get(k); err == nil || fault.KindOf(err) != fault.NotFound {
				t.Errorf("get: %v", err)
			}
			if _, err := r.Resources().GetVersion(k, 2); err == nil || fault.KindOf(err) != fault.NotFound {
				t.Errorf("get version: %v", err)
			}
			if _, err := r.Resources().History(store.HistoryQuery{Key: k}); err == nil || fault.KindOf(err) != fault.NotFound {
				t.Errorf("history: %v", err)
			}
		}
		if page, err := r.Resources().Search(resource.Query{Type: odd, IDs: []string{odd}, Limit: 1}); err != nil || len(page.Versions) != 0 {
			t.Errorf("search: %d, %v", len(page.Versions), err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestTooLongForAnIndex: what does not fit into an index fails its own decision
// and none of those that share its commit.
func TestTooLongForAnIndex(t *testing.T) {
	s := open(t, postgrestest.Database(t), nil)
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 1)) // what repeats itself would be packed until it fits
	long := make([]byte, 16<<10)
	for i := range long {
		long[i] = byte(rng.Uint32())
	}
	release, held := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		_ = s.Decide(t.Context(), func(store.Tx) error { once.Do(func() { close(held) }); <-release; return nil })
	}()
	<-held
	var all sync.WaitGroup
	for i, id := range []string{"a", "b", "c", "d", "e", "f"} {
		all.Go(func() {
			k := store.Key{Type: "Task", ID: id}
			err := s.Decide(t.Context(), func(tx store.Tx) error {
				d := store.Delivery{Key: id}
				if i == 2 {
					d.Key += string(long)
				}
				if _, _, err := tx.Deliveries().Owe(d); err != nil {
					return err
				}
				_, err := tx.Resources().Put(store.Write{Key: k, Body: element.Canonical(element.NewObject(element.S("resourceType", "Task"), element.S("id", id)))})
				return err
			})
			if poisoned := i == 2; poisoned != (err != nil) || poisoned && fault.KindOf(err) != fault.Internal {
				t.Errorf("decision %s: %v", id, err)
			}
			if _, err := current(t, s, id); (err != nil) != (i == 2) {
				t.Errorf("resource %s: %v", id, err)
			}
		})
	}
	close(release)
	all.Wait()
}
