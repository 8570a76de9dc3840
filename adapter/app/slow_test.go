package app_test

import (
	"bufio"
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
