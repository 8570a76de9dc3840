// Package fhirapi delivers to a FHIR R4 server: one transaction whose entries
// are conditional creates, so that sending it again makes nothing, then a
// read-back that proves each entry is there exactly once.
//
// https://hl7.org/fhir/R4/http.html#transaction, #ccreate
package fhirapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/exchange"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/outbound"
)

// Config is one FHIR server.
type Config struct {
	BaseURL        string               // with or without trailing slash
	Token          string               // bearer token; empty: none is sent
	Tokens         exchange.TokenSource // of bearer tokens that change; nil: Token
	TLS            *tls.Config          // own authorities and the certificate shown to the peer; nil: the system's, none
	ConnectTimeout time.Duration        // for the connection and TLS
	RequestTimeout time.Duration        // for one request with its answer
	MaxAnswer      int64                // bytes read of an answer
	MaxRetryAfter  time.Duration        // the peer's wish is followed up to here
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
	return errors.Join(exchange.CheckAddress("base_url", c.BaseURL), c.peer().Validate())
}

func (c Config) peer() exchange.Config {
	return exchange.Config{
		Who: "the peer", Token: c.Token, Tokens: c.Tokens, TLS: c.TLS, ConnectTimeout: c.ConnectTimeout, RequestTimeout: c.RequestTimeout,
		MaxAnswer: c.MaxAnswer, MaxRetryAfter: c.MaxRetryAfter, Idle: 4,
	}
}

// Channel delivers to one server. It is safe for concurrent use.
type Channel struct {
	base string
	peer *exchange.Peer
}

// New returns a channel.
func New(cfg Config) (*Channel, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Channel{base: strings.TrimRight(cfg.BaseURL, "/"), peer: exchange.New(cfg.peer())}, nil
}

// Deliver sends the transaction and reads back what it made.
func (c *Channel) Deliver(ctx context.Context, d outbound.Delivery) outbound.Result {
	sent, err := element.Parse(d.Payload, element.Limits{})
	if err != nil || sent.Str("type") != "transaction" || len(sent.List("entry")) == 0 {
		return outbound.Result{State: outbound.Dead, Reason: "the payload is not a transaction Bundle with entries"}
	}
	for i, e := range sent.List("entry") {
		if !repeatable(e) {
			return outbound.Result{State: outbound.Dead,
				Reason: fmt.Sprintf("entry %d of the payload is neither a conditional create nor a conditional update by an identifier it has, so it could be neither repeated nor proven", i)}
		}
	}
	a, err := c.do(ctx, http.MethodPost, "", d.Payload)
	if err != nil {
		return c.peer.Unreachable(err)
	}
	if a.Status >= 400 && a.NotTaken() {
		return outbound.Result{State: outbound.Elsewhere, Status: a.Status, Evidence: a.Evidence(), Reason: "the practice does not take this channel (20010)"}
	}
	if a.Status != http.StatusOK {
		return c.peer.Refused(a)
	}
	if res, lies := checkAnswer(a, len(sent.List("entry"))); lies {
		return res
	}
	return c.prove(ctx, sent, a)
}

// repeatable reports whether an entry makes nothing when it is sent again: a
// conditional create, or the conditional update of a correction.
func repeatable(e *element.Value) bool {
	if e.TextAt("resource.identifier.value") == "" {
		return false
	}
	if e.TextAt("request.method") == http.MethodPut {
		token, ok := strings.CutPrefix(e.TextAt("request.url"), e.Get("resource").ResourceType()+"?identifier=")
		token, err := url.QueryUnescape(token)
		return ok && err == nil && token == e.TextAt("resource.identifier.system")+"|"+e.TextAt("resource.identifier.value")
	}
	return e.TextAt("request.ifNoneExist") != ""
}

func (c *Channel) do(ctx context.Context, method, query string, body []byte) (exchange.Answer, error) {
	header := http.Header{"Accept": {"application/fhir+json"}}
	if body != nil {
		header.Set("Content-Type", "application/fhir+json; charset=utf-8")
		header.Set("Prefer", "return=minimal")
	} else {
		// HAPI FHIR, for one, answers a search from what it found up to a minute
		// ago (its release notes of 2.5), when the entry was not there yet.
		header.Set("Cache-Control", "no-cache")
	}
	return c.peer.Do(ctx, method, c.base+query, header, body)
}

