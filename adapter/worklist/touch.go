package worklist

import (
	"net/url"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// frozen are the elements that say whose a resource is. No client changes
// them: who could, could take over the Tasks of another organisation or send
// an outcome into another person's record.
var frozen = map[string][]string{
	"Patient":          {"identifier", "generalPractitioner"},
	"Organization":     {"identifier"},
	"PractitionerRole": {"identifier", "practitioner", "organization"},
	"Practitioner":     {"identifier"},
	"ServiceRequest":   {"identifier", "subject", "requester"},
	"Procedure":        {"subject"},
	"Observation":      {"subject"},
	"Consent":          {"patient"},
}

// mayTouch applies who-may-change-what to everything but Tasks.
func (s *Service) mayTouch(tx store.Tx, who Caller, old, new *element.Value) error {
	typ := old.ResourceType()
	for _, name := range frozen[typ] {
		if a, b := old.Get(name), new.Get(name); a != nil && (b == nil || !element.Equal(a, b)) {
			return forbidden(typ+"."+name, "this element says whose the resource is and does not change over the API")
		}
	}
	switch typ {
	case "ServiceRequest":
		is, err := s.represents(tx, who, old.TextAt("requester.reference"))
		if err != nil || is {
			return err
		}
		return forbidden("ServiceRequest.requester", "a request is changed by those who made it; say what came of it on the Task")
	default:
		if err := s.mayWrite(tx, who, old); err != nil {
			return err
		}
		return s.mayWrite(tx, who, new) // it may have become another person's
	}
}

// mayCreate lets practices and link workers make what belongs to them and to
// the people of their Tasks.
func (s *Service) mayCreate(tx store.Tx, who Caller, v *element.Value) error {
	if v.ResourceType() == "Task" {
		if err := s.sound(tx, v); err != nil {
			return err
		}
		request, err := s.at(tx, v.TextAt("focus.reference"))
		if err != nil {
			return err
		}
		if requestOver(request.Str("status")) {
			return broken("Task.focus", "the request is over, so there is no work to be done for it; make a new one")
		}
	}
	if who.Trusted {
		return nil
	}
	switch v.ResourceType() {
	case "Task", "ServiceRequest":
		is, err := s.represents(tx, who, v.TextAt("requester.reference"))
		if err != nil {
			return err
		}
		if !is {
			return forbidden(v.ResourceType()+".requester", "a referral is made for one's own organisation only")
		}
		if v.ResourceType() == "ServiceRequest" {
			return nil
		}
		request, err := s.at(tx, v.TextAt("focus.reference"))
		if err != nil {
			return err
		}
		is, err = s.represents(tx, who, request.TextAt("requester.reference"))
		if err != nil || is {
			return err
		}
		return forbidden("Task.focus", "a Task is made for a request of one's own organisation only")
	case "Patient":
		if who.Practice {
			return nil
		}
		return forbidden("Patient", "people are made known by practices")
	default:
		return s.mayWrite(tx, who, v)
	}
}

// maxTasksOfOne bounds how many Tasks of one person are looked at.
const maxTasksOfOne = 200

// concerned reports whether the caller is a party to a Task of a person.
func (s *Service) concerned(tx store.Tx, who Caller, patient string) (bool, error) {
	if patient == "" {
		return false, nil
	}
	q, err := resource.Parse(s.cfg.Indexer, "Task", url.Values{"patient": {patient}}, resource.Options{BaseURL: s.cfg.BaseURL})
	if err != nil {
		return false, err
	}
	q.Query.Limit = maxTasksOfOne
	page, err := tx.Resources().Search(q.Query)
	if err != nil {
		return false, err
	}
	for _, v := range page.Versions {
		task, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return false, err
		}
		parties, err := s.parties(tx, who, task)
		if err != nil || len(parties) > 0 {
			return len(parties) > 0, err
		}
	}
	return false, nil
}

// sound refuses a Task that does not hang together: what it is about is held
// here, and it is for the person that the request is for. An outcome would
// otherwise go into the wrong record, or nowhere.
func (s *Service) sound(tx store.Tx, task *element.Value) error {
	request, err := s.at(tx, task.TextAt("focus.reference"))
	if err != nil {
		return err
	}
	if request == nil || request.ResourceType() != "ServiceRequest" {
		return broken("Task.focus", "the focus is a ServiceRequest that is held here")
	}
	patient, err := s.at(tx, task.TextAt("for.reference"))
	if err != nil {
		return err
	}
	if patient == nil || patient.ResourceType() != "Patient" {
		return broken("Task.for", "a Task is for a Patient who is held here")
	}
	if request.TextAt("subject.reference") != "Patient/"+patient.ID() {
		return broken("Task.for", "a Task is for the person that its ServiceRequest is for")
	}
	return nil
}

func forbidden(expression, text string) error {
	return &fault.Fault{Kind: fault.Forbidden, Issues: []fault.Issue{{Expression: expression, Text: text}}}
}

func broken(expression, text string) error {
	return &fault.Fault{Kind: fault.IllegalMove, Issues: []fault.Issue{{Expression: expression, Text: text}}}
}
