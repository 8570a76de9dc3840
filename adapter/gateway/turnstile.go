package gateway

import (
	"context"
	"math"
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
// processor, disk and commits with the others'. So while the house is busy,
// whoever took far more than its share of the time of all lately is held to a
// part of the places, and each of these rests for some times as long as it was in
// use: how busy a greedy caller can keep the house is then bounded, whatever a
// request costs and however slow the disk is. Once it takes less it gets places
// back one by one, lest it come in bursts; and whoever took many times its share
// must take far less, or it would come and go about that bound and the others feel
// each coming. When all want much nobody is greedy, and all places are used.
//
// It bounds no lines: every waiting request is one of the open ones, which are
// counted already.
type turnstile struct {
	patience time.Duration // how long a request waits before it is sent away
	places   int
	part     int // places of a greedy caller

	mu    sync.Mutex
	free  int
	lines []*line // callers seen lately, in the order of their turns
}

// line is what the turnstile knows of a caller.
type line struct {
	caller  string
	tickets []chan struct{} // that wait, the longest waiting first; closed when let in
	inside  int
	resting int       // places of its part that it left and may not have again yet
	seen    time.Time // when it last came

	used   time.Duration // for how long it had places lately, halved each halfTime
	usedAt time.Time     // when that was so

	places  int       // how many it may have while others are there
	changed time.Time // when that was changed
	strict  bool      // it took very much before it was held
}

// usage is used as of now.
func (l *line) usage(now time.Time) time.Duration {
	return time.Duration(float64(l.used) * math.Exp2(-float64(now.Sub(l.usedAt))/float64(halfTime)))
}

// lately is for how long a caller that comes now and then counts as being there.
const lately = time.Second

// halfTime is in what time half of what a caller used is forgotten: short, for
// until a greedy caller is known as one all feel it.
const halfTime = 500 * time.Millisecond

// A caller is greedy when it takes this many times its share, within these parts
// of the time of all, and twice as much as somebody else.
const (
	greed      = 2
	leastGreed = .25
	mostGreed  = .6
)

// busy is from how many places in use on average on there is anything to protect.
const busy = 2

// A caller is held strictly when it took this many times its share, or nearly all,
// and had requests for half of the places.
const (
	veryGreedy = 4
	nearlyAll  = .8
)

// letGo is at what part of these bounds a caller that is held strictly is no longer
// greedy: being held it takes less, and the house is less busy.
const letGo = .5

// growEvery is how soon a caller that was greedy gets one place more.
const growEvery = 500 * time.Millisecond

// A place of a part rests for restFor times as long as it was in use, and not
// longer than restMost.
const (
	restFor  = 4
	restMost = time.Second
)

func newTurnstile(places int, patience time.Duration) *turnstile {
	return &turnstile{places: places, free: places, part: max(1, places/16), patience: patience}
}

// enter waits for a place; leave gives it back. Errors: that of ctx, or
// fault.Transient when it took too long.
func (t *turnstile) enter(ctx context.Context, caller string) (leave func(), err error) {
	if err := t.wait(ctx, caller); err != nil {
		return nil, err
	}
	began := time.Now()
	return func() { t.leave(caller, time.Since(began)) }, nil
}

func (t *turnstile) wait(ctx context.Context, caller string) error {
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
		t.leave(caller, 0) // let in at the same moment
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
		l = &line{caller: caller, places: t.places}
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
	return l.inside+l.resting < l.places || t.others(l, now) == 0
}

// others is how many others were there lately.
func (t *turnstile) others(l *line, now time.Time) (n int) {
	for _, x := range t.lines {
		if x != l && now.Sub(x.seen) < lately {
			n++
		}
	}
	return n
}

// judge notes what a caller used, and reports whether the place it left must
// rest.
func (t *turnstile) judge(l *line, used time.Duration, now time.Time) (rest bool) {
	l.used, l.usedAt = l.usage(now)+used, now
	switch {
	case t.greedy(l, now):
		l.places, l.changed = t.part, now
		return used > 0 && len(l.tickets) > 0
	case l.places < t.places && now.Sub(l.changed) >= growEvery:
		l.places, l.changed = l.places+1, now
	}
	return false
}

// greedy reports whether a caller takes too much of a busy house, and notes how
// it is to be held.
func (t *turnstile) greedy(l *line, now time.Time) bool {
	var all time.Duration
	least := l.used
	for _, x := range t.lines {
		u := x.usage(now)
		if all += u; x != l && now.Sub(x.seen) < lately {
			least = min(least, u)
		}
	}
	free, bound := l.places == t.places, 1.
	if !free && l.strict {
		bound = letGo
	}
	// What decays by half in halfTime comes to rest at halfTime/ln 2 of what one
	// place in use adds.
	if all.Seconds() < bound*busy*halfTime.Seconds()/math.Ln2 || least > l.used/2 {
		return false
	}
	takes, share := l.used.Seconds()/all.Seconds(), 1/float64(1+t.others(l, now))
	if takes <= bound*min(max(greed*share, leastGreed), mostGreed) {
		return false
	}
	if free {
		l.strict = takes > min(veryGreedy*share, nearlyAll) && l.inside+len(l.tickets) >= t.places/2
	}
	return true
}

// leave gives a place back that was in use for a time, and lets in whoever is
// next.
func (t *turnstile) leave(caller string, used time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if l := t.line(caller); l != nil {
		l.inside--
		if t.judge(l, used, now) {
			l.resting++
			time.AfterFunc(min(restFor*used, restMost), func() { t.rested(caller) })
		}
	}
	t.free++
	t.admit(now)
}

// rested ends the rest of a place.
func (t *turnstile) rested(caller string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.line(caller); l != nil {
		l.resting--
	}
	t.admit(time.Now())
}

// admit lets in whoever is next, while there are places.
func (t *turnstile) admit(now time.Time) {
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
		return len(l.tickets) == 0 && l.inside == 0 && l.resting == 0 && now.Sub(l.seen) >= lately
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
