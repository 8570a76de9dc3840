package worklist

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// follow does what a change to a Task brings with it, in the same transaction:
// the ServiceRequest takes its end, and what is owed to the record is owed. It
// reports whether something became due.
func (s *Service) follow(tx store.Tx, old, task *element.Value) (owes bool, err error) {
	if task.ResourceType() != "Task" {
		return false, s.keepsIdentity(old, task)
	}
	told, err := s.respond(tx, old, task)
	if err != nil {
		return false, err
	}
	updated, err := s.interim(tx, old, task)
	if err != nil {
		return false, err
	}
	owes, err = s.finish(tx, old, task)
	return owes || told || updated, err
}

// finish does what the end of a Task brings with it.
func (s *Service) finish(tx store.Tx, old, task *element.Value) (owes bool, err error) {
	status := task.Str("status")
	if old.Str("status") == status || !s.cfg.Workflow.Ended(status) {
		return false, nil
	}
	request, err := s.at(tx, task.TextAt("focus.reference"))
	if err != nil {
		return false, err
	}
	if status == "entered-in-error" {
		if err := s.withdraw(tx, task); err != nil {
			return false, err
		}
		return false, s.endRequest(tx, task, request)
	}
	if err := s.sound(tx, task); err != nil {
		return false, err
	}
	if err := s.endRequest(tx, task, request); err != nil {
		return false, err
	}
	return s.owe(tx, task, request)
}

// keepsIdentity refuses to make another person or organisation out of one: an
// id stands for one national identifier for ever.
func (s *Service) keepsIdentity(old, v *element.Value) error {
	was, is := s.cfg.NationalID(old), s.cfg.NationalID(v)
	if was == is && (is == "" || is == v.ID()) {
		return nil
	}
	return &fault.Fault{Kind: fault.Conflict, Issues: []fault.Issue{{
		Expression: v.ResourceType() + ".identifier",
		Text: "a national identifier is not added, changed or taken away over the API, because the id stands for it; " +
			"have the referral sent again under a new referral number with the right one"}}}
}

// withdraw stops what is owed because of a Task that should never have been:
// what was not sent is held, and what may have been sent is put in front of a
// human, who takes it out of the record.
func (s *Service) withdraw(tx store.Tx, task *element.Value) error {
	list, err := tx.Deliveries().List(store.DeliveryFilter{Task: task.ID(), Limit: 100})
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.State == store.Owed || d.State == store.Leased {
			// What is being sent now is not sent again, whatever comes of it.
			if err := tx.Deliveries().Release(d.ID, store.Held, tx.Time()); err != nil {
				return err
			}
		}
		// What was tried may be there although its answer was lost.
		tried := d.Attempts > 0 && (d.State == store.Owed || d.State == store.Held)
		if d.State == store.Closed && isUpdate(d.Key) {
			if tried, err = mayBeThere(tx, d); err != nil {
				return err
			}
		}
		switch {
		case tried, d.State == store.Leased, d.State == store.Sent, d.State == store.Delivered, d.State == store.Proven:
			_, _, err := tx.Deliveries().Owe(store.Delivery{
				Key: d.Key + "/withdraw", Lane: d.Lane, Channel: d.Channel, Task: d.Task, Patient: d.Patient,
				State: store.Dead, Created: tx.Time(), Settled: tx.Time(), Payload: []byte("{}"),
				Reason: "the Task was entered in error after its outcome was sent, tried, or while it was being sent: look for it in the record and take it out by hand",
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// owe builds the outcome and puts it among the deliveries. What cannot be sent
// by itself is put in front of a human at once, with the reason.
func (s *Service) owe(tx store.Tx, task, request *element.Value) (bool, error) {
	patient, err := s.at(tx, task.TextAt("for.reference"))
	if err != nil {
		return false, err
	}
	practice, err := referral.PracticeOf(patient, task, func(reference string) (*element.Value, error) { return s.at(tx, reference) })
	if err != nil {
		return false, err
	}
	outputs := map[string]*element.Value{}
	for _, ref := range outcome.References(task) {
		if outputs[ref], err = s.at(tx, ref); err != nil {
			return false, err
		}
	}
	names, err := s.names(tx, task.Get("owner"), request.Get("requester"))
	if err != nil {
		return false, err
	}
	owed, err := s.outcomes.Load().Build(outcome.Input{
		Task: task, Request: request, Patient: patient, Practice: practice, Outputs: outputs, Names: names, Now: tx.Time(),
		FirstInEpisode: func(code string) (bool, error) {
			return tx.Ledger().Once("code " + code + " ServiceRequest/" + request.ID())
		},
	})
	if err != nil || owed.Bundle == nil {
		return false, err
	}
	if err := s.overtaken(tx, task.ID()); err != nil {
		return false, err
	}
	d := store.Delivery{
		Key: owed.Key, Lane: owed.Practice, Channel: s.cfg.Channel, Task: task.ID(), Patient: patient.ID(),
		State: store.Owed, Due: tx.Time(), Created: tx.Time(), Payload: owed.Bundle,
	}
	if d.Marks, err = s.marks(tx, task.ID(), owed.Bundle); err != nil {
		return false, err
	}
	switch {
	case owed.NeedsHuman != "":
		d.State, d.Reason, d.Settled = store.Dead, owed.NeedsHuman, tx.Time()
	case hasFlag(task, profile.FlagDemographics):
		// The number is right and the person may not be: nothing goes into a
		// record before somebody has looked.
		d.State, d.Reason = store.Held, "the referral and the record disagree about who this is; confirm the person, then retry"
	case replaced(patient):
		d.State, d.Reason = store.Held, "the person's record here was replaced by another one; confirm that the practice knows them by this NHS number, then retry"
	}
	_, added, err := tx.Deliveries().Owe(d)
	return added && d.State == store.Owed, err
}

// replaced reports whether a Patient is not in use any more because of another
// one. https://hl7.org/fhir/R4/patient-definitions.html#Patient.link
func replaced(patient *element.Value) bool {
	return slices.ContainsFunc(patient.List("link"), func(l *element.Value) bool { return l.Str("type") == "replaced-by" })
}

// at reads what a reference names; nil when it is empty, elsewhere or gone.
func (s *Service) at(tx store.Tx, reference string) (*element.Value, error) {
	typ, id, ok := strings.Cut(strings.TrimPrefix(reference, s.cfg.BaseURL+"/"), "/")
	if !ok || strings.Contains(id, "/") {
		return nil, nil
	}
	v, err := tx.Resources().Get(store.Key{Type: typ, ID: id})
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return nil, nil
	case err != nil:
		return nil, err
	case v.Deleted:
		return nil, nil
	}
	return element.Parse(v.Body, element.Limits{})
}
