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
	r.lane(name).flying++
}

// leave forgets lanes that are idle and well, so that the map stays as small
// as the trouble there is.
func (r *Relay) leave(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lane(name)
	if l.flying--; l.flying == 0 && l.failed == 0 {
		delete(r.lanes, name)
	}
}

// judge counts a result: a refusal of one payload says that the peer is there.
func (r *Relay) judge(name string, state outbound.State, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lane(name)
	if state != outbound.Retry {
		l.failed, l.reopens = 0, time.Time{}
		return
	}
	if l.failed++; l.failed >= r.cfg.TripAfter {
		l.reopens = now.Add(r.backoff(l.failed-r.cfg.TripAfter+1, 0))
	}
}

// room says how many deliveries may be leased at once, whatever lanes they turn
// out to be of, and which practices get nothing now: those with enough in
// flight, those left alone, and those being tried with a single delivery. The
// store chooses by due time, so the fullest open lane decides.
func (r *Relay) room(now time.Time) (n int, closed []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = r.cfg.PerLane
	for name, l := range r.lanes {
		limit := r.cfg.PerLane
		if !l.reopens.IsZero() {
			limit = 1
		}
		if l.flying >= limit || now.Before(l.reopens) {
			closed = append(closed, name)
			continue
		}
		n = min(n, limit-l.flying)
	}
	return n, closed
}
