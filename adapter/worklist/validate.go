package worklist

import (
	"context"
	"errors"
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/store"
)

// Validation is what $validate is asked.
// https://hl7.org/fhir/R4/resource-operation-validate.html
type Validation struct {
	Type string // empty: that of the resource, the operation is on the server
	ID   string // of the instance; empty: the operation is on the type
	Body []byte // the resource, or Parameters with it; empty: the stored one
	// Mode is create, update, delete or profile; empty: whether the resource
	// is right, whatever is done with it.
	Mode string
	// Profiles are canonicals that the resource is held against beside those
	// that it claims and those of the configuration.
	Profiles []string
}

// maxProfilesNamed bounds the profiles of one request.
const maxProfilesNamed = 20

// Validate says what is wrong with a resource, and with a mode whether it
// could be created, updated or deleted by this caller now. Nothing is written.
// The issues are the answer; an error is that there is none: what was sent is
// no resource (fault.Malformed), there is no such instance.
func (s *Service) Validate(ctx context.Context, who Caller, q Validation) ([]fault.Issue, error) {
	v, err := q.read()
	if err != nil {
		return nil, err
	}
	if q.Type == "" && v != nil && q.Mode == "" {
		// What is right can be said of types that are not served, too.
		return allWell(s.wrong(ctx, v, q.Profiles), ""), nil
	}
	if q.Type == "" && v == nil {
		return nil, fault.New(fault.Malformed, "resource", "the resource is missing")
	}
	if q.Type == "" {
		q.Type = v.ResourceType()
	}
	if _, err := definition(q.Type); err != nil {
		return nil, err
	}
	if err := q.sound(v); err != nil {
		return nil, err
	}
	if s.deciding() && q.Mode != "" && q.Mode != "profile" {
		// What is rehearsed is undone with its decision, and this one is others', too.
		return nil, fault.New(fault.Unsupported, "mode", "in a transaction nothing is rehearsed; in a batch, or by itself, it is")
	}
	if q.Mode == "delete" {
		return s.wouldDelete(ctx, who, q)
	}
	if v == nil {
		cur, err := s.Read(ctx, q.Type, q.ID)
		if err != nil {
			return nil, err
		}
		if v, err = element.Parse(cur.Body, element.Limits{}); err != nil {
			return nil, err
		}
	}
	if v.ResourceType() != q.Type && fhir.Known(v.ResourceType()) {
		return []fault.Issue{{Severity: "error", Code: "invalid", Expression: "resourceType",
			Text: "the resource is not of the type in the URL, which is " + q.Type}}, nil
	}
	issues := s.wrong(ctx, v, q.Profiles)
	if q.Mode == "" && q.ID != "" && v.ID() != "" && v.ID() != q.ID {
		issues = append(issues, fault.Issue{Severity: "error", Code: "value", Expression: q.Type + ".id", Text: "the id in the resource is not the id in the URL"})
	}
	if !profile.Broken(issues) {
		would, err := s.would(ctx, who, q, v)
		if err != nil {
			return nil, err
		}
		issues = append(issues, would...)
	}
	return allWell(issues, q.Mode), nil
}

// allWell says so, where nothing else is to be said.
func allWell(issues []fault.Issue, mode string) []fault.Issue {
	if slices.ContainsFunc(issues, func(is fault.Issue) bool { return is.Severity != "information" }) {
		return issues
	}
	text := "nothing is wrong with the resource"
	switch mode {
	case "create", "update", "delete":
		text = "the resource could be " + mode + "d now" // all three end in e
	}
	return append([]fault.Issue{{Severity: "information", Code: "informational", Text: text}}, issues...)
}

// wrong is everything that the checks of a resource find.
func (s *Service) wrong(ctx context.Context, v *element.Value, profiles []string) []fault.Issue {
	v = v.Clone()
	s.relative(v)
	issues := s.base(v)
	if len(issues) == 0 {
		issues = unwritable(v)
	}
	issues = append(issues, s.cfg.Gate.Report(ctx, v, issues, profiles)...)
	for _, q := range profile.Quality([]*element.Value{v}) {
		severity, text := "error", q.Wrong
		if s.lenient {
			severity, text = "warning", q.Text
		}
		issues = append(issues, fault.Issue{Severity: severity, Code: "code-invalid", Expression: q.Expression, Text: text})
	}
	for i := range issues {
		if issues[i].Severity == "" {
			issues[i].Severity = "error"
		}
	}
	return issues
}

// unwritable warns of a narrative that is no XHTML: the resource is kept, and
// nobody who asks for XML gets it.
func unwritable(v *element.Value) []fault.Issue {
	_, err := fhirxml.Append(nil, v)
	if err == nil {
		return nil
	}
	issues := slices.Clone(fault.Of(err).Issues)
	for i := range issues {
		issues[i].Severity, issues[i].Code = "warning", "structure"
		issues[i].Text += "; the resource is served as JSON alone"
	}
	return issues
}

