package exchange_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/exchange"
	"github.com/linkloop/linkloop/adapter/outbound"
)

var signing = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func bounds() exchange.Config {
	return exchange.Config{Who: "the peer", ConnectTimeout: time.Second, RequestTimeout: 2 * time.Second, MaxAnswer: 4096, Idle: 1}
}

// issuer is an authorisation server that checks assertions as that of the NHS
// API platform does: RS512 or ES384, kid, iss and sub, aud, an id never seen,
// an end at most five minutes ahead.
type issuer struct {
	public  crypto.PublicKey
	address string
	answer  string
	mu      sync.Mutex
	seen    map[string]bool
	asked   atomic.Int32
	problem atomic.Value
}

func (s *issuer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	s.asked.Add(1)
	if problem := s.check(q); problem != "" {
		s.problem.Store(problem)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_request","error_description":"canary words"}`)
		return
	}
	fmt.Fprint(w, s.answer)
}

func (s *issuer) check(q *http.Request) string {
	if q.FormValue("grant_type") != "client_credentials" || q.FormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return "form"
	}
	parts := strings.Split(q.FormValue("client_assertion"), ".")
	if len(parts) != 3 {
		return "parts"
	}
	var header struct{ Alg, Typ, Kid string }
	var claims struct {
		Iss, Sub, Aud, Jti string
		Exp                int64
	}
	for i, into := range []any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, into) != nil {
			return "encoding"
		}
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return "encoding"
	}
	switch k := s.public.(type) {
	case *rsa.PublicKey:
		sum := sha512.Sum512([]byte(parts[0] + "." + parts[1]))
		if header.Alg != "RS512" || rsa.VerifyPKCS1v15(k, crypto.SHA512, sum[:], sig) != nil {
			return "signature"
		}
	case *ecdsa.PublicKey:
		sum := sha512.Sum384([]byte(parts[0] + "." + parts[1]))
		if header.Alg != "ES384" || len(sig) != 96 || !ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(sig[:48]), new(big.Int).SetBytes(sig[48:])) {
			return "signature"
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := time.Until(time.Unix(claims.Exp, 0))
	switch {
	case header.Typ != "JWT" || header.Kid != "key-1":
		return "header"
	case claims.Iss != "client-1" || claims.Sub != claims.Iss || claims.Aud != s.address:
		return "claims"
	case claims.Jti == "" || s.seen[claims.Jti]:
		return "jti"
	case left <= 0 || left > 5*time.Minute:
		return "exp"
	}
	s.seen[claims.Jti] = true
	return ""
}

func newIssuer(t *testing.T, key crypto.Signer, algorithm, answer string) (*issuer, *exchange.Tokens) {
	t.Helper()
	s := &issuer{public: key.Public(), answer: answer, seen: map[string]bool{}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.address = srv.URL + "/oauth2/token"
	cfg := exchange.TokenConfig{URL: s.address, ClientID: "client-1", KeyID: "key-1", Algorithm: algorithm, Key: key, Scope: "system/*.write"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return s, exchange.NewTokens(cfg, bounds())
}

// TestTokens: one request for many callers, a text as expires_in, another token
// after the peer refused one, and never the same assertion twice.
func TestTokens(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, key := range map[string]crypto.Signer{"RS512": signing(), "ES384": ec} {
		s, tokens := newIssuer(t, key, algorithm, `{"access_token":"abc","token_type":"Bearer","expires_in":"599","issued_at":"1"}`)
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if token, err := tokens.Token(t.Context()); token != "abc" || err != nil {
					t.Errorf("%q, %v (%v)", token, err, s.problem.Load())
				}
			})
		}
		all.Wait()
		if n := s.asked.Load(); n != 1 {
			t.Errorf("%s: asked %d times", algorithm, n)
		}
		tokens.Forget("another")
		tokens.Forget("abc")
		if _, err := tokens.Token(t.Context()); err != nil || s.asked.Load() != 2 {
			t.Errorf("%s: after a refusal: %v, asked %d times", algorithm, err, s.asked.Load())
		}
	}
}

// TestTokensThatAreNone: what is no token is said in words without the answer.
func TestTokensThatAreNone(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing": "", "a page": "<html>", "no token": `{"token_type":"Bearer","expires_in":"9"}`,
		"another type": `{"access_token":"abc","token_type":"mac","expires_in":9}`,
		"a line break": `{"access_token":"a\r\nb","token_type":"Bearer","expires_in":9}`,
	} {
		_, tokens := newIssuer(t, signing(), "RS512", answer)
		if token, err := tokens.Token(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "the token endpoint answered 200") {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
	s, tokens := newIssuer(t, signing(), "RS512", `{"access_token":"abc","token_type":"Bearer"}`)
	s.address = "elsewhere"
	if _, err := tokens.Token(t.Context()); err == nil || err.Error() != "the token endpoint answered 400 (invalid_request)" {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tokens.Token(ctx); err == nil {
		t.Error("a token for somebody who left")
	}
}

// TestPeerWithTokens: a request carries the token; a 401 gets another one for the
// next attempt; without a token nothing is sent.
func TestPeerWithTokens(t *testing.T) {
	s, tokens := newIssuer(t, signing(), "RS512", `{"access_token":"abc","token_type":"Bearer","expires_in":599}`)
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		got = append(got, q.Header.Get("Authorization"))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer srv.Close()
	cfg := bounds()
	cfg.Tokens = tokens
	peer := exchange.New(cfg)
	for range 2 {
		a, err := peer.Do(t.Context(), http.MethodPost, srv.URL, nil, []byte("{}"))
		if err != nil || a.Status != 401 {
			t.Fatalf("%d, %v", a.Status, err)
		}
	}
	if fmt.Sprint(got) != "[Bearer abc Bearer abc]" || s.asked.Load() != 2 {
		t.Errorf("%v, asked %d times", got, s.asked.Load())
	}
	s.address = "elsewhere"
	_, err := peer.Do(t.Context(), http.MethodPost, srv.URL, nil, []byte("{}"))
	if res := peer.Unreachable(err); res.State != outbound.Retry || !res.Unsent || len(got) != 2 || !strings.HasPrefix(res.Reason, "no access token") || strings.Contains(res.Reason, "canary") {
		t.Errorf("%+v after %d requests", res, len(got))
	}
}

func TestTokenConfig(t *testing.T) {
	good := exchange.TokenConfig{URL: "https://x.example/token", ClientID: "c", KeyID: "k", Algorithm: "RS384", Key: signing()}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*exchange.TokenConfig){
		"address":   func(c *exchange.TokenConfig) { c.URL = "x" },
		"client":    func(c *exchange.TokenConfig) { c.ClientID = "" },
		"algorithm": func(c *exchange.TokenConfig) { c.Algorithm = "none" },
		"key":       func(c *exchange.TokenConfig) { c.Key = nil },
		"mismatch":  func(c *exchange.TokenConfig) { c.Algorithm = "ES384" },
	} {
		c := good
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: valid", name)
		}
	}
}
