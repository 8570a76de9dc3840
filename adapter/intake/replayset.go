package intake

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// ReplaySet selects failed messages, oldest first, so that a referral comes
// before what changes it. Zero fields do not select.
type ReplaySet struct {
	Sender       string    // name of a sender, or of a mapping: all senders that have it
	Kind         string    // fault kind of the failure
	Since, Until time.Time // received at or after, and before
	After        int64     // ids above: where an earlier page ended
	Limit        int       // messages of one page, at most maxReplays
	Dry          bool      // only say what would come of it
}

// Replayed is one message of a set. Kind is "accepted", "duplicate" when it was
// accepted by another way in the meantime, or the fault kind it still fails
// with; Reasons are those of the failure, and Flags the codes of what an accepted
// one is flagged with.
type Replayed struct {
	ID      int64
	Kind    string
	Task    string
	Reasons []fault.Issue
	Flags   []string
}

// Done reports whether the message needs nobody any more.
func (r Replayed) Done() bool {
	return r.Kind == string(store.Accepted) || r.Kind == fault.Duplicate.String()
}

// Bounds of one page: what a caller waits for, and what is held in memory. One
// message is in memory at a time, its body included.
const (
	maxReplays  = 500
	replayTime  = 10 * time.Second
	replayChunk = 200 // rows without bodies
)

// ReplayFailed takes one page of failed messages through the house once more.
// next is where the next page begins, 0 when this was the last; a page ends
// when it is full or has taken replayTime. An error ends the page: what was
// replayed before it is in the answer, and next says where to go on. Errors
// are the store's, and fault.NotFound for a sender that nobody knows.
func (s *Service) ReplayFailed(ctx context.Context, set ReplaySet) (page []Replayed, next int64, err error) {
	if set.Limit <= 0 || set.Limit > maxReplays {
		set.Limit = maxReplays
	}
	began := time.Now()
	senders, err := s.sendersOf(ctx, set.Sender)
	if err != nil {
		return nil, set.After, err
	}
	one := "" // what the store selects by
	if len(senders) == 1 {
		one = senders[0]
	}
	next = set.After
	for {
		var rows []store.Message
		err := s.cfg.Store.View(ctx, func(r store.Reader) error {
			var err error
			rows, err = r.Inbox().List(store.InboxFilter{
				State: store.Failed, Sender: one, After: next, Oldest: true, Limit: replayChunk,
			})
			return err
		})
		if err != nil {
			return page, next, err
		}
		for _, m := range rows {
			if len(page) == set.Limit || time.Since(began) > replayTime {
				return page, next, nil
			}
			if set.picks(m) && (senders == nil || slices.Contains(senders, m.Sender)) {
				done, err := s.replayOne(ctx, m.ID, set.Dry)
				if err != nil {
					return page, next, err
				}
				page = append(page, done)
			}
			next = m.ID
		}
		if len(rows) < replayChunk {
			return page, 0, nil
		}
	}
}

// sendersOf lists the senders that a name stands for; nil: all. A sender that is
// not configured any more is known by its messages. A name that nobody has is an
// error: that nothing failed of it would be taken for good news.
func (s *Service) sendersOf(ctx context.Context, name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	if _, ok := s.Sender(name); ok {
		return []string{name}, nil
	}
	var out, all []string
	for _, x := range s.Senders() {
		all = append(all, x.Name)
		if x.Mapping.Name() == name {
			out = append(out, x.Name)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		rows, err := r.Inbox().List(store.InboxFilter{Sender: name, Limit: 1})
		if err == nil && len(rows) == 0 {
			return fault.New(fault.NotFound, "sender", "no sender and no mapping of this name; the senders are %s", strings.Join(all, ", "))
		}
		return err
	})
	return []string{name}, err
}

func (set *ReplaySet) picks(m store.Message) bool {
	return (set.Kind == "" || m.Kind == set.Kind) &&
		(set.Since.IsZero() || !m.Received.Before(set.Since)) && (set.Until.IsZero() || m.Received.Before(set.Until))
}

// replayOne replays one message of a set. The error is the store's: it says
// nothing about the message, and the set stops there.
func (s *Service) replayOne(ctx context.Context, id int64, dry bool) (Replayed, error) {
	out, err := s.ReplayOne(ctx, id, dry)
	if fault.KindOf(err) == fault.NotFound { // the sender is gone, or the message was pruned
		return Replayed{ID: id, Kind: fault.NotFound.String(), Reasons: fault.Of(err).Issues}, nil
	}
	return out, err
}

// ReplayOne is Replay that says why the message still fails, or with what it is
// flagged; dry only says what would come of it. Errors: fault.NotFound as of
// Replay, and those of the store.
func (s *Service) ReplayOne(ctx context.Context, id int64, dry bool) (Replayed, error) {
	run := s.Replay
	if dry {
		run = s.tryOut
	}
	res, err := run(ctx, id)
	if err != nil {
		return Replayed{}, err
	}
	if res.Kind == fault.Transient.String() {
		return Replayed{}, fault.New(fault.Transient, "", "the store cannot take the replay now; go on later from where it stopped")
	}
	out := Replayed{ID: id, Kind: res.Kind, Task: res.Task}
	switch {
	case res.Refused != "":
		out.Kind, out.Reasons = res.Refused, res.Issues()
	case res.Kind == string(store.Accepted):
		for _, is := range res.Issues() {
			out.Flags = append(out.Flags, is.Code)
		}
	}
	return out, nil
}

// errDry undoes a decision that was only tried.
var errDry = errors.New("only tried")

// tryOut decides a failed message as Replay does, and then undoes it.
func (s *Service) tryOut(ctx context.Context, id int64) (Result, error) {
	m, err := s.message(ctx, id)
	if err != nil {
		return Result{}, err
	}
	if m.State == store.Accepted {
		return stored(m), nil
	}
	sender, ok := s.Sender(m.Sender)
	if !ok {
		return Result{}, fault.New(fault.NotFound, "", "the sender of this message is no longer configured")
	}
	sub := Submission{Sender: m.Sender, Body: m.Body, Received: m.Received}
	msg, decodeErr := sender.Format.Decode(m.Body)
	d, f := s.prepare(sender, sub, msg, decodeErr, m.Dedupe)
	if f != nil {
		return failing(f), nil
	}
	var v *verdict
	err = s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		if v, err = s.settle(tx, sender, sub, d, m.Dedupe); err != nil {
			return err
		}
		return errDry
	}, d.reads(m.Dedupe))
	var no *refusal
	switch {
	case errors.Is(err, errDry):
		return Result{Kind: string(store.Accepted), Task: v.task, issues: issuesJSON(v.flags)}, nil
	case errors.As(err, &no):
		return failing(no.fault), nil
	case fault.KindOf(err) == fault.Transient:
		return Result{}, err
	default:
		return failing(fault.Wrap(fault.Internal, err, "internal error")), nil
	}
}

func failing(f *fault.Fault) Result {
	return Result{Kind: f.Kind.String(), Refused: f.Kind.String(), issues: issuesJSON(f.Issues)}
}
