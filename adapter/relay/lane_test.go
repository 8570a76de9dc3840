package relay_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/adapter/store"
)

// gauge counts what is in flight to each practice.
type gauge struct {
	mu     sync.Mutex
	flying map[string]int
	most   map[string]int
	calls  map[string]int
	all    int
	peak   int
}

func newGauge() *gauge {
	return &gauge{flying: map[string]int{}, most: map[string]int{}, calls: map[string]int{}}
}

func (g *gauge) add(lane string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flying[lane] += n
	g.all += n
	if n > 0 {
		g.calls[lane]++
	}
	g.most[lane], g.peak = max(g.most[lane], g.flying[lane]), max(g.peak, g.all)
}

// around counts the deliveries of a channel.
func (g *gauge) around(ch channel) channel {
	return func(ctx context.Context, d outbound.Delivery) outbound.Result {
		g.add(d.Destination, 1)
		defer g.add(d.Destination, -1)
		return ch(ctx, d)
	}
}

// TestOnePracticeDown: a practice that answers nothing, with a long queue, does
// not delay another one, and is asked less and less.
func TestOnePracticeDown(t *testing.T) {
	g := newGauge()
	ch := g.around(func(_ context.Context, d outbound.Delivery) outbound.Result {
		if d.Destination == "DOWN" {
			time.Sleep(30 * time.Second)
			return outbound.Result{State: outbound.Retry, Reason: "no answer in time"}
		}
		return outbound.Result{State: outbound.Proven}
	})
	inTime(t, nil, ch, func(h *house) {
		for i := range 200 {
			h.owe("DOWN", fmt.Sprintf("d%d", i))
		}
		h.after(time.Second)
		for i := range 50 {
			id := h.owe("WELL", fmt.Sprintf("w%d", i))
			h.after(2 * time.Second)
			h.is(id, store.Proven)
			h.after(time.Minute)
		}
	})
	if g.calls["WELL"] != 50 {
		t.Errorf("%d calls to the practice that is well, want 50", g.calls["WELL"])
	}
	if n := g.calls["DOWN"]; n < 5 || n > 35 { // chance gives 14 to 21; without the breaker it is 200
		t.Errorf("%d calls in 50 minutes to the practice that is down, want few", n)
	}
	if g.most["DOWN"] > 2 {
		t.Errorf("%d at once to one practice", g.most["DOWN"])
	}
}

// TestComesBack: after the practice is back a single delivery finds out, and
// the rest follows.
func TestComesBack(t *testing.T) {
	g := newGauge()
	var mu sync.Mutex
	up := false
	ch := g.around(func(context.Context, outbound.Delivery) outbound.Result {
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if !up {
			return outbound.Result{State: outbound.Retry, Reason: "down"}
		}
		return outbound.Result{State: outbound.Proven}
	})
	inTime(t, nil, ch, func(h *house) {
		for i := range 100 {
			h.owe("A81001", fmt.Sprintf("t%d", i))
		}
		h.after(10 * time.Minute) // the breaker is long open
		g.mu.Lock()
		g.most["A81001"] = 0
		g.mu.Unlock()
		h.after(20 * time.Minute)
		g.mu.Lock()
		if g.most["A81001"] > 1 {
			t.Errorf("%d at once to a practice that is being tried", g.most["A81001"])
		}
		g.mu.Unlock()
		mu.Lock()
		up = true
		mu.Unlock()
		h.after(40 * time.Minute)
		counts, _ := h.store.Counts()
		if counts[store.Proven] != 100 {
			t.Errorf("after it came back: %v", counts)
		}
		if n := h.relay.Lanes(); n != 0 {
			t.Errorf("%d practices remembered", n)
		}
	})
}

// TestRoom: never more in flight than allowed, in all or to one practice.
func TestRoom(t *testing.T) {
	for _, c := range []struct{ workers, perLane int }{{1, 1}, {4, 2}, {3, 2}, {8, 3}, {2, 5}} {
		g := newGauge()
		ch := g.around(func(_ context.Context, d outbound.Delivery) outbound.Result {
			time.Sleep(time.Duration(len(d.Key)*7) * time.Second)
			return outbound.Result{State: outbound.Proven}
		})
		inTime(t, func(cfg *relay.Config) { cfg.Workers, cfg.PerLane, cfg.Lease = c.workers, c.perLane, time.Hour }, ch, func(h *house) {
			for i := range 120 {
				h.owe(fmt.Sprintf("P%d", i%5), strings.Repeat("k", 1+i%4))
			}
			h.after(time.Hour)
			if counts, _ := h.store.Counts(); counts[store.Proven] != 120 {
				t.Errorf("%+v: %v", c, counts)
			}
		})
		if g.peak > c.workers {
			t.Errorf("%+v: %d in flight", c, g.peak)
		}
		for lane, n := range g.most {
			if n > c.perLane {
				t.Errorf("%+v: %d in flight to %s", c, n, lane)
			}
		}
	}
}

// TestBackoff: bounded at both ends for any number of attempts, doubling in
// between, and spread.
func TestBackoff(t *testing.T) {
	for _, c := range []struct{ low, high time.Duration }{
		{5 * time.Second, 15 * time.Minute}, {1, 1}, {time.Hour, time.Hour}, {1, 1 << 62}, {1 << 61, 1<<63 - 1},
	} {
		cfg := relay.DefaultConfig()
		cfg.BackoffMin, cfg.BackoffMax = c.low, c.high
		r, err := relay.New(cfg, relay.Parts{})
		if err != nil {
			t.Fatal(err)
		}
		for _, attempts := range []int{1, 2, 5, 20, 63, 64, 65, 1 << 30} {
			for range 200 {
				if w := r.Backoff(attempts, 0); w < c.low/2 || w > c.high {
					t.Fatalf("%s to %s: attempt %d waits %s", c.low, c.high, attempts, w)
				}
			}
		}
	}
	r, err := relay.New(relay.DefaultConfig(), relay.Parts{})
	if err != nil {
		t.Fatal(err)
	}
	mean := func(attempts int) (sum time.Duration, distinct int) {
		seen := map[time.Duration]bool{}
		for range 2000 {
			w := r.Backoff(attempts, 0)
			sum += w / 2000
			seen[w] = true
		}
		return sum, len(seen)
	}
	for attempts, want := range map[int]time.Duration{1: 5 * time.Second, 2: 7500 * time.Millisecond, 5: 42500 * time.Millisecond, 30: 452 * time.Second} {
		got, distinct := mean(attempts)
		if got < want*9/10 || got > want*11/10 || distinct < 1900 {
			t.Errorf("attempt %d waits %s on average with %d different waits, want about %s", attempts, got, distinct, want)
		}
	}
	if w := r.Backoff(1, time.Minute); w != time.Minute {
		t.Errorf("asked for a minute: %s", w)
	}
}

func TestConfig(t *testing.T) {
	if err := relay.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	_, err := relay.New(relay.Config{BackoffMin: 2, BackoffMax: 1}, relay.Parts{})
	if err == nil || strings.Count(err.Error(), "relay.") != 10 {
		t.Errorf("not every problem at once: %v", err)
	}
}
