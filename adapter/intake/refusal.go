package intake

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/referral"
)

// Judgement is what becomes of a message for what it says itself.
type Judgement struct {
	Refused *fault.Fault  // nil: only what is here already could be a reason against it
	Flags   []fault.Issue // of a message that is not refused: what is not right about it
}

// Judge says what would become of a message for what it says itself. Nothing is
// read or written, so it serves a Service without a store.
func (s *Service) Judge(sender Sender, sub Submission) Judgement {
	msg, err := sender.Format.Decode(sub.Body)
	id := ""
	if msg != nil {
		id = msg.ID
	}
	key, _ := identity(sender, id, sub.Body)
	d, f := s.prepare(sender, sub, msg, err, key)
	if f != nil {
		return Judgement{Refused: f}
	}
	flags := slices.Clone(d.flags)
	if patient, task := d.referred(); d.intention == referral.New {
		at := func(reference string) (*element.Value, error) {
			kind, id, _ := strings.Cut(reference, "/")
			return d.made(kind, id), nil
		}
		if found, _ := referral.PracticeOf(patient, task, at); found.Identifier(nhs.SystemODSOrganization) == "" {
			flags = append(flags, practiceFlag(task))
		}
	}
	return Judgement{Flags: flags}
}
