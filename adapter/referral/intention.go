package referral

import (
	"slices"
	"strings"
)

// Intention is what a message wants to happen to a referral.
type Intention string

// The intentions, and the HL7 v2 events and BaRS message reasons that are
// commonly mapped to them.
const (
	New    Intention = "new"    // REF^I12; BaRS reason new
	Modify Intention = "modify" // REF^I13; BaRS reason update
	Cancel Intention = "cancel" // REF^I14; BaRS ServiceRequest.status revoked or entered-in-error
	Status Intention = "status" // REF^I15: how does it stand? Nothing is changed
)

// Whole lists the intentions whose message must hold the whole referral, and
// Brief those whose message need only say which referral it is about.
var (
	Whole = []string{string(New), string(Modify)}
	Brief = []string{string(Cancel), string(Status)}
)

// ParseIntention reads what a mapping made of a message; the empty text is New.
func ParseIntention(word string) (Intention, bool) {
	if word == "" {
		return New, true
	}
	return Intention(word), slices.Contains(Whole, word) || slices.Contains(Brief, word)
}

// NeedsWhole reports whether a message of this intention holds the whole
// referral.
func (i Intention) NeedsWhole() bool { return slices.Contains(Whole, string(i)) }

// kept are the elements of a ServiceRequest that no update changes: whose it
// is, when it was asked, and what became of it.
var kept = []string{"status", "intent", "subject", "requester", "authoredOn"}

// settled are the elements of a Task that no update changes beside those that
// belong to its owner and those that nobody changes.
var settled = []string{"status", "identifier"}

// bookkeeping are the elements of every resource that no message says.
var bookkeeping = []string{"resourceType", "id", "meta", "text", "identifier"}

// SenderMayChangeRequest reports whether an update by the sender changes an
// element of a ServiceRequest.
func SenderMayChangeRequest(element string) bool {
	base := strings.TrimPrefix(element, "_")
	return !slices.Contains(bookkeeping, base) && !slices.Contains(kept, base)
}

// SenderMayChangeOther reports whether an update by the sender changes an
// element of what comes with a referral, such as a Consent: all but whose it is.
func SenderMayChangeOther(element string) bool {
	base := strings.TrimPrefix(element, "_")
	return !slices.Contains(bookkeeping, base) && base != "subject" && base != "patient"
}

// SenderMayChange reports whether an update by the sender changes an element of
// a Task: what its owner may change is the owner's alone, so that no update
// undoes the work of a link worker.
func (w *Workflow) SenderMayChange(element string) bool {
	base := strings.TrimPrefix(element, "_")
	return !slices.Contains(bookkeeping, base) && !slices.Contains(settled, base) &&
		!slices.Contains(w.OwnerChanges, base) && !slices.Contains(w.Immutable, base)
}
