// Package exchange is one HTTP request to a peer and its answer, for the channels
// that deliver over HTTP. It knows what a failure means and decides nothing.
package exchange

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/linkloop/linkloop/adapter/outbound"
)

// Config bounds the requests to one peer.
type Config struct {
	Who            string        // what the peer is called in reasons: "the peer"
	Token          string        // bearer token; empty: none is sent
	Tokens         TokenSource   // of bearer tokens that change; nil: Token
	TLS            *tls.Config   // own authorities and the certificate shown to the peer; nil: the system's, none
	ConnectTimeout time.Duration // for the connection and TLS
	RequestTimeout time.Duration // for one request with its answer
	MaxAnswer      int64         // bytes read of an answer
	MaxRetryAfter  time.Duration // the peer's wish is followed up to here
	Idle           int           // connections kept open
}

// Validate names every problem at once; none quotes the token.
func (c Config) Validate() error {
	var errs []error
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, errors.New("token holds a space, a line break or another character that no header carries"))
	}
	if c.ConnectTimeout <= 0 || c.RequestTimeout <= 0 {
		errs = append(errs, errors.New("time-outs must be above zero"))
	}
	if c.MaxAnswer < 1024 {
		errs = append(errs, errors.New("max_answer must be at least 1024 bytes"))
	}
	if c.MaxRetryAfter < 0 {
		errs = append(errs, errors.New("max_retry_after must not be below zero"))
	}
	return errors.Join(errs...)
}

// TokenSource gives bearer tokens, and hears which of them a peer did not take.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
	Forget(token string)
}

// CheckAddress checks the address of a peer; name is that of the setting.
func CheckAddress(name, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.ContainsAny(address, "?#") {
		return fmt.Errorf("%s is not an http or https address without user, query and fragment", name)
	}
	return nil
}

// Peer is the other end of the channels that deliver over HTTP. A request is sent
// within limits of size and time, without a redirect, without a retry of what may
// have arrived, and with nothing of address or answer in any text. It is safe for
// concurrent use.
type Peer struct {
	cfg    Config
	client *retryablehttp.Client
}

// New returns a peer; cfg must be valid.
func New(cfg Config) *Peer {
	c := retryablehttp.NewClient()
	// Its default logger prints URLs, which carry identifiers. Its retries are
	// for the moment between two instances of a peer; durable retry is relay's.
	c.Logger = nil
	c.RetryMax = 1
	c.RetryWaitMin, c.RetryWaitMax = 50*time.Millisecond, 200*time.Millisecond
	c.CheckRetry = neverConnected
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.HTTPClient = newClient(cfg)
	return &Peer{cfg: cfg, client: c}
}

// newClient is a client within the limits of a peer.
func newClient(cfg Config) *http.Client {
	return &http.Client{
		Timeout: cfg.RequestTimeout,
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: cfg.ConnectTimeout}).DialContext,
			TLSClientConfig:        cfg.TLS.Clone(),
			TLSHandshakeTimeout:    cfg.ConnectTimeout,
			ResponseHeaderTimeout:  cfg.RequestTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    cfg.Idle,
			IdleConnTimeout:        time.Minute,
			ForceAttemptHTTP2:      true,
		},
		// A redirect would carry the token and the patient to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// neverConnected retries at once only what cannot have reached the peer.
func neverConnected(ctx context.Context, _ *http.Response, err error) (bool, error) {
	var op *net.OpError
	return ctx.Err() == nil && errors.As(err, &op) && op.Op == "dial", nil
}

// Do sends a request and reads the answer, up to MaxAnswer bytes of it; body nil
// is no body. The error is that of the transport, for Unreachable to word.
func (p *Peer) Do(ctx context.Context, method, address string, header http.Header, body []byte) (Answer, error) {
	var raw any // nil, not an empty slice: a GET has no body
	if body != nil {
		raw = body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, method, address, raw)
	if err != nil {
		return Answer{}, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	token := p.cfg.Token
	if p.cfg.Tokens != nil {
		if token, err = p.cfg.Tokens.Token(ctx); err != nil {
			return Answer{}, err
		}
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized && p.cfg.Tokens != nil {
		p.cfg.Tokens.Forget(token)
	}
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(res.Body, p.cfg.MaxAnswer+1))
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Status: res.StatusCode, Body: b.Bytes(), retryAfter: res.Header.Get("Retry-After")}
	if n > p.cfg.MaxAnswer {
		a.Body, a.Cut = a.Body[:p.cfg.MaxAnswer], true
	}
	return a, nil
}

// Unreachable words an error of Do, whose own text holds the address.
func (p *Peer) Unreachable(err error) outbound.Result {
	reason, unsent := "the connection broke before the answer was complete", false
	var token errToken
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		reason = "stopped while waiting for the answer"
	case errors.As(err, &token):
		reason, unsent = "no access token: "+token.reason, true
	case errors.As(err, &certificate):
		unsent = true
		reason = "the certificate of " + p.cfg.Who + " is not trusted, has expired or is for another name; nothing was sent"
	case errors.As(err, &timeout) && timeout.Timeout() && !(errors.As(err, &op) && op.Op == "dial"):
		reason = "no answer in time"
	case errors.As(err, &op) && op.Op == "dial":
		reason, unsent = p.cfg.Who+" cannot be reached", true
	}
	return outbound.Result{State: outbound.Retry, Reason: reason, Unsent: unsent}
}
