package worklist

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// Timeline tells the story of one referral: when the message came, every state
// of the Task, every attempt to write back and what it came to. It holds no
// patient data.
func (s *Service) Timeline(ctx context.Context, task string) ([]referral.Event, error) {
	var events []referral.Event
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		page, err := r.Resources().History(store.HistoryQuery{Key: store.Key{Type: "Task", ID: task}, Limit: 1000})
		if err != nil {
			return err
		}
		if len(page.Versions) == 0 {
			return fault.New(fault.NotFound, "", "no such Task")
		}
		slices.Reverse(page.Versions)
		if events, err = received(r, task, page.Versions[0].Updated); err != nil {
			return err
		}
		states, err := taskStates(page.Versions)
		if err != nil {
			return err
		}
		events = append(events, states...)
		deliveries, err := deliveryEvents(r, task, page.Versions)
		events = append(events, deliveries...)
		return err
	})
	slices.SortStableFunc(events, func(a, b referral.Event) int { return a.At.Compare(b.At) })
	return events, err
}

// sameDecision is how far apart the times of what one decision wrote lie at most.
const sameDecision = time.Millisecond

// owedAt is when a delivery became owed: with the change of the Task that owes it,
// which the same decision wrote some microseconds later.
func owedAt(d store.Delivery, task []store.Version) time.Time {
	for _, v := range task {
		if !v.Updated.Before(d.Created) && v.Updated.Sub(d.Created) < sameDecision {
			return v.Updated
		}
	}
	return d.Created
}

// maxMessages bounds the messages about one referral that are told of.
const maxMessages = 100

// received tells of the messages about the referral: of that which made it, if
// it was not made over the API, and of the updates, cancellations and questions
// after it, by their numbers here. The first may have failed and been replayed:
// it was mapped when the Task was made.
func received(r store.Reader, task string, made time.Time) ([]referral.Event, error) {
	list, err := r.Inbox().List(store.InboxFilter{Task: task, State: store.Accepted, Oldest: true, Limit: maxMessages})
	if err != nil {
		return nil, err
	}
	var out []referral.Event
	for i, m := range list {
		e := referral.Event{At: m.Received, What: "received", Who: m.Sender, Ref: "ServiceRequest/" + m.Request}
		mapped := made
		if i > 0 {
			e.What, e.Ref, mapped = "received a further message", "message "+strconv.FormatInt(m.ID, 10), m.Received
		}
		out = append(out, e, referral.Event{At: mapped, What: "mapped", Who: m.Sender, Ref: "mapping sha256:" + short(m.Mapping)})
	}
	return out, nil
}

func taskStates(versions []store.Version) ([]referral.Event, error) {
	var out []referral.Event
	was, business, said := "", "", 0
	for _, v := range versions {
		root, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return nil, err
		}
		now, b := root.Str("status"), spoken(root.At("businessStatus.coding"))
		e := referral.Event{At: v.Updated, Who: owner(root), Ref: v.Key.String()}
		if now != was {
			e.What = "Task " + now
			if reason := root.At("statusReason.coding"); reason != nil {
				e.What += ", reason " + spoken(reason)
			}
		}
		if b != business && b != "" {
			e.What = join(e.What, b)
		}
		if n := saidBySender(root); n > said {
			said = n
			e.What = join(e.What, "changed by the sender")
		}
		if was, business = now, b; e.What != "" {
			out = append(out, e)
		}
	}
	return out, nil
}

func join(what, more string) string {
	if what == "" {
		return more
	}
	return what + ", " + more
}

// saidBySender counts the notes that the intake made of later messages. Their
// texts are not told: anybody can write a note like them.
func saidBySender(task *element.Value) int {
	n := 0
	for _, note := range task.List("note") {
		if strings.HasPrefix(note.Str("authorString"), "sender ") {
			n++
		}
	}
	return n
}

// spoken is the first code of a system whose codes are known to be codes; what
// stands in other systems could be anybody's words. How far the write-back came
// is told by its attempts.
func spoken(codings *element.Value) (said string) {
	for _, c := range codings.All("") {
		switch c.Str("system") {
		case nhs.SystemSNOMED, profile.SystemBusinessStatus:
			return c.Str("code")
		case SystemWriteBack:
		default:
			said = "(a code of another system)"
		}
	}
	return said
}

// owner is who has the Task, if that is somebody held here.
func owner(task *element.Value) string {
	ref := task.TextAt("owner.reference")
	typ, id, ok := strings.Cut(ref, "/")
	if !ok || !fhir.Known(typ) || !fhir.ID(id) {
		return ""
	}
	return ref
}

func deliveryEvents(r store.Reader, task string, versions []store.Version) ([]referral.Event, error) {
	list, err := r.Deliveries().List(store.DeliveryFilter{Task: task, Limit: 100})
	if err != nil {
		return nil, err
	}
	var out []referral.Event
	for _, d := range list {
		owed := owedAt(d, versions)
		out = append(out, referral.Event{At: owed, What: "write-back owed", Who: "practice " + d.Lane, Ref: d.Channel})
		if d.Attempts == 0 && (d.State == store.Dead || d.State == store.Held) {
			out = append(out, referral.Event{At: owed, What: "write-back in front of a human: " + d.Reason, Ref: d.Channel})
		}
		attempts, err := r.Deliveries().Attempts(d.ID)
		if err != nil {
			return nil, err
		}
		for _, a := range attempts {
			e := referral.Event{At: a.Ended, Who: "practice " + d.Lane, Ref: d.Channel}
			e.What = told(a)
			out = append(out, e)
		}
	}
	return out, nil
}

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}
