package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestGate: what a server that is held back sends is noticed when another one
// sends the same, and not when it sends something else.
func TestGate(t *testing.T) {
	for _, late := range []bool{false, true} {
		var taken atomic.Int32
		g := newGate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			taken.Add(1)
			_, _ = w.Write([]byte(r.URL.Path))
		}))
		srv := httptest.NewServer(g)
		t.Cleanup(srv.Close)
		post := func(ctx context.Context, path, body string) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err == nil {
				_ = res.Body.Close()
			}
			return err
		}
		g.hold("/a", late)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := post(ctx, "/a", "one"); err == nil {
			t.Error("the server that is held back was answered")
		}
		if n := taken.Load(); (n == 1) != late {
			t.Errorf("held back after the record has it: %v; it has %d", late, n)
		}
		if n := g.release(); n != 1 {
			t.Errorf("%d deliveries are stuck, want 1", n)
		}
		if err := post(t.Context(), "/b", "another"); err != nil {
			t.Error(err)
		}
		if _, arrived, _ := g.count(); arrived != 0 {
			t.Error("another delivery was taken for the one that is stuck")
		}
		if err := post(t.Context(), "/b", "one"); err != nil {
			t.Error(err)
		}
		if stuck, arrived, last := g.count(); stuck != 1 || arrived != 1 || last.IsZero() {
			t.Errorf("%d stuck and %d of them sent by another, want 1 and 1", stuck, arrived)
		}
		res, err := http.Get(srv.URL + "/b/Procedure?identifier=x")
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 20)
		n, _ := res.Body.Read(b)
		_ = res.Body.Close()
		if string(b[:n]) != "/Procedure" {
			t.Errorf("the record is asked for %q", b[:n])
		}
	}
}

// TestFleet: a request goes on to the next server until one answers.
func TestFleet(t *testing.T) {
	var asked atomic.Int32
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(busy.Close)
	well := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("well")) }))
	t.Cleanup(well.Close)
	f := newFleet(3)
	f.set(0, &Server{URL: busy.URL})
	f.set(1, &Server{URL: "http://127.0.0.1:1"})
	f.set(2, &Server{URL: well.URL})
	for range 6 {
		a, err := f.do(t.Context(), http.MethodGet, "/", "", "", nil)
		if err != nil || string(a.body) != "well" {
			t.Errorf("%q, %v", a.body, err)
		}
	}
	if asked.Load() == 0 || f.cured.Load() != 4 || f.longest.Load() == 0 {
		t.Errorf("the busy one was asked %d times, %d requests were cured, want 4", asked.Load(), f.cured.Load())
	}
	f.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.do(ctx, http.MethodGet, "/", "", "", nil); err == nil {
		t.Error("a request was answered after its end")
	}
}
