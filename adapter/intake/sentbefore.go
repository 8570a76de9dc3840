package intake

import (
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/store"
)

// known refuses a new referral under a number that one has already, and says
// what its sender can do.
func (s *Service) known(tx store.Tx, d *draft, r prepared) error {
	task, found, err := hold(tx, store.Key{Type: "Task", ID: d.task})
	if err != nil {
		return err
	}
	no := refuse(fault.Conflict, r.place,
		"a referral with this identifier was received before with other content, as %s; change it with an update message", r.key)
	if found && s.cfg.Workflow.Ended(task.root.Str("status")) {
		no = refuse(fault.Conflict, r.place,
			"a referral with this identifier was received before, as %s, and is over (its Task is %s), so it is not changed any more; send the new one under a new number",
			r.key, task.root.Str("status"))
	}
	no.known = true
	return no
}

// maxCompared bounds the bodies that are compared, in bytes: a decision reads
// them while all others wait.
const maxCompared = 256 << 10

// sentBefore answers a new referral that its sender sends once more as another
// message: some engines give what they send again a new number. It is one of
// which the mapping makes what it made of the first. Nothing is changed. The
// verdict is nil where the content is another, where the referral is over, so that
// the same words may mean a new one, and where the edge knows messages by a key:
// there another key is another message (BaRS: 409).
func (s *Service) sentBefore(tx store.Tx, sender Sender, sub Submission, d *draft) (*verdict, error) {
	if sub.Key != "" {
		return nil, nil
	}
	first, err := tx.Inbox().ForTask(d.task)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	if err != nil || first.Sender != sender.Name || len(first.Body) > maxCompared || len(sub.Body) > maxCompared {
		return nil, err
	}
	task, found, err := hold(tx, store.Key{Type: "Task", ID: d.task})
	if err != nil || !found || s.cfg.Workflow.Ended(task.root.Str("status")) {
		return nil, err
	}
	request, found, err := hold(tx, store.Key{Type: "ServiceRequest", ID: d.request})
	if err != nil || !found || !sender.makesSame(first.Body, sub) {
		return nil, err
	}
	return &verdict{
		again: true,
		flags: []fault.Issue{{Severity: "information", Code: "informational",
			Text: "this referral is here already, with the same content in another message; nothing was changed"}},
		task: d.task, request: d.request, state: state(task.root, request.root, task.Version),
	}, nil
}

// makesSame reports whether the mapping makes of two messages the same.
func (x Sender) makesSame(body []byte, sub Submission) bool {
	made := func(body []byte) []mapping.Resource {
		msg, err := x.Format.Decode(body)
		if err != nil {
			return nil
		}
		out, err := x.Mapping.Apply(msg.Tree, mapping.Context{Constants: x.Constants, Received: sub.Received})
		if err != nil {
			return nil
		}
		return out.Resources
	}
	return sameResources(made(body), made(sub.Body))
}
