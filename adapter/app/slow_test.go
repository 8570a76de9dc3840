package app_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/config"
)

// TestSlowSender: a body that does not arrive is answered with 408, and the
// connection is not kept waiting for it.
func TestSlowSender(t *testing.T) {
	h := open(t, func(c *config.Config) { c.HTTP.ReadTimeout = 200 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /intake/hl7v2-ref HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nMSH|")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d, want 408", res.StatusCode)
	}
}

// TestOperations: the operations port says that the process lives, that it can
// take work, and what it counts.
func TestOperations(t *testing.T) {
	h := open(t, nil)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "linkloop_deliveries"} {
		res, err := http.Get(h.ops + path)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		_, err = bufio.NewReader(res.Body).WriteTo(&b)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 || !strings.Contains(b.String(), want) {
			t.Errorf("%s: status %d, want 200 with %q", path, res.StatusCode, want)
		}
	}
	h.refused(h.call("GET", "/metrics", nil), 404, "not-found", "")
}

// slow opens a request that never sends its body.
func (h *house) slow(sender string, length int) net.Conn {
	h.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "POST /intake/%s HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", sender, length)
	// The server asks for the body when it begins to read it.
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		h.t.Fatalf("instead of being asked for the body: %q, %v", line, err)
	}
	return conn
}

// TestGreedySender: one that takes its share of open requests is told so, and
// others are served; when it hangs up it is served again.
func TestGreedySender(t *testing.T) {
	h := open(t, func(c *config.Config) { c.HTTP.MaxConcurrent, c.HTTP.MaxWorking = 4, 1 })
	held := []net.Conn{h.slow("hl7v2-ref", 1000), h.slow("hl7v2-ref", 1000)}
	r := h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000018"))
	h.refused(r, http.StatusTooManyRequests, "throttled", "too many requests open")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	h.want(h.call("POST", "/intake/generic-json", []byte(`{}`)), http.StatusUnprocessableEntity)
	for _, c := range held {
		c.Close()
	}
	for range 100 {
		if r = h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000018")); r.status == http.StatusOK {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("after hanging up: status %d", r.status)
}

// TestBodyMemory: bodies that are on their way count, by what their callers
// say or by what could come.
func TestBodyMemory(t *testing.T) {
	h := open(t, func(c *config.Config) { c.HTTP.BodyLimit, c.HTTP.BodyMemory = 100_000, 100_000 })
	conn := h.slow("hl7v2-ref", 99_000)
	r := h.call("POST", "/intake/generic-json", []byte("{"+strings.Repeat(" ", 2000)+"}"))
	h.refused(r, http.StatusServiceUnavailable, "transient", "memory")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	h.want(h.call("POST", "/intake/generic-json", []byte(`{}`)), http.StatusUnprocessableEntity)
	conn.Close()
	for range 100 {
		if r = h.call("POST", "/intake/generic-json", []byte("{"+strings.Repeat(" ", 2000)+"}")); r.status == http.StatusUnprocessableEntity {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("after hanging up: status %d", r.status)
}

// TestListenerEnds: a house that nobody can reach any more says so instead of
// looking alive.
func TestListenerEnds(t *testing.T) {
	h := open(t, nil)
	if err := h.app.CloseListener(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-h.app.Failed():
		if !strings.Contains(err.Error(), "listener") {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody was told")
	}
}

// TestStopWithSilentConnection: somebody who connected and said nothing does not
// keep a restart waiting.
func TestStopWithSilentConnection(t *testing.T) {
	h := open(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	h.want(h.call("GET", "/fhir/metadata", nil), 200) // by now it was accepted
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := h.app.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}
