package relay_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/fhirapi"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

var chaos = flag.Int("chaos", 300, "deliveries of the chaos suite")

// moody is a record over HTTP that keeps its conditional creates and nothing
// else that it promises.
type moody struct {
	mu    sync.Mutex
	rng   *rand.Rand
	calm  bool
	held  map[string]int // by type and identifier
	moods map[string]int
}

func (m *moody) mood() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calm || m.rng.IntN(100) < 50 {
		return "well"
	}
	list := []string{"500", "429", "resets", "loses its answer", "200 with garbage", "accepts and loses", "times out", "503"}
	mood := list[m.rng.IntN(len(list))]
	m.moods[mood]++
	return mood
}

// keep does what the transaction says; each conditional create makes one at most.
func (m *moody) keep(bundle *element.Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range bundle.List("entry") {
		r := e.Get("resource")
		name := r.ResourceType() + "?" + r.TextAt("identifier.system") + "|" + r.TextAt("identifier.value")
		if e.TextAt("request.ifNoneExist") == "" || m.held[name] == 0 {
			m.held[name]++
		}
	}
}

func (m *moody) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	mood := m.mood()
	if q.Method == http.MethodPost {
		bundle, err := element.Parse(body, element.Limits{})
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		switch mood {
		case "well", "loses its answer", "times out":
			m.keep(bundle)
		case "200 with garbage":
			if len(body)%2 == 0 {
				m.keep(bundle)
			}
		}
		if mood == "well" || mood == "accepts and loses" {
			reply := strings.TrimSuffix(strings.Repeat(`{"response":{"status":"201 Created"}},`, len(bundle.List("entry"))), ",")
			_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[`+reply+`]}`)
			return
		}
	}
	switch mood {
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
	case "503":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "429":
		w.Header().Set("Retry-After", "900")
		w.WriteHeader(http.StatusTooManyRequests)
	case "200 with garbage":
		_, _ = io.WriteString(w, "<html>Sign in, "+outboundtest.Canary)
	case "resets", "loses its answer":
		panic(http.ErrAbortHandler)
	case "times out":
		<-q.Context().Done()
	default:
		typ, token := strings.Trim(q.URL.Path, "/"), q.URL.Query().Get("identifier")
		system, value, _ := strings.Cut(token, "|")
		m.mu.Lock()
		n := m.held[typ+"?"+token]
		m.mu.Unlock()
		entry := fmt.Sprintf(`{"resource":{"resourceType":%q,"identifier":[{"system":%q,"value":%q}]}},`, typ, system, value)
		_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"searchset","entry":[`+strings.TrimSuffix(strings.Repeat(entry, n), ",")+`]}`)
	}
}

// late is a carrier whose acknowledgements come days later, twice, in the wrong
// order, for things nobody sent, or never.
type late struct {
	mu    sync.Mutex
	rng   *rand.Rand
	now   func() time.Time
	taken map[string]int // messages by their stable name
	post  []posted
	moods map[string]int
}

type posted struct {
	at  time.Time
	ack outbound.Acknowledgement
}

func (l *late) Deliver(_ context.Context, d outbound.Delivery) outbound.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	res := outbound.Result{State: outbound.Sent, Status: 202, Await: 96 * time.Hour, References: []string{"echo-" + d.Key}}
	roll := l.rng.IntN(100)
	if roll < 20 {
		l.moods["does not take it"]++
		return outbound.Result{State: outbound.Retry, Reason: "the carrier is away", Unsent: true}
	}
	first := l.taken[d.Key] == 0
	l.taken[d.Key] = 1 // the same message again is recognised
	if first {
		l.answer(d.Key)
	}
	if roll < 35 {
		l.moods["takes it and does not say so"]++
		return outbound.Result{State: outbound.Retry, Reason: "the connection broke", References: res.References}
	}
	return res
}

// answer plans the acknowledgements of a message.
func (l *late) answer(key string) {
	say := func(id string, within time.Duration, res outbound.Result) {
		ack := outbound.Acknowledgement{Channel: "post", ID: key + id, Echo: "echo-" + key, Result: res}
		ack.Evidence = []byte("<ack/>")
		times := 1
		if l.rng.IntN(4) == 0 {
			times = 2
			l.moods["answers twice"]++
		}
		for range times {
			l.post = append(l.post, posted{l.now().Add(time.Duration(l.rng.Int64N(int64(within)))), ack})
		}
	}
	switch roll := l.rng.IntN(100); {
	case roll < 5:
		l.moods["never answers"]++
	case roll < 8:
		l.moods["stops after the first answer"]++
		say("a", 24*time.Hour, received)
	case roll < 11:
		l.moods["refuses days later"]++
		say("a", 24*time.Hour, received)
		say("b", 72*time.Hour, unknown)
	default:
		say("a", 24*time.Hour, received) // in any order: b may be first
		say("b", 72*time.Hour, known)
	}
	if l.rng.IntN(50) == 0 {
		l.moods["answers what nobody sent"]++
		l.post = append(l.post, posted{l.now(), outbound.Acknowledgement{Channel: "post", ID: key + "z", Echo: "nobody-" + key, Result: known}})
	}
}

