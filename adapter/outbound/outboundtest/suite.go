// Package outboundtest is the suite that every channel over HTTP must pass:
// everything a peer can do wrong, and what must come of it.
package outboundtest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/recordtest"
)

// Open returns the channel under test for a peer. It sends Token, and gives an
// answer about a second at most.
type Open func(t *testing.T, baseURL string) outbound.Channel

// Bounds of what a channel may hand on.
const (
	maxAsked    = 24 * time.Hour // of a peer's wish to wait
	maxEvidence = 64 << 10       // kept for every attempt, for ever
)

// Run runs the contract of a channel over HTTP that delivers transactions. The
// payload is one the channel takes, and holds Canary.
func Run(t *testing.T, open Open, payload []byte) {
	t.Helper()
	bundle, err := element.Parse(payload, element.Limits{})
	if err != nil || len(bundle.List("entry")) == 0 || !bytes.Contains(payload, []byte(Canary)) {
		t.Fatal("the payload must be a transaction with entries that holds Canary")
	}
	s := suite{open: open, payload: payload, entries: len(bundle.List("entry"))}
	for _, e := range bundle.All("entry.resource.subject.reference") {
		if token, err := url.QueryUnescape(strings.TrimPrefix(e.Text, "Patient?identifier=")); err == nil {
			s.patients = append(s.patients, token)
		}
	}
	t.Run("statuses", s.statuses)
	t.Run("retry after", s.retryAfter)
	t.Run("redirects", s.redirects)
	t.Run("wrong answers", s.wrongAnswers)
	t.Run("broken peers", s.brokenPeers)
	t.Run("cancelled", s.cancelled)
	t.Run("payloads", s.payloads)
	t.Run("record", s.record)
	t.Run("at once", s.atOnce)
}

// RunExchange runs the part of the contract that holds whatever a channel over
// HTTP delivers: what each status means, waits, redirects, peers that break,
// and being stopped. The payload is one the channel takes.
func RunExchange(t *testing.T, open Open, payload []byte, options ...Option) {
	t.Helper()
	if !bytes.Contains(payload, []byte(Canary)) {
		t.Fatal("the payload must hold Canary")
	}
	s := suite{open: open, payload: payload, entries: 1}
	for _, o := range options {
		o(&s)
	}
	t.Run("statuses", s.statuses)
	t.Run("retry after", s.retryAfter)
	t.Run("redirects", s.redirects)
	t.Run("broken peers", s.brokenPeers)
	t.Run("cancelled", s.cancelled)
	t.Run("lies", s.lies)
	t.Run("nothing to send", s.nothing)
}

// Option changes what the suite wants of a channel.
type Option func(*suite)

// Taken is for channels to which some statuses alone mean that it was taken.
func Taken(on func(status int) bool) Option { return func(s *suite) { s.taken = on } }

// Answered is for channels to which an answer of 200 says by its body whether it
// is one; without it, what a body says counts for nothing.
func Answered(right string) Option { return func(s *suite) { s.right = right } }

type suite struct {
	right    string                // body of an answer that means taken; empty: any
	taken    func(status int) bool // nil: no status alone is enough
	open     Open
	payload  []byte
	entries  int
	patients []string
}

// deliver makes one attempt and holds every promise that goes for any result.
func (s suite) deliver(t *testing.T, ctx context.Context, ch outbound.Channel, payload []byte) outbound.Result {
	t.Helper()
	res := ch.Deliver(ctx, outbound.Delivery{ID: 1, Key: "Task/t/outcome", Destination: "A81001", Payload: payload, Attempt: 1})
	switch res.State {
	case outbound.Proven, outbound.Delivered:
	case outbound.Sent:
		if res.Await <= 0 || len(res.References) == 0 {
			t.Errorf("sent, and nothing is awaited that could be recognised: %+v", res)
		}
	case outbound.Retry, outbound.Dead:
		if res.Reason == "" {
			t.Error("a failure without a reason")
		}
	default:
		t.Errorf("state %q is none of the states", res.State)
	}
	for _, secret := range append([]string{Canary, Token, "127.0.0.1"}, s.patients...) {
		if strings.Contains(res.Reason, secret) {
			t.Errorf("the reason repeats what it must not: %q", res.Reason)
		}
	}
	if res.RetryAfter < 0 || res.RetryAfter > maxAsked || res.State != outbound.Retry && res.RetryAfter != 0 {
		t.Errorf("%s with a wait of %s", res.State, res.RetryAfter)
	}
	if len(res.Evidence) > maxEvidence {
		t.Errorf("%d bytes of evidence", len(res.Evidence))
	}
	return res
}

// wantOf is what a status of a peer means for a payload that is safe to send
// again. A success that is not the right answer proves nothing, and nobody
// knows what was done.
func (s suite) wantOf(status int) outbound.State {
	switch {
	case s.taken != nil && status == http.StatusAccepted:
		return outbound.Sent
	case s.taken != nil && status < 300 && s.taken(status):
		return outbound.Delivered
	case status < 300:
		return outbound.Retry
	case status == 401, status == 408, status == 409, status == 423, status == 425, status == 429:
		return outbound.Retry
	case status < 500, status == 501, status == 505:
		return outbound.Dead
	}
	return outbound.Retry
}