// read takes the resource out of the body, which may be Parameters with mode
// and profile beside it; nil when there is none.
func (q *Validation) read() (*element.Value, error) {
	if len(q.Body) == 0 {
		return nil, nil
	}
	v, err := element.Parse(q.Body, element.Limits{})
	if err != nil {
		return nil, err
	}
	if v.Kind != element.Object {
		return nil, fault.New(fault.Malformed, "", "a resource, that is a JSON object, is expected")
	}
	if v.ResourceType() != "Parameters" {
		return v, nil
	}
	var out *element.Value
	for _, p := range v.List("parameter") {
		place := "Parameters.parameter.where(name='" + p.Str("name") + "')"
		switch p.Str("name") {
		case "resource":
			if out != nil || p.Get("resource") == nil || p.Get("resource").Kind != element.Object {
				return nil, malformedParameter(place, "one resource is expected")
			}
			out = p.Get("resource")
		case "mode":
			mode := p.Get("valueCode")
			if mode == nil || mode.Text == "" {
				return nil, malformedParameter(place, "a valueCode is expected")
			}
			q.Mode = mode.Text
		case "profile":
			canonical := ""
			for _, name := range []string{"valueUri", "valueCanonical", "valueUrl"} {
				if canonical == "" {
					canonical = p.Str(name)
				}
			}
			if canonical == "" {
				return nil, malformedParameter(place, "a valueUri is expected")
			}
			q.Profiles = append(q.Profiles, canonical)
		default:
			return nil, malformedParameter("Parameters.parameter.name", "one of resource, mode and profile is expected")
		}
	}
	return out, nil
}

func malformedParameter(place, text string) error {
	return &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{Code: "invalid", Expression: place, Text: text}}}
}

// sound refuses what the operation cannot be asked.
func (q *Validation) sound(v *element.Value) error {
	if len(q.Profiles) > maxProfilesNamed {
		return fault.New(fault.TooLarge, "profile", "at most %d profiles are checked at a time", maxProfilesNamed)
	}
	switch q.Mode {
	case "", "create", "update":
	case "delete", "profile":
		if q.ID == "" {
			return fault.New(fault.Malformed, "mode", "delete and profile are about an instance: [base]/%s/[id]/$validate", q.Type)
		}
		if q.Mode == "profile" && v != nil {
			return fault.New(fault.Malformed, "mode", "with profile the resource is the stored one, and none is sent")
		}
		return nil
	default:
		return fault.New(fault.Malformed, "mode", "one of create, update, delete and profile is expected")
	}
	if v == nil && (q.Mode != "" || q.ID == "") {
		return fault.New(fault.Malformed, "resource", "the resource is missing")
	}
	return nil
}

// errRehearsed ends a decision of which nothing is to stay.
var errRehearsed = errors.New("rehearsed")

// rehearsal is a store whose decisions are made to the end and then undone.
type rehearsal struct{ store.Store }

// Decide implements store.Store.
func (r rehearsal) Decide(ctx context.Context, fn func(tx store.Tx) error, hints ...store.Hint) error {
	err := r.Store.Decide(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errRehearsed
	}, hints...)
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return err
}

// rehearse is the same service, of which nothing that it writes stays: what it
// refuses, and why, is what would be refused.
func (s *Service) rehearse() *Service {
	r := *s
	r.cfg.Store = rehearsal{s.cfg.Store}
	r.cfg.Owed = func() {}
	return &r
}

// would says why a create or an update would be refused.
func (s *Service) would(ctx context.Context, who Caller, q Validation, v *element.Value) ([]fault.Issue, error) {
	switch q.Mode {
	case "create":
		_, err := s.rehearse().Create(ctx, who, q.Type, v.JSON())
		return refusal(err)
	case "update":
		id := q.ID
		if id == "" {
			id = v.ID()
		}
		if id == "" {
			return []fault.Issue{{Severity: "error", Code: "required", Expression: q.Type + ".id", Text: "an update names its resource by its id"}}, nil
		}
		_, _, err := s.rehearse().Put(ctx, who, Change{Type: q.Type, ID: id, Body: v.JSON()})
		return refusal(err)
	}
	return nil, nil
}

func (s *Service) wouldDelete(ctx context.Context, who Caller, q Validation) ([]fault.Issue, error) {
	if _, err := s.Read(ctx, q.Type, q.ID); err != nil {
		return nil, err
	}
	_, err := s.rehearse().Delete(ctx, who, Change{Type: q.Type, ID: q.ID})
	issues, err := refusal(err)
	if err != nil {
		return nil, err
	}
	return allWell(issues, "delete"), nil
}

// refusal turns the fault of a rehearsal into issues of the answer. What is
// nobody's fault but ours stays an error.
func refusal(err error) ([]fault.Issue, error) {
	if err == nil {
		return nil, nil
	}
	f := fault.Of(err)
	switch f.Kind {
	case fault.Internal, fault.Transient, fault.Throttled, fault.Timeout:
		return nil, err
	}
	issues := slices.Clone(f.Issues)
	if len(issues) == 0 {
		issues = []fault.Issue{{Text: f.Kind.Row().Public}}
	}
	for i := range issues {
		if issues[i].Code == "" {
			issues[i].Code = f.Kind.Row().Issue
		}
		issues[i].Severity = "error"
	}
	return issues, nil
}
