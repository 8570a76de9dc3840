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
// the others makes its own line longer and nobody else's. It bounds no lines:
// every waiting request is one of the open ones, which are counted already.
type turnstile struct {
	patience time.Duration // how long a request waits before it is sent away

	mu    sync.Mutex
	free  int
	lines []*line // callers who have somebody waiting; the first is next
}

// line is what waits of one caller, the longest waiting first.
type line struct {
	caller  string
	tickets []chan struct{} // closed when let in
}

func newTurnstile(places int, patience time.Duration) *turnstile {
	return &turnstile{free: places, patience: patience}
}

// enter waits for a place; leave gives it back. Errors: that of ctx, or
// fault.Transient when it took too long.
func (t *turnstile) enter(ctx context.Context, caller string) error {
	ticket := t.queue(caller)
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
		t.leave() // let in at the same moment
	}
	return err
}

// queue takes a place, returning nil, or gets into line.
func (t *turnstile) queue(caller string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 { // then nobody waits
		t.free--
		return nil
	}
	ticket := make(chan struct{})
	i := slices.IndexFunc(t.lines, func(l *line) bool { return l.caller == caller })
	if i < 0 {
		i = len(t.lines)
		t.lines = append(t.lines, &line{caller: caller})
	}
	t.lines[i].tickets = append(t.lines[i].tickets, ticket)
	return ticket
}

// leave gives a place to whoever is next, or back.
func (t *turnstile) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == 0 {
		t.free++
		return
	}
	l := t.lines[0]
	t.lines = append(t.lines[:0], t.lines[1:]...)
	close(l.tickets[0])
	if l.tickets = l.tickets[1:]; len(l.tickets) > 0 {
		t.lines = append(t.lines, l)
	}
}

// withdraw takes a ticket out of its line; false when it was let in already.
func (t *turnstile) withdraw(caller string, ticket chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.lines, func(l *line) bool { return l.caller == caller })
	if i < 0 {
		return false
	}
	l := t.lines[i]
	j := slices.Index(l.tickets, ticket)
	if j < 0 {
		return false
	}
	if l.tickets = slices.Delete(l.tickets, j, j+1); len(l.tickets) == 0 {
		t.lines = slices.Delete(t.lines, i, i+1)
	}
	return true
}
