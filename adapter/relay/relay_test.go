package relay_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/recordtest"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/adapter/store"
)

// TestPeerDownForAnHour: what is owed arrives soon after the peer is back, and
// once.
func TestPeerDownForAnHour(t *testing.T) {
	record := newRecord()
	record.Set(recordtest.Down)
	inTime(t, nil, toRecord(record), func(h *house) {
		id := h.owe("A81001", "t1")
		h.after(time.Hour)
		_, attempts := h.is(id, store.Owed)
		if n := len(attempts); n < 4 || n > 60 {
			t.Errorf("%d attempts in an hour", n)
		}
		record.Set(recordtest.Up)
		h.after(2 * relay.DefaultConfig().BackoffMax)
		h.is(id, store.Proven)
	})
	if got := record.Tally(); got.Creating != 1 || got.Doubled != 0 || got.Repeats != 0 {
		t.Errorf("the record saw %+v", got)
	}
}

// TestLostAnswers: the record has it and linkloop does not know. It asks again
// and nothing is doubled.
func TestLostAnswers(t *testing.T) {
	record := newRecord()
	record.Set(recordtest.LosesAnswers)
	inTime(t, nil, toRecord(record), func(h *house) {
		id := h.owe("A81001", "t1")
		h.after(time.Minute)
		h.is(id, store.Owed)
		record.Set(recordtest.Up)
		h.after(time.Hour)
		h.is(id, store.Proven)
	})
	if got := record.Tally(); got.Creating != 1 || got.Doubled != 0 || got.Asked < 2 {
		t.Errorf("the record saw %+v", got)
	}
}

// TestLies: a peer that says yes and does nothing is never believed; in the
// end a human hears of it, with every attempt on record.
func TestLies(t *testing.T) {
	record := newRecord()
	record.Set(recordtest.Lies)
	inTime(t, nil, toRecord(record), func(h *house) {
		id := h.owe("A81001", "t1")
		h.after(relay.DefaultConfig().GiveUpAfter - time.Minute)
		h.is(id, store.Owed)
		h.after(2 * relay.DefaultConfig().BackoffMax)
		d, attempts := h.is(id, store.Dead)
		if !strings.HasPrefix(d.Reason, "given up after") || !strings.HasSuffix(d.Reason, "not found again") {
			t.Errorf("reason %q", d.Reason)
		}
		for i, a := range attempts {
			if a.State == string(outbound.Proven) || a.Number != i+1 {
				t.Errorf("attempt %d: %+v", i, a)
			}
		}
		h.after(72 * time.Hour)
		if _, more := h.is(id, store.Dead); len(more) != len(attempts) {
			t.Error("tried again after giving up")
		}
	})
}

// TestGivenUpUnsent: of what certainly never arrived, the record of attempts says
// so to its end; of everything else it does not.
func TestGivenUpUnsent(t *testing.T) {
	for name, c := range map[string]struct {
		result outbound.Result
		unsent bool
	}{
		"never reached":   {outbound.Result{State: outbound.Retry, Unsent: true, Reason: "no answer"}, true},
		"not taken there": {outbound.Result{State: outbound.Elsewhere, Reason: "no answer"}, true},
		"nobody knows":    {outbound.Result{State: outbound.Retry, Reason: "no answer"}, false},
		"refused by them": {outbound.Result{State: outbound.Dead, Reason: "no answer"}, false},
	} {
		inTime(t, nil, channel(func(context.Context, outbound.Delivery) outbound.Result { return c.result }), func(h *house) {
			id := h.owe("A81001", "t1")
			h.after(relay.DefaultConfig().GiveUpAfter + 2*relay.DefaultConfig().BackoffMax)
			_, made := h.is(id, store.Dead)
			if last := made[len(made)-1]; strings.HasPrefix(last.Reason, outbound.NotSent) != c.unsent || !strings.HasSuffix(last.Reason, "no answer") {
				t.Errorf("%s: the last attempt says %q", name, last.Reason)
			}
		})
	}
}

