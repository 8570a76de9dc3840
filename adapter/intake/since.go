package intake

import (
	"context"
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// Bounds of a look for what was put right and sent again.
const (
	laterLooked   = 1000 // the last accepted messages of a sender
	laterCompared = 100  // messages that are mapped again, for a whole list
)

// AcceptedSince says of failed messages which later one was accepted in their
// place, so that they need nobody any more. The same message id is not enough:
// where it names the referral, a cancellation that failed has the id of the
// referral that came after it. Both must want the same and say the same, or both
// ask for, or cancel, the same referral of the same person. Where that is not
// certain, or was not compared, nothing is said of a message.
func (s *Service) AcceptedSince(ctx context.Context, list []store.Message) (map[int64]int64, error) {
	type name struct{ sender, id string }
	accepted := map[name][]int64{} // newest first
	asked := map[string]bool{}
	out := map[int64]int64{}
	left := laterCompared
	for _, m := range list {
		sender, ok := s.Sender(m.Sender)
		if m.State != store.Failed || m.MessageID == "" || !ok {
			continue
		}
		if !asked[m.Sender] {
			asked[m.Sender] = true
			var later []store.Message
			err := s.cfg.Store.View(ctx, func(r store.Reader) (err error) {
				later, err = r.Inbox().List(store.InboxFilter{State: store.Accepted, Sender: m.Sender, Limit: laterLooked})
				return err
			})
			if err != nil {
				return nil, err
			}
			for _, a := range later {
				n := name{a.Sender, a.MessageID}
				accepted[n] = append(accepted[n], a.ID)
			}
		}
		for _, id := range accepted[name{m.Sender, m.MessageID}] {
			if id <= m.ID || left == 0 {
				break
			}
			left--
			instead, err := s.inPlaceOf(ctx, sender, m.ID, id)
			if err != nil {
				return nil, err
			}
			if instead {
				out[m.ID] = id
				break
			}
		}
	}
	return out, nil
}

// inPlaceOf reports whether an accepted message makes a failed one needless.
func (s *Service) inPlaceOf(ctx context.Context, sender Sender, failed, accepted int64) (bool, error) {
	var made [2]*mapping.Result
	for i, id := range []int64{failed, accepted} {
		m, err := s.message(ctx, id)
		if err != nil {
			return false, err
		}
		msg, err := sender.Format.Decode(m.Body)
		if err != nil {
			return false, nil // nothing can be said of what nobody can read
		}
		// What a message that is refused made in spite of it is enough to tell.
		made[i], _ = sender.Mapping.Attempt(msg.Tree, mapping.Context{Constants: sender.Constants, Received: m.Received})
		if made[i] == nil {
			return false, nil
		}
	}
	a, b := made[0], made[1]
	wants, ok := referral.ParseIntention(a.Intention)
	if other, _ := referral.ParseIntention(b.Intention); !ok || wants != other {
		return false, nil
	}
	if sameResources(a.Resources, b.Resources) {
		return true, nil
	}
	// A later update does not say what an earlier one said.
	return (wants == referral.New || wants == referral.Cancel) && sameReferral(a, b) && samePatient(a, b, wants), nil
}

func sameResources(a, b []mapping.Resource) bool {
	return len(a) > 0 && slices.EqualFunc(a, b, func(a, b mapping.Resource) bool {
		return a.Key == b.Key && a.Type == b.Type && element.Equal(a.Root, b.Root)
	})
}

func sameReferral(a, b *mapping.Result) bool {
	x, y := rootOf(a, "ServiceRequest"), rootOf(b, "ServiceRequest")
	return x != nil && y != nil && identifiers(x, y, func(system string) bool { return system != "" }) == agrees
}

// samePatient is surer of who a referral is for than of whose is cancelled,
// which the number of the referral says.
func samePatient(a, b *mapping.Result, wants referral.Intention) bool {
	x, y := rootOf(a, "Patient"), rootOf(b, "Patient")
	if x == nil || y == nil {
		return wants == referral.Cancel
	}
	l := compare(x, y)
	if wants == referral.Cancel {
		return l.number != differs && l.family != differs && l.born != differs
	}
	return l.number == agrees || l.number == unknown && l.family == agrees && l.born == agrees
}

// rootOf is the first resource of a type that a mapping made; nil: there is none.
func rootOf(r *mapping.Result, kind string) *element.Value {
	for _, res := range r.Resources {
		if res.Type == kind {
			return res.Root
		}
	}
	return nil
}
