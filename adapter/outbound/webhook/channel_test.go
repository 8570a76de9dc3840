package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/outbound/webhook"
)

var secret = []byte("a secret of at least 24 bytes, for tests")

func open(t *testing.T, address string) outbound.Channel {
	t.Helper()
	cfg := webhook.DefaultConfig()
	cfg.URL, cfg.Secret, cfg.Token = address, secret, outboundtest.Token
	cfg.ConnectTimeout, cfg.RequestTimeout = 300*time.Millisecond, 600*time.Millisecond
	ch, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func TestContract(t *testing.T) {
	outboundtest.RunExchange(t, open, outboundtest.Payload("t1"), outboundtest.Taken(func(status int) bool { return status <= 204 }))
}

// TestSigned: the receiver can tell who sent it, that nothing was changed, and
// that it had it before.
func TestSigned(t *testing.T) {
	type post struct {
		header http.Header
		body   string
	}
	var got []post
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		got = append(got, post{q.Header, string(b)})
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()
	ch := open(t, srv.URL+"/hook")
	d := outbound.Delivery{ID: 1, Key: "Task/t1/outcome", Task: "t1", Destination: "A81001", Payload: []byte(`{"resourceType":"Bundle"}`),
		Attempt: 1, Created: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	for range 2 {
		if res := ch.Deliver(t.Context(), d); res.State != outbound.Delivered || res.Status != 204 {
			t.Fatalf("%+v", res)
		}
		d.Attempt++
	}
	if got[0].body != got[1].body || got[0].header.Get("webhook-id") != got[1].header.Get("webhook-id") {
		t.Error("a repeat is not the same event")
	}
	want := `{"type":"outcome","id":"` + webhook.ID(d.Key) + `","timestamp":"2026-03-02T09:00:00Z","task":"t1","practice":"A81001","data":{"resourceType":"Bundle"}}`
	if got[0].body != want {
		t.Errorf("body\n%s, want\n%s", got[0].body, want)
	}
	for _, p := range got {
		id, at := p.header.Get("webhook-id"), p.header.Get("webhook-timestamp")
		if s := "v1," + webhook.Sign(secret, id, at, []byte(p.body)); p.header.Get("webhook-signature") != s {
			t.Errorf("signature %s, want %s", p.header.Get("webhook-signature"), s)
		}
		if strings.Contains(id, "t1") {
			t.Errorf("the id %s says what it is about", id)
		}
	}
	// A signature known from elsewhere: HMAC-SHA256 of "msg_1.1614265330.{}".
	if s := webhook.Sign([]byte("key"), "msg_1", "1614265330", []byte("{}")); s != knownSignature {
		t.Errorf("signature %s", s)
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*webhook.Config){
		"address": func(c *webhook.Config) { c.URL = "ftp://x" },
		"secret":  func(c *webhook.Config) { c.Secret = []byte("short") },
		"answer":  func(c *webhook.Config) { c.MaxAnswer = 1 },
	} {
		cfg := webhook.DefaultConfig()
		cfg.URL, cfg.Secret = "https://hook.example", secret
		change(&cfg)
		if _, err := webhook.New(cfg); err == nil || strings.Contains(err.Error(), "short") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ch := open(t, "http://127.0.0.1:1")
	if res := ch.Deliver(t.Context(), outbound.Delivery{Payload: []byte("nonsense")}); res.State != outbound.Dead {
		t.Errorf("%+v", res)
	}
}

// knownSignature was made with openssl dgst -sha256 -hmac key.
const knownSignature = "Wo+qtMQnbmveDsu4SsHR+c75JsfXPSB8xTnErzORHxw="
