package relay_test

import (
	"context"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/store"
)

// marking lets everything leave, and says how much.
type marking struct{}

func (marking) Open(store.Reader, time.Time) (func(string) time.Time, error) {
	return func(string) time.Time { return time.Time{} }, nil
}

func (marking) Plan(_ store.Reader, d store.Delivery, _ time.Time) (outbound.Plan, error) {
	return outbound.Plan{Do: outbound.Sent, Channel: d.Channel, Payload: d.Payload, Marks: []string{outbound.LeftMark(d.Key, outbound.LeftCodes)}}, nil
}

func (marking) Next(store.Tx, store.Delivery, outbound.Result, []store.Attempt) (string, error) {
	return "", nil
}

// TestWhatLeftIsKept: how much left stands with a delivery as soon as it may have
// arrived, also when a human held it meanwhile, and not before.
func TestWhatLeftIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		result outbound.Result
		held   bool
		want   int
	}{
		"arrived":                   {outbound.Result{State: outbound.Delivered}, false, 1},
		"refused":                   {outbound.Result{State: outbound.Dead, Status: 400}, false, 1},
		"nobody knows":              {outbound.Result{State: outbound.Retry}, false, 1},
		"nothing left":              {outbound.Result{State: outbound.Retry, Unsent: true}, false, 0},
		"not taken":                 {outbound.Result{State: outbound.Elsewhere}, false, 0},
		"arrived, and held by hand": {outbound.Result{State: outbound.Delivered}, true, 1},
	} {
		var h *desk
		ready := make(chan struct{})
		h = newDesk(t, channel(func(ctx context.Context, d outbound.Delivery) outbound.Result {
			<-ready
			if c.held {
				if err := h.store.Decide(ctx, func(tx store.Tx) error { return tx.Deliveries().Release(d.ID, store.Held, tx.Time()) }); err != nil {
					t.Error(err)
				}
			}
			return c.result
		}), marking{}, nil)
		close(ready)
		id := h.owe("Task/t1/outcome")
		var d store.Delivery
		var made []store.Attempt
		for range 1000 {
			if d, made = h.get(id); len(made) > 0 {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		var found []store.Delivery
		if err := h.store.View(t.Context(), func(r store.Reader) (err error) {
			found, err = r.Deliveries().List(store.DeliveryFilter{Mark: outbound.LeftMark("Task/t1/outcome", outbound.LeftCodes), Limit: 2})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(made) != 1 || len(found) != c.want {
			t.Errorf("%s: %d attempts, found %d times by what left, want %d", name, len(made), len(found), c.want)
		}
		if c.held && d.State != store.Held {
			t.Errorf("%s: it is %s", name, d.State)
		}
	}
}
