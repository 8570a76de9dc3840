// Package referral is the domain: what a Task may become, who may move it,
// and which elements each party may change. No I/O and no clock; the rules
// come from one table in a file, so that a different guide is a different file.
package referral

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/fault"
)

// Party is a side of a referral.
type Party string

// The parties that a workflow table names.
const (
	Requester Party = "requester"
	Owner     Party = "owner"
)

// Any in Move.From means every state.
const Any = "any"

// Move is one line of the transition table.
type Move struct {
	From string  `yaml:"from"`
	To   string  `yaml:"to"`
	By   []Party `yaml:"by"`
}

// Workflow is a transition table for Task.status.
type Workflow struct {
	Name         string   `yaml:"workflow"`
	Title        string   `yaml:"title"`
	Start        []string `yaml:"start"`
	Moves        []Move   `yaml:"moves"`
	End          []string `yaml:"end"`
	Reason       []string `yaml:"reason"`
	Output       []string `yaml:"output"`
	OwnerChanges []string `yaml:"owner_changes"`
	Immutable    []string `yaml:"immutable"`
	Claim        Step     `yaml:"claim"`
	Release      Step     `yaml:"release"`
}

// Step is what an operation on a Task does to its status. Without a To the
// workflow does not have the operation.
type Step struct {
	From []string `yaml:"from"`
	To   string   `yaml:"to"`
}

// statuses are the codes of http://hl7.org/fhir/task-status, R4.
var statuses = []string{"draft", "requested", "received", "accepted", "rejected", "ready",
	"cancelled", "in-progress", "on-hold", "failed", "completed", "entered-in-error"}

// LoadWorkflow reads and checks a table. The error joins every problem found.
func LoadWorkflow(fsys fs.FS, file string) (*Workflow, error) {
	b, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("workflow table: %w", err)
	}
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	dec.KnownFields(true)
	w := &Workflow{}
	if err := dec.Decode(w); err != nil {
		return nil, fmt.Errorf("workflow table %s: %w", file, err)
	}
	if err := w.validate(); err != nil {
		return nil, fmt.Errorf("workflow table %s: %w", file, err)
	}
	return w, nil
}

func (w *Workflow) validate() error {
	var errs []error
	known := func(what string, list []string) {
		for _, s := range list {
			if !slices.Contains(statuses, s) {
				errs = append(errs, fmt.Errorf("%s: %q is no Task status; known: %s", what, s, strings.Join(statuses, ", ")))
			}
		}
	}
	if len(w.Start) == 0 || len(w.Moves) == 0 || len(w.End) == 0 {
		errs = append(errs, errors.New("start, moves and end must not be empty"))
	}
	known("start", w.Start)
	known("end", w.End)
	known("reason", w.Reason)
	known("output", w.Output)
	for name, step := range map[string]Step{"claim": w.Claim, "release": w.Release} {
		if step.To == "" && len(step.From) == 0 {
			continue // the workflow does without
		}
		known(name+".from", step.From)
		known(name+".to", []string{step.To})
		if slices.ContainsFunc(step.From, w.Ended) {
			errs = append(errs, fmt.Errorf("%s.from names an end", name))
		}
	}
	for i, m := range w.Moves {
		where := fmt.Sprintf("moves[%d]", i)
		if m.From != Any {
			known(where+".from", []string{m.From})
		}
		known(where+".to", []string{m.To})
		if len(m.By) == 0 {
			errs = append(errs, fmt.Errorf("%s.by is empty", where))
		}
		for _, p := range m.By {
			if p != Requester && p != Owner {
				errs = append(errs, fmt.Errorf("%s.by: %q is no party; known: requester, owner", where, p))
			}
		}
		if m.From != Any && slices.Contains(w.End, m.From) {
			errs = append(errs, fmt.Errorf("%s leaves %s, which is an end", where, m.From))
		}
	}
	return errors.Join(errs...)
}

// Ended reports whether a Task in the status is over.
func (w *Workflow) Ended(status string) bool { return slices.Contains(w.End, status) }

// Next lists the states that a party may move a Task to; a nil party list
// means everybody's moves.
func (w *Workflow) Next(from string, parties []Party) []string {
	var out []string
	for _, m := range w.Moves {
		if (m.From == from || m.From == Any && from != m.To) && (parties == nil || overlaps(m.By, parties)) && !slices.Contains(out, m.To) {
			out = append(out, m.To)
		}
	}
	return out
}

// CheckMove returns nil when one of the parties may make the move, otherwise
// a fault.IllegalMove that names the moves that are allowed, or fault.Forbidden
// when the move exists but belongs to another party.
func (w *Workflow) CheckMove(from, to string, parties []Party) *fault.Fault {
	var others []Party
	for _, m := range w.Moves {
		if m.To != to || m.From != from && (m.From != Any || from == to) {
			continue
		}
		if overlaps(m.By, parties) {
			return nil
		}
		others = append(others, m.By...)
	}
	if len(others) > 0 {
		return at(fault.Forbidden, "Task.status", "the move from %s to %s belongs to the %s", from, to, join(others))
	}
	text := ""
	own := w.Next(from, parties)
	if len(own) > 0 {
		text = "; allowed: " + strings.Join(own, ", ")
	}
	for _, p := range []Party{Requester, Owner} {
		theirs := slices.DeleteFunc(w.Next(from, []Party{p}), func(s string) bool { return slices.Contains(own, s) })
		if len(theirs) > 0 {
			text += "; allowed to the " + string(p) + ": " + strings.Join(theirs, ", ")
		}
	}
	if text == "" {
		text = ", nor anywhere else"
	}
	return at(fault.IllegalMove, "Task.status", "a Task that is %s cannot be moved to %s%s", from, to, text)
}

func overlaps(a, b []Party) bool {
	return slices.ContainsFunc(a, func(p Party) bool { return slices.Contains(b, p) })
}

func join(ps []Party) string {
	var s []string
	for _, p := range ps {
		if !slices.Contains(s, string(p)) {
			s = append(s, string(p))
		}
	}
	return strings.Join(s, " or ")
}

func at(k fault.Kind, expression, format string, args ...any) *fault.Fault {
	return &fault.Fault{Kind: k, Issues: []fault.Issue{{Expression: expression, Text: fmt.Sprintf(format, args...)}}}
}
