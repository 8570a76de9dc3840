package referral

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// Taken is a Task as its claim by an owner leaves it: the owner, and the status
// that the table has for claims. Faults: fault.Conflict when another owns it,
// fault.IllegalMove when a Task of this status is not claimed. Whether the
// caller may own it is for CheckChange.
func (w *Workflow) Taken(task *element.Value, owner string) (*element.Value, *fault.Fault) {
	if w.Claim.To == "" {
		return nil, at(fault.Unsupported, "", "the workflow %s has no claim", w.Name)
	}
	if was := task.Get("owner"); was != nil && was.Str("reference") != owner {
		return nil, at(fault.Conflict, "Task.owner", "the Task has been claimed by another")
	}
	if from := task.Str("status"); !slices.Contains(w.Claim.From, from) {
		return nil, at(fault.IllegalMove, "Task.status", "a Task that is %s is not claimed; one that is %s is", from, strings.Join(w.Claim.From, " or "))
	}
	out := task.Clone()
	if out.Get("owner") == nil {
		out.Set("owner", element.NewObject(element.S("reference", owner)))
	}
	out.SetString("status", w.Claim.To)
	return out, nil
}

// GivenBack is a Task as its release leaves it: without an owner and without
// what the owner said about the work, in the status that the table has for
// releases. The reason, a CodeableConcept, may be nil. Faults as of Taken.
func (w *Workflow) GivenBack(task, reason *element.Value) (*element.Value, *fault.Fault) {
	if w.Release.To == "" {
		return nil, at(fault.Unsupported, "", "the workflow %s has no release", w.Name)
	}
	if from := task.Str("status"); !slices.Contains(w.Release.From, from) {
		return nil, at(fault.IllegalMove, "Task.status", "a Task that is %s is not given back; one that is %s is", from, strings.Join(w.Release.From, ", "))
	}
	out := task.Clone()
	out.Remove("owner")
	out.Remove("businessStatus")
	out.Remove("statusReason")
	if reason != nil {
		out.Set("statusReason", reason)
	}
	out.SetString("status", w.Release.To)
	return out, nil
}

// givesBack reports whether a change is that of a release.
func (w *Workflow) givesBack(old, new *element.Value) bool {
	return w.Release.To != "" && new.Str("status") == w.Release.To && slices.Contains(w.Release.From, old.Str("status")) &&
		old.TextAt("owner.reference") != "" && new.Get("owner") == nil
}
