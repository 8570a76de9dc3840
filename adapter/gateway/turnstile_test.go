package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
)

// TestTurns: with one place, a caller with fifty waiting requests does not keep
// others from being let in next.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile(1, time.Hour)
		first, err := s.enter(t.Context(), "first")
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		var all sync.WaitGroup
		come := func(caller string) {
			all.Go(func() {
				leave, err := s.enter(t.Context(), caller)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, caller)
				mu.Unlock()
				leave()
			})
			synctest.Wait()
		}
		for range 50 {
			come("greedy")
		}
		come("a")
		come("b")
		come("a")
		first()
		all.Wait()
		if got := strings.Join(order[:6], " "); got != "b a greedy a greedy greedy" {
			t.Errorf("let in: %s …", got)
		}
		if len(order) != 53 || s.free != 1 || waiting(s) != 0 {
			t.Errorf("%d let in, %d places free, %d waiting", len(order), s.free, waiting(s))
		}
	})
}

// TestPatience: a request that waits too long, or whose caller hung up, goes
// away and leaves nothing behind.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile(1, 5*time.Second)
		x, _ := s.enter(t.Context(), "x")
		if _, err := s.enter(t.Context(), "y"); fault.KindOf(err) != fault.Transient || fault.Of(err).RetryAfter == 0 {
			t.Errorf("after patience: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.enter(ctx, "y"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after hanging up: %v", err)
		}
		if n := waiting(s); n != 0 {
			t.Errorf("%d are waiting", n)
		}
		x()
		if s.free != 1 {
			t.Errorf("%d places are free, want 1", s.free)
		}
	})
}

// TestPlaces: never are more let in than there are places, and none is lost,
// whoever gives up in between.
func TestPlaces(t *testing.T) {
	const places = 3
	s := newTurnstile(places, time.Millisecond)
	var in, most atomic.Int64
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for range 200 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.N(int64(time.Millisecond))))
				if leave, err := s.enter(ctx, fmt.Sprint(i%5)); err == nil {
					n := in.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					in.Add(-1)
					leave()
				}
				cancel()
			}
		})
	}
	all.Wait()
	if most.Load() > places || s.free != places || waiting(s) != 0 {
		t.Errorf("%d at once of %d places; %d free and %d waiting at the end", most.Load(), places, s.free, waiting(s))
	}
}

func waiting(s *turnstile) (n int) {
	for _, l := range s.lines {
		n += len(l.tickets)
	}
	return n
}

// TestPart: a caller with a line has all places while it is alone, a part of
// them while others are served without one, and all again when they are gone.
func TestPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile(32, time.Hour)
		// What a timer changes is read under the lock.
		inside := func() (n, resting int) {
			s.mu.Lock()
			defer s.mu.Unlock()
			l := s.line("greedy")
			return l.inside, l.resting
		}
		done := make(chan struct{})
		for range 120 {
			go func() {
				if leave, err := s.enter(t.Context(), "greedy"); err == nil {
					done <- struct{}{}
					leave()
				}
			}()
		}
		synctest.Wait()
		if n, _ := inside(); n != 32 {
			t.Errorf("alone: %d places", n)
		}
		light := func() {
			leave, err := s.enter(t.Context(), "light")
			if err != nil {
				t.Error(err)
				return
			}
			leave()
		}
		go light() // waits for the first that leaves
		synctest.Wait()
		for range 70 {
			time.Sleep(20 * time.Millisecond) // for so long each has been in use, at least
			<-done
			go light()
			synctest.Wait()
		}
		if n, resting := inside(); n+resting != 2 {
			t.Errorf("beside another: %d places, want 2", n+resting)
		}
		time.Sleep(2 * lately)
		<-done
		synctest.Wait()
		if n, _ := inside(); n != 32 {
			t.Errorf("alone again: %d places", n)
		}
		for range 120 - 71 {
			<-done
		}
	})
}

