package referral

import (
	"fmt"
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
		if f := checkOwner(from, oldOwner, newOwner, parties, mayClaim, w.givesBack(old, new)); f != nil {
			return f
		}
		if oldOwner == "" && newOwner != "" && mayClaim && !slices.Contains(parties, Owner) {
			parties = append(slices.Clone(parties), Owner)
		}
	} else if oldOwner == "" && mayClaim && !slices.Contains(parties, Owner) && from == "requested" && to == "rejected" {
		// Nobody owns it yet: whoever could claim it may also turn it down.
		parties = append(slices.Clone(parties), Owner)
	}
	if len(parties) == 0 && oldOwner == "" && mayClaim && w.Claim.To != "" {
		return at(fault.Forbidden, "Task", "only the requester and the owner may change this Task, and it has no owner yet: claim it first, with $claim")
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
	if w.givesBack(old, new) && slices.Contains(parties, Owner) {
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
//
// given says that the change gives the Task back, as $release does.
func checkOwner(from, oldOwner, newOwner string, parties []Party, mayClaim, given bool) *fault.Fault {
	switch {
	case oldOwner == newOwner:
		return nil // another word for the same owner
	case oldOwner != "" && newOwner != "" && from != "draft" && from != "requested" && slices.Contains(parties, Owner):
		// A colleague of the owner, who claims too, or hands the Task over.
		return at(fault.Conflict, "Task.owner", "the Task has been claimed by another; it is handed over by $release, and $claim with the new owner")
	case oldOwner != "" && newOwner != "" && from != "draft" && from != "requested":
		return at(fault.Conflict, "Task.owner", "the Task has been claimed by another")
	case oldOwner != "" && newOwner == "" && from != "draft" && from != "requested" && !given:
		return at(fault.IllegalMove, "Task.owner", "a Task that was taken on keeps its owner until it is over or given back with $release")
	case slices.Contains(parties, Requester):
		return nil
	case oldOwner == "" && mayClaim:
		return nil
	case oldOwner == "":
		return at(fault.Forbidden, "Task.owner", "a Task can be claimed for oneself only: the organisation of the caller, or a PractitionerRole of it")
	case slices.Contains(parties, Owner) && newOwner == "":
		return nil
	case slices.Contains(parties, Owner):
		return at(fault.Forbidden, "Task.owner", "the owner may give a Task back, not hand it to another")
	default:
		return at(fault.Conflict, "Task.owner", "the Task has been claimed by another")
	}
}

// checkElements refuses elements that the parties do not change. Each issue
// names the element, the rule of the table that says so, and what is allowed.
func (w *Workflow) checkElements(changed []string, parties []Party) *fault.Fault {
	var issues []fault.Issue
	for _, name := range changed {
		base := strings.TrimPrefix(name, "_")
		switch {
		case slices.Contains(w.Immutable, base):
			issues = append(issues, fault.Issue{Expression: "Task." + base, Text: fmt.Sprintf(
				"this element does not change once the Task is made (rule immutable of the workflow %s, which names %s)", w.Name, strings.Join(w.Immutable, ", "))})
		case !w.mayWrite(base, parties):
			issues = append(issues, fault.Issue{Expression: "Task." + base, Text: fmt.Sprintf(
				"the owner may change only %s (rule owner_changes of the workflow %s)", strings.Join(w.OwnerChanges, ", "), w.Name)})
		}
	}
	if len(issues) > 0 {
		return &fault.Fault{Kind: fault.IllegalMove, Issues: issues}
	}
	return nil
}

// mayWrite reports whether one of the parties may change an element.
func (w *Workflow) mayWrite(element string, parties []Party) bool {
	return !slices.Contains(w.Immutable, element) &&
		(slices.Contains(parties, Requester) || slices.Contains(w.OwnerChanges, element))
}

// Complete puts back what a whole-resource update left out and cannot have
// meant to take away: the elements that its author may not change, and all
// elements when the author does not say which version it rests on (sure is
// false), because a tool that knows only some elements sends only these. What
// the author may change and leaves out of a version that it names is taken
// away, as R4 has it. It reports whether it put anything back.
func (w *Workflow) Complete(old, new *element.Value, parties []Party, sure bool) bool {
	put := false
	for _, f := range old.Fields {
		base := strings.TrimPrefix(f.Name, "_")
		if serverSide(base) || new.Get(f.Name) != nil || sure && w.mayWrite(base, parties) {
			continue
		}
		half := "_" + base
		if half == f.Name {
			half = base
		}
		if now := new.Get(half); now != nil && !element.Equal(old.Get(half), now) {
			continue // the author changed the other half of a primitive
		}
		new.Set(f.Name, f.Value.Clone())
		put = true
	}
	return put
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

// DropReason takes statusReason from a Task that moves on from the status that it
// was the reason for, and still has it: why it was on hold, or given back, is not
// why it is completed, and would be told so in the outcome. What a status needs a
// reason for keeps it.
// https://hl7.org/fhir/R4/task-definitions.html#Task.statusReason
func (w *Workflow) DropReason(old, new *element.Value) {
	from, to := old.Str("status"), new.Str("status")
	if from == to || !slices.Contains(w.Reason, from) && from != w.Release.To || slices.Contains(w.Reason, to) {
		return
	}
	if was, is := old.Get("statusReason"), new.Get("statusReason"); was != nil && is != nil && element.Equal(was, is) {
		new.Remove("statusReason")
	}
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
	return slices.DeleteFunc(out, serverSide)
}

// serverSide reports whether an element is the server's or the reader's.
func serverSide(element string) bool {
	return element == "meta" || element == "text" || element == "id" || element == "resourceType"
}