// TestReleased: what a human releases is tried for the whole time again, not
// once: a peer that has just come back may be slow for a while.
func TestReleased(t *testing.T) {
	limit := relay.DefaultConfig().GiveUpAfter
	inTime(t, nil, always(outbound.Retry), func(h *house) {
		given := h.owe("A81001", "t1")
		h.store.mu.Lock() // so that it is held before the relay can see it
		held, _, _ := h.store.Owe(store.Delivery{Key: "t2", Lane: "A81002", Channel: "gp", Due: time.Now(), Created: time.Now()})
		_ = h.store.Release(held, store.Held, time.Now())
		h.store.mu.Unlock()
		h.after(limit + time.Hour)
		h.is(given, store.Dead)
		h.is(held, store.Held)
		h.after(limit)
		for _, id := range []int64{given, held} {
			h.release(id, store.Owed)
		}
		h.after(limit - time.Hour)
		h.is(given, store.Owed)
		h.is(held, store.Owed)
		h.after(3 * time.Hour)
		for _, id := range []int64{given, held} {
			d, _ := h.is(id, store.Dead)
			if !strings.HasPrefix(d.Reason, "given up after 72h") {
				t.Errorf("reason %q", d.Reason)
			}
		}
		dead := 0
		_, attempts := h.store.peek(given)
		for _, a := range attempts {
			if a.State == string(outbound.Dead) {
				dead++
			}
		}
		if dead != 2 {
			t.Errorf("%d attempts ended it, want one for each time it was given up", dead)
		}
	})
}

// TestWaitedLong: what waited for a stop or for an instance that runs is tried for
// the whole time, and not given up at its first failure.
func TestWaitedLong(t *testing.T) {
	limit := relay.DefaultConfig().GiveUpAfter
	inTime(t, nil, always(outbound.Retry), func(h *house) {
		h.store.mu.Lock()
		old := time.Now().Add(-2 * limit)
		id, _, _ := h.store.Owe(store.Delivery{Key: "t1", Lane: "A81001", Channel: "gp", Due: old, Created: old})
		h.store.mu.Unlock()
		h.relay.Notify()
		h.after(limit - time.Hour)
		h.is(id, store.Owed)
		h.after(2 * time.Hour)
		if d, _ := h.is(id, store.Dead); !strings.HasPrefix(d.Reason, "given up after 72h") {
			t.Errorf("reason %q", d.Reason)
		}
	})
}

// TestRefused: what the peer refuses is not sent twice.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		ch     outbound.Channel
		want   store.DeliveryState
		reason string
	}{
		{always(outbound.Dead), store.Dead, "as told"},
		{always(outbound.Delivered), store.Delivered, ""},
		{always(outbound.Proven), store.Proven, ""},
		{always("surprise"), store.Dead, "as told"},
		{nil, store.Dead, "not sent: this channel is no longer configured"},
	} {
		inTime(t, nil, c.ch, func(h *house) {
			id := h.owe("A81001", "t1")
			h.after(time.Hour)
			if d, a := h.is(id, c.want); len(a) != 1 || d.Reason != c.reason || d.Settled.IsZero() {
				t.Errorf("%d attempts, settled %s, reason %q", len(a), d.Settled, d.Reason)
			}
			if n := h.relay.Lanes(); n != 0 {
				t.Errorf("%d practices remembered", n)
			}
		})
	}
}

// TestArrivedAndWrong: what the peer took, and a human must look at, was not
// refused by it.
func TestArrivedAndWrong(t *testing.T) {
	for arrived, want := range map[bool]outbound.Stage{true: outbound.Taken, false: outbound.Refused} {
		ch := channel(func(context.Context, outbound.Delivery) outbound.Result {
			return outbound.Result{State: outbound.Dead, Arrived: arrived, Status: 200, Reason: "as told"}
		})
		inTime(t, nil, ch, func(h *house) {
			id := h.owe("A81001", "t1")
			h.after(time.Hour)
			if d, _ := h.is(id, store.Dead); d.Stage != string(want) {
				t.Errorf("arrived %t: %s", arrived, d.Stage)
			}
		})
	}
}

// TestPanic: a channel that panics has delivered nothing that is known, and
// takes nobody with it.
func TestPanic(t *testing.T) {
	calls := 0
	ch := channel(func(context.Context, outbound.Delivery) outbound.Result {
		if calls++; calls == 1 {
			panic("Zebedee Quillfeather")
		}
		return outbound.Result{State: outbound.Proven}
	})
	inTime(t, nil, ch, func(h *house) {
		id := h.owe("A81001", "t1")
		h.after(time.Minute)
		if _, a := h.is(id, store.Proven); len(a) != 2 || a[0].Reason != "the channel failed inside linkloop" {
			t.Errorf("attempts %+v", a)
		}
	})
}

