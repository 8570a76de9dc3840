package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// door is the way to one server or to one of several.
type door interface {
	do(ctx context.Context, method, path, contentType, ifMatch string, body []byte) (answer, error)
}

// letter names a message: its format, H or J, and its number.
type letter struct {
	kind  byte
	index int
}

// moment is how far a Task was acknowledged to be.
type moment struct {
	version   int
	completed bool
}

// ledger is what the callers of a server were told.
type ledger struct {
	s    *session
	rest atomic.Bool // nobody works on Tasks for a while

	mu       sync.Mutex
	replies  map[letter][]byte // answer to each message that was accepted
	open     map[letter]bool   // messages without an answer so far
	tasks    map[string]moment
	fresh    []letter        // accepted since the last check
	touched  map[string]bool // Tasks acknowledged since the last check
	problems []string
	cured    int // requests that were answered only when they were tried again
}

func newLedger(run string) *ledger {
	c := DefaultConfig()
	c.Run, c.Owner = run, "Organization/load"
	return &ledger{
		s: newSession(c), replies: map[letter][]byte{}, open: map[letter]bool{},
		tasks: map[string]moment{}, touched: map[string]bool{},
	}
}

// problem keeps the first of what went wrong.
func (l *ledger) problem(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.problems) < 40 {
		l.problems = append(l.problems, fmt.Sprintf(format, args...))
	}
}

// completed counts the Tasks that were acknowledged as completed.
func (l *ledger) completed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, m := range l.tasks {
		if m.completed {
			n++
		}
	}
	return n
}

// post sends a message, the same bytes every time.
func (l *ledger) post(ctx context.Context, d door, m letter) (answer, error) {
	if m.kind == 'J' {
		body, err := l.s.write.json(m.index)
		if err != nil {
			return answer{}, err
		}
		return d.do(ctx, http.MethodPost, "/intake/"+url.PathEscape(l.s.cfg.JSONSender), typeJSON, "", body)
	}
	return d.do(ctx, http.MethodPost, "/intake/"+url.PathEscape(l.s.cfg.HL7Sender), typeHL7, "", l.s.write.hl7(m.index))
}

// taken reports whether an answer accepts a message.
func taken(m letter, a answer) bool {
	return a.status == http.StatusOK && (m.kind == 'J' || acked(a.body) == "AA") || m.kind == 'J' && a.status == http.StatusCreated
}

// load sends from some clients and works on Tasks from others, until ctx ends.
func (l *ledger) load(ctx context.Context, d door, senders, movers int) *sync.WaitGroup {
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for ctx.Err() == nil {
				n := int(l.s.nextHL7.Add(1) - 1)
				kind := byte('H')
				if n%3 == 2 {
					kind = 'J'
				}
				if !l.send(ctx, d, letter{kind, n}) {
					pause(ctx)
				}
			}
		})
	}
	tasks := &hands{}
	for range movers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if l.rest.Load() {
					pause(ctx)
					continue
				}
				t, ok := tasks.take()
				if !ok {
					if !l.look(ctx, d, tasks) {
						pause(ctx)
					}
					continue
				}
				if next, ok := l.move(ctx, d, t); ok {
					tasks.put(next)
				}
			}
		})
	}
	return &wg
}

// pause is what a client does whose server has gone.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// look fills the hands with open Tasks, and reports whether there are any. Of
// several movers that look at once the first fills them, so that two do not work
// on one Task.
func (l *ledger) look(ctx context.Context, d door, tasks *hands) bool {
	tasks.mu.Lock()
	defer tasks.mu.Unlock()
	if len(tasks.free) > 0 {
		return true
	}
	a, err := d.do(ctx, http.MethodGet, "/fhir/Task?status=requested,accepted,in-progress&_count=20", "", "", nil)
	if err != nil || a.status != http.StatusOK {
		return false
	}
	b, err := bundleOf(a.body)
	if err != nil {
		l.problem("a search was answered without a Bundle")
		return false
	}
	tasks.free = b.held
	return len(tasks.free) > 0
}

// send sends a message and reports whether it had an answer.
func (l *ledger) send(ctx context.Context, d door, m letter) bool {
	a, err := l.post(ctx, d, m)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil && taken(m, a):
		l.replies[m] = a.body
		l.fresh = append(l.fresh, m)
	case err == nil && a.status >= 400 && a.status < 500 && a.status != http.StatusTooManyRequests:
		l.problems = append(l.problems, fmt.Sprintf("message %c%d was refused with %s", m.kind, m.index, refusal(a)))
	default:
		l.open[m] = true
		return false
	}
	return true
}

// move takes a Task one step on. ok is false when there is nothing more to do
// with it, or nothing known about it.
func (l *ledger) move(ctx context.Context, d door, t stored) (next stored, ok bool) {
	body, ended, err := moved(t.body, l.s.cfg.Owner)
	if err != nil {
		return t, false
	}
	a, err := d.do(ctx, http.MethodPut, "/fhir/Task/"+t.id, "application/fhir+json", t.etag, body)
	if err == nil && a.status == http.StatusPreconditionFailed {
		// The same change may have been made before its answer was lost.
		a, err = d.do(ctx, http.MethodGet, "/fhir/Task/"+t.id, "", "", nil)
		if err != nil || a.status != http.StatusOK || statusOf(a.body) != statusOf(body) {
			return t, false
		}
	}
	if err != nil || a.status != http.StatusOK {
		if err == nil && a.status < 500 && a.status != http.StatusTooManyRequests {
			l.problem("a step of a Task to %s was refused with %s", statusOf(body), refusal(a))
		}
		return t, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.tasks[t.id]
	l.tasks[t.id] = moment{max(at.version, version(a.body)), at.completed || ended}
	l.touched[t.id] = true
	return stored{t.id, a.body, a.etag}, !ended
}

func statusOf(body []byte) string {
	var t struct {
		Status string `json:"status"`
	}
	_ = json.Unmarshal(body, &t) // no status then
	return t.Status
}

func version(body []byte) int {
	var r struct {
		Meta struct {
			VersionID json.Number `json:"versionId"`
		} `json:"meta"`
	}
	if json.Unmarshal(body, &r) != nil {
		return 0
	}
	n, err := r.Meta.VersionID.Int64()
	if err != nil {
		return 0
	}
	return int(n)
}
