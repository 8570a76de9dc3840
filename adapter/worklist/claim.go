package worklist

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// Claim makes the caller the owner of a Task that nobody else owns, and moves
// it as the workflow table says. Of many who claim at once one wins, with or
// without If-Match; the others are told fault.Conflict. The parameters are
// those of conformance/OperationDefinition-claim.json, and the body may be
// empty.
//
// The winner whose answer was lost claims again and gets the Task as it is now;
// no version is made. Those who share an owner tell their claims apart by a
// key: a claim under another key has lost, and one that was given back since is
// not made again by a late repeat.
func (s *Service) Claim(ctx context.Context, who Caller, c Change) (out store.Version, err error) {
	p, err := s.parametersOf(c.Body, "owner", "key")
	if err != nil {
		return out, err
	}
	return s.onTask(ctx, who, "claim", c, func(tx store.Tx, cur store.Version, old *element.Value) (*element.Value, error) {
		owner, err := s.claimer(tx, who, old, p)
		if err != nil {
			return nil, err
		}
		is := old.TextAt("owner.reference")
		if is == owner && !slices.Contains(s.cfg.Workflow.Claim.From, old.Str("status")) {
			return nil, s.sameClaim(tx, cur.Key, owner, p)
		}
		taken, f := s.cfg.Workflow.Taken(old, owner)
		if f != nil {
			return nil, f
		}
		first, err := once(tx, cur.Key, owner, p)
		if err == nil && !first {
			err = &fault.Fault{Kind: fault.Conflict, Issues: []fault.Issue{{Expression: "Task.owner",
				Text: "this claim was made before, and the Task was given back since; a new claim has a new key"}}}
		}
		return taken, err
	})
}

// Release gives a Task back: it has no owner any more and can be claimed by
// others. Only its owner does that. Who gave it back and lost the answer is
// answered as before, until somebody claims it: then it is fault.Conflict. The
// parameters are those of conformance/OperationDefinition-release.json.
func (s *Service) Release(ctx context.Context, who Caller, c Change) (out store.Version, err error) {
	p, err := s.parametersOf(c.Body, "owner", "reason")
	if err != nil {
		return out, err
	}
	return s.onTask(ctx, who, "release", c, func(tx store.Tx, _ store.Version, old *element.Value) (*element.Value, error) {
		if !who.Trusted && !who.LinkWorker {
			return nil, forbidden("Task.owner", "a Task is given back by its owner")
		}
		owner := old.Get("owner")
		if owner == nil && old.Str("status") == s.cfg.Workflow.Release.To {
			return nil, nil // given back already
		}
		parties, err := s.parties(tx, who, old)
		if err != nil {
			return nil, err
		}
		if named := p.TextAt("owner.valueReference.reference"); owner != nil &&
			(!slices.Contains(parties, referral.Owner) || named != "" && named != owner.Str("reference")) {
			return nil, &fault.Fault{Kind: fault.Conflict, Issues: []fault.Issue{{
				Expression: "Task.owner", Text: "the Task is owned by another"}}}
		}
		back, f := s.cfg.Workflow.GivenBack(old, p.At("reason.valueCodeableConcept"))
		if f != nil {
			return nil, f
		}
		return back, nil
	})
}

// onTask changes a Task by an operation, which returns the Task as it will be,
// or nil when it is so already. All rules for changes hold.
func (s *Service) onTask(ctx context.Context, who Caller, action string, c Change,
	operation func(store.Tx, store.Version, *element.Value) (*element.Value, error)) (out store.Version, err error) {
	seen, err := versionSeen(c.IfMatch)
	if err != nil {
		return out, err
	}
	key := store.Key{Type: "Task", ID: c.ID}
	var owes bool
	err = s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		owes = false
		cur, err := tx.Resources().Get(key)
		if err != nil {
			return err
		}
		if cur.Deleted {
			return fault.New(fault.Gone, "", "deleted")
		}
		old, err := element.Parse(cur.Body, element.Limits{})
		if err != nil {
			return err
		}
		now, err := operation(tx, cur, old)
		if err != nil {
			return err
		}
		if now == nil {
			out = cur
			return nil
		}
		stale, err := s.stale(tx, cur, seen)
		if err == nil && stale {
			err = staleVersion(key.Type, cur.Number, seen)
		}
		if err != nil {
			return err
		}
		if err := s.check(now); err != nil {
			return err
		}
		if err := s.mayChange(tx, who, old, now); err != nil {
			return err
		}
		out, owes, err = s.write(tx, who, action, cur, old, revision{value: now, index: s.cfg.Indexer.Index(now)})
		return err
	}, store.Hint{Keys: []store.Key{key}})
	if err == nil && owes {
		s.cfg.Owed()
	}
	return out, err
}

