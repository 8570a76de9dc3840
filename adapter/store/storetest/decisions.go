package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

var errRefused = errors.New("refused by the decision")

func testDecisions(t *testing.T, open Open) {
	t.Run("all or nothing", func(t *testing.T) {
		s := fresh(t, open)
		k := key("Task", "a")
		put(t, s, k, 0, "one", facts("old"))
		err := s.Decide(ctx(), func(tx store.Tx) error { return everything(t, tx, k) })
		if !errors.Is(err, errRefused) {
			t.Fatalf("the decision's own error is lost: %v", err)
		}
		got, err := get(t, s, k)
		want(t, "number", got.Number, int64(1))
		want(t, "read", err, nil)
		want(t, "old terms", ids(search(t, s, termQuery("old"))), "a")
		want(t, "new terms", ids(search(t, s, termQuery("new"))), "")
		decide(t, s, func(tx store.Tx) error {
			_, err := tx.Inbox().Find([32]byte{7})
			wantKind(t, err, fault.NotFound)
			list, err := tx.Deliveries().List(store.DeliveryFilter{})
			want(t, "deliveries", fmt.Sprint(len(list), err), "0 <nil>")
			first, err := tx.Ledger().Once("claimed")
			want(t, "once", fmt.Sprint(first, err), "true <nil>")
			return nil
		})
	})
	t.Run("sees its own changes", func(t *testing.T) {
		s := fresh(t, open)
		decide(t, s, func(tx store.Tx) error {
			k := key("Task", "own")
			if _, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, ""), Index: facts("own")}); err != nil {
				return err
			}
			page, err := tx.Resources().Search(termQuery("own"))
			want(t, "search", ids(page), "own")
			if err != nil {
				return err
			}
			_, err = tx.Resources().Get(k)
			return err
		})
	})
	t.Run("written again after it was looked for twice", func(t *testing.T) {
		s := fresh(t, open)
		decide(t, s, func(tx store.Tx) error {
			k := key("Task", "new")
			for range 2 {
				if _, err := tx.Resources().Get(k); fault.KindOf(err) != fault.NotFound {
					t.Errorf("what is not there: %v", err)
				}
			}
			for expect := range int64(3) {
				if _, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, ""), Index: facts("own"), Expect: expect}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	t.Run("a failed neighbour after a search", neighbourAfterSearch(open))
	t.Run("panic", func(t *testing.T) {
		s := fresh(t, open)
		err := s.Decide(ctx(), func(tx store.Tx) error {
			k := key("Task", "p")
			if _, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, "")}); err != nil {
				return err
			}
			panic("a name that must not be shown")
		})
		wantKind(t, err, fault.Internal)
		if text := fmt.Sprint(err, errors.Unwrap(err)); contains(text, "must not be shown") {
			t.Error("the value of the panic is shown")
		}
		_, err = get(t, s, key("Task", "p"))
		wantKind(t, err, fault.NotFound)
		put(t, s, key("Task", "p"), 0, "the store goes on", facts())
	})
	t.Run("an overlooked failure", func(t *testing.T) {
		s := fresh(t, open)
		k := key("Task", "o")
		put(t, s, k, 0, "", facts())
		decide(t, s, func(tx store.Tx) error {
			// A conflict is an answer, not a broken write: the decision may go on.
			_, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, "")})
			wantKind(t, err, fault.VersionConflict)
			_, err = tx.Resources().Put(store.Write{Key: k, Body: body(k, ""), Expect: 1})
			return err
		})
	})
	t.Run("cancelled before it runs", func(t *testing.T) {
		s := fresh(t, open)
		c, cancel := context.WithCancel(ctx())
		cancel()
		err := s.Decide(c, func(store.Tx) error { t.Error("ran"); return nil })
		wantKind(t, err, fault.Transient)
		release, held := hold(s)
		<-held
		c, cancel = context.WithCancel(ctx())
		done := make(chan error)
		go func() { done <- s.Decide(c, func(store.Tx) error { t.Error("ran while cancelled"); return nil }) }()
		cancel()
		wantKind(t, <-done, fault.Transient)
		close(release)
	})
	t.Run("closed", func(t *testing.T) {
		s := open(t, t.TempDir(), newClock().tick)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
		wantKind(t, s.Decide(ctx(), func(store.Tx) error { return nil }), fault.Transient)
		wantKind(t, s.View(ctx(), func(store.Reader) error { return nil }), fault.Transient)
	})
	t.Run("snapshot", func(t *testing.T) { snapshotIsolation(t, fresh(t, open)) })
}

