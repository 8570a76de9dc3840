// Package intake is the way of a referral into the house: archive, decode,
// map, check, identify, commit. What it accepts is on disk before it answers;
// what it refuses is kept with its reasons; what it has seen before gets the
// same answer and makes nothing.
package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Sender is one configured source of referrals.
type Sender struct {
	Name       string
	FormatName string
	Format     inbound.Format
	Mapping    *mapping.Mapping
	Constants  map[string]string
	// Strict refuses a referral with codes or numbers that fail their checks, or
	// that breaks a profile of the Gate; otherwise it is taken and flagged.
	Strict bool
	// UpdateMakes takes an update of a referral that is not here as a new one;
	// otherwise it is refused.
	UpdateMakes bool
}

// Config is what a Service is made of.
type Config struct {
	Store   store.Store
	Indexer *resource.Indexer
	Rules   *profile.Rules // of this house, beyond the structure of R4
	Gate    *profile.Gate  // profiles that resources are held against; nil: none
	Senders []Sender
	IDKey   []byte // secret of this installation; resource ids are derived with it
	BaseURL string // public FHIR base without trailing slash
	Now     func() time.Time
	Log     *slog.Logger

	// Workflow says whether a sender may still cancel, and what of a Task it
	// may change.
	Workflow *referral.Workflow
	// Follow does what the end of a Task brings with it, within the decision
	// that ends it: worklist.Service.Follow.
	Follow func(tx store.Tx, old, task *element.Value) (owes bool, err error)
	// EndRest ends the request of a Task that is over, and the other Tasks of
	// that: worklist.Service.EndRest.
	EndRest func(tx store.Tx, task *element.Value, status string) (changed, owes bool, err error)
	Owed    func() // called after a commit that owes a delivery
}

// Service accepts messages.
type Service struct {
	cfg     Config
	senders atomic.Pointer[senders]
	recent  recent
	saved   sync.Map  // content hashes of mappings known to be in the store
	macs    sync.Pool // of hash.Hash, keyed with IDKey
}

// senders are those in use; a reload puts others in their place as a whole.
type senders struct {
	list   []Sender
	byName map[string]Sender
}

// New returns a service over the senders.
func New(cfg Config) (*Service, error) {
	s := &Service{cfg: cfg}
	return s, s.Use(cfg.Senders)
}

// Use puts other senders in place for the messages that come from now on; on
// an error those in use stay.
func (s *Service) Use(list []Sender) error {
	next := &senders{list: list, byName: map[string]Sender{}}
	for _, x := range list {
		if _, twice := next.byName[x.Name]; twice {
			return fmt.Errorf("sender %q is configured twice", x.Name)
		}
		next.byName[x.Name] = x
	}
	s.senders.Store(next)
	return nil
}

// Sender finds a sender by its name under /intake/.
func (s *Service) Sender(name string) (Sender, bool) {
	x, ok := s.senders.Load().byName[name]
	return x, ok
}

// Submission is one message as it came in.
type Submission struct {
	Sender   string // name under /intake/
	Client   string // who was authenticated, for the audit trail
	Body     []byte
	Received time.Time
	// Key is what the edge knows the message by, where its protocol has such a
	// thing: the same key is the same message, whatever its body, and its first
	// answer stands. Empty: a message is known by its own id and what it says.
	Key string
	// Trace is what the edge knows of the message beside its body; it is kept
	// with what the message says itself.
	Trace []inbound.Trace

	former [32]byte // see identity
}

// Result is what became of a submission.
type Result struct {
	Reply     inbound.Reply
	Kind      string // "accepted", "duplicate" or the fault kind, for metrics
	MessageID int64  // 0: not filed, because the store could not take it
	Task      string
	Refused   string // fault kind of a refusal, this one's or that of the first answer; empty when accepted

	issues []byte
	owes   bool // a delivery became due
}

// Issues are the reasons of a refusal, or the flags of an acceptance.
func (r Result) Issues() []fault.Issue { return issuesOf(r.issues) }

// Senders lists the names, in the order of the configuration.
func (s *Service) Senders() []Sender { return s.senders.Load().list }

// Accept takes one message to its end. The error is non-nil only when no
// sender of that name exists (fault.NotFound); every other failure is worded
// in the reply by the sender's own format.
func (s *Service) Accept(ctx context.Context, sub Submission) (Result, error) {
	sender, ok := s.Sender(sub.Sender)
	if !ok {
		return Result{}, fault.New(fault.NotFound, "", "no sender of this name is configured")
	}
	return s.process(ctx, sender, sub, nil), nil
}

