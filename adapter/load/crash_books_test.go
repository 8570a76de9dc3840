package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// checkers is how many requests a check has in flight.
const checkers = 8

// each does something with every element, several at once.
func each[T any](list []T, do func(T)) {
	var wg sync.WaitGroup
	work := make(chan T)
	for range checkers {
		wg.Go(func() {
			for x := range work {
				do(x)
			}
		})
	}
	for _, x := range list {
		work <- x
	}
	close(work)
	wg.Wait()
}

// checkRecent holds what was acknowledged since the last check against a server:
// each message answers its repeat with the same bytes, each Task is at least
// where it was said to be. The counts bound what was not acknowledged.
func (l *ledger) checkRecent(ctx context.Context, d door) {
	l.mu.Lock()
	fresh, touched := l.fresh, l.touched
	l.fresh, l.touched = nil, map[string]bool{}
	l.mu.Unlock()
	each(fresh, func(m letter) { l.sameAnswer(ctx, d, m) })
	var ids []string
	for id := range touched {
		ids = append(ids, id)
	}
	each(ids, func(id string) { l.taskThere(ctx, d, id) })
}

func (l *ledger) sameAnswer(ctx context.Context, d door, m letter) {
	l.mu.Lock()
	first := l.replies[m]
	l.mu.Unlock()
	a, err := l.post(ctx, d, m)
	switch {
	case err != nil:
		l.problem("message %c%d cannot be repeated: %s", m.kind, m.index, errorKind(err))
	case !taken(m, a) || !bytes.Equal(a.body, first):
		l.problem("LOST or changed: message %c%d was acknowledged and its repeat gets another answer, with %s", m.kind, m.index, refusal(a))
	}
}

func (l *ledger) taskThere(ctx context.Context, d door, id string) {
	l.mu.Lock()
	want := l.tasks[id]
	l.mu.Unlock()
	a, err := d.do(ctx, http.MethodGet, "/fhir/Task/"+id, "", "", nil)
	switch {
	case err != nil:
		l.problem("Task %s cannot be read: %s", id, errorKind(err))
	case a.status != http.StatusOK || version(a.body) < want.version:
		l.problem("LOST: Task %s was acknowledged at version %d and is at %d (status %d)", id, want.version, version(a.body), a.status)
	case want.completed && statusOf(a.body) != "completed":
		l.problem("LOST: Task %s was acknowledged as completed and is %s", id, statusOf(a.body))
	}
}

// settle sends again what had no answer, until it has one: it may have been
// taken before or not.
func (l *ledger) settle(ctx context.Context, d door) {
	l.mu.Lock()
	var open []letter
	for m := range l.open {
		open = append(open, m)
	}
	l.open = map[letter]bool{}
	l.mu.Unlock()
	each(open, func(m letter) { l.send(ctx, d, m) })
	l.mu.Lock()
	defer l.mu.Unlock()
	for m := range l.open {
		l.problems = append(l.problems, fmt.Sprintf("message %c%d is not taken although the server is well", m.kind, m.index))
	}
}

// books is what a server holds, read through its API.
type books struct {
	referrals map[string]int // by the sender's number
	tasks     map[string]string
}

// checkAll compares everything: the ledger, the server and the record.
func (l *ledger) checkAll(ctx context.Context, c *client, ops string, record *StandIn) {
	l.settle(ctx, c)
	l.mu.Lock()
	l.fresh = nil
	for m := range l.replies {
		l.fresh = append(l.fresh, m)
	}
	for id := range l.tasks {
		l.touched[id] = true
	}
	l.mu.Unlock()
	l.checkRecent(ctx, c)
	b := l.read(ctx, c)
	l.checkReferrals(b)
	l.checkHistory(ctx, c)
	l.checkOutcomes(ctx, ops, b, record)
}

// walk reads everything of a search or a history.
func (l *ledger) walk(ctx context.Context, c *client, path string) []stored {
	held, err := c.list(ctx, path, 10_000_000)
	if err != nil {
		l.problem("%s: %v", path, err)
	}
	return held
}

func (l *ledger) read(ctx context.Context, c *client) books {
	b := books{referrals: map[string]int{}, tasks: map[string]string{}}
	requests := map[string]int{} // Tasks of each ServiceRequest
	// Oldest first: what the write-back changes meanwhile is met again, not missed.
	for _, h := range l.walk(ctx, c, "/fhir/ServiceRequest?_count=1000&_sort=_lastUpdated") {
		if _, again := requests["ServiceRequest/"+h.id]; again {
			continue
		}
		var r struct {
			Identifier []struct{ Value string }
		}
		if json.Unmarshal(h.body, &r) != nil || len(r.Identifier) != 1 {
			l.problem("ServiceRequest %s does not have one identifier", h.id)
			continue
		}
		b.referrals[r.Identifier[0].Value]++
		requests["ServiceRequest/"+h.id] = 0
	}
	for _, h := range l.walk(ctx, c, "/fhir/Task?_count=1000&_sort=_lastUpdated") {
		if _, again := b.tasks[h.id]; again {
			b.tasks[h.id] = statusOf(h.body)
			continue
		}
		var t struct {
			Focus struct{ Reference string }
		}
		_ = json.Unmarshal(h.body, &t) // no focus then, which is found below
		if _, known := requests[t.Focus.Reference]; !known {
			l.problem("Task %s is about no ServiceRequest that is there", h.id)
		}
		requests[t.Focus.Reference]++
		b.tasks[h.id] = statusOf(h.body)
	}
	for request, n := range requests {
		if n != 1 {
			l.problem("%s has %d Tasks", request, n)
		}
	}
	people := map[string]bool{}
	for _, h := range l.walk(ctx, c, "/fhir/Patient?_count=1000") {
		var p struct {
			Identifier []struct{ System, Value string }
		}
		_ = json.Unmarshal(h.body, &p) // nobody then
		for _, id := range p.Identifier {
			if !strings.HasSuffix(id.System, "nhs-number") {
				continue
			}
			if people[id.Value] {
				l.problem("DOUBLED: Patient %s has the NHS number of another", h.id)
			}
			people[id.Value] = true
		}
	}
	return b
}

