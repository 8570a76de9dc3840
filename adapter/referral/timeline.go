package referral

import "time"

// Event is one line of a referral's timeline, as the practice and the link
// worker see it. What is plain English without patient data.
type Event struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	Who  string    `json:"who,omitempty"`
	Ref  string    `json:"ref,omitempty"` // resource or delivery it is about
}
