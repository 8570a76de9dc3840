package load

import (
	"context"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

var (
	crashBinary = flag.String("binary", "", "linkloop binary to crash; see make crash")
	crashRounds = flag.Int("rounds", 3, "how often it is killed")
)

// ledger is what a server acknowledged before it was killed.
type ledger struct {
	mu      sync.Mutex
	replies map[int][]byte // answer to each message that was accepted
	open    []int          // messages sent without an answer
	moved   map[string]int // highest version acknowledged for each Task
}

// TestCrash kills a server under load again and again, on one data folder. What
// it acknowledged must be there afterwards, to the byte, and nothing twice:
// every message, sent again, gets its first answer; there is one Task and one
// ServiceRequest for each; a moved Task has the version that was acknowledged.
func TestCrash(t *testing.T) {
	if *crashBinary == "" {
		t.Skip("no -binary given; make crash builds one and runs this")
	}
	folder := t.TempDir()
	c := DefaultConfig()
	c.Run = "crash"
	l := &ledger{replies: map[int][]byte{}, moved: map[string]int{}}
	s := newSession(c)
	for round := range *crashRounds {
		srv := start(t, folder, s)
		ctx, cancel := context.WithCancel(t.Context())
		wg := l.load(ctx, s)
		wait := time.Duration(300+rand.IntN(1500)) * time.Millisecond
		time.Sleep(wait) // the moment of a crash is not ours to choose
		srv.Kill()
		cancel()
		wg.Wait()
		t.Logf("round %d: killed after %v; %d messages acknowledged so far, %d without an answer, %d Tasks moved",
			round+1, wait, len(l.replies), len(l.open), len(l.moved))
	}
	if len(l.replies) == 0 {
		t.Fatal("nothing was accepted: there was no load")
	}
	srv := start(t, folder, s)
	l.check(t, s)
	if err := srv.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}
}

// start starts the server and points the session at it.
func start(t *testing.T, folder string, s *session) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	srv, err := Start(ctx, *crashBinary, folder)
	if err != nil {
		if b, readErr := os.ReadFile(folder + "/server.log"); readErr == nil {
			t.Logf("server.log:\n%s", b)
		}
		t.Fatal(err)
	}
	t.Cleanup(srv.Kill)
	s.client.base = srv.URL
	s.client.http.CloseIdleConnections()
	return srv
}

// load sends new messages from several clients and moves Tasks from one, until
// ctx ends.
func (l *ledger) load(ctx context.Context, s *session) *sync.WaitGroup {
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for ctx.Err() == nil {
				l.send(ctx, s, int(s.nextHL7.Add(1)-1))
			}
		})
	}
	wg.Go(func() {
		held, err := s.client.list(ctx, "/fhir/Task?status=requested&_count=200", 1000)
		if err != nil {
			return // the server is gone before the first page
		}
		for _, h := range held {
			l.move(ctx, s, h)
		}
	})
	return &wg
}

func (l *ledger) send(ctx context.Context, s *session, i int) {
	a, err := s.post(ctx, false, s.write.hl7(i))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && a.status == http.StatusOK && acked(a.body) == "AA" {
		l.replies[i] = a.body
	} else {
		l.open = append(l.open, i)
	}
}

func (l *ledger) move(ctx context.Context, s *session, h stored) {
	body, _, err := moved(h.body, "")
	if err != nil {
		return
	}
	a, err := s.client.do(ctx, http.MethodPut, "/fhir/Task/"+h.id, "application/fhir+json", h.etag, body)
	if err != nil || a.status != http.StatusOK {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved[h.id] = max(l.moved[h.id], version(a.body))
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

// check compares a restarted server with the ledger.
func (l *ledger) check(t *testing.T, s *session) {
	t.Helper()
	for i, first := range l.replies {
		a, err := s.post(t.Context(), false, s.write.hl7(i))
		if err != nil || a.status != http.StatusOK || string(a.body) != string(first) {
			t.Errorf("message %d was acknowledged and now gets another answer (status %d, %v)", i, a.status, err)
		}
	}
	// A message without an answer may be in or not; sending it again settles it.
	for _, i := range l.open {
		if a, err := s.post(t.Context(), false, s.write.hl7(i)); err != nil || a.status != http.StatusOK || acked(a.body) != "AA" {
			t.Errorf("message %d had no answer and is not taken now (status %d, %v)", i, a.status, err)
		}
	}
	h, err := s.holdings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(len(l.replies) + len(l.open)); h.Tasks != want || h.Requests != want {
		t.Errorf("%d Tasks and %d ServiceRequests for %d messages", h.Tasks, h.Requests, want)
	}
	for id, want := range l.moved {
		a, err := s.client.do(t.Context(), http.MethodGet, "/fhir/Task/"+id, "", "", nil)
		if err != nil || a.status != http.StatusOK || version(a.body) < want {
			t.Errorf("Task %s was acknowledged at version %d and is at %d (status %d, %v)", id, want, version(a.body), a.status, err)
		}
	}
	if !t.Failed() {
		t.Logf("%d messages, %d moved Tasks: all there, none twice", len(l.replies)+len(l.open), len(l.moved))
	}
}
