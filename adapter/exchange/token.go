package exchange

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// TokenConfig is how access tokens are had for an application by a signed
// assertion (OAuth 2.0 client credentials, RFC 6749 section 4.4, with
// private_key_jwt, RFC 7523). The NHS API platform wants RS512, SMART Backend
// Services RS384 or ES384.
type TokenConfig struct {
	URL       string        // whole address of the token endpoint
	ClientID  string        // issuer and subject of the assertion
	KeyID     string        // kid under which the public key is published
	Algorithm string        // RS256, RS384, RS512, ES256 or ES384
	Key       crypto.Signer // private key that fits the algorithm
	Scope     string        // empty: none is asked for
	Audience  string        // empty: URL
}

// algorithms are those that can be signed with, RFC 7518 section 3.1.
var algorithms = map[string]struct {
	hash crypto.Hash
	new  func() hash.Hash
	size int // bytes of each number of an ECDSA signature; 0: RSA
}{
	"RS256": {crypto.SHA256, sha256.New, 0}, "RS384": {crypto.SHA384, sha512.New384, 0}, "RS512": {crypto.SHA512, sha512.New, 0},
	"ES256": {crypto.SHA256, sha256.New, 32}, "ES384": {crypto.SHA384, sha512.New384, 48},
}

// Validate names every problem at once; none quotes the key.
func (c TokenConfig) Validate() error {
	errs := []error{CheckAddress("token_url", c.URL)}
	if c.ClientID == "" || c.KeyID == "" {
		errs = append(errs, errors.New("client_id and key_id are needed"))
	}
	a, known := algorithms[c.Algorithm]
	if !known {
		errs = append(errs, errors.New("algorithm is none of RS256, RS384, RS512, ES256 and ES384"))
		return errors.Join(errs...)
	}
	switch k := c.Key.(type) {
	case *rsa.PrivateKey:
		if a.size != 0 || k.N.BitLen() < 2048 {
			errs = append(errs, errors.New("the key does not fit the algorithm, or has less than 2048 bits"))
		}
	case *ecdsa.PrivateKey:
		if k.Curve.Params().BitSize != a.size*8 {
			errs = append(errs, errors.New("the key does not fit the algorithm"))
		}
	default:
		errs = append(errs, errors.New("the key is neither RSA nor ECDSA"))
	}
	return errors.Join(errs...)
}

// Bounds of tokens.
const (
	assertionLife = 4*time.Minute + 30*time.Second // at most five minutes are allowed
	renewBefore   = 30 * time.Second               // of the end of a token
	maxToken      = 64 << 10                       // bytes of an answer
)

// Tokens gets access tokens and keeps the current one. One request at a time
// asks for a new one; the others wait for it. It is safe for concurrent use.
type Tokens struct {
	cfg    TokenConfig
	client *http.Client
	now    func() time.Time
	turn   chan struct{} // held by whoever looks at token and ends
	token  string
	ends   time.Time
}

// NewTokens returns a source of tokens, over the connection settings of the
// peer; cfg must be valid.
func NewTokens(cfg TokenConfig, peer Config) *Tokens {
	return &Tokens{cfg: cfg, client: newClient(peer), now: time.Now, turn: make(chan struct{}, 1)}
}

// errToken is that no token could be had; its text is public.
type errToken struct{ reason string }

func (e errToken) Error() string { return e.reason }

// Token returns a token that holds for a while yet.
func (t *Tokens) Token(ctx context.Context) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if t.token != "" && t.now().Before(t.ends.Add(-renewBefore)) {
		return t.token, nil
	}
	token, life, err := t.ask(ctx)
	if err != nil {
		return "", err
	}
	t.token, t.ends = token, t.now().Add(life)
	return token, nil
}

// Forget drops a token that the peer did not take, so that the next attempt
// asks for another.
func (t *Tokens) Forget(token string) {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	if t.token == token {
		t.token = ""
	}
}

// ask sends one signed assertion. Each has an id of its own: an authorisation
// server remembers them for weeks and refuses one that it has seen.
func (t *Tokens) ask(ctx context.Context) (token string, life time.Duration, err error) {
	assertion, err := t.assertion()
	if err != nil {
		return "", 0, errToken{"the assertion for a token cannot be signed"}
	}
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}
	if t.cfg.Scope != "" {
		form.Set("scope", t.cfg.Scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.cfg.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := t.client.Do(req)
	if err != nil {
		return "", 0, errToken{"the token endpoint cannot be reached"}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxToken))
	if err != nil {
		return "", 0, errToken{"the answer of the token endpoint broke off"}
	}
	var a struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires any    `json:"expires_in"` // a number, or as the NHS has it a text
		Error   string `json:"error"`
	}
	if err := json.Unmarshal(body, &a); err != nil && res.StatusCode == http.StatusOK {
		return "", 0, errToken{"the token endpoint answered 200 without a token"}
	}
	if res.StatusCode != http.StatusOK {
		reason := fmt.Sprintf("the token endpoint answered %d", res.StatusCode)
		if slices.Contains(tokenErrors, a.Error) {
			reason += " (" + a.Error + ")"
		}
		return "", 0, errToken{reason}
	}
	seconds, err := strconv.ParseFloat(fmt.Sprint(a.Expires), 64)
	switch {
	case a.Token == "" || strings.ContainsFunc(a.Token, func(r rune) bool { return r <= ' ' || r > '~' }) || !strings.EqualFold(a.Type, "bearer"):
		return "", 0, errToken{"the token endpoint answered 200 without a bearer token"}
	case err != nil || !(seconds > 0):
		seconds = 60 // it did not say for how long: not for long
	}
	return a.Token, time.Duration(min(seconds, 24*3600) * float64(time.Second)), nil
}

// tokenErrors are the codes of RFC 6749 section 5.2; anything else could be free text.
var tokenErrors = []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}

// assertion is a signed JWT, RFC 7519, with the claims of RFC 7523 section 3.
func (t *Tokens) assertion() (string, error) {
	audience := t.cfg.Audience
	if audience == "" {
		audience = t.cfg.URL
	}
	part := func(v any) (string, error) {
		b, err := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b), err
	}
	header, err1 := part(map[string]string{"alg": t.cfg.Algorithm, "typ": "JWT", "kid": t.cfg.KeyID})
	claims, err2 := part(map[string]any{
		"iss": t.cfg.ClientID, "sub": t.cfg.ClientID, "aud": audience, "jti": uuid.NewString(),
		"exp": t.now().Add(assertionLife).Unix(),
	})
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	signature, err := sign(t.cfg, header+"."+claims)
	if err != nil {
		return "", err
	}
	return header + "." + claims + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func sign(cfg TokenConfig, text string) ([]byte, error) {
	a := algorithms[cfg.Algorithm]
	h := a.new()
	h.Write([]byte(text))
	if a.size == 0 {
		return cfg.Key.Sign(rand.Reader, h.Sum(nil), a.hash)
	}
	k, ok := cfg.Key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an ECDSA key")
	}
	r, s, err := ecdsa.Sign(rand.Reader, k, h.Sum(nil))
	if err != nil {
		return nil, err
	}
	// Two numbers of fixed length, RFC 7518 section 3.4.
	return append(r.FillBytes(make([]byte, a.size)), s.FillBytes(make([]byte, a.size))...), nil
}