// claimer is who will own the Task: whom the parameters name, who owns it
// already when that is the caller, else the caller's organisation.
func (s *Service) claimer(tx store.Tx, who Caller, old, p *element.Value) (string, error) {
	named, is := p.TextAt("owner.valueReference.reference"), old.TextAt("owner.reference")
	if who.Trusted {
		if named == "" {
			return "", fault.New(fault.Malformed, "owner", "without configured clients a claim names its owner, such as Organization/1")
		}
		return named, nil
	}
	if named == "" {
		mine, err := s.represents(tx, who, is)
		if err != nil || mine {
			return is, err
		}
		named = "Organization/" + who.Organization
	}
	mine, err := s.represents(tx, who, named)
	if err == nil && !mine {
		err = forbidden("Task.owner", "a Task can be claimed for oneself only")
	}
	return named, err
}

// sameClaim refuses a claim of what the same owner has claimed under another key.
func (s *Service) sameClaim(tx store.Tx, task store.Key, owner string, p *element.Value) error {
	if p.TextAt("key.valueString") == "" {
		return nil
	}
	first, err := once(tx, task, owner, p)
	if err == nil && first {
		return &fault.Fault{Kind: fault.Conflict, Issues: []fault.Issue{{Expression: "Task.owner",
			Text: "the Task has been claimed by another of the same owner"}}}
	}
	return err
}

// once reports whether a claim comes for the first time; one without a key does.
func once(tx store.Tx, task store.Key, owner string, p *element.Value) (bool, error) {
	key := p.TextAt("key.valueString")
	if key == "" {
		return true, nil
	}
	return tx.Ledger().Once(fmt.Sprintf("claim %s %x", task, sha256.Sum256([]byte(owner+" "+key))))
}

// maxKey bounds the key of a claim, in bytes.
const maxKey = 200

// values are the parameters of operations on Tasks: where each has its value.
var values = map[string]string{
	"owner": "valueReference.reference", "key": "valueString", "reason": "valueCodeableConcept",
}

// parametersOf reads the Parameters of an operation, which may be left out, as
// an object of them by name.
// https://hl7.org/fhir/R4/operations.html#executing
func (s *Service) parametersOf(body []byte, known ...string) (*element.Value, error) {
	out := element.NewObject()
	if len(body) == 0 {
		return out, nil
	}
	v, err := parseAs("Parameters", body)
	if err != nil {
		return nil, err
	}
	s.relative(v)
	issues := fhir.Check(v)
	for i, p := range v.List("parameter") {
		name, text := p.Str("name"), ""
		switch {
		case !slices.Contains(known, name):
			text = "the parameters are " + strings.Join(known, ", ")
		case out.Get(name) != nil:
			text = "a parameter is given once"
		case p.At(values[name]) == nil:
			text = name + " has its value in " + values[name]
		case name == "key" && len(p.Str("valueString")) > maxKey:
			text = fmt.Sprintf("a key has at most %d characters", maxKey)
		}
		if text != "" {
			issues = append(issues, fault.Issue{Code: "invalid", Expression: fmt.Sprintf("Parameters.parameter[%d]", i), Text: text})
			continue
		}
		out.Set(name, p)
	}
	if len(issues) > 0 {
		return nil, &fault.Fault{Kind: fault.Malformed, Issues: issues}
	}
	return out, nil
}
