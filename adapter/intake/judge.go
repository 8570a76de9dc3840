package intake

import (
	"context"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/profile"
)

// maxProfileFlags bounds what a Task says about broken profiles; the first ones
// say enough.
const maxProfileFlags = 20

// judge flags what is not right with the resources of a referral and is no
// reason to lose it: codes and numbers that fail their checks, broken profiles.
// Of a strict sender the referral is refused for them.
func (s *Service) judge(sender Sender, d *draft, out *mapping.Result, tree *message.Tree) *fault.Fault {
	broken := s.broken(out.Resources, tree) // before codes lose their systems
	before := len(d.flags)
	s.quality(d, out, tree)
	if !sender.Strict {
		for _, is := range broken {
			is.Severity, is.Code = "warning", profile.FlagProfile
			d.flags = append(d.flags, is)
		}
		return nil
	}
	var refused []fault.Issue
	for _, is := range d.flags[before:] {
		is.Severity, is.Code = "error", "code-invalid"
		refused = append(refused, is)
	}
	if refused = append(refused, broken...); len(refused) == 0 {
		return nil
	}
	return &fault.Fault{Kind: fault.Profile, Issues: refused}
}

// broken holds the resources against the profiles of the configuration; each
// issue has the address in the message of the nearest element that came from
// there.
func (s *Service) broken(rs []mapping.Resource, tree *message.Tree) []fault.Issue {
	var out []fault.Issue
	for _, r := range rs {
		if !s.cfg.Gate.Holds(r.Type) {
			continue
		}
		base := append(fhir.Check(r.Root), s.cfg.Rules.Check(r.Root)...)
		for _, is := range s.cfg.Gate.Check(context.Background(), r.Root, base) {
			if is.Severity != "error" || len(out) >= maxProfileFlags {
				continue
			}
			is.Place = locate(r.Root, is.Expression, tree)
			out = append(out, is)
		}
	}
	return out
}