// due takes out what has arrived by now.
func (l *late) due() (out []outbound.Acknowledgement) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.post = slices.DeleteFunc(l.post, func(p posted) bool {
		if p.at.After(now) {
			return false
		}
		out = append(out, p.ack)
		return true
	})
	return out
}

// mortal is a store whose process can die: from then on nothing is written.
type mortal struct {
	store.Store
	dead *atomic.Bool
}

func (m mortal) Decide(ctx context.Context, fn func(store.Tx) error, hints ...store.Hint) error {
	if m.dead.Load() {
		return fault.New(fault.Transient, "", "the process is dead")
	}
	return m.Store.Decide(ctx, fn, hints...)
}

// world is everything of the chaos suite.
type world struct {
	t        *testing.T
	store    *sqlite.Store
	clock    atomic.Int64
	channels map[string]outbound.Channel
	relay    *relay.Relay
	kill     func()
	crashes  int
}

func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }

// chaosLease is for how long a process that died still holds what it had.
const chaosLease = 5 * time.Minute

// live starts a relay of a new process.
func (w *world) live() {
	dead := &atomic.Bool{}
	cfg := relay.DefaultConfig()
	cfg.Workers, cfg.PerLane, cfg.Sweep, cfg.Idle = 8, 4, 20*time.Millisecond, 20*time.Millisecond
	cfg.Lease = chaosLease
	r, err := relay.New(cfg, relay.Parts{Store: mortal{w.store, dead}, Channels: w.channels, Now: w.now})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	w.relay = r
	w.kill = func() { dead.Store(true); cancel(); <-done }
}

