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
		if err := s.enter(t.Context(), "first"); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		var all sync.WaitGroup
		come := func(caller string) {
			all.Go(func() {
				if err := s.enter(t.Context(), caller); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, caller)
				mu.Unlock()
				s.leave(caller)
			})
			synctest.Wait()
		}
		for range 50 {
			come("greedy")
		}
		come("a")
		come("b")
		come("a")
		s.leave("first")
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
		_ = s.enter(t.Context(), "x")
		if err := s.enter(t.Context(), "y"); fault.KindOf(err) != fault.Transient || fault.Of(err).RetryAfter == 0 {
			t.Errorf("after patience: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.enter(ctx, "y"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after hanging up: %v", err)
		}
		if n := waiting(s); n != 0 {
			t.Errorf("%d are waiting", n)
		}
		s.leave("x")
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
				if err := s.enter(ctx, fmt.Sprint(i%5)); err == nil {
					n := in.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					in.Add(-1)
					s.leave(fmt.Sprint(i % 5))
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
		inside := func() int { return s.line("greedy").inside }
		done := make(chan struct{})
		for range 100 {
			go func() {
				if s.enter(t.Context(), "greedy") == nil {
					done <- struct{}{}
					s.leave("greedy")
				}
			}()
		}
		synctest.Wait()
		if inside() != 32 {
			t.Errorf("alone: %d places", inside())
		}
		light := func() {
			if err := s.enter(t.Context(), "light"); err != nil {
				t.Error(err)
			}
			s.leave("light")
		}
		go light() // waits for the first that leaves
		synctest.Wait()
		for range 40 {
			<-done
			synctest.Wait()
			light()
		}
		if inside() != 2 {
			t.Errorf("beside another: %d places, want 2", inside())
		}
		time.Sleep(2 * lately)
		<-done
		synctest.Wait()
		if inside() != 32 {
			t.Errorf("alone again: %d places", inside())
		}
		for range 100 - 41 {
			<-done
		}
	})
}
