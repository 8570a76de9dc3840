package referral

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// CheckCreate checks a Task that is made through the API, by the same table.
func (w *Workflow) CheckCreate(task *element.Value) *fault.Fault {
	if s := task.Str("status"); !slices.Contains(w.Start, s) {
		return at(fault.IllegalMove, "Task.status", "a Task starts as %s", strings.Join(w.Start, " or "))
	}
	return nil
}

// CheckChange checks a new version of a Task against the current one: the
// move, the elements each party may change, a claim, and what a move must
// bring along. The parties are what the caller is to this Task; mayClaim is
// whether the caller may become the owner that the new version names. All
// problems of one kind are reported together; expressions are FHIRPath.
func (w *Workflow) CheckChange(old, new *element.Value, parties []Party, mayClaim bool) *fault.Fault {
	oldOwner, newOwner := old.TextAt("owner.reference"), new.TextAt("owner.reference")
	changed := changedElements(old, new)
	from, to := old.Str("status"), new.Str("status")

	if slices.Contains(changed, "owner") {
		if f := checkOwner(from, oldOwner, newOwner, parties, mayClaim); f != nil {
			return f
		}
		if oldOwner == "" && newOwner != "" && mayClaim && !slices.Contains(parties, Owner) {
			parties = append(slices.Clone(parties), Owner)
		}
	} else if oldOwner == "" && mayClaim && !slices.Contains(parties, Owner) && from == "requested" && to == "rejected" {
		// Nobody owns it yet: whoever could claim it may also turn it down.
		parties = append(slices.Clone(parties), Owner)
	}
	if len(parties) == 0 {
		return at(fault.Forbidden, "Task", "only the requester and the owner may change this Task")
	}
	if f := w.checkElements(changed, parties); f != nil {
		return f
	}
	if from == to {
		if w.Ended(from) && len(changed) > 0 {
			return at(fault.IllegalMove, "Task", "the Task is %s: it no longer changes", from)
		}
		return nil
	}
	if f := w.CheckMove(from, to, parties); f != nil {
		return f
	}
	return w.checkBrings(new, to, newOwner)
}

// checkOwner decides about a change of Task.owner. Once a Task was taken on it
// is never handed over in one step, whoever asks: of two that claim at once,
// the second meets the first one's claim.
func checkOwner(from, oldOwner, newOwner string, parties []Party, mayClaim bool) *fault.Fault {
	switch {
	case oldOwner == newOwner:
		return nil // another word for the same owner
	case oldOwner != "" && newOwner != "" && from != "draft" && from != "requested":
		return at(fault.Conflict, "Task.owner", "the Task has been claimed by another")
	case slices.Contains(parties, Requester):
		return nil
	case oldOwner == "" && mayClaim:
		return nil
	case oldOwner == "":
		return at(fault.Forbidden, "Task.owner", "a Task can be claimed for oneself only")
	case slices.Contains(parties, Owner) && newOwner == "":
		return nil
	case slices.Contains(parties, Owner):
		return at(fault.Forbidden, "Task.owner", "the owner may give a Task back, not hand it to another")
	default:
		return at(fault.Conflict, "Task.owner", "the Task has been claimed by another")
	}
}

func (w *Workflow) checkElements(changed []string, parties []Party) *fault.Fault {
	var issues []fault.Issue
	for _, name := range changed {
		base := strings.TrimPrefix(name, "_")
		switch {
		case slices.Contains(w.Immutable, base):
			issues = append(issues, fault.Issue{Expression: "Task." + base, Text: "this element does not change once the Task is made"})
		case !slices.Contains(parties, Requester) && !slices.Contains(w.OwnerChanges, base):
			issues = append(issues, fault.Issue{Expression: "Task." + base,
				Text: "the owner may change only " + strings.Join(w.OwnerChanges, ", ")})
		}
	}
	if len(issues) > 0 {
		return &fault.Fault{Kind: fault.IllegalMove, Issues: issues}
	}
	return nil
}

func (w *Workflow) checkBrings(task *element.Value, to, owner string) *fault.Fault {
	if slices.Contains(w.Reason, to) && task.TextAt("statusReason.text") == "" && task.TextAt("statusReason.coding.code") == "" {
		return at(fault.IllegalMove, "Task.statusReason", "a Task that becomes %s says why, in statusReason", to)
	}
	if slices.Contains(w.Output, to) && len(task.List("output")) == 0 {
		return at(fault.IllegalMove, "Task.output", "a Task that becomes %s has at least one output", to)
	}
	if to == "accepted" && owner == "" {
		return at(fault.IllegalMove, "Task.owner", "a Task that becomes accepted names its owner")
	}
	return nil
}

// changedElements names the top-level elements that differ. meta and text are
// the server's and the reader's, not the parties'.
func changedElements(old, new *element.Value) []string {
	var out []string
	for _, f := range old.Fields {
		if n := new.Get(f.Name); n == nil || !element.Equal(f.Value, n) {
			out = append(out, f.Name)
		}
	}
	for _, f := range new.Fields {
		if old.Get(f.Name) == nil {
			out = append(out, f.Name)
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "meta" || s == "text" || s == "id" || s == "resourceType" })
}
