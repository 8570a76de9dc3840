package relay_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// desk is a relay over a real store, with a clock of its own and a channel whose
// acknowledgements come later.
type desk struct {
	t     *testing.T
	store *sqlite.Store
	relay *relay.Relay
	clock *atomic.Int64
	end   func()
}

func newDesk(t *testing.T, ch outbound.Channel, gate relay.Gate, change func(*relay.Config)) *desk {
	t.Helper()
	d := &desk{t: t, clock: &atomic.Int64{}}
	d.clock.Store(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).UnixMicro())
	now := func() time.Time { return time.UnixMicro(d.clock.Load()).UTC() }
	cfg := sqlite.DefaultConfig()
	cfg.Path, cfg.Now = t.TempDir(), now
	s, err := sqlite.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	rc := relay.DefaultConfig()
	rc.Sweep = 5 * time.Millisecond
	if change != nil {
		change(&rc)
	}
	d.store = s
	d.relay, err = relay.New(rc, relay.Parts{Store: s, Channels: map[string]outbound.Channel{"post": ch}, Gate: gate, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { d.relay.Run(ctx); close(done) }()
	d.end = func() { cancel(); <-done }
	t.Cleanup(func() {
		d.end()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *desk) pass(by time.Duration) {
	d.clock.Add(by.Microseconds())
	d.relay.Notify()
}

func (d *desk) owe(key string) (id int64) {
	d.t.Helper()
	err := d.store.Decide(d.t.Context(), func(tx store.Tx) (err error) {
		id, _, err = tx.Deliveries().Owe(store.Delivery{Key: key, Lane: "A81001", Channel: "post", Payload: []byte("{}"),
			Due: time.UnixMicro(d.clock.Load() - 1)})
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.relay.Notify()
	return id
}

func (d *desk) get(id int64) (out store.Delivery, made []store.Attempt) {
	d.t.Helper()
	err := d.store.View(d.t.Context(), func(r store.Reader) (err error) {
		if out, err = r.Deliveries().Get(id); err == nil {
			made, err = r.Deliveries().Attempts(id)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return out, made
}

// until waits for a state and stage.
func (d *desk) until(id int64, want string) (store.Delivery, []store.Attempt) {
	d.t.Helper()
	for range 1000 {
		x, made := d.get(id)
		if string(x.State)+" "+x.Stage == want {
			return x, made
		}
		time.Sleep(5 * time.Millisecond)
	}
	x, made := d.get(id)
	d.t.Fatalf("delivery %d is %s %s (%s), want %s; attempts %+v", id, x.State, x.Stage, x.Reason, want, made)
	return x, made
}

func (d *desk) hear(ack outbound.Acknowledgement) {
	d.t.Helper()
	ack.Channel = "post"
	if err := d.relay.Acknowledge(d.t.Context(), ack); err != nil {
		d.t.Fatal(err)
	}
}

func carrier() channel {
	return func(_ context.Context, d outbound.Delivery) outbound.Result {
		return outbound.Result{State: outbound.Sent, Status: 202, Await: 24 * time.Hour, References: []string{"msg-" + d.Key, "echo-" + d.Key, "carrier-" + d.Key}}
	}
}

var (
	received = outbound.Result{State: outbound.Sent, Stage: outbound.Received, Await: 72 * time.Hour}
	known    = outbound.Result{State: outbound.Delivered, Stage: outbound.InWorkflow}
	unknown  = outbound.Result{State: outbound.Dead, Stage: outbound.Refused, Reason: "the patient is not known here"}
)

// TestHazardFalseProofAcknowledgements goes through what a peer may say, in every order.
func TestHazardFalseProofAcknowledgements(t *testing.T) {
	ack := func(id string, res outbound.Result) outbound.Acknowledgement {
		return outbound.Acknowledgement{ID: id, Echo: "echo-K", Result: res}
	}
	for name, c := range map[string]struct {
		say  []outbound.Acknowledgement
		want string
		made int
	}{
		"none":                     {nil, "sent accepted-for-transport", 1},
		"received":                 {[]outbound.Acknowledgement{ack("1", received)}, "sent received-by-system", 2},
		"received, known":          {[]outbound.Acknowledgement{ack("1", received), ack("2", known)}, "delivered in-practice-workflow", 3},
		"out of order":             {[]outbound.Acknowledgement{ack("2", known), ack("1", received)}, "delivered in-practice-workflow", 3},
		"twice":                    {[]outbound.Acknowledgement{ack("1", received), ack("1", received), ack("2", known), ack("2", known)}, "delivered in-practice-workflow", 3},
		"refused":                  {[]outbound.Acknowledgement{ack("2", unknown)}, "dead refused-by-peer", 2},
		"a refusal is final":       {[]outbound.Acknowledgement{ack("2", unknown), ack("1", received), ack("3", known)}, "dead refused-by-peer", 4},
		"known, then refused":      {[]outbound.Acknowledgement{ack("2", known), ack("3", unknown)}, "dead refused-by-peer", 3},
		"verified":                 {[]outbound.Acknowledgement{ack("2", known), ack("3", outbound.Result{State: outbound.Proven})}, "proven verified-in-record", 3},
		"verified stays verified":  {[]outbound.Acknowledgement{ack("3", outbound.Result{State: outbound.Proven}), ack("4", unknown), ack("1", received)}, "proven verified-in-record", 4},
		"a state nobody knows":     {[]outbound.Acknowledgement{ack("1", outbound.Result{State: "surprise"})}, "sent accepted-for-transport", 2},
		"without an id, and again": {[]outbound.Acknowledgement{ack("", known), ack("", known)}, "delivered in-practice-workflow", 2},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, carrier(), nil, nil)
			id := d.owe("K")
			d.until(id, "sent accepted-for-transport")
			for _, a := range c.say {
				d.hear(a)
			}
			if _, made := d.until(id, c.want); len(made) != c.made {
				t.Errorf("%d on record, want %d: %+v", len(made), c.made, made)
			}
		})
	}
}

// TestCorrelation: the identifier of the message counts before our reference,
// and that before the name that the carrier gave.
func TestCorrelation(t *testing.T) {
	d := newDesk(t, carrier(), nil, nil)
	a, b, c := d.owe("A"), d.owe("B"), d.owe("C")
	for _, id := range []int64{a, b, c} {
		d.until(id, "sent accepted-for-transport")
	}
	d.hear(outbound.Acknowledgement{ID: "1", Response: "msg-A", Echo: "echo-B", Transport: "carrier-C", Result: known})
	d.until(a, "delivered in-practice-workflow")
	d.hear(outbound.Acknowledgement{ID: "2", Response: "UNREADABLE-IN-ORIGINAL-MESSAGE", Echo: "echo-B", Transport: "carrier-C", Result: known})
	d.until(b, "delivered in-practice-workflow")
	d.until(c, "sent accepted-for-transport")
	d.hear(outbound.Acknowledgement{ID: "3", Transport: "carrier-C", Result: known})
	d.until(c, "delivered in-practice-workflow")
}

// TestHazardLostAcknowledgement: what belongs to nothing known is kept word by word in front of a
// human, and finds its delivery when that becomes known.
func TestHazardLostAcknowledgement(t *testing.T) {
	hold := make(chan struct{})
	ch := channel(func(ctx context.Context, d outbound.Delivery) outbound.Result {
		<-hold
		return carrier()(ctx, d)
	})
	d := newDesk(t, ch, nil, nil)
	id := d.owe("A")
	res := known
	res.Evidence = []byte("<ack who=\"nobody here\"/>\x00")
	d.hear(outbound.Acknowledgement{ID: "1", Echo: "echo-A", Result: res}) // faster than the answer to sending
	d.hear(outbound.Acknowledgement{ID: "2", Echo: "echo-Z", Result: res})
	d.hear(outbound.Acknowledgement{ID: "2", Echo: "echo-Z", Result: res})
	orphans := func() (out []store.Delivery) {
		if err := d.store.View(t.Context(), func(r store.Reader) (err error) {
			out, err = r.Deliveries().List(store.DeliveryFilter{State: store.Dead})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if n := len(orphans()); n != 2 {
		t.Fatalf("%d orphans, want 2", n)
	}
	close(hold)
	d.until(id, "delivered in-practice-workflow")
	left := orphans()
	if len(left) != 1 {
		t.Fatalf("%d orphans are left, want 1", len(left))
	}
	if _, made := d.get(left[0].ID); len(made) != 1 || string(made[0].Evidence) != string(res.Evidence) {
		t.Errorf("kept: %+v", made)
	}
}

// TestHazardLateAcknowledgement: what is not acknowledged in time is in front of a human; a word
// that comes later still counts.
func TestHazardLateAcknowledgement(t *testing.T) {
	d := newDesk(t, carrier(), nil, nil)
	id, other := d.owe("A"), d.owe("B")
	d.until(id, "sent accepted-for-transport")
	d.until(other, "sent accepted-for-transport")
	d.hear(outbound.Acknowledgement{ID: "1", Echo: "echo-B", Result: received})
	d.pass(25 * time.Hour)
	x, made := d.until(id, "dead overdue")
	if !strings.HasPrefix(x.Reason, "no acknowledgement by 2026-03-03") || !strings.Contains(x.Reason, "accepted-for-transport") || len(made) != 2 {
		t.Errorf("%q, %+v", x.Reason, made)
	}
	d.until(other, "sent received-by-system") // the next word has a deadline of its own
	d.pass(60 * time.Hour)
	d.until(other, "dead overdue")
	d.hear(outbound.Acknowledgement{ID: "2", Echo: "echo-A", Result: known})
	d.until(id, "delivered in-practice-workflow")
	d.hear(outbound.Acknowledgement{ID: "3", Echo: "echo-B", Result: outbound.Result{State: outbound.Sent, Stage: outbound.Collected, Await: time.Hour}})
	d.until(other, "sent collected")
}

// TestHazardDoubledAfterUnknownSend: an attempt of which nobody knows what became of it is called
// so, and an acknowledgement ends the trying.
func TestHazardDoubledAfterUnknownSend(t *testing.T) {
	var calls atomic.Int32
	ch := channel(func(_ context.Context, d outbound.Delivery) outbound.Result {
		calls.Add(1)
		return outbound.Result{State: outbound.Retry, Reason: "the connection broke", References: []string{"echo-" + d.Key}}
	})
	d := newDesk(t, ch, nil, nil)
	id := d.owe("A")
	_, made := d.until(id, "owed unknown-send")
	if made[0].State != "unknown-send" {
		t.Errorf("on record: %+v", made)
	}
	d.hear(outbound.Acknowledgement{ID: "1", Echo: "echo-A", Result: known})
	d.until(id, "delivered in-practice-workflow")
	was := calls.Load()
	d.pass(24 * time.Hour)
	time.Sleep(50 * time.Millisecond)
	if calls.Load() != was {
		t.Error("sent again after it was acknowledged")
	}
}

// TestPace: a practice gets no more in a second than is agreed, and others do
// not wait for it.
func TestPace(t *testing.T) {
	inTime(t, func(c *relay.Config) { c.PerSecond = 2 }, always(outbound.Proven), func(h *house) {
		for i := range 20 {
			h.owe("A81001", fmt.Sprint("a", i))
			if i < 2 {
				h.owe(fmt.Sprint("B", i), fmt.Sprint("b", i))
			}
		}
		h.after(4 * time.Second)
		proven := map[string]int{}
		h.store.mu.Lock()
		for _, d := range h.store.rows {
			if d.State == store.Proven {
				proven[d.Lane]++
			}
		}
		h.store.mu.Unlock()
		if n := proven["A81001"]; n < 6 || n > 11 || proven["B0"] != 1 || proven["B1"] != 1 {
			t.Errorf("after 4 s at 2 a second: %v", proven)
		}
		h.after(10 * time.Second)
		if n := h.relay.Lanes(); n != 0 {
			t.Errorf("%d practices remembered", n)
		}
	})
}
