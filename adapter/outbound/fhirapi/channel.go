// Package fhirapi delivers to a FHIR R4 server: one transaction whose entries
// are conditional creates, so that sending it again makes nothing, then a
// read-back that proves each entry is there exactly once.
//
// https://hl7.org/fhir/R4/http.html#transaction, #ccreate
package fhirapi

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

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
)

// Config is one FHIR server.
type Config struct {
	BaseURL        string        // with or without trailing slash
	Token          string        // bearer token; empty: none is sent
	ConnectTimeout time.Duration // for the connection and TLS
	RequestTimeout time.Duration // for one request with its answer
	MaxAnswer      int64         // bytes read of an answer
	MaxRetryAfter  time.Duration // the peer's wish is followed up to here
}

// DefaultConfig has everything but the address.
func DefaultConfig() Config {
	return Config{
		ConnectTimeout: 5 * time.Second, RequestTimeout: 30 * time.Second,
		MaxAnswer: 1 << 20, MaxRetryAfter: time.Hour,
	}
}

// Validate names every problem at once; none quotes the token.
func (c Config) Validate() error {
	var errs []error
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.ContainsAny(c.BaseURL, "?#") {
		errs = append(errs, errors.New("base_url is not an http or https address without user, query and fragment"))
	}
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

// Channel delivers to one server. It is safe for concurrent use.
type Channel struct {
	cfg    Config
	base   string
	client *retryablehttp.Client
}

// New returns a channel.
func New(cfg Config) (*Channel, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := retryablehttp.NewClient()
	// Its default logger prints URLs, which carry identifiers. Its retries are
	// for the moment between two instances of a peer; durable retry is relay's.
	c.Logger = nil
	c.RetryMax = 1
	c.RetryWaitMin, c.RetryWaitMax = 50*time.Millisecond, 200*time.Millisecond
	c.CheckRetry = neverConnected
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.HTTPClient = &http.Client{
		Timeout: cfg.RequestTimeout,
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: cfg.ConnectTimeout}).DialContext,
			TLSHandshakeTimeout:    cfg.ConnectTimeout,
			ResponseHeaderTimeout:  cfg.RequestTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        time.Minute,
			ForceAttemptHTTP2:      true,
		},
		// A redirect would carry the token and the patient to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Channel{cfg: cfg, base: strings.TrimRight(cfg.BaseURL, "/"), client: c}, nil
}

// neverConnected retries at once only what cannot have reached the peer.
func neverConnected(ctx context.Context, _ *http.Response, err error) (bool, error) {
	var op *net.OpError
	return ctx.Err() == nil && errors.As(err, &op) && op.Op == "dial", nil
}

// Deliver sends the transaction and reads back what it made.
func (c *Channel) Deliver(ctx context.Context, d outbound.Delivery) outbound.Result {
	sent, err := element.Parse(d.Payload, element.Limits{})
	if err != nil || sent.Str("type") != "transaction" || len(sent.List("entry")) == 0 {
		return outbound.Result{State: outbound.Dead, Reason: "the payload is not a transaction Bundle with entries"}
	}
	for i, e := range sent.List("entry") {
		if e.TextAt("request.ifNoneExist") == "" || e.TextAt("resource.identifier.value") == "" {
			return outbound.Result{State: outbound.Dead,
				Reason: fmt.Sprintf("entry %d of the payload is no conditional create with an identifier, so it could be neither repeated nor proven", i)}
		}
	}
	a, err := c.do(ctx, http.MethodPost, "", d.Payload)
	if err != nil {
		return unreachable(err)
	}
	if a.status != http.StatusOK {
		return classify(a, c.cfg.MaxRetryAfter)
	}
	if res, lies := checkAnswer(a, len(sent.List("entry"))); lies {
		return res
	}
	return c.prove(ctx, sent, a)
}

// answer is what the peer said.
type answer struct {
	status     int
	retryAfter string
	body       []byte
	cut        bool // longer than MaxAnswer
}

// maxEvidence is how much of an answer is kept with an attempt. Attempts are
// kept for ever, and a practice that is down for days has hundreds.
const maxEvidence = 16 << 10

// evidence is a copy, so that the rest of a long answer can be let go.
func (a answer) evidence() []byte { return bytes.Clone(a.body[:min(len(a.body), maxEvidence)]) }

