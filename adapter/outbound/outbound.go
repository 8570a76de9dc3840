// Package outbound is what a write-back channel must be: able to deliver one
// payload once, and to say honestly what came of it. One folder below it per
// channel; outboundtest holds the suite that each must pass. A channel never
// decides on retry: relay does.
package outbound

import (
	"context"
	"time"
)

// State is what an attempt achieved, in honest words.
type State string

// The results of one attempt.
const (
	Proven    State = "proven"    // written and found again by reading it back
	Delivered State = "delivered" // the peer says it has it; nothing was read back
	Sent      State = "sent"      // the peer has taken it for transport; acknowledgements follow, see Result.Await
	Retry     State = "retry"     // nothing happened, or nobody knows; the payload is safe to send again
	Dead      State = "dead"      // the peer refuses this payload; sending it again cannot help
	Elsewhere State = "elsewhere" // the practice does not take this channel; nothing was kept there
)

// Delivery is one payload for one destination.
type Delivery struct {
	ID          int64
	Key         string    // stable identity of what is owed; the same on every attempt
	Destination string    // ODS code of the practice
	Task        string    // id of the Task it is about; empty: about none
	Payload     []byte    // FHIR R4 transaction Bundle, canonical JSON
	Attempt     int       // from 1
	Created     time.Time // when it was owed; the same on every attempt
}

// Result is what one attempt came to.
type Result struct {
	State      State
	Reason     string        // public, without patient data
	Status     int           // protocol status where there is one
	Unsent     bool          // of Retry: it is certain that nothing reached the peer
	Arrived    bool          // of Dead: the peer took it all the same, so that no other channel may send it
	Stage      Stage         // how far it has come, where State alone does not say
	Await      time.Duration // of Sent: how long the next acknowledgement may take
	References []string      // names by which acknowledgements will know it
	RetryAfter time.Duration // the peer's wish, already bounded by the channel; 0: none
	Evidence   []byte        // the peer's answer as received, bounded; readable by authorised people only, never logged
}

// Channel delivers. It is safe for concurrent use, honours ctx, and returns a
// Result in every case.
type Channel interface {
	Deliver(ctx context.Context, d Delivery) Result
}

// Acknowledgement is what a peer said, possibly days later, about something that
// was sent. Its Result is what it comes to: Sent when another one follows,
// Delivered or Proven at the end, Dead for a refusal, Elsewhere where the
// practice does not take the channel. Reason and Stage are public; the words of
// the peer are Evidence.
type Acknowledgement struct {
	Channel string
	ID      string // its own identity, so that a repeat counts once
	// How it names what it answers, in the order in which names count
	// (MessageHeader.response.identifier, the reference of ours that it echoes,
	// the id that the transport gave). Each may be empty.
	Response, Echo, Transport string
	Result
}

// Plan is what is to be done about a delivery now.
type Plan struct {
	// Do is Sent to send, Retry to wait until Until, and otherwise where the
	// delivery ends unsent: Dead in front of a human, Withheld by the choice of
	// the person.
	Do      State
	Channel string    // by which it is sent
	Payload []byte    // what is sent of it
	Marks   []string  // that say what is sent of it, see LeftMark; kept when it may have arrived
	Until   time.Time // of Retry
	Reason  string    // public; of Sent: what of it is left out, where somebody must know
}

// NotSent begins the reason of what is Dead although no channel was asked.
const NotSent = "not sent: "

// Withheld ends a delivery unsent because the person it is about chose so.
const Withheld State = "withheld"
