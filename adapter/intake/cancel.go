package intake

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// cancel ends a referral for its sender: the Task by the transition table, the
// ServiceRequest with it, and what is owed to the record as when the Task had
// been ended over the API.
func (s *Service) cancel(tx store.Tx, sender Sender, sub Submission, d *draft, key [32]byte) (*verdict, error) {
	e, err := s.earlier(tx, sender, d)
	if err != nil {
		return nil, err
	}
	consent, err := s.withdrawn(tx, d, e)
	if err != nil {
		return nil, err
	}
	from := e.task.root.Str("status")
	if s.cfg.Workflow.Ended(from) {
		if v, err := s.cancelRest(tx, sender, sub, d, key, e, consent); v != nil || err != nil {
			return v, err
		}
	}
	if from == d.ends || from == "entered-in-error" {
		return e.again(), nil
	}
	if was, err := s.taken(tx, key); err != nil || was {
		return e.again(), err
	}
	if err := d.notLate(e); err != nil {
		return nil, err
	}
	if f := s.cfg.Workflow.CheckMove(from, d.ends, []referral.Party{referral.Requester}); f != nil {
		return nil, &refusal{fault: f}
	}
	task := e.task.root.Clone()
	task.SetString("status", d.ends)
	notes := d.fresh(e)
	task.Set("statusReason", d.why(notes))
	for _, text := range notes {
		task.Append("note", element.NewObject(
			element.S("authorString", "sender "+sender.Name), element.S("time", tx.Time().Format(element.InstantLayout)), element.S("text", text)))
	}
	flags := slices.Concat(e.doubts, d.flags)
	flagTask(task, flags, nil)
	s.tell(task, profile.CancelledBySender, sender.Name, tx, "The sender took this referral back.")
	if f := s.sound(task, e.task.root); f != nil {
		return nil, &refusal{fault: f}
	}
	v := &verdict{flags: flags, task: e.task.ID, request: e.request.ID}
	if v.owes, err = s.cfg.Follow(tx, e.task.root, task); err != nil {
		switch f := fault.Of(err); f.Kind {
		case fault.Unmappable, fault.IllegalMove:
			// What the link worker has written so far cannot go into the record.
			return nil, &refusal{fault: f, undone: true}
		}
		return nil, err
	}
	if _, err := tx.Resources().Put(store.Write{
		Key: e.task.Key, Body: element.Canonical(task), Index: s.cfg.Indexer.Index(task), Expect: e.task.Number,
	}); err != nil {
		return nil, err
	}
	request, err := s.endRequest(tx, e.request.Key, d.ends)
	if err != nil {
		return nil, err
	}
	p := consent.plan
	p.add(s.provenance(sender, sub, key, d, append([]store.Key{e.task.Key, e.request.Key}, consent.targets...)), 0)
	if err := p.write(tx); err != nil {
		return nil, err
	}
	v.state = state(task, request, store.Version{Updated: tx.Time()})
	return v, nil
}

// fresh are the notes of a cancellation that say something new: not the story of
// the referral, which some senders send again, nor the reason once more.
func (d *draft) fresh(e *earlier) []string {
	known := notesOf(e.request.root, e.task.root)
	return slices.DeleteFunc(slices.Clone(d.notes), func(text string) bool {
		return slices.Contains(known, text) || d.reason != nil && d.reason.Str("text") == text
	})
}

// why is the reason of a cancellation: the one that the mapping gives, else what
// the message notes.
func (d *draft) why(notes []string) *element.Value {
	switch {
	case d.reason != nil:
		return d.reason
	case len(notes) > 0:
		return element.NewObject(element.S("text", strings.Join(notes, "\n")))
	}
	return element.NewObject(element.S("text", "Cancelled by the sender, who gave no reason"))
}

// withdrawn plans the Consents of a cancellation that refuse, as an update would
// lay them over those of the referral.
func (s *Service) withdrawn(tx store.Tx, d *draft, e *earlier) (*update, error) {
	u := &update{s: s, tx: tx, d: d, e: e, rename: map[string]string{"ServiceRequest/" + d.request: e.request.Key.String()}}
	for _, r := range d.resources {
		if r.key.Type == "Patient" {
			u.rename[r.key.String()] = e.request.root.TextAt("subject.reference")
		}
	}
	for _, r := range d.refused {
		u.rename[r.key.String()] = "Consent/" + s.deriveID("Consent", e.request.Key.String(), r.name)
		if err := u.other(r); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// cancelRest ends what goes on of a referral whose own Task is over: the request
// may have been given to somebody else by another Task since, and the person may
// not consent any more. The verdict is nil when nothing goes on, or the message
// may not change anything.
func (s *Service) cancelRest(tx store.Tx, sender Sender, sub Submission, d *draft, key [32]byte, e *earlier, consent *update) (*verdict, error) {
	if was, err := s.taken(tx, key); err != nil || was || d.notLate(e) != nil {
		return nil, err
	}
	changed, owes, err := s.cfg.EndRest(tx, e.task.root, d.ends)
	if f := fault.Of(err); err != nil && (f.Kind == fault.Unmappable || f.Kind == fault.IllegalMove) {
		return nil, &refusal{fault: f, undone: true}
	}
	if err != nil || !changed && len(consent.plan.writes) == 0 {
		return nil, err
	}
	request, _, err := hold(tx, e.request.Key)
	if err != nil {
		return nil, err
	}
	p := consent.plan
	p.add(s.provenance(sender, sub, key, d, append([]store.Key{e.request.Key}, consent.targets...)), 0)
	if err := p.write(tx); err != nil {
		return nil, err
	}
	return &verdict{flags: slices.Concat(e.doubts, d.flags), task: e.task.ID, request: e.request.ID, owes: owes, state: state(e.task.root, request.root, e.task.Version)}, nil
}

// endRequest reads the request as it is after its Task ended. A request that
// should never have been says so itself: that does not follow from its Task.
func (s *Service) endRequest(tx store.Tx, key store.Key, ends string) (*element.Value, error) {
	old, _, err := hold(tx, key)
	if err != nil || ends != "entered-in-error" || old.root.Str("status") == ends {
		return old.root, err
	}
	now := old.root.Clone()
	now.SetString("status", ends)
	_, err = tx.Resources().Put(store.Write{Key: key, Body: element.Canonical(now), Index: s.cfg.Indexer.Index(now), Expect: old.Number})
	return now, err
}

// stands answers how a referral stands; nothing is changed.
func (s *Service) stands(tx store.Tx, sender Sender, d *draft) (*verdict, error) {
	e, err := s.earlier(tx, sender, d)
	if err != nil {
		return nil, err
	}
	return &verdict{task: e.task.ID, request: e.request.ID, state: state(e.task.root, e.request.root, e.task.Version)}, nil
}
