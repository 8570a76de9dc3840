// Package hl7v2 sends outcomes as HL7 v2.5.1 messages over MLLP to the
// integration engine of a practice or a trust, and reads its acknowledgement. An
// accepted message is delivered: nothing is read back.
//
// HL7 v2.5.1: sections 2.9 (acknowledgements), 7.3.1 (ORU), 9.6.2 (MDM), 11.5.1
// (RRI).
package hl7v2

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/mllp/wire"
	"github.com/linkloop/linkloop/adapter/outbound"
)

// Config is one receiver.
type Config struct {
	Address        string      // host:port
	Message        string      // Result, Document or Referral
	Application    string      // MSH-5
	Facility       string      // MSH-4, ODS code of whoever sends
	Processing     string      // MSH-11: P or T
	TLS            *tls.Config // nil: without TLS
	ConnectTimeout time.Duration
	RequestTimeout time.Duration // from the first byte to the acknowledgement
	MaxAnswer      int           // bytes of an acknowledgement
}

// DefaultConfig has everything but the address.
func DefaultConfig() Config {
	return Config{Message: Result, Processing: "P", ConnectTimeout: 5 * time.Second, RequestTimeout: 30 * time.Second, MaxAnswer: 64 << 10}
}

// Validate names every problem at once.
func (c Config) Validate() error {
	var errs []error
	if host, port, err := net.SplitHostPort(c.Address); err != nil || host == "" || port == "" {
		errs = append(errs, errors.New("address is not of the form host:port"))
	}
	if structures[c.Message] == "" {
		errs = append(errs, errors.New("message is none of ORU^R01, MDM^T02 and RRI^I12"))
	}
	if c.ConnectTimeout <= 0 || c.RequestTimeout <= 0 || c.MaxAnswer < 1024 {
		errs = append(errs, errors.New("time-outs must be above zero, and max_answer at least 1024 bytes"))
	}
	return errors.Join(errs...)
}

// Channel delivers to one receiver, a connection for each message. It is safe
// for concurrent use.
type Channel struct{ cfg Config }

// New returns a channel.
func New(cfg Config) (*Channel, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Channel{cfg}, nil
}

// ControlID is MSH-10: at most 20 characters, the same on every attempt.
func ControlID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return strings.ToUpper(hex.EncodeToString(sum[:10]))
}

// Deliver sends the message once.
func (c *Channel) Deliver(ctx context.Context, d outbound.Delivery) outbound.Result {
	bundle, err := element.Parse(d.Payload, element.Limits{})
	if err != nil || bundle.ResourceType() != "Bundle" || len(bundle.List("entry")) == 0 {
		return outbound.Result{State: outbound.Dead, Stage: outbound.Refused, Reason: "the payload is no Bundle with entries"}
	}
	control := ControlID(d.Key)
	msg := build(c.cfg, d, bundle)
	if !bytes.Contains(msg, []byte("\rOBX|")) {
		return outbound.Result{State: outbound.Dead, Stage: outbound.Refused, Reason: "nothing of it can be said in " + c.cfg.Message}
	}
	client, err := wire.Dial(ctx, c.cfg.Address, wire.Options{TLS: c.cfg.TLS, Connect: c.cfg.ConnectTimeout, Answer: c.cfg.RequestTimeout, Limit: c.cfg.MaxAnswer})
	if err != nil {
		reason := "the receiver cannot be reached"
		var certificate *tls.CertificateVerificationError
		switch {
		case errors.As(err, &certificate):
			reason = "the certificate of the receiver is not trusted, has expired or is for another name; nothing was sent"
		case ctx.Err() != nil:
			reason = "stopped while connecting"
		}
		return outbound.Result{State: outbound.Retry, Reason: reason, Unsent: true}
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout) // a byte at a time is no answer in time
	defer cancel()
	answer, err := client.Send(ctx, msg)
	if err != nil {
		reason := "the connection broke before the acknowledgement was complete"
		switch {
		case errors.Is(err, wire.ErrTooLarge), errors.Is(err, wire.ErrStray):
			reason = "what the receiver answered is no acknowledgement"
		case errors.Is(err, context.Canceled):
			reason = "stopped while waiting for the acknowledgement"
		case ctx.Err() != nil:
			reason = "no acknowledgement in time"
		}
		return outbound.Result{State: outbound.Retry, Reason: reason}
	}
	return classify(answer, control)
}

// maxEvidence is how much of an acknowledgement is kept.
const maxEvidence = 16 << 10

// classify says what an acknowledgement means, HL7 v2 table 0008. AE may pass
// and AR will not. One that answers another message, or is none, says nothing
// about ours: it is sent again under the same control id.
func classify(answer []byte, control string) outbound.Result {
	res := outbound.Result{State: outbound.Retry, Evidence: bytes.Clone(answer[:min(len(answer), maxEvidence)])}
	code, echoed, ok := acknowledgement(answer)
	switch {
	case !ok:
		res.Reason = "what the receiver answered is no acknowledgement"
	case echoed != control:
		res.Reason = "the receiver acknowledged another message"
	case code == "AA", code == "CA":
		res.State, res.Reason = outbound.Delivered, ""
	case code == "AE", code == "CE":
		res.Reason = "the receiver answered " + code
	case code == "AR", code == "CR":
		res.State, res.Stage, res.Reason = outbound.Dead, outbound.Refused, "the receiver answered "+code
	default:
		res.Reason = "the receiver answered with a code that no acknowledgement has"
	}
	return res
}

// acknowledgement reads MSA-1 and MSA-2.
func acknowledgement(answer []byte) (code, control string, ok bool) {
	text := strings.NewReplacer("\r\n", "\r", "\n", "\r").Replace(string(answer))
	lines := strings.Split(text, "\r")
	if len(lines[0]) < 8 || !strings.HasPrefix(lines[0], "MSH") {
		return "", "", false
	}
	delimiter := lines[0][3:4]
	for _, line := range lines[1:] {
		f := strings.Split(line, delimiter)
		if f[0] == "MSA" && len(f) >= 3 {
			return strings.TrimSpace(f[1]), strings.TrimSpace(f[2]), true
		}
	}
	return "", "", false
}
