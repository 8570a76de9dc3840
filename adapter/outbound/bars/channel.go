// Package bars delivers the answers that the NHS Booking and Referral Standard
// owes the sender of a referral: a servicerequest-response message, posted to
// the sender's $process-message. A response sent again carries the same
// X-Request-Id, so that the peer knows it; its 409 for a duplicate means that
// it has it.
//
// BaRS Core, Standard Pattern; specification 1.4.0 of the API.
package bars

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
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

// mediaType is what is sent and asked for.
const mediaType = "application/fhir+json; version=1.4.0"

// Header is one header sent with each message.
type Header struct{ Name, Value string }

// Config is the endpoint of one sender.
type Config struct {
	URL            string        // whole address, $process-message included
	Token          string        // bearer token; empty: none is sent
	Headers        []Header      // such as NHSD-End-User-Organisation and NHSD-Requesting-Software
	ConnectTimeout time.Duration // for the connection and TLS
	RequestTimeout time.Duration // for one request with its answer
	MaxAnswer      int64         // bytes read of an answer
	MaxRetryAfter  time.Duration // the peer's wish is followed up to here
}

// DefaultConfig has everything but the address.
func DefaultConfig() Config {
	return Config{ConnectTimeout: 5 * time.Second, RequestTimeout: 30 * time.Second, MaxAnswer: 5 << 20, MaxRetryAfter: time.Hour}
}

// ours are the headers that the channel sets by itself.
var ours = map[string]bool{"X-Request-Id": true, "X-Correlation-Id": true, "Nhsd-Target-Identifier": true,
	"Content-Type": true, "Accept": true, "Authorization": true}

// Validate names every problem at once; none quotes a value.
func (c Config) Validate() error {
	var errs []error
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.ContainsAny(c.URL, "?#") {
		errs = append(errs, errors.New("url is not an http or https address without user, query and fragment"))
	}
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, errors.New("token holds a space, a line break or another character that no header carries"))
	}
	for _, h := range c.Headers {
		name := http.CanonicalHeaderKey(h.Name)
		switch {
		case h.Name == "" || strings.ContainsFunc(h.Name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }):
			errs = append(errs, errors.New("a header has no name, or one that no header has"))
		case ours[name]:
			errs = append(errs, fmt.Errorf("the header %s is set by the channel", name))
		case strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' || r > '~' }):
			errs = append(errs, fmt.Errorf("the header %s holds a character that no header carries", name))
		}
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

// Channel delivers to one endpoint. It is safe for concurrent use.
type Channel struct {
	cfg    Config
	client *retryablehttp.Client
}

// New returns a channel.
func New(cfg Config) (*Channel, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := retryablehttp.NewClient()
	// Its default logger prints URLs. Its retries are for the moment between two
	// instances of a peer; durable retry is relay's.
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
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        time.Minute,
			ForceAttemptHTTP2:      true,
		},
		// A redirect would carry the token and the person to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Channel{cfg: cfg, client: c}, nil
}

// neverConnected retries at once only what cannot have reached the peer.
func neverConnected(ctx context.Context, _ *http.Response, err error) (bool, error) {
	var op *net.OpError
	return ctx.Err() == nil && errors.As(err, &op) && op.Op == "dial", nil
}

// Deliver posts the message once.
func (c *Channel) Deliver(ctx context.Context, d outbound.Delivery) outbound.Result {
	p, err := element.Parse(d.Payload, element.Limits{})
	message := p.Get("message")
	if err != nil || message.ResourceType() != "Bundle" || message.Str("type") != "message" || len(message.List("entry")) == 0 || p.Str("correlation") == "" {
		return outbound.Result{State: outbound.Dead, Reason: "the payload is not a message Bundle with its correlation"}
	}
	system, value, ok := strings.Cut(p.Str("target"), "|")
	if !ok || system == "" || value == "" {
		return outbound.Result{State: outbound.Dead, Reason: "the referral did not say, as system|value in MessageHeader.source.endpoint, where an answer goes"}
	}
	target := element.NewObject(element.S("system", system), element.S("value", value)).JSON()
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL, message.JSON())
	if err != nil {
		return outbound.Result{State: outbound.Dead, Reason: "the address of the sender is none"}
	}
	for _, h := range c.cfg.Headers {
		req.Header.Set(h.Name, h.Value)
	}
	req.Header.Set("X-Request-Id", requestID(d.Key, d.ID))
	req.Header.Set("X-Correlation-Id", p.Str("correlation"))
	req.Header.Set("NHSD-Target-Identifier", base64.StdEncoding.EncodeToString(target))
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("Accept", mediaType)
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	res, err := c.client.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(res.Body, c.cfg.MaxAnswer+1))
	if err != nil {
		return unreachable(err)
	}
	a := answer{status: res.StatusCode, retryAfter: res.Header.Get("Retry-After"), body: b.Bytes(), cut: n > c.cfg.MaxAnswer}
	return classify(a, c.cfg.MaxRetryAfter)
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
		reason = "the certificate of the sender is not trusted, has expired or is for another name; nothing was sent"
	case errors.As(err, &timeout) && timeout.Timeout():
		reason = "no answer in time"
	case errors.As(err, &op) && op.Op == "dial":
		reason = "the sender cannot be reached"
	}
	return outbound.Result{State: outbound.Retry, Reason: reason}
}
