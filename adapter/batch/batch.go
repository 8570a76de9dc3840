// Package batch takes a file of many messages into the house, message by
// message, and writes down what became of each. The upload over HTTP and the
// watched folder share it.
//
// A file is read as fast as its messages are on disk and no faster: a slow
// store slows the sender down, and memory holds the messages in work and no
// more. What was accepted stays accepted whatever becomes of the rest, and the
// same file again is safe: a message that was taken before is answered as
// before and makes nothing.
package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/intake"
)

// Intake takes single messages; *intake.Service is one.
type Intake interface {
	Sender(name string) (intake.Sender, bool)
	Accept(ctx context.Context, sub intake.Submission) (intake.Result, error)
}

// Config is what a Taker is made of.
type Config struct {
	Intake     Intake
	Parallel   int                       // messages of one file in work at once; they share commits
	MaxMessage int64                     // bytes of a file that is one message
	Observe    func(sender, kind string) // hears how each message ended; may be nil
	// Keep keeps the receipt of each file; nil: they are not kept.
	Keep func(ctx context.Context, k Kept) error
	Now  func() time.Time
}

// Taker takes files.
type Taker struct{ cfg Config }

// New returns a taker.
func New(cfg Config) *Taker { return &Taker{cfg} }

// File is one file as it comes in.
type File struct {
	Sender   string // name of a configured sender
	Client   string // who was authenticated, for the audit trail
	Received time.Time
	Body     io.Reader

	// Turn waits until a message of this file may be worked on, and works on
	// it; nil: at once. It may fail as Transient, and is then asked again.
	Turn func(ctx context.Context, work func(ctx context.Context) error) error
}

// Take takes a file to its end, or until ctx is done. Whatever goes wrong is in
// the receipt.
func (t *Taker) Take(ctx context.Context, f File) *Receipt {
	r := &run{t: t, f: f, lanes: map[string]*link{}, receipt: &Receipt{Sender: f.Sender, Received: f.Received, Part: "message"}}
	sender, ok := t.cfg.Intake.Sender(f.Sender)
	if !ok {
		r.receipt.refuse(fault.New(fault.NotFound, "", "no sender of this name is configured"))
		return r.end(ctx)
	}
	var cut error
	if s, many := sender.Format.(inbound.Splitter); many {
		r.receipt.Part = s.PartName()
		cut = r.all(ctx, s.Split(f.Body))
	} else {
		cut = r.all(ctx, t.small(sender, f.Body))
	}
	r.receipt.close(ctx, cut)
	return r.end(ctx)
}

// small is a file that is one message, or one envelope of messages.
func (t *Taker) small(sender intake.Sender, body io.Reader) iter.Seq2[inbound.Part, error] {
	return func(yield func(inbound.Part, error) bool) {
		b, err := io.ReadAll(io.LimitReader(body, t.cfg.MaxMessage+1))
		switch {
		case err != nil:
			yield(inbound.Part{}, err)
		case int64(len(b)) > t.cfg.MaxMessage:
			yield(inbound.Part{}, fault.New(fault.TooLarge, "", "the message is larger than %d bytes", t.cfg.MaxMessage))
		case len(b) == 0:
			yield(inbound.Part{}, fault.New(fault.Malformed, "", "the file is empty"))
		default:
			env, err := envelope(sender, b)
			switch {
			case err != nil:
				yield(inbound.Part{}, err)
			case env != nil:
				enclosed(b, env)(yield)
			default:
				yield(inbound.Part{Number: 1, Line: 1, Body: b}, nil)
			}
		}
	}
}

// run is one file being taken.
type run struct {
	t *Taker
	f File

	mu      sync.Mutex
	receipt *Receipt
	lanes   map[string]*link // the last part of each lane, while it is in work or could not be taken
}

// link is the last part of a lane that was dealt out so far.
type link struct {
	ended   chan struct{} // closed when the part came to its end
	untaken bool          // it could not be taken; set before ended is closed
}

// job is a part with the one that it must wait for.
type job struct {
	part   inbound.Part
	before *link // nil: it waits for none
	own    *link // nil: none waits for it
}

// all deals the parts out to whoever is free. One that follows another of its
// lane waits there until that one came to its end, so that a lane holds up
// nobody but itself. It returns the error that ended the file.
func (r *run) all(ctx context.Context, parts iter.Seq2[inbound.Part, error]) error {
	jobs := make(chan job)
	var working sync.WaitGroup
	for range max(1, r.t.cfg.Parallel) {
		working.Go(func() {
			for j := range jobs {
				r.work(ctx, j)
			}
		})
	}
	err := r.deal(ctx, parts, jobs)
	close(jobs)
	working.Wait()
	return err
}

