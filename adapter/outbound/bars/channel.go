// Package bars delivers the answers that the NHS Booking and Referral Standard
// owes the sender of a referral: a servicerequest-response message, posted to
// the sender's $process-message. A response sent again carries the same
// X-Request-Id, so that the peer knows it; its 409 for a duplicate means that
// it has it.
//
// BaRS Core, Standard Pattern; specification 1.4.0 of the API.
package bars

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/exchange"
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
	errs := []error{exchange.CheckAddress("url", c.URL), c.peer().Validate()}
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
	return errors.Join(errs...)
}

func (c Config) peer() exchange.Config {
	return exchange.Config{
		Who: "the sender", Token: c.Token, ConnectTimeout: c.ConnectTimeout, RequestTimeout: c.RequestTimeout,
		MaxAnswer: c.MaxAnswer, MaxRetryAfter: c.MaxRetryAfter, Idle: 2,
	}
}

// Channel delivers to one endpoint. It is safe for concurrent use.
type Channel struct {
	cfg  Config
	peer *exchange.Peer
}

// New returns a channel.
func New(cfg Config) (*Channel, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Channel{cfg, exchange.New(cfg.peer())}, nil
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
	header := http.Header{}
	for _, h := range c.cfg.Headers {
		header.Set(h.Name, h.Value)
	}
	header.Set("X-Request-Id", requestID(d.Key, d.ID))
	header.Set("X-Correlation-Id", p.Str("correlation"))
	header.Set("NHSD-Target-Identifier", base64.StdEncoding.EncodeToString(target))
	header.Set("Content-Type", mediaType)
	header.Set("Accept", mediaType)
	a, err := c.peer.Do(ctx, http.MethodPost, c.cfg.URL, header, message.JSON())
	if err != nil {
		return c.peer.Unreachable(err)
	}
	return c.classify(a)
}

// classify says what an answer means. A message is safe to send again, because
// its X-Request-Id stays the same.
//
//   - 200 with the message returned: it has it. A body that is no message is no
//     answer, and nobody knows: try again.
//   - 409 with the issue duplicate: it has had it before.
//   - what else is no success is for exchange.Peer to say.
func (c *Channel) classify(a exchange.Answer) outbound.Result {
	if a.Status == http.StatusConflict && slices.Contains(a.IssueCodes(), "duplicate") {
		return outbound.Result{State: outbound.Delivered, Status: a.Status, Evidence: a.Evidence()}
	}
	if a.Status != http.StatusOK {
		return c.peer.Refused(a)
	}
	v, err := element.Parse(a.Body, element.Limits{})
	if err != nil || a.Cut || v.ResourceType() != "Bundle" || v.Str("type") != "message" || len(v.List("entry")) == 0 {
		return outbound.Result{State: outbound.Retry, Status: a.Status, Evidence: a.Evidence(),
			Reason: "the sender answered 200 without the message, so nobody knows whether it took it"}
	}
	return outbound.Result{State: outbound.Delivered, Status: a.Status, Evidence: a.Evidence()}
}