// TestRest: beside somebody who wants little, a greedy caller's places rest, so
// that the house is about as busy as what counts as busy, and not idle either. Who
// wanted half of the places is held until the house is less busy than that.
func TestRest(t *testing.T) {
	for clients, bounds := range map[int][2]float64{6: {letGo * busy, 2 * busy}, 40: {.7 * letGo * busy, 1.5 * letGo * busy}} {
		t.Run(fmt.Sprint(clients), func(t *testing.T) { rest(t, clients, bounds) })
	}
}

// rest lets a greedy caller with so many clients into a house of 16 places; bounds
// are places in use on average.
func rest(t *testing.T, clients int, bounds [2]float64) {
	synctest.Test(t, func(t *testing.T) {
		const each, long = 100 * time.Millisecond, 20 * time.Second
		s := newTurnstile(16, time.Hour)
		began := time.Now()
		var let atomic.Int64
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for time.Since(began) < long {
					leave, err := s.enter(t.Context(), "greedy")
					if err != nil {
						t.Error(err)
						return
					}
					time.Sleep(each)
					let.Add(1)
					leave()
				}
			})
		}
		all.Go(func() { // comes more often than what counts as lately
			for time.Since(began) < long {
				leave, err := s.enter(t.Context(), "light")
				if err != nil {
					t.Error(err)
					return
				}
				leave()
				time.Sleep(lately / 2)
			}
		})
		all.Wait()
		if got := float64(let.Load()) / float64(long/each); got < bounds[0] || got > bounds[1] {
			t.Errorf("%.2f places were in use, want %v", got, bounds)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.free != 16 || waiting(s) != 0 {
			t.Errorf("%d places free and %d waiting at the end", s.free, waiting(s))
		}
	})
}

// TestBusyIsNotGreedy: who has much to do and takes no more than the others
// together may have any place, also while others come now and then.
func TestBusyIsNotGreedy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile(16, time.Hour) // a part of one place
		began := time.Now()
		var all sync.WaitGroup
		var let [3]atomic.Int64
		work := func(caller, rest int) {
			all.Go(func() {
				for time.Since(began) < 5*time.Second {
					leave, err := s.enter(t.Context(), fmt.Sprint(caller))
					if err != nil {
						t.Error(err)
						return
					}
					time.Sleep(10 * time.Millisecond)
					let[caller].Add(1)
					leave()
					time.Sleep(time.Duration(rest) * time.Millisecond)
				}
			})
		}
		for range 5 {
			work(0, 0)
			work(1, 0)
		}
		work(2, 100)
		all.Wait()
		for caller, want := range []int64{2500, 2500, 45} {
			if got := let[caller].Load(); got < want-want/5 || got > want+want/5 {
				t.Errorf("caller %d was let in %d times, want about %d", caller, got, want)
			}
		}
	})
}

// TestMuchIsNotStrict: of four callers, one that takes two thirds of a busy house
// and has a line is held, but not strictly: it would not work its line off beside
// free places.
func TestMuchIsNotStrict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile(16, time.Hour)
		began := time.Now()
		var all sync.WaitGroup
		work := func(caller string, clients int) {
			for range clients {
				all.Go(func() {
					for time.Since(began) < 5*time.Second {
						leave, err := s.enter(t.Context(), caller)
						if err != nil {
							t.Error(err)
							return
						}
						time.Sleep(10 * time.Millisecond)
						leave()
					}
				})
			}
		}
		for _, caller := range []string{"a", "b", "c"} {
			work(caller, 2)
		}
		work("much", 12)
		held := false
		all.Go(func() {
			for time.Since(began) < 5*time.Second {
				time.Sleep(20 * time.Millisecond)
				s.mu.Lock()
				if l := s.line("much"); l != nil {
					held = held || l.places < s.places
					if l.strict {
						t.Error("held strictly")
					}
				}
				s.mu.Unlock()
			}
		})
		all.Wait()
		if !held {
			t.Error("never held")
		}
	})
}