// hold keeps the writer busy until release is closed, so that what comes next
// is decided in one group.
func hold(s store.Store) (release chan struct{}, held chan struct{}) {
	release, held = make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		_ = s.Decide(ctx(), func(store.Tx) error {
			once.Do(func() { close(held) })
			<-release
			return nil
		})
	}()
	return release, held
}

// everything changes something in every room and then refuses.
func everything(t *testing.T, tx store.Tx, k store.Key) error {
	if _, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, "two"), Index: facts("new"), Expect: 1}); err != nil {
		return err
	}
	if _, err := tx.Resources().Put(store.Write{Key: key("Unheard", "x"), Body: body(key("Unheard", "x"), "")}); err != nil {
		return err
	}
	if _, err := tx.Inbox().Add(store.Message{Dedupe: [32]byte{7}, State: store.Failed}); err != nil {
		return err
	}
	if _, _, err := tx.Deliveries().Owe(store.Delivery{Key: "x"}); err != nil {
		return err
	}
	if first, err := tx.Ledger().Once("claimed"); err != nil || !first {
		t.Errorf("once: %v, %v", first, err)
	}
	if _, err := tx.Resources().Search(termQuery("new")); err != nil {
		return err
	}
	return errRefused
}

// neighbourAfterSearch: a decision that wrote, then searched, then failed must
// not take with it the index rows of those it shared a commit with.
func neighbourAfterSearch(open Open) func(t *testing.T) {
	return func(t *testing.T) {
		s := fresh(t, open)
		release, held := hold(s)
		<-held
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				k := key("Task", fmt.Sprintf("n%02d", i))
				err := s.Decide(ctx(), func(tx store.Tx) error {
					if _, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, ""), Index: facts("n")}); err != nil {
						return err
					}
					if i%3 == 1 {
						if _, err := tx.Resources().Search(termQuery("n")); err != nil {
							return err
						}
						if i%2 == 1 {
							return errRefused
						}
					}
					return nil
				})
				if refused := i%3 == 1 && i%2 == 1; refused != errors.Is(err, errRefused) || !refused && err != nil {
					t.Errorf("decision %d: %v", i, err)
				}
			}()
		}
		close(release)
		wg.Wait()
		page := search(t, s, resource.Query{Type: "Task", Clauses: []resource.Clause{{Any: []resource.Term{term("n")}}}, Limit: 100})
		want(t, "index rows", len(page.Versions), 10)
		page = search(t, s, resource.Query{Type: "Task", Limit: 100})
		want(t, "of the type", len(page.Versions), 10)
	}
}

func snapshotIsolation(t *testing.T, s store.Store) {
	k := key("Task", "s")
	put(t, s, k, 0, "one", facts("s"))
	view(t, s, func(r store.Reader) error {
		if _, err := r.Resources().Search(termQuery("s")); err != nil {
			return err
		}
		// A store may run this again up to its second question, not further.
		before, err := r.Resources().Get(k)
		if err != nil {
			return err
		}
		put(t, s, k, 1, "two", facts("s"))
		put(t, s, key("Task", "t"), 0, "new", facts("s"))
		after, err := r.Resources().Get(k)
		if err != nil {
			return err
		}
		want(t, "version in the snapshot", after.Number, before.Number)
		page, err := r.Resources().Search(termQuery("s"))
		want(t, "found in the snapshot", numbered(page), "s/1")
		return err
	})
	want(t, "found afterwards", numbered(search(t, s, termQuery("s"))), "s/2 t/1")
}

func termQuery(name string) resource.Query {
	return resource.Query{Type: "Task", Clauses: []resource.Clause{{Any: []resource.Term{term(name)}}}, Limit: 100}
}
