package exchange_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/exchange"
	"github.com/linkloop/linkloop/adapter/outbound"
)

func config() exchange.Config {
	return exchange.Config{Who: "the record", Token: "t0ken", ConnectTimeout: time.Second, RequestTimeout: 5 * time.Second,
		MaxAnswer: 2048, MaxRetryAfter: time.Minute, Idle: 2}
}

// TestDo: a request goes out as it was given, and the answer comes back within
// its limit, once, from where it was asked for.
func TestDo(t *testing.T) {
	var asked atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		b, _ := io.ReadAll(r.Body) // the client of this test sends little
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, r.Method+" "+r.Header.Get("Authorization")+" "+r.Header.Get("X-One")+" "+string(b))
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 5000))
	})
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/echo", http.StatusTemporaryRedirect)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	do := func(c exchange.Config, method, path string, body []byte) exchange.Answer {
		t.Helper()
		a, err := exchange.New(c).Do(t.Context(), method, srv.URL+path, http.Header{"X-One": {"1"}}, body)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := do(config(), "POST", "/echo", []byte("body")); a.Status != 202 || string(a.Body) != "POST Bearer t0ken 1 body" || a.Cut {
		t.Errorf("%d %q", a.Status, a.Body)
	}
	without := config()
	without.Token = ""
	if a := do(without, "GET", "/echo", nil); string(a.Body) != "GET  1 " {
		t.Errorf("%q", a.Body)
	}
	if a := do(config(), "GET", "/long", nil); !a.Cut || len(a.Body) != 2048 || len(a.Evidence()) != 2048 {
		t.Errorf("cut %v, %d bytes", a.Cut, len(a.Body))
	}
	large := config()
	large.MaxAnswer = 1 << 20
	if a := do(large, "GET", "/long", nil); a.Cut || len(a.Body) != 5000 {
		t.Errorf("cut %v, %d bytes", a.Cut, len(a.Body))
	}
	asked.Store(0)
	if a := do(config(), "POST", "/busy", []byte("x")); a.Status != 503 || asked.Load() != 1 {
		t.Errorf("what may have arrived was sent %d times, answered %d", asked.Load(), a.Status)
	}
	asked.Store(0)
	if a := do(config(), "POST", "/moved", []byte("x")); a.Status != 307 || asked.Load() != 0 {
		t.Errorf("a redirect was followed: %d", a.Status)
	}
}

// TestUnreachable: each way of not reaching a peer has words of its own, and
// none of them holds the address.
func TestUnreachable(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
		<-r.Context().Done()
	}))
	defer slow.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = nil
	broken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	go func() {
		for {
			c, err := broken.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			c.Close()
		}
	}()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	closed.Close()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name, address, word string
		ctx                 context.Context
	}{
		{"nobody listens", nobody, "the record cannot be reached", t.Context()},
		{"no answer", slow.URL, "no answer in time", t.Context()},
		{"a certificate of nobody", secure.URL, "the certificate of the record is not trusted", t.Context()},
		{"half an answer", "http://" + broken.Addr().String(), "the connection broke", t.Context()},
		{"stopped", slow.URL, "stopped while waiting", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config()
			cfg.ConnectTimeout, cfg.RequestTimeout = time.Minute, time.Minute // the others answer in some way
			if c.name == "no answer" {
				cfg.RequestTimeout = 300 * time.Millisecond
			}
			p := exchange.New(cfg)
			_, err := p.Do(c.ctx, "POST", c.address+"/Patient/9990000379", nil, []byte("x"))
			if err == nil {
				t.Fatal("it was reached")
			}
			r := p.Unreachable(err)
			if r.State != outbound.Retry || !strings.Contains(r.Reason, c.word) || strings.Contains(r.Reason, "127.0.0.1") || strings.Contains(r.Reason, "999") {
				t.Errorf("%s: %q", r.State, r.Reason)
			}
		})
	}
}

// TestRefused: which statuses are tried again, by the wish of the peer within
// its limit, and which are for a human.
func TestRefused(t *testing.T) {
	answer := func(status int, header, body string) exchange.Answer {
		t.Helper()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		defer srv.Close()
		a, err := exchange.New(config()).Do(t.Context(), "POST", srv.URL, nil, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	p := exchange.New(config())
	for status, want := range map[int]outbound.State{
		200: outbound.Retry, 202: outbound.Retry, 301: outbound.Dead, 400: outbound.Dead, 401: outbound.Retry, 403: outbound.Dead,
		404: outbound.Dead, 408: outbound.Retry, 409: outbound.Retry, 412: outbound.Dead, 422: outbound.Dead, 423: outbound.Retry,
		425: outbound.Retry, 429: outbound.Retry, 500: outbound.Retry, 501: outbound.Dead, 502: outbound.Retry, 503: outbound.Retry,
		504: outbound.Retry, 505: outbound.Dead,
	} {
		if r := p.Refused(answer(status, "", "")); r.State != want || r.Status != status || !strings.HasPrefix(r.Reason, "the record answered ") {
			t.Errorf("%d is %s: %q", status, r.State, r.Reason)
		}
	}
	for header, want := range map[string]time.Duration{
		"": 0, "30": 30 * time.Second, "3600": time.Minute, "99999999999999999999": time.Minute, "-5": 0, "soon": 0, " 7 ": 7 * time.Second,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  time.Minute,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
	} {
		if r := p.Refused(answer(503, header, "")); r.RetryAfter != want {
			t.Errorf("Retry-After %q: %s, want %s", header, r.RetryAfter, want)
		}
	}
	if r := p.Refused(answer(422, "30", "")); r.RetryAfter != 0 {
		t.Errorf("a refusal for good waits %s", r.RetryAfter)
	}
	r := p.Refused(answer(422, "", `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"business-rule","diagnostics":"Canarybird"},{"code":"Canarybird"},{"code":"invalid"}]}`))
	if r.Reason != "the record answered 422 Unprocessable Entity (business-rule, invalid)" || !strings.Contains(string(r.Evidence), "Canarybird") {
		t.Errorf("%q", r.Reason)
	}
	for _, body := range []string{"", "no JSON", `{"resourceType":"Patient","issue":[{"code":"invalid"}]}`, `[1]`} {
		if codes := (exchange.Answer{Body: []byte(body)}).IssueCodes(); len(codes) != 0 {
			t.Errorf("%s has the codes %v", body, codes)
		}
	}
	long := exchange.Answer{Body: make([]byte, 100<<10)}
	if e := long.Evidence(); len(e) != 16<<10 {
		t.Errorf("%d bytes of evidence", len(e))
	}
}

func TestConfig(t *testing.T) {
	if err := config().Validate(); err != nil {
		t.Error(err)
	}
	bad := exchange.Config{Token: "two words secret", MaxAnswer: 1, MaxRetryAfter: -1}
	err := bad.Validate()
	if err == nil {
		t.Fatal("it is valid")
	}
	for _, word := range []string{"token", "time-outs", "max_answer", "max_retry_after"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("nothing is said about %s", word)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Error("the token is quoted")
	}
	for address, good := range map[string]bool{
		"https://record.example/fhir": true, "http://127.0.0.1:8080": true, "": false, "record.example": false, "ftp://record.example": false,
		"https://user:secret@record.example": false, "https://record.example?x=1": false, "https://record.example#x": false, "http://[": false, "https://": false,
	} {
		if err := exchange.CheckAddress("url", address); (err == nil) != good || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
