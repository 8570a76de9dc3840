package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// fleet is the way to several servers on one database. Who gets no answer, or is
// told to come back later, asks the next one: what a sender does that has two
// addresses.
type fleet struct {
	slots   []atomic.Pointer[client]
	turn    atomic.Int64
	cured   atomic.Int64 // requests that needed more than one try
	longest atomic.Int64 // nanoseconds until an answer, all tries together
}

// fleetPatience is how long a request is tried. It is longer than a restart of
// everything takes.
const fleetPatience = 40 * time.Second

func newFleet(n int) *fleet { return &fleet{slots: make([]atomic.Pointer[client], n)} }

// set puts a server into a slot.
func (f *fleet) set(slot int, s *Server) *client {
	c := DefaultConfig()
	c.Target, c.Timeout = s.URL, 5*time.Second
	cl := newClient(c)
	if old := f.slots[slot].Swap(cl); old != nil {
		old.http.CloseIdleConnections()
	}
	return cl
}

func (f *fleet) do(ctx context.Context, method, path, contentType, ifMatch string, body []byte) (answer, error) {
	begun, at := time.Now(), int(f.turn.Add(1))
	err := errors.New("no server")
	var a answer
	for try := 0; ctx.Err() == nil && time.Since(begun) < fleetPatience; try++ {
		if c := f.slots[(at+try)%len(f.slots)].Load(); c != nil {
			if a, err = c.do(ctx, method, path, contentType, ifMatch, body); err == nil && !retryable(a.status) {
				if try > 0 {
					f.cured.Add(1)
				}
				f.waited(time.Since(begun))
				return a, nil
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(min(try+1, 10)) * 5 * time.Millisecond):
		}
	}
	return a, err
}

func (f *fleet) waited(d time.Duration) {
	for {
		old := f.longest.Load()
		if int64(d) <= old || f.longest.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// close closes the connections that nobody uses.
func (f *fleet) close() {
	for i := range f.slots {
		if c := f.slots[i].Load(); c != nil {
			c.http.CloseIdleConnections()
		}
	}
}

// gate stands before the record and knows by the path which server asks. It can
// hold back what one of them sends, and sees when another one sends the same.
type gate struct {
	next http.Handler

	mu      sync.Mutex
	held    string                 // path of the server that is held back; "" for none
	late    bool                   // hold back the answer, after the record has taken it
	stuck   map[[32]byte]string    // deliveries in the hands of the one held back
	arrived map[[32]byte]time.Time // of these, when another one sent them
}

func newGate(next http.Handler) *gate { return &gate{next: next} }

// hold begins to hold a server back. late lets the record take what is sent, and
// keeps the answer back.
func (g *gate) hold(path string, late bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held, g.late, g.stuck, g.arrived = path, late, map[[32]byte]string{}, map[[32]byte]time.Time{}
}

// release lets everybody pass, and returns how many deliveries are stuck.
func (g *gate) release() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = ""
	return len(g.stuck)
}

// count is how many deliveries are stuck, and how many of them another server
// has sent, the last one when.
func (g *gate) count() (stuck, arrived int, last time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, at := range g.arrived {
		if at.After(last) {
			last = at
		}
	}
	return len(g.stuck), len(g.arrived), last
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, rest := r.URL.Path, ""
	if at := strings.IndexByte(path[1:], '/'); at >= 0 {
		path, rest = path[:at+1], path[at+1:]
	}
	r.URL.Path = "/" + strings.TrimPrefix(rest, "/")
	if r.Method != http.MethodPost {
		g.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 5<<20))
	if err != nil {
		return // the server that sent it has gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.Sum256(body)
	g.mu.Lock()
	holding, late := g.held == path, g.late
	if holding {
		g.stuck[sum] = path
	} else if from, ok := g.stuck[sum]; ok && from != path {
		if _, known := g.arrived[sum]; !known {
			g.arrived[sum] = time.Now()
		}
	}
	g.mu.Unlock()
	if !holding {
		g.next.ServeHTTP(w, r)
		return
	}
	if late {
		g.next.ServeHTTP(nowhere{}, r)
	}
	<-r.Context().Done()
}

// nowhere takes an answer that nobody gets.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}
