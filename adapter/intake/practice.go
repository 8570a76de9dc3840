package intake

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// practice raises a flag when no practice with an ODS code can be told from
// what the message brings and from the Patient on record: the outcome would
// have nowhere to go, which otherwise shows only when the work is over. Where
// the mapping tags the Task with the flag itself, it is expected of the sender,
// and information.
func (s *Service) practice(tx store.Tx, p *plan, d *draft) error {
	patient, task := d.referred()
	at := func(reference string) (*element.Value, error) { return s.at(tx, d, reference) }
	found, err := referral.PracticeOf(patient, task, at)
	if err != nil || found.Identifier(nhs.SystemODSOrganization) != "" {
		return err
	}
	record, err := s.stored(tx, store.Key{Type: "Patient", ID: patient.ID()})
	if err != nil {
		return err
	}
	if found, err = referral.PracticeOf(record, task, at); err != nil || found.Identifier(nhs.SystemODSOrganization) != "" {
		return err
	}
	p.flags = append(slices.Clone(p.flags), practiceFlag(task))
	return nil
}

// practiceFlag says that nobody will know whose record the outcome of a Task
// belongs to.
func practiceFlag(task *element.Value) fault.Issue {
	severity := "warning"
	if slices.ContainsFunc(task.All("meta.tag"), func(t *element.Value) bool {
		return t.Str("system") == profile.SystemDataQuality && t.Str("code") == profile.FlagPractice
	}) {
		severity = "information"
	}
	return fault.Issue{
		Severity: severity, Code: profile.FlagPractice, Expression: "Patient.generalPractitioner",
		Text: "no practice with an ODS code can be told from the referral, neither where the person is registered nor by who asked (Task.requester); nobody will know whose record the outcome belongs to",
	}
}

// referred is the Patient and the Task of a draft.
func (d *draft) referred() (patient, task *element.Value) {
	for _, r := range d.resources {
		switch r.key.Type {
		case "Patient":
			patient = r.root
		case "Task":
			task = r.root
		}
	}
	return patient, task
}

// made is a resource of the draft; nil when it is none.
func (d *draft) made(kind, id string) *element.Value {
	for _, r := range d.resources {
		if r.key.Type == kind && r.key.ID == id {
			return r.root
		}
	}
	return nil
}

// at is what a reference names, of the draft or else of the store; nil when it
// is empty, elsewhere or gone.
func (s *Service) at(tx store.Tx, d *draft, reference string) (*element.Value, error) {
	kind, id, ok := strings.Cut(strings.TrimPrefix(reference, s.cfg.BaseURL+"/"), "/")
	if !ok || strings.Contains(id, "/") {
		return nil, nil
	}
	if v := d.made(kind, id); v != nil {
		return v, nil
	}
	return s.stored(tx, store.Key{Type: kind, ID: id})
}

// stored is a resource of the store; nil when it is not there or gone.
func (s *Service) stored(tx store.Tx, key store.Key) (*element.Value, error) {
	v, err := tx.Resources().Get(key)
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
