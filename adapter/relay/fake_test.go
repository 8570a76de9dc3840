package relay_test

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/recordtest"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/adapter/store"
)

// memory is the deliveries room of a store in memory, so that time can be
// that of a test: a real database waits in ways synctest cannot see.
type memory struct {
	mu       sync.Mutex
	rows     []store.Delivery
	attempts []store.Attempt
	decided  int
	away     bool // every call is Transient
}

type snapshot struct {
	store.Reader
	*memory
}

type decision struct {
	store.Tx
	*memory
}

func (s snapshot) Deliveries() store.DeliveryReader { return s.memory }
func (d decision) Deliveries() store.DeliveryWriter { return d.memory }

func (m *memory) View(_ context.Context, fn func(store.Reader) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return fault.New(fault.Transient, "", "away")
	}
	return fn(snapshot{memory: m})
}

func (m *memory) Decide(_ context.Context, fn func(store.Tx) error, _ ...store.Hint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return fault.New(fault.Transient, "", "away")
	}
	m.decided++
	return fn(decision{memory: m})
}

func (m *memory) Close() error                { return nil }
func (m *memory) Now() time.Time              { return time.Now() }
func (m *memory) Check(context.Context) error { return nil }
func (m *memory) Stats() store.Stats          { return store.Stats{} }
func (m *memory) Prune(context.Context, store.Retention) (int, bool, error) {
	return 0, false, nil
}

func (m *memory) Get(id int64) (store.Delivery, error) { return m.rows[id-1], nil }

func (m *memory) List(store.DeliveryFilter) ([]store.Delivery, error) {
	return slices.Clone(m.rows), nil
}

func (m *memory) Attempts(id int64) ([]store.Attempt, error) {
	return slices.DeleteFunc(slices.Clone(m.attempts), func(a store.Attempt) bool { return a.Delivery != id }), nil
}

func wakes(d store.Delivery) (time.Time, bool) {
	if d.State == store.Leased {
		return d.LeaseUntil, true
	}
	return d.Due, d.State == store.Owed
}

