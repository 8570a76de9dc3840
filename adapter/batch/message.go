package batch

import (
	"bytes"
	"context"
	"errors"
	"iter"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/intake"
)

// Turn waits until a message may be worked on, and works on it. Its error is
// that of the waiting, or that of the work.
type Turn func(ctx context.Context, work func(ctx context.Context) error) error

// Message takes one body as it came in, a message or an envelope of several,
// to its end. Messages of an envelope are taken one after the other in their
// order: an update may follow the referral it updates. Once one of them cannot
// be taken for now, those behind it are not tried, and all of them are answered
// so.
//
// The error says that nothing can be answered in the format: there is no such
// sender (fault.NotFound), or a single message did not get its turn.
func (t *Taker) Message(ctx context.Context, sub intake.Submission, turn Turn) (inbound.Reply, error) {
	sender, ok := t.cfg.Intake.Sender(sub.Sender)
	if !ok {
		return inbound.Reply{}, fault.New(fault.NotFound, "", "no sender of this name is configured")
	}
	env, err := envelope(sender, sub.Body)
	if err != nil {
		t.observe(sub.Sender, fault.KindOf(err).String())
		return t.refusal(sender, nil, err), nil
	}
	if env == nil {
		res, err := t.one(ctx, sub, turn)
		return res.Reply, err
	}
	replies := make([]inbound.Reply, len(env.Messages))
	var stuck error
	for i, body := range env.Messages {
		var res intake.Result
		if stuck == nil {
			one := sub
			one.Body = body
			res, stuck = t.one(ctx, one, turn)
		}
		if stuck != nil {
			res.Reply = t.refusal(sender, body, stuck)
		}
		if res.Refused == fault.Transient.String() {
			stuck = fault.New(fault.Transient, "", "not taken, because the message before it could not be; send it again")
		}
		replies[i] = res.Reply
	}
	reply := env.Answer(t.cfg.Now(), replies)
	if reply.Status == 0 {
		reply.Status = together(replies)
	}
	return reply, nil
}

// one takes one message in its turn.
func (t *Taker) one(ctx context.Context, sub intake.Submission, turn Turn) (res intake.Result, err error) {
	err = turn(ctx, func(ctx context.Context) (err error) {
		res, err = t.cfg.Intake.Accept(ctx, sub)
		return err
	})
	if err == nil {
		t.observe(sub.Sender, res.Kind)
	}
	return res, err
}

func (t *Taker) observe(sender, kind string) {
	if t.cfg.Observe != nil {
		t.cfg.Observe(sender, kind)
	}
}

// Refuse words, in the sender's format, that a body was not taken; of the body
// only the beginning is needed. Of an unknown sender the reply is empty.
func (t *Taker) Refuse(sender string, body []byte, err error) inbound.Reply {
	s, ok := t.cfg.Intake.Sender(sender)
	if !ok {
		return inbound.Reply{}
	}
	return t.refusal(s, body, err)
}

func (t *Taker) refusal(sender intake.Sender, body []byte, err error) inbound.Reply {
	f := fault.Of(err)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		f = fault.Wrap(fault.Transient, err, "the answer took too long; try again")
	}
	m, _ := sender.Format.Decode(body) // what is readable of it is enough
	return sender.Format.Reply(m, inbound.Answer{Fault: f, At: t.cfg.Now()})
}

// together is the HTTP status of several answers: that of all where they
// agree, 207 (RFC 4918) where some were accepted, else the worst.
func together(replies []inbound.Reply) int {
	worst, accepted := 200, false
	for _, r := range replies {
		if r.Status < 300 {
			accepted = true
		}
		worst = max(worst, r.Status)
	}
	if worst >= 300 && worst < 500 && accepted {
		return 207
	}
	return worst
}

// envelope opens a body; nil where it is one message.
func envelope(sender intake.Sender, body []byte) (*inbound.Envelope, error) {
	e, ok := sender.Format.(inbound.Enveloper)
	if !ok {
		return nil, nil
	}
	return e.Open(body)
}

// enclosed are the messages of a file that is one envelope, in one lane.
func enclosed(body []byte, env *inbound.Envelope) iter.Seq2[inbound.Part, error] {
	return func(yield func(inbound.Part, error) bool) {
		at, line, parts := 0, 1, true
		for i, m := range env.Messages {
			// Of a document that is taken apart no message stands in it whole.
			from := -1
			if parts {
				from = bytes.Index(body[at:], m)
				parts = from >= 0
			}
			if parts {
				line += lines(body[at : at+from])
				at += from
			}
			if !yield(inbound.Part{Number: i + 1, Line: line, Lane: "envelope", Body: m}, nil) {
				return
			}
		}
	}
}

// lines counts line ends: carriage returns, line feeds, or both together.
func lines(b []byte) int {
	return max(bytes.Count(b, []byte("\r")), bytes.Count(b, []byte("\n")))
}
