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
	if old.ResourceType() != "Task" {
		if who.Trusted {
			return nil
		}
		return s.mayTouch(tx, who, old, new)
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
