// Package webhook posts what is owed as JSON to an address of the practice's or
// its supplier's choice, signed so that the receiver knows who sent it and when,
// and under the same id on every attempt so that it knows a repeat. Answered
// with 200 to 204 it is delivered: nothing is read back. A 202 says that more is
// to come: the receiver then acknowledges by the id of the event.
//
// Standard Webhooks 1.0.0 (https://www.standardwebhooks.com): webhook-id,
// webhook-timestamp and webhook-signature, HMAC-SHA256 over id.timestamp.body.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/exchange"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
)

// Config is one receiver.
type Config struct {
	URL            string      // whole address
	Secret         []byte      // shared with the receiver, at least 24 bytes
	Type           string      // what the event is called in the body
	Token          string      // bearer token; empty: none is sent
	TLS            *tls.Config // own authorities and the certificate shown; nil: the system's, none
	ConnectTimeout time.Duration
	RequestTimeout time.Duration
	MaxAnswer      int64         // bytes read of an answer
	MaxRetryAfter  time.Duration // the peer's wish is followed up to here
	Await          time.Duration // how long the acknowledgement may take of what was answered with 202
	Now            func() time.Time
}

// DefaultConfig has everything but address and secret.
func DefaultConfig() Config {
	return Config{Type: "outcome", ConnectTimeout: 5 * time.Second, RequestTimeout: 30 * time.Second,
		MaxAnswer: 64 << 10, MaxRetryAfter: time.Hour, Await: 72 * time.Hour, Now: time.Now}
}

// Validate names every problem at once; none quotes the secret.
func (c Config) Validate() error {
	errs := []error{exchange.CheckAddress("url", c.URL), c.peer().Validate()}
	if len(c.Secret) < 24 {
		errs = append(errs, errors.New("the secret has less than 24 bytes"))
	}
	return errors.Join(errs...)
}

func (c Config) peer() exchange.Config {
	return exchange.Config{Who: "the receiver", Token: c.Token, TLS: c.TLS, ConnectTimeout: c.ConnectTimeout,
		RequestTimeout: c.RequestTimeout, MaxAnswer: c.MaxAnswer, MaxRetryAfter: c.MaxRetryAfter, Idle: 4}
}

// Channel delivers to one receiver. It is safe for concurrent use.
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

// Deliver posts the event once.
func (c *Channel) Deliver(ctx context.Context, d outbound.Delivery) outbound.Result {
	data, err := element.Parse(d.Payload, element.Limits{})
	if err != nil || data.Kind != element.Object {
		return outbound.Result{State: outbound.Dead, Stage: outbound.Refused, Reason: "the payload is no JSON object"}
	}
	id, kind := ID(d.Key), c.cfg.Type
	if strings.HasPrefix(d.Key, outbound.AlertKey) {
		kind = "alert"
	}
	body := element.NewObject(
		element.S("type", kind), element.S("id", id), element.S("timestamp", d.Created.UTC().Format(time.RFC3339)),
		element.S("task", d.Task), element.S("practice", d.Destination), element.F("data", data)).JSON()
	at := strconv.FormatInt(c.cfg.Now().Unix(), 10)
	header := http.Header{
		"Content-Type":      {"application/json"},
		"Webhook-Id":        {id},
		"Webhook-Timestamp": {at},
		"Webhook-Signature": {"v1," + Sign(c.cfg.Secret, id, at, body)},
	}
	a, err := c.peer.Do(ctx, http.MethodPost, c.cfg.URL, header, body)
	if err != nil {
		return c.peer.Unreachable(err)
	}
	if a.Status < 200 || a.Status > 204 || a.Cut {
		return c.peer.Refused(a)
	}
	res := outbound.Result{State: outbound.Delivered, Status: a.Status, Evidence: a.Evidence(), References: []string{id}}
	if a.Status == http.StatusAccepted {
		res.State, res.Stage, res.Await = outbound.Sent, outbound.Collected, c.cfg.Await
	}
	return res
}

// words are what a receiver may say, after it answered with 202, about an event.
var words = map[string]outbound.Result{
	"received":    {State: outbound.Sent, Stage: outbound.Received},
	"in-workflow": {State: outbound.Delivered, Stage: outbound.InWorkflow},
	"filed":       {State: outbound.Delivered, Stage: outbound.InWorkflow},
	"not-taken":   {State: outbound.Elsewhere, Reason: "the practice does not take this channel"},
	"refused":     {State: outbound.Dead, Stage: outbound.Refused, Reason: "the receiver refused it after taking it"},
}

// Acknowledgement is what a receiver says about the event of an id: received,
// in-workflow, filed, not-taken or refused. What it says is filed was not read
// back by us, so that it counts as in the workflow. Errors: fault.Malformed.
func Acknowledgement(channel, id, said string, evidence []byte) (outbound.Acknowledgement, error) {
	res, known := words[said]
	if !known || id == "" || len(id) > 200 {
		return outbound.Acknowledgement{}, fault.New(fault.Malformed, "status", "an id and one of received, in-workflow, filed, not-taken and refused are expected")
	}
	res.Evidence = bytes.Clone(evidence[:min(len(evidence), maxEvidence)])
	return outbound.Acknowledgement{Channel: channel, ID: id + " " + said, Echo: id, Result: res}, nil
}

// maxEvidence is how much of an acknowledgement is kept.
const maxEvidence = 16 << 10

// ID is the identity of an event: the same on every attempt, and nobody's name.
func ID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "msg_" + base64.RawURLEncoding.EncodeToString(sum[:18])
}

// Sign is the signature of a body, base64.
func Sign(secret []byte, id, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(id + "." + timestamp + "."))
	h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