// checkReferrals: each message that was accepted has its ServiceRequest once,
// and there is no other.
func (l *ledger) checkReferrals(b books) {
	l.mu.Lock()
	want := map[string]bool{}
	for m := range l.replies {
		want[l.s.write.id(m.kind, m.index)] = true
	}
	l.mu.Unlock()
	for id := range want {
		if n := b.referrals[id]; n == 0 {
			l.problem("LOST: message %s was acknowledged and has no ServiceRequest", id)
		} else if n > 1 {
			l.problem("DOUBLED: message %s has %d ServiceRequests", id, n)
		}
	}
	for id := range b.referrals {
		if !want[id] {
			l.problem("ServiceRequest of message %s, which was never acknowledged", id)
		}
	}
}

// checkHistory: commit times strictly increase, each is used once, and the
// versions of a resource have no gap.
func (l *ledger) checkHistory(ctx context.Context, c *client) {
	times := map[time.Time]string{}
	for _, typ := range []string{"Task", "ServiceRequest", "Patient", "Organization", "Practitioner", "PractitionerRole", "Consent"} {
		var last time.Time
		newest := map[string]int{}
		for _, h := range l.walk(ctx, c, "/fhir/"+typ+"/_history?_count=1000") {
			var r struct {
				Meta struct{ LastUpdated time.Time }
			}
			if err := json.Unmarshal(h.body, &r); err != nil || r.Meta.LastUpdated.IsZero() {
				l.problem("a version of %s/%s has no time", typ, h.id)
				continue
			}
			at, n := r.Meta.LastUpdated, version(h.body)
			if !last.IsZero() && !at.Before(last) {
				l.problem("the history of %s is not in order at %s version %d", typ, h.id, n)
			}
			if other, twice := times[at]; twice {
				l.problem("%s/%s version %d has the same time as %s", typ, h.id, n, other)
			}
			if before, seen := newest[h.id]; seen && n != before-1 {
				l.problem("%s/%s goes from version %d to %d", typ, h.id, n, before)
			}
			last, newest[h.id] = at, n
			times[at] = typ + "/" + h.id
		}
		for id, n := range newest {
			if n != 1 {
				l.problem("%s/%s begins with version %d", typ, id, n)
			}
		}
	}
}

// drain waits until as many deliveries as wanted are settled.
func drain(ctx context.Context, ops string, want int64, patience time.Duration) (Deliveries, bool) {
	var d Deliveries
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		m, err := scrape(ctx, ops)
		if err == nil {
			d = m.deliveries()
			if d.open() == 0 && d.Total() >= want {
				return d, true
			}
		}
		if time.Since(begun) > patience {
			return d, false
		}
	}
}

// checkOutcomes: each Task that is completed has its outcome in the record
// once, no other Task has one, and the deliveries add up.
func (l *ledger) checkOutcomes(ctx context.Context, ops string, b books, record *StandIn) {
	want := map[string]bool{}
	for id, status := range b.tasks {
		if status == "completed" {
			want[id] = true
		}
	}
	d, drained := drain(ctx, ops, int64(len(want)), 30*time.Second)
	if !drained {
		l.problem("the deliveries are not settled after 30 s: %s for %d completed Tasks", d, len(want))
	}
	if d["proven"] != int64(len(want)) || d.Total() != int64(len(want)) {
		l.problem("deliveries: %s for %d completed Tasks", d, len(want))
	}
	entries := map[string]int{} // of each Task
	for name, n := range record.Held() {
		_, value, _ := strings.Cut(name, "|")
		task, purpose, _ := strings.Cut(value, ".")
		if n != 1 {
			l.problem("DOUBLED: the record holds %s of Task %s %d times", purpose, task, n)
		}
		if !want[task] {
			l.problem("the record holds an outcome of Task %s, which is %q", task, b.tasks[task])
		}
		entries[task]++
	}
	most := 0
	for _, n := range entries {
		most = max(most, n)
	}
	for id := range want {
		if entries[id] != most || most == 0 {
			l.problem("LOST: the record holds %d of the %d entries of the outcome of Task %s", entries[id], most, id)
		}
	}
	if t := record.Tally(); t.Creating != len(want) {
		l.problem("%d transactions made something in the record for %d completed Tasks", t.Creating, len(want))
	}
}
