package relay

import (
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
)

// lane is how it goes with one practice. After TripAfter failures in a row the
// practice is left alone for a while, then tried with a single delivery; so a
// practice that is down costs the others nothing.
type lane struct {
	flying  int
	failed  int       // in a row
	reopens time.Time // zero: open
	paced   time.Time // when the next delivery may begin; zero: now
}

func (r *Relay) lane(name string) *lane {
	l := r.lanes[name]
	if l == nil {
		l = &lane{}
		r.lanes[name] = l
	}
	return l
}

func (r *Relay) enter(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lane(name)
	l.flying++
	if r.cfg.PerSecond > 0 {
		if now := r.now(); l.paced.Before(now) {
			l.paced = now
		}
		l.paced = l.paced.Add(time.Duration(float64(time.Second) / r.cfg.PerSecond))
	}
}

// leave forgets lanes that are idle and well, so that the map stays as small
// as the trouble there is.
func (r *Relay) leave(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lane(name)
	if l.flying--; l.flying == 0 && l.failed == 0 && !l.paced.After(r.now()) {
		delete(r.lanes, name)
	}
}

// judge counts a result: a refusal of one payload says that the peer is there.
func (r *Relay) judge(name string, state outbound.State, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lane(name)
	if state != outbound.Retry { // whatever else it said, the peer is there
		l.failed, l.reopens = 0, time.Time{}
		return
	}
	if l.failed++; l.failed >= r.cfg.TripAfter {
		l.reopens = now.Add(r.backoff(l.failed-r.cfg.TripAfter+1, 0))
	}
}

// room returns how many deliveries of a practice may be leased now: none where
// enough are in flight, one where it is tried with a single delivery after
// failures, none before its pace allows the next.
func (r *Relay) room(now time.Time) func(lane string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	usual := r.cfg.PerLane
	if r.cfg.PerSecond > 0 {
		usual = min(usual, max(1, int(r.cfg.PerSecond)))
	}
	special := make(map[string]int, len(r.lanes))
	for name, l := range r.lanes {
		limit := usual
		if !l.reopens.IsZero() {
			limit = 1
		}
		if now.Before(l.reopens) || now.Before(l.paced) {
			limit = 0
		}
		special[name] = max(0, limit-l.flying)
	}
	return func(lane string) int {
		if n, ok := special[lane]; ok {
			return n
		}
		return usual
	}
}

// opens is how long until a practice that waits for its pace has room again; 0
// when none does. Those it has not to wait for any more are forgotten.
func (r *Relay) opens(now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, l := range r.lanes {
		switch left := l.paced.Sub(now); {
		case left > 0 && (wait == 0 || left < wait):
			wait = left
		case left <= 0 && l.flying == 0 && l.failed == 0:
			delete(r.lanes, name)
		}
	}
	return wait
}