// TestRetryAfter: the peer's wish is followed up to BackoffMax.
func TestRetryAfter(t *testing.T) {
	limit := relay.DefaultConfig().BackoffMax
	for asked, want := range map[time.Duration]time.Duration{10 * time.Minute: 10 * time.Minute, 24 * time.Hour: limit} {
		first := true
		ch := channel(func(context.Context, outbound.Delivery) outbound.Result {
			if first {
				first = false
				return outbound.Result{State: outbound.Retry, RetryAfter: asked, Reason: "busy"}
			}
			return outbound.Result{State: outbound.Proven}
		})
		inTime(t, nil, ch, func(h *house) {
			id := h.owe("A81001", "t1")
			h.after(time.Hour)
			_, a := h.is(id, store.Proven)
			if len(a) != 2 {
				t.Fatalf("%d attempts", len(a))
			}
			if wait := a[1].Started.Sub(a[0].Ended); wait < want || wait > want+time.Second {
				t.Errorf("asked for %s: waited %s, want %s", asked, wait, want)
			}
		})
	}
}

// TestCrash: a lease that nobody settles, because the process died after the
// peer had taken the payload, runs out; the peer recognises the repeat.
func TestCrash(t *testing.T) {
	record := newRecord()
	ch := toRecord(record)
	inTime(t, nil, ch, func(h *house) {
		h.store.mu.Lock()
		_, _, _ = h.store.Owe(store.Delivery{Key: "t1", Lane: "A81001", Channel: "gp", Due: time.Now(), Created: time.Now(), Payload: outboundtest.Payload("t1")})
		leased, _ := h.store.Lease(time.Now(), time.Now().Add(2*time.Minute), 1, nil)
		h.store.mu.Unlock()
		if res := ch(t.Context(), outbound.Delivery{Key: "t1", Payload: leased[0].Payload}); res.State != outbound.Proven {
			t.Fatalf("%+v", res)
		}
		h.after(time.Minute)
		h.is(1, store.Leased)
		h.after(90 * time.Second)
		h.is(1, store.Proven)
	})
	if got := record.Tally(); got.Asked != 2 || got.Creating != 1 || got.Doubled != 0 {
		t.Errorf("the record saw %+v", got)
	}
}

// TestFence: an attempt that outlives its lease does not overwrite what its
// successor found; it goes on record.
func TestFence(t *testing.T) {
	var mu sync.Mutex
	calls := 0
	ch := channel(func(context.Context, outbound.Delivery) outbound.Result {
		mu.Lock()
		calls++
		n := calls
		mu.Unlock()
		if n == 1 {
			time.Sleep(10 * time.Minute) // deaf to its context
			return outbound.Result{State: outbound.Dead, Reason: "late"}
		}
		return outbound.Result{State: outbound.Proven}
	})
	inTime(t, nil, ch, func(h *house) {
		id := h.owe("A81001", "t1")
		h.after(5 * time.Minute)
		h.is(id, store.Proven)
		h.after(10 * time.Minute)
		if _, a := h.is(id, store.Proven); len(a) != 2 || a[0].State != "proven" || a[1].Reason != "late" {
			t.Errorf("on record: %+v", a)
		}
	})
}

// TestStop: the relay takes nothing new, and ends after what is in flight is
// settled.
func TestStop(t *testing.T) {
	ch := channel(func(ctx context.Context, _ outbound.Delivery) outbound.Result {
		select {
		case <-ctx.Done():
			return outbound.Result{State: outbound.Retry, Reason: "cut off"}
		case <-time.After(30 * time.Second):
			return outbound.Result{State: outbound.Proven}
		}
	})
	inTime(t, nil, ch, func(h *house) {
		first := h.owe("A81001", "t1")
		h.after(time.Second)
		began := time.Now()
		h.stop()
		if took := time.Since(began); took != 29*time.Second {
			t.Errorf("ended after %s", took)
		}
		h.is(first, store.Proven)
		second := h.owe("A81001", "t2")
		h.after(time.Hour)
		h.is(second, store.Owed)
	})
}

// TestAttemptIsBounded: a channel that hears its context is done in time, and
// nobody else takes the delivery meanwhile although it lasts many leases.
func TestAttemptIsBounded(t *testing.T) {
	ch := channel(func(ctx context.Context, _ outbound.Delivery) outbound.Result {
		<-ctx.Done()
		return outbound.Result{State: outbound.Retry, Reason: "no answer in time"}
	})
	inTime(t, nil, ch, func(h *house) {
		id := h.owe("A81001", "t1")
		h.after(10 * time.Minute)
		d, attempts := h.store.peek(id)
		for _, a := range attempts {
			if took := a.Ended.Sub(a.Started); took != relay.DefaultConfig().Attempt {
				t.Errorf("attempt %d took %s", a.Number, took)
			}
		}
		if len(attempts) < 2 {
			t.Errorf("%d attempts", len(attempts))
		}
		if leases := int(d.Fence); leases > len(attempts)+1 {
			t.Errorf("%d leases for %d attempts: one was lost while it was held", leases, len(attempts))
		}
	})
}