// process decides one message. again is the stored message when it is replayed.
func (s *Service) process(ctx context.Context, sender Sender, sub Submission, again *store.Message) Result {
	msg, decodeErr := sender.Format.Decode(sub.Body)
	messageID := ""
	if msg != nil {
		messageID = msg.ID
	}
	var key [32]byte
	switch {
	case again != nil:
		key = again.Dedupe
	case sub.Key != "":
		key = keyed(sender.Name, sub.Key)
	default:
		key, sub.former = identity(sender, messageID, sub.Body)
	}
	if msg != nil {
		sub.Trace = append(slices.Clone(sub.Trace), msg.Trace...)
	}

	if again == nil && s.recent.has(key) {
		if r, done := s.repeat(ctx, sender, key, msg); done {
			return r
		}
	}
	d, f := s.prepare(sender, sub, msg, decodeErr, key)
	row := store.Message{
		Dedupe: key, Sender: sender.Name, MessageID: messageID, Format: sender.FormatName,
		Received: sub.Received, Body: sub.Body, Mapping: sender.Mapping.Hash(), Seen: 1,
	}
	if again != nil {
		row.ID, row.Received, row.Seen = again.ID, again.Received, again.Seen
	}
	var res Result
	err := s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		var err error
		res, err = s.decide(tx, sender, sub, msg, d, f, row)
		return err
	}, sub.reads(d, key))
	var no *refusal
	if errors.As(err, &no) {
		err = s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
			var err error
			res, err = s.decide(tx, sender, sub, msg, nil, no.fault, row)
			return err
		})
	}
	if err != nil && fault.KindOf(err) != fault.Transient && f == nil {
		// Something of ours went wrong with this message. Nothing of it was
		// written; it is kept among the failed ones, not only answered.
		s.cfg.Log.Error("message failed", "sender", sender.Name, "kind", fault.KindOf(err).String(), "cause", causeType(fault.Of(err)))
		ours := fault.Wrap(fault.Internal, err, "internal error; the message is kept and can be replayed")
		err = s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
			var err error
			res, err = s.decide(tx, sender, sub, msg, nil, ours, row)
			return err
		})
	}
	if err != nil {
		return s.refuse(sender, msg, fault.Of(err))
	}
	s.saved.Store(sender.Mapping.Hash(), true)
	if d == nil || d.intention != referral.Status {
		s.recent.add(key)
	}
	if res.owes {
		s.cfg.Owed()
	}
	return res
}

// decide runs inside the transaction: it looks for a repeat once more, plans
// against what is stored, and writes everything or, for a refusal, the reasons.
func (s *Service) decide(tx store.Tx, sender Sender, sub Submission, msg *inbound.Message, d *draft, f *fault.Fault, row store.Message) (Result, error) {
	asks := d != nil && d.intention == referral.Status // asked again, it is answered anew
	var before *store.Message                          // the same message, when it comes again by itself
	if prev, err := repeated(tx, row.Dedupe, sub.former); err == nil {
		// An acceptance stands, also against a replay that began before it.
		first := sub.Key != "" // then the first answer stands
		if (!asks || first) && (prev.State == store.Accepted || row.ID == 0 && (first || answered(prev, sender))) {
			return stored(prev), nil
		}
		if row.ID == 0 {
			before = &prev
		}
		row.ID, row.Received, row.Seen = prev.ID, prev.Received, prev.Seen+1
	} else if fault.KindOf(err) != fault.NotFound {
		return Result{}, err
	}
	v := &verdict{}
	if f == nil {
		made, err := s.settle(tx, sender, sub, d, row.Dedupe)
		var no *refusal
		switch {
		case errors.As(err, &no) && !no.undone:
			f = no.fault
		case err != nil:
			return Result{}, err
		default:
			v = made
		}
	}
	if row.Received.After(tx.Time()) {
		row.Received = tx.Time() // the store's clock is another one, and what a message makes is not made before it comes
	}
	answer := inbound.Answer{Fault: f, Flags: v.flags, State: v.state, Base: s.cfg.BaseURL, At: tx.Time(), MessageID: row.ID}
	if d != nil {
		answer.Intention = d.intention
	}
	if v.created {
		answer.Intention = referral.New // an update of what is not here may be taken as that
	}
	row.State, row.Kind, row.Task, row.Request = store.Failed, "", v.task, v.request
	if f == nil {
		row.State, answer.Task, answer.Request = store.Accepted, row.Task, row.Request
		row.Issues = issuesJSON(v.flags)
	} else {
		row.Kind, row.Issues = f.Kind.String(), issuesJSON(f.Issues)
		if before != nil && before.Kind == row.Kind && before.Mapping == row.Mapping && bytes.Equal(failure(*before), row.Issues) {
			return stored(*before), nil
		}
	}
	reply := sender.Format.Reply(msg, answer)
	row.ReplyStatus, row.ReplyType, row.Reply = reply.Status, reply.ContentType, reply.Body
	res, err := s.file(tx, sender, sub, row, reply)
	if res.owes = v.owes; v.again {
		res.Kind = fault.Duplicate.String()
	}
	return res, err
}

// verdict is what came of an accepted message.
type verdict struct {
	flags         []fault.Issue
	task, request string // ids
	state         *inbound.State
	owes          bool // a delivery became due
	created       bool // a referral was made
	again         bool // it was here already, and nothing was changed
}

