package intake

import (
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/store"
)

// refusal is a decision against a message for what is stored. Unlike a failure
// of the store it is filed with its reasons. undone says that something was
// written before it was known, so that the decision must be rolled back first.
type refusal struct {
	fault  *fault.Fault
	undone bool
	known  bool // a referral with this number is here
}

func (r *refusal) Error() string { return r.fault.Error() }

func refuse(k fault.Kind, place, format string, args ...any) *refusal {
	return &refusal{fault: fault.New(k, place, format, args...)}
}

// held is a resource as stored.
type held struct {
	store.Version
	root *element.Value
}

// earlier is a referral that is here already.
type earlier struct {
	request, task held
	word          word          // what its sender said last about it
	doubts        []fault.Issue // whether it is about the person of the message
}

// notHere is said of a referral that cannot be found.
const notHere = "no referral with this number is here from this sender; " +
	"send the referral first, or check the number; nothing was changed"

// earlier finds the referral that a message is about: under the id of ours that
// the message names, else under its business identifier, else under the name
// that it has within the story of the message. Somebody else's referral is as
// if it were not there. The error is a refusal (NotFound, Conflict when it is
// about another person or about several referrals) or the store's.
func (s *Service) earlier(tx store.Tx, sender Sender, d *draft) (*earlier, error) {
	for _, find := range []func() (string, error){
		func() (string, error) { return d.named, nil },
		func() (string, error) { return d.request, nil },
		func() (string, error) { return s.told(tx, sender, d) },
	} {
		id, err := find()
		if err != nil {
			return nil, err
		}
		if id == "" {
			continue
		}
		e, err := s.referral(tx, sender, id)
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		return e, d.samePerson(tx, e)
	}
	return nil, refuse(fault.NotFound, identifierOf(d), notHere)
}

// taken reports whether a message was taken before. The inbox says so first;
// this is for messages that the retention has removed from it.
func (s *Service) taken(tx store.Tx, key [32]byte) (bool, error) {
	_, found, err := hold(tx, store.Key{Type: "Provenance", ID: s.provenanceID(key)})
	return found, err
}

// again answers a message that was taken before: nothing is changed.
func (e *earlier) again() *verdict {
	return &verdict{
		again: true,
		flags: []fault.Issue{{Severity: "information", Code: "informational", Text: "this was done before; nothing was changed"}},
		task:  e.task.ID, request: e.request.ID, state: state(e.task.root, e.request.root, e.task.Version),
	}
}

func (s *Service) referral(tx store.Tx, sender Sender, id string) (*earlier, error) {
	var e earlier
	var ok bool
	var err error
	if e.request, ok, err = hold(tx, store.Key{Type: "ServiceRequest", ID: id}); err != nil || !ok {
		return nil, err
	}
	if e.word, ok, err = s.lastWord(tx.Resources(), sender, id); err != nil || !ok {
		return nil, err
	}
	if e.task, ok, err = hold(tx, store.Key{Type: "Task", ID: s.taskOf(sender, id)}); err != nil || !ok {
		return nil, err
	}
	return &e, nil
}

// taskOf is the id of the Task that the sender's mapping makes for a request.
func (s *Service) taskOf(sender Sender, request string) string {
	return s.deriveID("Task", "ServiceRequest/"+request, sender.Mapping.Key("Task"))
}

// hold reads a resource; false when it is not there or deleted.
func hold(tx store.Tx, key store.Key) (held, bool, error) {
	v, err := tx.Resources().Get(key)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return held{Version: store.Version{Key: key}}, false, nil
	case err != nil:
		return held{}, false, err
	case v.Deleted:
		return held{Version: v}, false, nil
	}
	root, err := element.Parse(v.Body, element.Limits{})
	return held{v, root}, err == nil, err
}

// notLate refuses a message that was made before the latest one about the
// referral that was taken. Where the two do not tell, as when both say the day
// only, that which came later was made later: a message that failed and is
// replayed does not undo what came after it.
func (d *draft) notLate(e *earlier) error {
	switch {
	case d.sent.before(e.word.sent):
		return refuse(fault.Conflict, "", "this message was made before another one about this referral that is here already, so it is out of date; nothing was changed")
	case !e.word.sent.before(d.sent) && d.cameBefore(e.word.came):
		return refuse(fault.Conflict, "", "this message came before another one about this referral that was taken since, and does not say that it was made after it, so it may be out of date; nothing was changed")
	}
	return nil
}

// state is how a referral stands, in codes.
func state(task, request *element.Value, v store.Version) *inbound.State {
	return &inbound.State{
		Task: task.Str("status"), Request: request.Str("status"), Updated: v.Updated,
		Business: coded(task.At("businessStatus.coding")), Reason: coded(task.At("statusReason.coding")),
	}
}

// coded is the first code of a system whose codes are known to be codes; what
// stands in other systems could be anybody's words.
func coded(codings *element.Value) *inbound.Coding {
	for _, c := range codings.All("") {
		switch system := c.Str("system"); system {
		case nhs.SystemSNOMED, profile.SystemBusinessStatus:
			if code := c.Str("code"); code != "" {
				return &inbound.Coding{System: system, Code: code}
			}
		}
	}
	return nil
}