// checkAnswer refuses a 200 that is not the answer to what was sent. The
// entries may have been written all the same: sending again is safe, believing
// is not.
func checkAnswer(a exchange.Answer, entries int) (outbound.Result, bool) {
	doubt := func(reason string) (outbound.Result, bool) {
		return outbound.Result{State: outbound.Retry, Status: a.Status, Reason: reason, Evidence: a.Evidence()}, true
	}
	if a.Cut {
		return doubt("the answer is larger than is read")
	}
	v, err := element.Parse(a.Body, element.Limits{})
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

// prove reads every entry back by its identifier and wants exactly one, which
// says what was sent. What the peer will never let us see is delivered, and not
// proven.
func (c *Channel) prove(ctx context.Context, sent *element.Value, a exchange.Answer) outbound.Result {
	for i, e := range sent.List("entry") {
		r := e.Get("resource")
		system, value := r.TextAt("identifier.system"), r.TextAt("identifier.value")
		found, err := c.do(ctx, http.MethodGet, "/"+r.ResourceType()+"?identifier="+url.QueryEscape(system+"|"+value), nil)
		if err != nil {
			res := c.peer.Unreachable(err)
			res.Unsent = false // the transaction arrived
			res.Reason = "written, and not read back: " + res.Reason
			return res
		}
		if found.Status != http.StatusOK {
			res := c.peer.Refused(found)
			if res.State == outbound.Dead {
				return outbound.Result{State: outbound.Delivered, Status: a.Status, Evidence: a.Evidence(),
					Reason: fmt.Sprintf("written; the peer does not allow to read it back (status %d)", found.Status)}
			}
			res.Reason = "written, and not read back: " + res.Reason
			return res
		}
		v, err := element.Parse(found.Body, element.Limits{})
		if err != nil || v.ResourceType() != "Bundle" || v.Str("type") != "searchset" {
			return outbound.Result{State: outbound.Retry, Status: found.Status, Evidence: found.Evidence(),
				Reason: "written, and the answer to reading it back is no searchset"}
		}
		there := matches(v, r.ResourceType(), system, value)
		switch n := len(there); {
		case n == 0:
			return outbound.Result{State: outbound.Retry, Status: found.Status, Evidence: a.Evidence(),
				Reason: fmt.Sprintf("the peer accepted entry %d and does not find it", i)}
		case n > 1:
			return outbound.Result{State: outbound.Dead, Arrived: true, Status: found.Status, Evidence: found.Evidence(),
				Reason: fmt.Sprintf("entry %d stands %d times in the record", i, n)}
		}
		change := e.TextAt("request.method") == http.MethodPut
		switch other := differs(r, there[0], change); {
		case other == "":
		case change:
			return outbound.Result{State: outbound.Retry, Status: found.Status, Evidence: found.Evidence(),
				Reason: fmt.Sprintf("the peer accepted the change of entry %d and still has it as it was", i)}
		default:
			// A conditional create leaves what stands there, so sending it again cannot help.
			return outbound.Result{State: outbound.Dead, Arrived: true, Status: found.Status, Evidence: found.Evidence(),
				Reason: fmt.Sprintf("entry %d stands in the record with another %s than was sent", i, other)}
		}
	}
	return outbound.Result{State: outbound.Proven, Status: a.Status, Evidence: a.Evidence()}
}

// matches is what carries the identifier itself: a peer that does not know the
// search parameter answers with everything it has.
func matches(bundle *element.Value, typ, system, value string) (out []*element.Value) {
	for _, e := range bundle.List("entry") {
		r := e.Get("resource")
		if r.ResourceType() != typ {
			continue
		}
		if slices.ContainsFunc(r.List("identifier"), func(id *element.Value) bool { return id.Str("system") == system && id.Str("value") == value }) {
			out = append(out, r)
		}
	}
	return out
}

// differs names what the record says otherwise than was sent, "" for nothing: the
// status, a code of SNOMED CT that is not among those there, a number. Somebody
// may have worked on what is not a change of ours, so of its status only that it
// was entered in error counts.
func differs(sent, there *element.Value, change bool) string {
	const inError = "entered-in-error"
	switch was, is := sent.Str("status"), there.Str("status"); {
	case was == inError && is == inError:
		return "" // what else it says counts for nothing
	case change && was != is, is == inError:
		return "status"
	}
	have := snomed(there)
	if slices.ContainsFunc(snomed(sent), func(c string) bool { return !slices.Contains(have, c) }) {
		return "code"
	}
	if was := sent.TextAt("valueQuantity.value"); was != "" {
		a, err1 := strconv.ParseFloat(was, 64)
		b, err2 := strconv.ParseFloat(there.TextAt("valueQuantity.value"), 64)
		if err1 != nil || err2 != nil || a != b {
			return "number"
		}
	}
	return ""
}

// snomed are the codes of SNOMED CT that a resource is coded with.
func snomed(r *element.Value) (codes []string) {
	for _, c := range r.All("code.coding") {
		if c.Str("system") == nhs.SystemSNOMED {
			codes = append(codes, c.Str("code"))
		}
	}
	return codes
}
