package recall_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/store"
)

// failing is a store of which so many decisions can be had.
type failing struct {
	store.Store
	left int
}

func (f *failing) Decide(ctx context.Context, fn func(store.Tx) error, hints ...store.Hint) error {
	if f.left--; f.left < 0 {
		return errors.New("the power went off")
	}
	return f.Store.Decide(ctx, fn, hints...)
}

// outcomes owes n outcomes with a wrong code, all of them sent.
func outcomes(t *testing.T, s store.Store, n int) {
	t.Helper()
	if err := s.Decide(t.Context(), func(tx store.Tx) error {
		for i := range n {
			d := store.Delivery{Key: fmt.Sprintf("Task/n%d/outcome", i), Lane: "A81001", Channel: "fhirapi", Task: fmt.Sprint("n", i), Patient: "p",
				Payload: entered(fmt.Sprint("n", i), wrong, "Referral to physical activity program")}
			d.Marks = marks(d.Payload)
			id, _, err := tx.Deliveries().Owe(d)
			if err != nil {
				return err
			}
			d.ID, d.State = id, store.Proven
			if err := tx.Deliveries().Advance(d, store.Attempt{Channel: d.Channel, State: "proven"}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// corrections are how many corrections there are of each outcome.
func corrections(t *testing.T, s store.Store) map[string]int {
	t.Helper()
	out := map[string]int{}
	if err := s.View(t.Context(), func(r store.Reader) error {
		ds, err := r.Deliveries().List(store.DeliveryFilter{Limit: 1000})
		for _, d := range ds {
			if outcome, _, is := strings.Cut(d.Key, outbound.CorrectionKey("", "")); is {
				out[outcome]++
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestHazardDoubledByBrokenRecall: a recall that breaks off anywhere goes on where
// it was, and two at once, of one name or of two, correct each outcome once.
func TestHazardDoubledByBrokenRecall(t *testing.T) {
	const n = 35
	order := func(id string) recall.Order {
		return recall.Order{ID: id, Query: recall.Query{Code: wrong}, Replace: recall.Code{Code: right}, Reason: "x"}
	}
	once := func(name string, s store.Store) {
		got := corrections(t, s)
		for key, times := range got {
			if times != 1 {
				t.Errorf("%s: %d corrections of %s", name, times, key)
			}
		}
		if len(got) != n {
			t.Errorf("%s: %d of %d corrected", name, len(got), n)
		}
	}
	s := openedWith(t, contactToo)
	outcomes(t, s, n)
	broke := 0
	for left := 1; ; left++ {
		_, err := (&recall.Service{Store: &failing{s, left}, List: shipped}).Run(t.Context(), order("a"))
		if err == nil {
			break
		}
		broke++
	}
	if broke < 3 {
		t.Errorf("it broke off %d times", broke)
	}
	once("broken off", s)
	for name, ids := range map[string][]string{"one name": {"a", "a"}, "two names": {"a", "b"}} {
		s := openedWith(t, contactToo)
		outcomes(t, s, n)
		var wg sync.WaitGroup
		for _, id := range ids {
			wg.Go(func() {
				if _, err := (&recall.Service{Store: s, List: shipped}).Run(t.Context(), order(id)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		once(name, s)
	}
}
