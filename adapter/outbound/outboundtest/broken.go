package outboundtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
)

// wrongAnswers say 200 and are not the answer. The payload may have been taken
// all the same, so none is more, and none less, than Retry.
func (s suite) wrongAnswers(t *testing.T) {
	response := func(entries int, status string) string {
		e := strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`{"response":{"status":%q}},`, status), entries), ",")
		return `{"resourceType":"Bundle","type":"transaction-response","entry":[` + e + `]}`
	}
	for name, body := range map[string]string{
		"nothing":             "",
		"a page":              "<html><body>Sign in, " + Canary + "</body></html>",
		"null":                "null",
		"an empty object":     "{}",
		"half an answer":      response(s.entries, "201 Created")[:40],
		"two answers":         response(s.entries, "201 Created") + response(s.entries, "201 Created"),
		"an OperationOutcome": `{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational"}]}`,
		"a searchset":         strings.Replace(response(s.entries, "201 Created"), "transaction-response", "searchset", 1),
		"a batch-response":    strings.Replace(response(s.entries, "201 Created"), "transaction-response", "batch-response", 1),
		"what was sent":       string(s.payload),
		"no entries":          response(0, ""),
		"an entry too few":    response(s.entries-1, "201 Created"),
		"an entry too many":   response(s.entries+1, "201 Created"),
		"entries that failed": response(s.entries, "422 Unprocessable Entity"),
		"entries in progress": response(s.entries, "202 Accepted"),
		"no statuses":         response(s.entries, ""),
		"odd statuses":        response(s.entries, "2000"),
		"deep":                strings.Repeat(`{"a":`, 100_000),
	} {
		base := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/fhir+json")
			_, _ = io.WriteString(w, body)
		}))
		if res := s.deliver(t, t.Context(), s.open(t, base), s.payload); res.State != outbound.Retry {
			t.Errorf("%s: %s (%s), want retry", name, res.State, res.Reason)
		}
	}
}

// brokenPeers fail in each phase of an exchange. Nobody knows what they did.
func (s suite) brokenPeers(t *testing.T) {
	flush := func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }
	wait := func(q *http.Request) { <-q.Context().Done() }
	for name, h := range map[string]func(http.ResponseWriter, *http.Request){
		"says nothing":            func(_ http.ResponseWriter, q *http.Request) { wait(q) },
		"headers, then nothing":   func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(200); flush(w); wait(q) },
		"half a body, then waits": func(w http.ResponseWriter, q *http.Request) { half(w); flush(w); wait(q) },
		"half a body, then ends":  func(w http.ResponseWriter, _ *http.Request) { half(w); flush(w); panic(http.ErrAbortHandler) },
		"503, then nothing":       func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(503); flush(w); wait(q) },
		"ends at once":            func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"resets":                  func(w http.ResponseWriter, _ *http.Request) { raw(w, "") },
		"is no HTTP server":       func(w http.ResponseWriter, _ *http.Request) { raw(w, "220 mail ready "+Canary+"\r\n") },
		"status out of range":     func(w http.ResponseWriter, _ *http.Request) { raw(w, "HTTP/1.1 20 "+Canary+"\r\n\r\n") },
		"never ends":              endless,
		"a byte at a time":        trickle,
		"a long answer of 500":    func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(500); endless(w, q) },
		"an endless header": func(w http.ResponseWriter, _ *http.Request) {
			raw(w, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 20<<20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body)
				h(w, q)
			}))
			if res := s.deliver(t, t.Context(), s.open(t, base), s.payload); res.State != outbound.Retry {
				t.Errorf("%s (%s), want retry", res.State, res.Reason)
			}
		})
	}
	t.Run("does not accept", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if res := s.deliver(t, t.Context(), s.open(t, "http://"+l.Addr().String()), s.payload); res.State != outbound.Retry {
			t.Errorf("%s (%s), want retry", res.State, res.Reason)
		}
	})
	t.Run("connects and does not read", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		// Nobody accepts: the kernel completes the handshake and that is all.
		if res := s.deliver(t, t.Context(), s.open(t, "http://"+l.Addr().String()), s.payload); res.State != outbound.Retry {
			t.Errorf("%s (%s), want retry", res.State, res.Reason)
		}
	})
}

func half(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[`)
}

// endless writes for as long as anybody reads.
func endless(w http.ResponseWriter, _ *http.Request) {
	line := bytes.Repeat([]byte(" "), 1<<16)
	for range 1 << 12 { // 256 MiB
		if _, err := w.Write(line); err != nil {
			return
		}
	}
}

// trickle is never silent for long, and never done.
func trickle(w http.ResponseWriter, q *http.Request) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-q.Context().Done():
			return
		case <-tick.C:
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// raw writes to the connection as it is, and resets it.
func raw(w http.ResponseWriter, text string) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(c, text)
	if tcp, ok := c.(*net.TCPConn); ok && text == "" {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

// cancelled ends an attempt while the peer thinks, and before it began.
func (s suite) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	base := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		cancel()
		<-q.Context().Done()
	}))
	ch := s.open(t, base)
	for range 2 {
		if res := s.deliver(t, ctx, ch, s.payload); res.State != outbound.Retry {
			t.Errorf("%s (%s), want retry", res.State, res.Reason)
		}
	}
}