func (m *memory) NextDue() (next time.Time, _ error) {
	for _, d := range m.rows {
		if at, ok := wakes(d); ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

func (m *memory) Overdue(now time.Time, n int) (out []store.Delivery, _ error) {
	for _, d := range m.rows {
		if d.State == store.Sent && !d.Due.After(now) && len(out) < n {
			out = append(out, d)
		}
	}
	return out, nil
}

func (m *memory) Advance(d store.Delivery, a store.Attempt) error {
	have := &m.rows[d.ID-1]
	if have.State == store.Leased {
		d.Fence = have.Fence + 1
	}
	d.Payload = have.Payload
	*have = d
	return m.Note(d.ID, a)
}

func (m *memory) Note(id int64, a store.Attempt) error {
	m.rows[id-1].Attempts++
	a.Delivery, a.Number = id, m.rows[id-1].Attempts
	m.attempts = append(m.attempts, a)
	return nil
}

func (m *memory) Mark(id int64, marks []string) error {
	m.rows[id-1].Marks = append(m.rows[id-1].Marks, marks...)
	return nil
}

func (m *memory) Counts() (map[store.DeliveryState]int64, error) {
	out := map[store.DeliveryState]int64{}
	for _, d := range m.rows {
		out[d.State]++
	}
	return out, nil
}

func (m *memory) Owe(d store.Delivery) (int64, bool, error) {
	d.ID, d.State = int64(len(m.rows)+1), store.Owed
	m.rows = append(m.rows, d)
	return d.ID, true, nil
}

func (m *memory) Lease(now, until time.Time, n int, room func(string) int) ([]store.Delivery, error) {
	var due []*store.Delivery
	for i := range m.rows {
		if at, ok := wakes(m.rows[i]); ok && !at.After(now) {
			due = append(due, &m.rows[i])
		}
	}
	slices.SortStableFunc(due, func(a, b *store.Delivery) int { return cmp.Compare(a.Due.UnixNano(), b.Due.UnixNano()) })
	var out []store.Delivery
	taken := map[string]int{}
	for _, d := range due {
		if len(out) == n {
			break
		}
		if room != nil && taken[d.Lane] >= room(d.Lane) {
			continue
		}
		taken[d.Lane]++
		d.State, d.LeaseUntil = store.Leased, until
		d.Fence++
		out = append(out, *d)
	}
	return out, nil
}

func (m *memory) Extend(id, fence int64, until time.Time) error {
	have := &m.rows[id-1]
	if have.State != store.Leased || have.Fence != fence {
		return fault.New(fault.Conflict, "", "the lease is over")
	}
	have.LeaseUntil = until
	return nil
}

func (m *memory) Settle(d store.Delivery, a store.Attempt) error {
	have := &m.rows[d.ID-1]
	if have.State != store.Leased || have.Fence != d.Fence {
		return fault.New(fault.Conflict, "", "the lease is over")
	}
	*have = d
	m.attempts = append(m.attempts, a)
	return nil
}

func (m *memory) Release(id int64, to store.DeliveryState, now time.Time) error {
	d := &m.rows[id-1]
	d.State, d.Settled = to, time.Time{}
	if to == store.Owed {
		d.Due = now
	}
	return nil
}

// release is a human's move.
func (h *house) release(id int64, to store.DeliveryState) {
	h.store.mu.Lock()
	_ = h.store.Release(id, to, time.Now())
	h.store.mu.Unlock()
	h.relay.Notify()
}

// peek reads a row and its attempts.
func (m *memory) peek(id int64) (store.Delivery, []store.Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, _ := m.Attempts(id)
	return m.rows[id-1], a
}

// channel is a function as a channel.
type channel func(ctx context.Context, d outbound.Delivery) outbound.Result

func (c channel) Deliver(ctx context.Context, d outbound.Delivery) outbound.Result { return c(ctx, d) }

func always(state outbound.State) channel {
	return func(context.Context, outbound.Delivery) outbound.Result {
		return outbound.Result{State: state, Reason: "as told"}
	}
}

// toRecord delivers to a stand-in record without a network: a transaction and a
// look whether it is there.
func toRecord(r *recordtest.Record) channel {
	return func(_ context.Context, d outbound.Delivery) (res outbound.Result) {
		defer func() {
			if recover() != nil {
				res = outbound.Result{State: outbound.Retry, Reason: "the connection broke"}
			}
		}()
		ask := func(method, path string, body []byte) (int, *element.Value) {
			q := httptest.NewRequest(method, path, bytes.NewReader(body))
			q.Header.Set("Content-Type", "application/fhir+json")
			w := httptest.NewRecorder()
			r.ServeHTTP(w, q)
			v, _ := element.Parse(w.Body.Bytes(), element.Limits{})
			return w.Code, v
		}
		if code, _ := ask(http.MethodPost, "/", d.Payload); code != 200 {
			return outbound.Result{State: outbound.Retry, Status: code, Reason: "the peer answered " + strconv.Itoa(code)}
		}
		_, all := ask(http.MethodGet, "/", nil)
		for _, id := range all.All("entry.resource.identifier.value") {
			if strings.HasPrefix(id.Text, d.Key+".") {
				return outbound.Result{State: outbound.Proven, Status: 200}
			}
		}
		return outbound.Result{State: outbound.Retry, Status: 200, Reason: "not found again"}
	}
}

func newRecord() *recordtest.Record {
	r := recordtest.NewRecord()
	r.Know(nhs.SystemNHSNumber, outboundtest.Patient)
	return r
}

// house is a relay at work inside a bubble of time.
type house struct {
	t     *testing.T
	store *memory
	relay *relay.Relay
	stop  func() // ends the relay and waits for it
}

// inTime runs a test in a bubble with a relay over one channel.
func inTime(t *testing.T, change func(*relay.Config), ch outbound.Channel, test func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := relay.DefaultConfig()
		if change != nil {
			change(&cfg)
		}
		m := &memory{}
		r, err := relay.New(cfg, relay.Parts{Store: m, Channels: map[string]outbound.Channel{"gp": ch}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { r.Run(ctx) })
		h := &house{t: t, store: m, relay: r, stop: func() { cancel(); done.Wait() }}
		test(h)
		h.stop()
	})
}

// owe owes a delivery to a practice; its key is what its payload is found by.
func (h *house) owe(lane, key string) int64 {
	h.store.mu.Lock()
	id, _, _ := h.store.Owe(store.Delivery{
		Key: key, Lane: lane, Channel: "gp", Due: time.Now(), Created: time.Now(), Payload: outboundtest.Payload(key),
	})
	h.store.mu.Unlock()
	h.relay.Notify()
	return id
}

// after lets time pass.
func (h *house) after(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

func (h *house) is(id int64, want store.DeliveryState) (store.Delivery, []store.Attempt) {
	h.t.Helper()
	d, attempts := h.store.peek(id)
	if d.State != want {
		h.t.Errorf("delivery %d is %s (%s) after %d attempts, want %s", id, d.State, d.Reason, d.Attempts, want)
	}
	if len(attempts) != d.Attempts {
		h.t.Errorf("%d attempts are counted, %d on record", d.Attempts, len(attempts))
	}
	return d, attempts
}
