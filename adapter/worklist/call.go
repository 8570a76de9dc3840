package worklist

import (
	"context"
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// The operations that are called in a Bundle, by name.
const (
	validate = "validate"
	claim    = "claim"
	release  = "release"
)

// calls reads the entry of an operation: where it is called, and by which
// method. Parts are what stands before its name in request.url.
// https://hl7.org/fhir/R4/http.html#trules
func (e entry) calls(parts []string) (entry, error) {
	if len(parts) > 0 {
		e.key.Type = parts[0]
		if _, err := definition(e.key.Type); err != nil {
			return e, err
		}
	}
	if len(parts) > 1 {
		e.key.ID = parts[1]
	}
	there, methods := false, []string{"POST"}
	switch e.operation {
	case validate:
		if there = len(parts) <= 2; e.key.ID != "" {
			methods = append(methods, "GET")
		}
	case claim, release:
		there = len(parts) == 2 && e.key.Type == "Task"
	case "process-message":
		return e, fault.New(fault.Unsupported, "", "a message is sent by itself, to [base]/$process-message: it is accepted or refused as a whole, with an answer of its own")
	}
	switch {
	case !there:
		return e, &fault.Fault{Kind: fault.NotFound, Issues: []fault.Issue{{Code: "not-supported",
			Text: "there is no such operation here; in a Bundle there are $validate, [type]/$validate, [type]/[id]/$validate, Task/[id]/$claim and Task/[id]/$release"}}}
	case !slices.Contains(methods, e.method):
		return e, fault.New(fault.MethodNotAllowed, "", "an operation that changes something, or takes Parameters, is a POST")
	case e.resource != nil && e.resource.Kind != element.Object:
		return e, fault.New(fault.Malformed, "", "the resource of the entry is no object")
	}
	return e, nil
}

// call answers with what the operation comes to, which is a resource whatever
// is preferred.
func (s *Service) call(ctx context.Context, who Caller, e entry) (answer, error) {
	var body []byte
	if e.resource != nil && e.method == "POST" {
		body = e.resource.JSON()
	}
	if e.operation == validate {
		return s.judged(ctx, who, e, body)
	}
	operation := s.Claim
	if e.operation == release {
		operation = s.Release
	}
	v, err := operation(ctx, who, Change{Type: e.key.Type, ID: e.key.ID, Body: body, IfMatch: e.ifMatch})
	return answer{status: 200, version: v, resource: v.Body}, err
}

// judged is the answer of $validate. What is said of the resource is in it, and
// not said beside it again.
func (s *Service) judged(ctx context.Context, who Caller, e entry, body []byte) (answer, error) {
	params, err := parameters(e.query)
	if err != nil {
		return answer{}, err
	}
	issues, err := s.Judging(s.lenient, nil).Validate(ctx, who, Validation{
		Type: e.key.Type, ID: e.key.ID, Body: body, Mode: params.Get("mode"), Profiles: params["profile"]})
	if err != nil {
		return answer{}, err
	}
	return answer{status: 200, resource: fhir.OperationOutcome(fault.Profile, issues).JSON()}, nil
}