func (r *run) deal(ctx context.Context, parts iter.Seq2[inbound.Part, error], jobs chan<- job) error {
	for p, err := range parts {
		if err != nil {
			return err
		}
		if p.Passed > 0 {
			r.mu.Lock()
			r.receipt.Passed += p.Passed
			r.mu.Unlock()
			continue
		}
		if p.Note != "" {
			r.mu.Lock()
			r.receipt.Notes = append(r.receipt.Notes, place(r.receipt.Part, p.Number, p.Note))
			r.mu.Unlock()
			continue
		}
		if r.hopeless() {
			return fault.New(fault.Internal, "", "too many of its messages could not be taken")
		}
		j := job{part: p}
		if p.Lane != "" {
			j.own = &link{ended: make(chan struct{})}
			r.mu.Lock()
			j.before, r.lanes[p.Lane] = r.lanes[p.Lane], j.own
			r.mu.Unlock()
		}
		select {
		case jobs <- j:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// manyUntaken is how many messages may fail inside before the file is given up.
const manyUntaken = 100

func (r *run) hopeless() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.receipt.Untaken >= manyUntaken
}

// errBehind is why a part was not tried.
var errBehind = fault.New(fault.Transient, "", "one before it that it may depend on could not be taken")

// work takes a part when it is its turn within its lane. Behind one that could
// not be taken nothing of the lane is tried: a cancellation would be refused
// for good because its referral is not there yet.
func (r *run) work(ctx context.Context, j job) {
	taken := false
	if j.own != nil {
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			j.own.untaken = !taken
			close(j.own.ended)
			if r.lanes[j.part.Lane] == j.own && taken {
				delete(r.lanes, j.part.Lane)
			}
		}()
	}
	if j.before != nil {
		<-j.before.ended // it was dealt out before, so somebody works on it
		if j.before.untaken {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.receipt.untaken(j.part, errBehind)
			return
		}
	}
	taken = r.part(ctx, j.part)
}

// part takes one part to its end; false when it could not be taken.
func (r *run) part(ctx context.Context, p inbound.Part) bool {
	if p.Err != nil {
		flt := fault.Of(p.Err)
		r.note(p, intake.Result{Refused: flt.Kind.String()}, flt.Issues)
		r.observe(flt.Kind.String())
		return true
	}
	res, err := r.accept(ctx, p)
	if err != nil {
		r.mu.Lock()
		r.receipt.untaken(p, err)
		r.mu.Unlock()
		return false
	}
	r.observe(res.Kind)
	var issues []fault.Issue
	if res.Refused != "" {
		issues = res.Issues()
	}
	r.note(p, res, issues)
	return true
}

func (r *run) observe(kind string) {
	if r.t.cfg.Observe != nil {
		r.t.cfg.Observe(r.f.Sender, kind)
	}
}

// The waits between attempts to hand a message to a store that cannot take it.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = 5 * time.Second
	ownFaults = 5 // attempts when it is not only busy
)

// accept hands a message over until it is filed, accepted or refused. While the
// store cannot take it the file waits, and its sender with it.
func (r *run) accept(ctx context.Context, p inbound.Part) (intake.Result, error) {
	for attempt, wait := 1, firstWait; ; attempt, wait = attempt+1, min(2*wait, lastWait) {
		var res intake.Result
		work := func(ctx context.Context) (err error) {
			res, err = r.t.cfg.Intake.Accept(ctx, intake.Submission{Sender: r.f.Sender, Client: r.f.Client, Body: p.Body, Received: r.came(p)})
			return err
		}
		turn := r.f.Turn
		if turn == nil {
			turn = func(ctx context.Context, work func(context.Context) error) error { return work(ctx) }
		}
		err := turn(ctx, work)
		switch {
		case ctx.Err() != nil && (err != nil || res.MessageID == 0):
			return res, ctx.Err()
		case err == nil && res.MessageID != 0:
			return res, nil
		case err == nil && res.Refused != fault.Transient.String() && attempt >= ownFaults:
			return res, fault.New(fault.Internal, "", "internal error; the message was not kept")
		case err != nil && fault.KindOf(err) != fault.Transient:
			return res, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return res, ctx.Err()
		}
	}
}

// came is when a part came: with its file, and a microsecond after the part
// before it, so that the order of a file tells which of two parts is the later
// word, in whatever order they are decided and however often.
func (r *run) came(p inbound.Part) time.Time {
	return r.f.Received.Add(time.Duration(p.Number) * time.Microsecond)
}

// note counts a part that came to its end.
func (r *run) note(p inbound.Part, res intake.Result, issues []fault.Issue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.receipt
	c.Messages++
	c.Last = max(c.Last, p.Number)
	switch {
	case res.Refused != "":
		c.Refused++
		c.add(entryOf(c.Part, p, res, issues))
	case res.Kind == fault.Duplicate.String():
		c.Repeated++
		c.warn(p, res)
	default:
		c.Accepted++
		c.warn(p, res)
	}
}

// end puts the receipt in order and keeps it.
func (r *run) end(ctx context.Context) *Receipt {
	c := r.receipt
	slices.SortFunc(c.Entries, func(a, b Entry) int { return cmp.Compare(a.Number, b.Number) })
	slices.SortFunc(c.Warnings, func(a, b Entry) int { return cmp.Compare(a.Number, b.Number) })
	c.Ended = r.t.cfg.Now()
	r.t.keep(ctx, c)
	return c
}

// causeText says why a file ended early, without the words of a foreign error.
func causeText(err error) string {
	var flt *fault.Fault
	switch {
	case errors.As(err, &flt):
		return flt.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "the time for a file is over"
	case errors.Is(err, context.Canceled):
		return "the work was stopped or the sender hung up"
	}
	return fmt.Sprintf("the file could not be read to its end (%T)", err)
}
