package worklist

import (
	"context"
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
)

// Remarks are what is said about resources that were taken all the same:
// warnings of profiles, and with a lenient source what it would otherwise have
// been refused for.
type Remarks struct{ Issues []fault.Issue }

// add remembers issues once, as a decision may run again.
func (r *Remarks) add(issues []fault.Issue) {
	for _, is := range issues {
		if r != nil && !slices.Contains(r.Issues, is) {
			r.Issues = append(r.Issues, is)
		}
	}
}

// Judging is the same service for a source of its own strictness: of a lenient
// one, what breaks a profile or carries unusable codes and numbers is taken
// and flagged in meta.tag; of others it is refused. What is said about what is
// taken is added to remarks, which may be nil.
func (s *Service) Judging(lenient bool, remarks *Remarks) *Service {
	j := *s
	j.lenient, j.remarks = lenient, remarks
	return &j
}

// judge decides about a resource, and flags what is taken though it is not
// right. The structure of R4 and the rules of this house hold for everybody:
// without them nothing that comes after works.
func (s *Service) judge(v *element.Value) error {
	issues := s.base(v)
	base := len(issues)
	// The profiles are held against what was sent: of what Quality finds it
	// takes the systems away.
	issues = append(issues, s.cfg.Gate.Check(context.Background(), v, issues)...)
	broken := profile.Broken(issues[base:])
	// It also writes identifiers in the one way in which they are looked for.
	flags := profile.Quality([]*element.Value{v})
	refused := base > 0 || !s.lenient && (broken || len(flags) > 0)
	for _, q := range flags {
		text := q.Text
		if refused {
			text = q.Wrong
		}
		issues = append(issues, fault.Issue{Code: "code-invalid", Expression: q.Expression, Text: text})
	}
	if refused {
		return &fault.Fault{Kind: fault.Profile, Issues: issues}
	}
	lower(v, profile.FlagProfile)
	if broken {
		raise(v, profile.FlagProfile)
	}
	for _, q := range flags {
		raise(v, q.Code)
	}
	for i := range issues {
		issues[i].Severity = "warning"
	}
	s.remarks.add(issues)
	return nil
}

// base is what is wrong by the structure of R4 and the rules of this house.
func (s *Service) base(v *element.Value) []fault.Issue {
	return slices.Concat(fhir.Check(v), s.cfg.Rules.Check(v), referral.CheckSharing(v))
}

// raised marks a tag as put on here, so that it is told from one that a client
// sends.
var raised = element.Origin{Rule: -1}

func raise(v *element.Value, code string) {
	tag := element.NewObject(element.S("system", profile.SystemDataQuality), element.S("code", code))
	tag.Origin = raised
	meta := v.Get("meta")
	if meta == nil {
		meta = element.NewObject()
		v.Set("meta", meta)
	}
	if tags := meta.Get("tag"); tags != nil && tags.Kind == element.Array {
		for i, t := range tags.Items {
			if isFlag(t) && t.Str("code") == code {
				tags.Items[i] = tag
				return
			}
		}
	}
	meta.Append("tag", tag)
}

// lower takes a flag away that says how a resource is.
func lower(v *element.Value, code string) {
	meta := v.Get("meta")
	tags := meta.Get("tag")
	if tags == nil {
		return
	}
	tags.Items = slices.DeleteFunc(tags.Items, func(t *element.Value) bool { return isFlag(t) && t.Str("code") == code })
	if len(tags.Items) == 0 {
		if meta.Remove("tag"); len(meta.Fields) == 0 {
			v.Remove("meta")
		}
	}
}
