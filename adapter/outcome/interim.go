package outcome

import (
	"fmt"
	"slices"
)

// The updates that a practice may get before a Task ends.
const (
	Accepted     = "accepted"
	FirstContact = "first-contact"
	PlanAgreed   = "plan-agreed"
)

// Updates are all of them, in the order in which they happen.
var Updates = []string{Accepted, FirstContact, PlanAgreed}

// updated is what a practice is told by an update.
var updated = map[string]string{
	Accepted:     "Accepted by the link worker service",
	FirstContact: "The link worker spoke to the person for the first time",
	PlanAgreed:   "The person and the link worker agreed on a plan",
}

// Update is the message that something happened on the way to an outcome. It
// has no codes: what is coded is said once, when the Task ends. An update that
// cannot be sent by itself is nothing that a human must look after; then Bundle
// is nil.
func (l *List) Update(in Input, event string) (Owed, error) {
	if !slices.Contains(Updates, event) {
		return Owed{}, fmt.Errorf("%s is no update", event)
	}
	b := l.builder(in)
	b.prefix, b.kind = "update-"+event+"-", "Social prescribing: update on a referral"
	number := numberOf(in.Patient)
	outcome := updated[event] + ", " + in.Now.In(london).Format(dayLayout)
	letter := b.story.letter(in, "Social prescribing: update on your referral", number, []string{outcome})
	if len(letter.Text()) > maxLetter {
		return Owed{}, nil // the referral alone is longer than a letter; its outcome will be refused with the reason
	}
	owed := b.owed("Task/" + b.task + "/update/" + event)
	if owed.NeedsHuman != "" {
		return Owed{}, nil
	}
	b.summary(letter)
	owed.Bundle = b.bundle()
	return owed, nil
}
