package intake

import (
	"github.com/linkloop/linkloop/adapter/fault"
)

// Refusal is why a message would be refused for what it says itself; nil: only
// what is here already could be a reason against it. Nothing is read or written,
// so it serves a Service without a store.
func (s *Service) Refusal(sender Sender, sub Submission) *fault.Fault {
	msg, err := sender.Format.Decode(sub.Body)
	id := ""
	if msg != nil {
		id = msg.ID
	}
	key, _ := identity(sender, id, sub.Body)
	_, f := s.prepare(sender, sub, msg, err, key)
	return f
}