// settle does what the message wants. The error is a refusal, or the store's.
func (s *Service) settle(tx store.Tx, sender Sender, sub Submission, d *draft, key [32]byte) (*verdict, error) {
	switch d.intention {
	case referral.Modify:
		return s.modify(tx, sender, sub, d, key)
	case referral.Cancel:
		return s.cancel(tx, sender, sub, d, key)
	case referral.Status:
		return s.stands(tx, sender, d)
	}
	d, err := s.apart(tx, sender.Name, d)
	if err != nil {
		return nil, err
	}
	p, err := s.plan(tx, d)
	var no *refusal
	if errors.As(err, &no) && no.known {
		if v, err := s.sentBefore(tx, sender, sub, d); v != nil || err != nil {
			return v, err
		}
	}
	if err != nil {
		return nil, err
	}
	return s.made(tx, d, p)
}

// made writes a new referral.
func (s *Service) made(tx store.Tx, d *draft, p *plan) (*verdict, error) {
	if err := p.write(tx); err != nil {
		return nil, err
	}
	v := &verdict{flags: p.flags, task: d.task, request: d.request, created: true}
	var task, request *element.Value
	for _, r := range d.resources {
		switch r.key.Type {
		case "Task":
			task = r.root
		case "ServiceRequest":
			request = r.root
		}
	}
	v.state = state(task, request, store.Version{Updated: tx.Time()})
	return v, nil
}

// file writes the inbox row, the mapping it was read with, and the audit line.
func (s *Service) file(tx store.Tx, sender Sender, sub Submission, row store.Message, reply inbound.Reply) (Result, error) {
	if _, known := s.saved.Load(row.Mapping); !known {
		if err := tx.Ledger().SaveMapping(row.Mapping, sender.Mapping.Source()); err != nil {
			return Result{}, err
		}
	}
	if row.ID != 0 {
		if err := tx.Inbox().Replace(row); err != nil {
			return Result{}, err
		}
	} else {
		id, err := tx.Inbox().Add(row)
		if err != nil {
			return Result{}, err
		}
		row.ID = id
	}
	kind := string(store.Accepted)
	if row.State == store.Failed {
		kind = row.Kind
	}
	agent := sub.Client
	if agent == "" {
		agent = sender.Name
	}
	entity := ""
	if row.Task != "" {
		entity = "Task/" + row.Task
	}
	if err := tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: agent, Action: "intake", Entity: entity, Outcome: kind}); err != nil {
		return Result{}, err
	}
	return Result{Reply: reply, Kind: kind, MessageID: row.ID, Task: row.Task, Refused: row.Kind, issues: row.Issues}, nil
}

// repeat answers a message that was decided before, without a transaction.
func (s *Service) repeat(ctx context.Context, sender Sender, key [32]byte, msg *inbound.Message) (Result, bool) {
	var prev store.Message
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		var err error
		prev, err = r.Inbox().Find(key)
		return err
	})
	switch {
	case err == nil && answered(prev, sender):
		return stored(prev), true
	case err == nil || fault.KindOf(err) == fault.NotFound:
		return Result{}, false
	default:
		return s.refuse(sender, msg, fault.Of(err)), true
	}
}

// answered reports whether a stored message keeps its answer: an acceptance
// always, a refusal until the mapping that refused it was changed; never a
// failure of ours, nor that something is not here, which may come by now.
func answered(m store.Message, sender Sender) bool {
	return m.State == store.Accepted || m.Mapping == sender.Mapping.Hash() &&
		m.Kind != fault.Internal.String() && m.Kind != fault.NotFound.String()
}

// stored is the first answer once more, byte for byte.
func stored(m store.Message) Result {
	return Result{
		Reply:     inbound.Reply{Status: m.ReplyStatus, ContentType: m.ReplyType, Body: m.Reply},
		Kind:      fault.Duplicate.String(),
		MessageID: m.ID,
		Task:      m.Task,
		Refused:   m.Kind,
		issues:    failure(m),
	}
}

// refuse words a fault that could not even be filed: the store is not there,
// so nothing is acknowledged.
func (s *Service) refuse(sender Sender, msg *inbound.Message, f *fault.Fault) Result {
	s.cfg.Log.Error("message not filed", "sender", sender.Name, "kind", f.Kind.String(), "cause", causeType(f))
	reply := sender.Format.Reply(msg, inbound.Answer{Fault: f, Base: s.cfg.BaseURL, At: s.cfg.Now()})
	return Result{Reply: reply, Kind: f.Kind.String(), Refused: f.Kind.String(), issues: issuesJSON(f.Issues)}
}

// causeType names the type of a cause: its text may quote input.
func causeType(f *fault.Fault) string {
	if f.Cause == nil {
		return ""
	}
	return fmt.Sprintf("%T", f.Cause)
}

func issuesJSON(issues []fault.Issue) []byte {
	if len(issues) == 0 {
		return nil
	}
	b, err := json.Marshal(issues)
	if err != nil {
		return nil
	}
	return b
}