// TestLeaseLost: an attempt whose lease cannot be renewed, or was taken by
// another instance, is broken off before the other one could be done.
func TestLeaseLost(t *testing.T) {
	for name, lose := range map[string]func(*memory){
		"store away":   func(m *memory) { m.away = true },
		"taken over":   func(m *memory) { m.rows[0].Fence++ },
		"settled":      func(m *memory) { m.rows[0].State = store.Proven },
		"held by hand": func(m *memory) { m.rows[0].State = store.Held },
	} {
		t.Run(name, func(t *testing.T) {
			var broken time.Duration
			ch := channel(func(ctx context.Context, _ outbound.Delivery) outbound.Result {
				began := time.Now()
				<-ctx.Done()
				if broken == 0 {
					broken = time.Since(began)
				}
				return outbound.Result{State: outbound.Retry, Reason: "broken off"}
			})
			inTime(t, nil, ch, func(h *house) {
				h.owe("A81001", "t1")
				h.after(time.Second)
				h.store.mu.Lock()
				lose(h.store)
				h.store.mu.Unlock()
				h.after(time.Minute)
			})
			if lease := relay.DefaultConfig().Lease; broken == 0 || broken >= lease {
				t.Errorf("broken off after %s, the lease is %s", broken, lease)
			}
		})
	}
}

// TestStoreAway: the relay outlives a store that cannot be asked.
func TestStoreAway(t *testing.T) {
	inTime(t, nil, always(outbound.Proven), func(h *house) {
		id := h.owe("A81001", "t1")
		h.store.mu.Lock()
		h.store.away = true
		h.store.mu.Unlock()
		h.after(time.Hour)
		h.store.mu.Lock()
		h.store.away = false
		h.store.mu.Unlock()
		h.after(time.Minute)
		h.is(id, store.Proven)
	})
}

// TestStoreAwayWhenOld: nobody gives up because the record of attempts cannot
// be read.
func TestStoreAwayWhenOld(t *testing.T) {
	var h *house
	calls := 0
	ch := channel(func(context.Context, outbound.Delivery) outbound.Result {
		if calls++; calls == 1 {
			h.store.mu.Lock()
			h.store.away = true
			h.store.mu.Unlock()
		}
		return outbound.Result{State: outbound.Retry, Reason: "down"}
	})
	inTime(t, nil, ch, func(in *house) {
		h = in
		h.store.mu.Lock()
		old := time.Now().Add(-2 * relay.DefaultConfig().GiveUpAfter)
		id, _, _ := h.store.Owe(store.Delivery{Key: "t1", Lane: "A81001", Channel: "gp", Due: time.Now(), Created: old})
		h.store.mu.Unlock()
		h.relay.Notify()
		h.after(time.Hour)
		h.store.mu.Lock()
		h.store.away = false
		h.store.mu.Unlock()
		h.after(time.Hour)
		h.is(id, store.Owed)
		if calls < 3 {
			t.Errorf("%d calls", calls)
		}
	})
}

// TestIdle: a relay with nothing to do writes nothing.
func TestIdle(t *testing.T) {
	inTime(t, nil, always(outbound.Proven), func(h *house) {
		h.after(24 * time.Hour)
		if h.store.decided != 0 {
			t.Errorf("%d decisions", h.store.decided)
		}
	})
}

// TestManyAtOnce: a backlog is worked off without pauses between batches.
func TestManyAtOnce(t *testing.T) {
	ch := channel(func(context.Context, outbound.Delivery) outbound.Result {
		time.Sleep(time.Second)
		return outbound.Result{State: outbound.Proven}
	})
	inTime(t, nil, ch, func(h *house) {
		for i := range 40 {
			h.owe(fmt.Sprintf("P%d", i%8), fmt.Sprintf("t%d", i))
		}
		h.after(11 * time.Second) // 40 by 4 workers, a second each
		counts, _ := h.store.Counts()
		if counts[store.Proven] != 40 {
			t.Errorf("after the time it takes: %v", counts)
		}
		if n := h.relay.Lanes(); n != 0 {
			t.Errorf("%d practices remembered", n)
		}
	})
}