func (c *Channel) do(ctx context.Context, method, query string, body []byte) (answer, error) {
	var raw any // nil, not an empty slice: a GET has no body
	if body != nil {
		raw = body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, method, c.base+query, raw)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/fhir+json")
	if body != nil {
		req.Header.Set("Content-Type", "application/fhir+json; charset=utf-8")
		req.Header.Set("Prefer", "return=minimal")
	} else {
		// HAPI FHIR, for one, answers a search from what it found up to a minute
		// ago (its release notes of 2.5), when the entry was not there yet.
		req.Header.Set("Cache-Control", "no-cache")
	}
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	res, err := c.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(res.Body, c.cfg.MaxAnswer+1))
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, retryAfter: res.Header.Get("Retry-After"), body: b.Bytes()}
	if n > c.cfg.MaxAnswer {
		a.body, a.cut = a.body[:c.cfg.MaxAnswer], true
	}
	return a, nil
}

// unreachable words an error of the transport, whose own text holds the URL.
func unreachable(err error) outbound.Result {
	reason := "the connection broke before the answer was complete"
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		reason = "stopped while waiting for the answer"
	case errors.As(err, &certificate):
		reason = "the certificate of the peer is not trusted, has expired or is for another name; nothing was sent"
	case errors.As(err, &timeout) && timeout.Timeout():
		reason = "no answer in time"
	case errors.As(err, &op) && op.Op == "dial":
		reason = "the peer cannot be reached"
	}
	return outbound.Result{State: outbound.Retry, Reason: reason}
}

// checkAnswer refuses a 200 that is not the answer to what was sent. The
// entries may have been written all the same: sending again is safe, believing
// is not.
func checkAnswer(a answer, entries int) (outbound.Result, bool) {
	doubt := func(reason string) (outbound.Result, bool) {
		return outbound.Result{State: outbound.Retry, Status: a.status, Reason: reason, Evidence: a.evidence()}, true
	}
	if a.cut {
		return doubt("the answer is larger than is read")
	}
	v, err := element.Parse(a.body, element.Limits{})
	if err != nil || v.ResourceType() != "Bundle" || v.Str("type") != "transaction-response" {
		return doubt("status 200, and the answer is no transaction-response")
	}
	if n := len(v.List("entry")); n != entries {
		return doubt(fmt.Sprintf("%d entries were sent, %d answered", entries, n))
	}
	for i, e := range v.List("entry") {
		if code, _, _ := strings.Cut(e.TextAt("response.status"), " "); code != "200" && code != "201" {
			return doubt(fmt.Sprintf("entry %d was answered with no success in a transaction that succeeded", i))
		}
	}
	return outbound.Result{}, false
}

// prove reads every entry back by its identifier and wants exactly one. What
// the peer will never let us see is delivered, and not proven.
func (c *Channel) prove(ctx context.Context, sent *element.Value, a answer) outbound.Result {
	for i, e := range sent.List("entry") {
		r := e.Get("resource")
		system, value := r.TextAt("identifier.system"), r.TextAt("identifier.value")
		found, err := c.do(ctx, http.MethodGet, "/"+r.ResourceType()+"?identifier="+url.QueryEscape(system+"|"+value), nil)
		if err != nil {
			res := unreachable(err)
			res.Reason = "written, and not read back: " + res.Reason
			return res
		}
		if found.status != http.StatusOK {
			res := classify(found, c.cfg.MaxRetryAfter)
			if res.State == outbound.Dead {
				return outbound.Result{State: outbound.Delivered, Status: a.status, Evidence: a.evidence(),
					Reason: fmt.Sprintf("written; the peer does not allow to read it back (status %d)", found.status)}
			}
			res.Reason = "written, and not read back: " + res.Reason
			return res
		}
		v, err := element.Parse(found.body, element.Limits{})
		if err != nil || v.ResourceType() != "Bundle" || v.Str("type") != "searchset" {
			return outbound.Result{State: outbound.Retry, Status: found.status, Evidence: found.evidence(),
				Reason: "written, and the answer to reading it back is no searchset"}
		}
		switch n := matches(v, r.ResourceType(), system, value); {
		case n == 0:
			return outbound.Result{State: outbound.Retry, Status: found.status, Evidence: a.evidence(),
				Reason: fmt.Sprintf("the peer accepted entry %d and does not find it", i)}
		case n > 1:
			return outbound.Result{State: outbound.Dead, Status: found.status, Evidence: found.evidence(),
				Reason: fmt.Sprintf("entry %d stands %d times in the record", i, n)}
		}
	}
	return outbound.Result{State: outbound.Proven, Status: a.status, Evidence: a.evidence()}
}

// matches counts what carries the identifier itself: a peer that does not know
// the search parameter answers with everything it has.
func matches(bundle *element.Value, typ, system, value string) int {
	n := 0
	for _, e := range bundle.List("entry") {
		r := e.Get("resource")
		if r.ResourceType() != typ {
			continue
		}
		for _, id := range r.List("identifier") {
			if id.Str("system") == system && id.Str("value") == value {
				n++
				break
			}
		}
	}
	return n
}
