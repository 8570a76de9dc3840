package worklist

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// steps are the words of Task.businessStatus that an update tells of.
var steps = map[string]string{"contacted": outcome.FirstContact, "plan-agreed": outcome.PlanAgreed}

// happened are the updates that a change of a Task is worth.
func happened(old, task *element.Value) []string {
	var out []string
	if task.Str("status") == "accepted" && old.Str("status") != "accepted" {
		out = append(out, outcome.Accepted)
	}
	said := func(v *element.Value, code string) bool {
		return slices.ContainsFunc(v.All("businessStatus.coding"), func(c *element.Value) bool {
			return c.Str("system") == profile.SystemBusinessStatus && c.Str("code") == code
		})
	}
	for code, event := range steps {
		if said(task, code) && !said(old, code) {
			out = append(out, event)
		}
	}
	return out
}

// interim owes the practice the updates that are switched on. Each is owed once
// for a Task, whatever happens to its status later. What cannot be sent by
// itself is not owed: its outcome will be put in front of a human, an update
// need not be.
func (s *Service) interim(tx store.Tx, old, task *element.Value) (bool, error) {
	owes := false
	for _, event := range happened(old, task) {
		if !slices.Contains(s.cfg.Interim, event) || hasFlag(task, profile.FlagDemographics) {
			continue
		}
		request, err := s.at(tx, task.TextAt("focus.reference"))
		if err != nil {
			return false, err
		}
		patient, err := s.at(tx, task.TextAt("for.reference"))
		if err != nil || patient == nil || request.TextAt("subject.reference") != "Patient/"+patient.ID() {
			return false, err // its end will say what is wrong
		}
		if replaced(patient) {
			continue
		}
		practice, err := referral.PracticeOf(patient, task, func(reference string) (*element.Value, error) { return s.at(tx, reference) })
		if err != nil {
			return false, err
		}
		names, err := s.names(tx, task.Get("owner"), request.Get("requester"))
		if err != nil {
			return false, err
		}
		owed, err := s.outcomes.Load().Update(outcome.Input{Task: task, Request: request, Patient: patient, Practice: practice, Names: names, Now: tx.Time()}, event)
		if err != nil || owed.Bundle == nil {
			return owes, err
		}
		d := store.Delivery{
			Key: owed.Key, Lane: owed.Practice, Channel: s.cfg.Channel, Task: task.ID(), Patient: patient.ID(),
			State: store.Owed, Due: tx.Time(), Created: tx.Time(), Payload: owed.Bundle,
		}
		if d.Marks, err = s.marks(tx, task.ID(), owed.Bundle); err != nil {
			return false, err
		}
		_, added, err := tx.Deliveries().Owe(d)
		if err != nil {
			return false, err
		}
		owes = owes || added
	}
	return owes, nil
}

// isUpdate reports whether a key is that of an update, or of what corrects one.
func isUpdate(key string) bool {
	return strings.HasPrefix(key, "Task/") && strings.Contains(key, "/update/")
}

// overtaken closes the updates on a Task that have not left when its outcome is
// owed, those in front of a human included: one that came behind it would tell the
// practice that the person is still being helped.
func (s *Service) overtaken(tx store.Tx, task string) error {
	list, err := tx.Deliveries().List(store.DeliveryFilter{Task: task, Limit: 100})
	if err != nil {
		return err
	}
	for _, d := range list {
		if !isUpdate(d.Key) || outbound.IsCorrection(d.Key) {
			continue
		}
		switch d.State {
		case store.Owed, store.Leased, store.Held, store.Dead:
		default:
			continue
		}
		d.State, d.Stage, d.Settled, d.Reason = store.Closed, string(outbound.Recalled), tx.Time(), "the Task ended first; its outcome takes the place of this update"
		a := store.Attempt{Channel: d.Channel, Started: tx.Time(), Ended: tx.Time(), State: d.Stage, Reason: d.Reason}
		if err := tx.Deliveries().Advance(d, a); err != nil {
			return err
		}
	}
	return nil
}

// mayBeThere reports whether an update that was closed may have arrived before.
func mayBeThere(tx store.Tx, d store.Delivery) (bool, error) {
	made, err := tx.Deliveries().Attempts(d.ID)
	return slices.ContainsFunc(made, func(a store.Attempt) bool {
		switch a.State {
		case string(outbound.Recalled), string(outbound.Withheld), string(outbound.Retry), string(outbound.Elsewhere), string(store.Closed):
			return false
		case string(outbound.Dead):
			return !strings.HasPrefix(a.Reason, outbound.NotSent)
		}
		return true
	}), err
}
