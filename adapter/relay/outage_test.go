package relay_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

var outage = flag.Int("outage", 3000, "deliveries owed to the practice that is down")

// line is a relay at full speed over a real store, and when each delivery was
// first tried.
type line struct {
	t     testing.TB
	store *sqlite.Store
	relay *relay.Relay
	down  atomic.Bool
	mu    sync.Mutex
	first map[string]time.Time
	done  int
}

const downLane = "A81999"

func newLine(t testing.TB, change func(*relay.Config)) *line {
	t.Helper()
	l := &line{t: t, first: map[string]time.Time{}}
	cfg := sqlite.DefaultConfig()
	cfg.Path = t.TempDir()
	var err error
	if l.store, err = sqlite.Open(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	rc := relay.DefaultConfig()
	rc.Workers, rc.BackoffMin, rc.BackoffMax = 32, 200*time.Millisecond, time.Second
	rc.PerLane = 4
	if change != nil {
		change(&rc)
	}
	l.relay, err = relay.New(rc, relay.Parts{Store: l.store, Channels: map[string]outbound.Channel{"gp": channel(l.deliver)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { l.relay.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended; l.store.Close() })
	return l
}

func (l *line) deliver(_ context.Context, d outbound.Delivery) outbound.Result {
	if d.Destination == downLane && l.down.Load() {
		return outbound.Result{State: outbound.Retry, Reason: "down", Unsent: true}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first[d.Key].IsZero() {
		l.first[d.Key] = time.Now()
		l.done++
	}
	return outbound.Result{State: outbound.Delivered, Status: 200}
}

func (l *line) finished() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done
}

func (l *line) owe(from, to int, lane func(i int) string) {
	if err := l.store.Decide(context.Background(), func(tx store.Tx) error {
		for i := from; i < to; i++ {
			key := fmt.Sprint(lane(i), "-", i)
			if _, _, err := tx.Deliveries().Owe(store.Delivery{Key: key, Lane: lane(i), Channel: "gp", Payload: []byte("{}")}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		l.t.Fatal(err)
	}
	l.relay.Notify()
}

// latencies owes n deliveries to other practices, a hundred a second, and
// returns how long each waited from its commit to its first attempt, shortest
// first.
func (l *line) latencies(label string, n int) []time.Duration {
	owed := map[string]time.Time{}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		lane := func(int) string { return fmt.Sprintf("%s%d", label, i%20) }
		l.owe(i, i+1, lane)
		owed[fmt.Sprint(lane(i), "-", i)] = time.Now()
	}
	var out []time.Duration
	for range 1000 {
		out = out[:0]
		l.mu.Lock()
		for key, at := range owed {
			if first, ok := l.first[key]; ok {
				out = append(out, max(0, first.Sub(at)))
			}
		}
		l.mu.Unlock()
		if len(out) == n {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(out) != n {
		l.t.Fatalf("%d of %d were tried", len(out), n)
	}
	slices.Sort(out)
	return out
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc >> 20)
}

// TestOutage: what piles up for a practice that is down keeps nobody else
// waiting, takes no memory, and drains at the agreed pace when it is back.
func TestOutage(t *testing.T) {
	const perSecond = 50
	samples := 200
	if *outage >= 10_000 {
		samples = 1000 // enough for a p99; ten seconds each time
	}
	l := newLine(t, func(c *relay.Config) { c.PerSecond = perSecond })
	calm := l.latencies("B", samples)
	before := heap()
	l.down.Store(true)
	for from := 0; from < *outage; from += 1000 {
		l.owe(from, min(*outage, from+1000), func(int) string { return downLane })
	}
	trouble := l.latencies("C", samples)
	after := heap()
	l.down.Store(false)
	began, was := time.Now(), l.finished()
	time.Sleep(3 * time.Second)
	drained, took := l.finished()-was, time.Since(began)
	rate := float64(drained) / took.Seconds()
	p99 := func(d []time.Duration) time.Duration { return d[len(d)*99/100].Round(100 * time.Microsecond) }
	t.Logf("%d owed to a practice that is down; others wait p50 %s, p99 %s (%s and %s without it); heap %d MB (%d MB without it); drained %.0f/s of %d/s agreed",
		*outage, trouble[len(trouble)/2].Round(100*time.Microsecond), p99(trouble), calm[len(calm)/2].Round(100*time.Microsecond), p99(calm), after, before, rate, perSecond)
	if rate > perSecond*1.2 || drained == 0 {
		t.Errorf("drained %.0f a second, agreed are %d", rate, perSecond)
	}
	if after > before+32 {
		t.Errorf("the heap grew from %d to %d MB", before, after)
	}
}

// BenchmarkDeliveries is deliveries a second to a peer that answers at once.
func BenchmarkDeliveries(b *testing.B) {
	l := newLine(b, nil)
	const step = 5000
	b.ResetTimer()
	for from := 0; from < b.N; from += step {
		l.owe(from, min(b.N, from+step), func(i int) string { return fmt.Sprint("A", i%50) })
	}
	for l.finished() < b.N {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkAdded is the time from the commit of what is owed to its first
// attempt, at a hundred a second.
func BenchmarkAdded(b *testing.B) {
	l := newLine(b, nil)
	n := min(max(b.N, 300), 1000) // ten seconds are enough
	d := l.latencies("A", n)
	b.ReportMetric(float64(d[n/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(d[n*99/100].Microseconds())/1000, "p99-ms")
}