// statuses answers with every status there can be, and bodies that repeat what
// was sent. One attempt is one request: trying again is relay's.
func (s suite) statuses(t *testing.T) {
	var status, asked atomic.Int32
	base := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked.Add(1)
		w.WriteHeader(int(status.Load()))
		echo := element.NewObject(element.S("resourceType", "OperationOutcome"), element.F("issue", element.NewArray(element.NewObject(
			element.S("severity", "error"), element.S("code", Canary), element.S("diagnostics", Canary+Token+q.Header.Get("Authorization"))))))
		_, _ = w.Write(echo.JSON())
	}))
	ch := s.open(t, base)
	for code := 200; code < 600; code++ {
		status.Store(int32(code))
		asked.Store(0)
		res := s.deliver(t, t.Context(), ch, s.payload)
		if res.State != s.wantOf(code) || res.Status != code {
			t.Errorf("%d: %s with status %d, want %s", code, res.State, res.Status, s.wantOf(code))
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("%d: %d requests for one attempt", code, n)
		}
	}
}

func (s suite) retryAfter(t *testing.T) {
	var header atomic.Value
	base := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", header.Load().(string))
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	ch := s.open(t, base)
	for _, c := range []struct {
		header    string
		low, high time.Duration
	}{
		{"7", 7 * time.Second, 7 * time.Second},
		{" 7 ", 7 * time.Second, 7 * time.Second},
		{"0", 0, 0},
		{"-5", 0, 0},
		{"-99999999999999999999999", 0, 0},
		{"1.5", 0, 0},
		{"soon", 0, 0},
		{"", 0, 0},
		{"86400000", time.Minute, maxAsked},
		{"9223372036854775807", time.Minute, maxAsked},
		{"99999999999999999999999", time.Minute, maxAsked},
		{"Sun, 06 Nov 1994 08:49:37 GMT", 0, 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", time.Minute, maxAsked},
		{"Sunday, 06-Nov-94 08:49:37 GMT", 0, 0},
		{time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat), time.Minute, 10 * time.Minute},
	} {
		header.Store(c.header)
		res := s.deliver(t, t.Context(), ch, s.payload)
		if res.RetryAfter < c.low || res.RetryAfter > c.high {
			t.Errorf("Retry-After %q: %s, want %s to %s", c.header, res.RetryAfter, c.low, c.high)
		}
	}
}

// redirects must not carry the token and the patient to another place.
func (s suite) redirects(t *testing.T) {
	var elsewhere atomic.Int32
	trap := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	for _, code := range []int{301, 302, 303, 307, 308} {
		base := serve(t, http.RedirectHandler(trap+"/fhir", code))
		if res := s.deliver(t, t.Context(), s.open(t, base), s.payload); res.State != outbound.Dead {
			t.Errorf("%d: %s, want dead: somebody has to look", code, res.State)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("followed %d times", n)
	}
}

// payloads that are no transaction are refused without asking the peer.
func (s suite) payloads(t *testing.T) {
	var asked atomic.Int32
	ch := s.open(t, serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })))
	for _, payload := range []string{
		"", "{}", "null", "[]", Canary, `{"resourceType":"Bundle","type":"transaction"}`,
		`{"resourceType":"Bundle","type":"transaction","entry":[]}`,
		`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Procedure"}}]}`,
		strings.Replace(string(s.payload), `"transaction"`, `"batch"`, 1),
		strings.Replace(string(s.payload), `"ifNoneExist"`, `"was"`, 1),
		string(s.payload[:len(s.payload)/2]),
	} {
		if res := s.deliver(t, t.Context(), ch, []byte(payload)); res.State != outbound.Dead {
			t.Errorf("%.60s: %s, want dead", payload, res.State)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the peer was asked %d times", n)
	}
}

// record goes through a record's good and bad days.
func (s suite) record(t *testing.T) {
	record, base := s.newRecord(t)
	ch := s.open(t, base)
	step := func(m recordtest.Mode, want ...outbound.State) {
		t.Helper()
		record.Set(m)
		for _, w := range want {
			if res := s.deliver(t, t.Context(), ch, s.payload); res.State != w {
				t.Fatalf("mode %d: %s (%s), want %s", m, res.State, res.Reason, w)
			}
		}
	}
	step(recordtest.Lies, outbound.Retry, outbound.Retry)
	step(recordtest.Down, outbound.Retry)
	step(recordtest.LosesAnswers, outbound.Retry, outbound.Retry)
	step(recordtest.Up, outbound.Proven, outbound.Proven)
	step(recordtest.Down, outbound.Retry)
	if got := record.Tally(); got.Creating != 1 || got.Doubled != 0 || entriesOf(got) != s.entries {
		t.Errorf("the record holds %+v, want %d entries of one delivery", got, s.entries)
	}
	unknown := s.open(t, serve(t, recordtest.NewRecord()))
	if res := s.deliver(t, t.Context(), unknown, s.payload); res.State != outbound.Dead {
		t.Errorf("a patient the record does not know: %s, want dead", res.State)
	}
}

// atOnce delivers the same from many sides.
func (s suite) atOnce(t *testing.T) {
	record, base := s.newRecord(t)
	ch := s.open(t, base)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if res := s.deliver(t, t.Context(), ch, s.payload); res.State != outbound.Proven {
				t.Errorf("%s (%s), want proven", res.State, res.Reason)
			}
		})
	}
	all.Wait()
	if got := record.Tally(); got.Creating != 1 || got.Doubled != 0 {
		t.Errorf("the record holds %+v", got)
	}
}

func (s suite) newRecord(t *testing.T) (*recordtest.Record, string) {
	r := recordtest.NewRecord()
	for _, p := range s.patients {
		system, value, _ := strings.Cut(p, "|")
		r.Know(system, value)
	}
	return r, serve(t, r)
}

func entriesOf(t recordtest.Tally) int {
	n := 0
	for _, k := range t.ByType {
		n += k
	}
	return n
}

// serve starts a peer for the length of the test. httptest is not used, since
// its Close waits for requests in work, and some peers here never answer.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go srv.Serve(l) //nolint:errcheck // ends with Close
	t.Cleanup(func() { srv.Close() })
	return "http://" + l.Addr().String()
}
