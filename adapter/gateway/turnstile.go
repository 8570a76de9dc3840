package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
)

// turnstile bounds how many requests are worked on at once. Those that wait are
// let in in turn by caller, so that a caller who sends fifty times as much as
// the others makes its own line longer and nobody else's.
//
// Turns alone would not be enough: a greedy caller's requests in work share
// processor, disk and commits with the others'. So whoever has a line while
// somebody else is served without one is held to a part of the places. When all
// have lines there is nobody to protect, and all places are used.
//
// It bounds no lines: every waiting request is one of the open ones, which are
// counted already.
type turnstile struct {
	patience time.Duration // how long a request waits before it is sent away
	part     int           // places of a caller with a line beside callers without

	mu    sync.Mutex
	free  int
	lines []*line // callers seen lately, in the order of their turns
}

// line is what the turnstile knows of a caller.
type line struct {
	caller  string
	tickets []chan struct{} // that wait, the longest waiting first; closed when let in
	inside  int
	seen    time.Time // when it last came
}

// lately is for how long a caller that comes now and then counts as being there.
const lately = time.Second

func newTurnstile(places int, patience time.Duration) *turnstile {
	return &turnstile{free: places, part: max(1, places/16), patience: patience}
}

// enter waits for a place; leave gives it back. Errors: that of ctx, or
// fault.Transient when it took too long.
func (t *turnstile) enter(ctx context.Context, caller string) error {
	ticket := t.come(caller)
	if ticket == nil {
		return nil
	}
	enough := time.NewTimer(t.patience)
	defer enough.Stop()
	var err error
	select {
	case <-ticket:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-enough.C:
		err = &fault.Fault{Kind: fault.Transient, RetryAfter: time.Second,
			Issues: []fault.Issue{{Text: "more requests are waiting than can be worked on; try again"}}}
	}
	if !t.withdraw(caller, ticket) {
		t.leave(caller) // let in at the same moment
	}
	return err
}

// come takes a place, returning nil, or gets into line.
func (t *turnstile) come(caller string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	l := t.line(caller)
	if l == nil {
		// Who was not here lately is next: nothing was used up.
		l = &line{caller: caller}
		t.lines = slices.Insert(t.lines, 0, l)
	}
	l.seen = now
	if t.free > 0 && len(l.tickets) == 0 && t.may(l, now) {
		t.free--
		l.inside++
		return nil
	}
	ticket := make(chan struct{})
	l.tickets = append(l.tickets, ticket)
	return ticket
}

// may reports whether a caller that has more to do may have one more place.
func (t *turnstile) may(l *line, now time.Time) bool {
	if l.inside < t.part {
		return true
	}
	return !slices.ContainsFunc(t.lines, func(x *line) bool {
		return x != l && len(x.tickets) == 0 && x.inside < t.part && now.Sub(x.seen) < lately
	})
}

// leave gives a place back, and lets in whoever is next.
func (t *turnstile) leave(caller string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if l := t.line(caller); l != nil {
		l.inside--
	}
	t.free++
	for t.free > 0 {
		i := slices.IndexFunc(t.lines, func(l *line) bool { return len(l.tickets) > 0 && t.may(l, now) })
		if i < 0 {
			break
		}
		l := t.lines[i]
		close(l.tickets[0])
		l.tickets = l.tickets[1:]
		l.inside++
		t.free--
		t.lines = append(slices.Delete(t.lines, i, i+1), l)
	}
	t.lines = slices.DeleteFunc(t.lines, func(l *line) bool {
		return len(l.tickets) == 0 && l.inside == 0 && now.Sub(l.seen) >= lately
	})
}

func (t *turnstile) line(caller string) *line {
	i := slices.IndexFunc(t.lines, func(l *line) bool { return l.caller == caller })
	if i < 0 {
		return nil
	}
	return t.lines[i]
}

// withdraw takes a ticket out of its line; false when it was let in already.
func (t *turnstile) withdraw(caller string, ticket chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.line(caller)
	if l == nil {
		return false
	}
	j := slices.Index(l.tickets, ticket)
	if j < 0 {
		return false
	}
	l.tickets = slices.Delete(l.tickets, j, j+1)
	return true
}
