package worklist

import (
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// mayChange applies who-may-do-what to a change.
func (s *Service) mayChange(tx store.Tx, who Caller, old, new *element.Value) error {
	switch {
	case old.ResourceType() == "Task":
	case who.Trusted:
		return nil
	case !who.LinkWorker && !who.Practice:
		return fault.New(fault.Forbidden, "", "this client's role does not change resources")
	case old.ResourceType() == "ServiceRequest":
		return s.originator(tx, who, old)
	default:
		return nil
	}
	parties, err := s.parties(tx, who, old)
	if err != nil {
		return err
	}
	mayClaim := who.Trusted
	if who.LinkWorker && !mayClaim {
		newOwner := new.TextAt("owner.reference")
		if mayClaim, err = s.represents(tx, who, newOwner); err != nil {
			return err
		}
		mayClaim = mayClaim || newOwner == ""
	}
	if f := s.cfg.Workflow.CheckChange(old, new, parties, mayClaim); f != nil {
		return f
	}
	return nil
}

// originator lets only those who made a request change it: a link worker says
// what came of it on the Task.
func (s *Service) originator(tx store.Tx, who Caller, request *element.Value) error {
	is, err := s.represents(tx, who, request.TextAt("requester.reference"))
	if err != nil || is {
		return err
	}
	return &fault.Fault{Kind: fault.Forbidden, Issues: []fault.Issue{{
		Expression: "ServiceRequest.requester", Text: "a request is changed by those who made it; say what came of it on the Task"}}}
}

// mayCreate lets practices and link workers make what belongs to a referral.
func (s *Service) mayCreate(tx store.Tx, who Caller, v *element.Value) error {
	if who.Trusted {
		return nil
	}
	if !who.LinkWorker && !who.Practice {
		return fault.New(fault.Forbidden, "", "this client's role does not make resources")
	}
	if v.ResourceType() != "Task" {
		return nil
	}
	is, err := s.represents(tx, who, v.TextAt("requester.reference"))
	if err != nil || is {
		return err
	}
	return &fault.Fault{Kind: fault.Forbidden, Issues: []fault.Issue{{
		Expression: "Task.requester", Text: "a Task can be requested for one's own organisation only"}}}
}

// parties is what the caller is to a Task: its requester, its owner, both or
// neither.
func (s *Service) parties(tx store.Tx, who Caller, task *element.Value) ([]referral.Party, error) {
	if who.Trusted {
		return []referral.Party{referral.Requester, referral.Owner}, nil
	}
	var out []referral.Party
	for _, p := range []referral.Party{referral.Requester, referral.Owner} {
		is, err := s.represents(tx, who, task.TextAt(string(p)+".reference"))
		if err != nil {
			return nil, err
		}
		if is {
			out = append(out, p)
		}
	}
	return out, nil
}

// represents reports whether a reference names the caller's organisation or a
// role within it.
func (s *Service) represents(tx store.Tx, who Caller, reference string) (bool, error) {
	reference = strings.TrimPrefix(reference, s.cfg.BaseURL+"/")
	typ, id, ok := strings.Cut(reference, "/")
	if !ok || who.Organization == "" {
		return false, nil
	}
	switch typ {
	case "Organization":
		return id == who.Organization, nil
	case "PractitionerRole":
		v, err := tx.Resources().Get(store.Key{Type: typ, ID: id})
		if err != nil {
			if fault.KindOf(err) == fault.NotFound {
				return false, nil
			}
			return false, err
		}
		role, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return false, err
		}
		return strings.TrimPrefix(role.TextAt("organization.reference"), s.cfg.BaseURL+"/") == "Organization/"+who.Organization, nil
	}
	return false, nil
}