// look returns how many deliveries are in each state, and how many of them a
// process has under way: a lease that has run out is nobody's, and stays until
// its practice, which may be left alone for a while, has room again.
func (w *world) look() (counts map[store.DeliveryState]int64, flying int) {
	if err := w.store.View(context.Background(), func(r store.Reader) (err error) {
		if counts, err = r.Deliveries().Counts(); err != nil {
			return err
		}
		leased, err := r.Deliveries().List(store.DeliveryFilter{State: store.Leased, Limit: 100})
		for _, d := range leased {
			if d.LeaseUntil.After(w.now()) {
				flying++
			}
		}
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return counts, flying
}

// patience is how long, in real time, what can be done at one moment may take.
const patience = time.Minute

// settle waits until the relay has done what it can at this time.
func (w *world) settle() {
	w.relay.Notify()
	began := time.Now()
	for still, was := 0, ""; still < 3; {
		time.Sleep(3 * time.Millisecond)
		c, flying := w.look()
		if is := fmt.Sprint(c); is == was && flying == 0 {
			still++
		} else {
			still, was = 0, is
		}
		if time.Since(began) > patience {
			w.t.Fatalf("at %s the relay comes to no rest: %v, %d under way", w.now(), c, flying)
		}
	}
}

// TestChaos: for days peers break every promise they can, and processes of ours
// die. Nothing is lost, nothing stands in a record twice, and everything is
// proven, acknowledged, or in front of a human.
func TestChaos(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	w := &world{t: t}
	w.clock.Store(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).UnixMicro())
	cfg := sqlite.DefaultConfig()
	cfg.Path, cfg.Now = t.TempDir(), w.now
	var err error
	if w.store, err = sqlite.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	defer w.store.Close()
	peer := &moody{rng: rand.New(rand.NewPCG(1, 2)), held: map[string]int{}, moods: map[string]int{}}
	srv := httptest.NewServer(peer)
	defer srv.Close()
	srv.Config.ErrorLog = nil
	fc := fhirapi.DefaultConfig()
	fc.BaseURL, fc.ConnectTimeout, fc.RequestTimeout = srv.URL, time.Second, 150*time.Millisecond
	fhir, err := fhirapi.New(fc)
	if err != nil {
		t.Fatal(err)
	}
	carrier := &late{rng: rand.New(rand.NewPCG(3, 4)), now: w.now, taken: map[string]int{}, moods: map[string]int{}}
	w.channels = map[string]outbound.Channel{"gp": fhir, "post": carrier}
	w.live()

	total, owed, days, step := *chaos, 0, 12, time.Hour
	if total < 1000 {
		step = 3 * time.Hour // quick enough for every day
	}
	steps := int(time.Duration(days) * 24 * time.Hour / step)
	began := time.Now()
	for i := range steps {
		w.clock.Add(step.Microseconds())
		upTo := min(total, total*(i+1)*4/steps) // all of them within the first quarter
		if err := w.store.Decide(t.Context(), func(tx store.Tx) error {
			for n := owed; n < upTo; n++ {
				ch := []string{"gp", "post"}[n%2]
				key := fmt.Sprint("t", n)
				if _, _, err := tx.Deliveries().Owe(store.Delivery{Key: key, Lane: fmt.Sprintf("A81%03d", n%20), Channel: ch,
					Due: w.now(), Created: w.now(), Payload: outboundtest.Payload(key)}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		owed = upTo
		if i == steps*3/4 {
			peer.mu.Lock()
			peer.calm = true // even chaos has an end
			peer.mu.Unlock()
		}
		if i%30 == 15 || rng.IntN(25) == 0 { // in the middle of whatever it does
			w.relay.Notify()
			time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
			w.kill()
			w.crashes++
			w.clock.Add((chaosLease + time.Minute).Microseconds()) // what it held is free again only then
			w.live()
		}
		for _, ack := range carrier.due() {
			if err := w.relay.Acknowledge(t.Context(), ack); err != nil {
				carrier.mu.Lock()
				carrier.post = append(carrier.post, posted{w.now(), ack}) // the carrier keeps what was not taken
				carrier.mu.Unlock()
			}
		}
		w.settle()
	}
	w.kill()
	w.verdict(total, peer, carrier, time.Since(began))
}

// verdict looks at every delivery and at what the peers hold.
func (w *world) verdict(total int, peer *moody, carrier *late, took time.Duration) {
	states := map[string]int{}
	attempts, orphans := 0, 0
	err := w.store.View(context.Background(), func(r store.Reader) error {
		for f := (store.DeliveryFilter{Limit: 1000}); ; {
			page, err := r.Deliveries().List(f)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, d := range page {
				if d.Stage == string(outbound.Orphan) {
					orphans++
					continue
				}
				states[d.Channel+" "+string(d.State)+" "+d.Stage]++
				attempts += d.Attempts
				w.judge(d, peer, carrier)
			}
			f.Before = page[len(page)-1].ID
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	doubled, sum := 0, 0
	for _, n := range peer.held {
		if n > 1 {
			doubled++
		}
	}
	for _, n := range states {
		sum += n
	}
	if sum != total || doubled != 0 {
		w.t.Errorf("%d deliveries of %d, %d entries doubled in the record", sum, total, doubled)
	}
	if w.crashes == 0 || len(peer.moods) < 8 {
		w.t.Errorf("too calm to be a test: %d crashes, %v", w.crashes, peer.moods)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d deliveries over 12 simulated days in %s: %d attempts and acknowledgements on record, %d crashes, %d orphans kept\n",
		total, took.Round(time.Second), attempts, w.crashes, orphans)
	for _, m := range []struct {
		title string
		of    map[string]int
	}{{"ended as", states}, {"what the record did instead", peer.moods}, {"what the carrier did instead", carrier.moods}} {
		fmt.Fprintf(&b, "%s\n", m.title)
		for _, k := range slices.Sorted(maps.Keys(m.of)) {
			fmt.Fprintf(&b, "  %6d  %s\n", m.of[k], k)
		}
	}
	w.t.Log("\n" + b.String())
}

// judge holds one delivery against what its peer has.
func (w *world) judge(d store.Delivery, peer *moody, carrier *late) {
	held := 0
	for _, name := range []string{"Procedure?urn:linkloop:test|" + d.Key + ".activity", "DocumentReference?urn:linkloop:test|" + d.Key + ".summary"} {
		held += peer.held[name]
	}
	switch d.State {
	case store.Proven:
		if held != 2 {
			w.t.Errorf("delivery %d is called proven, and the record holds %d of 2 entries", d.ID, held)
		}
	case store.Delivered:
		if d.Channel != "post" || carrier.taken[d.Key] != 1 || d.Stage != string(outbound.InWorkflow) {
			w.t.Errorf("delivery %d is called delivered, %s, and nobody said so", d.ID, d.Stage)
		}
	case store.Dead:
		if d.Reason == "" {
			w.t.Errorf("delivery %d is in front of a human without a reason", d.ID)
		}
	default:
		w.t.Errorf("delivery %d is still %s %s after 12 days", d.ID, d.State, d.Stage)
	}
}
