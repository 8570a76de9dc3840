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
	Retry     State = "retry"     // nothing happened, or nobody knows; the payload is safe to send again
	Dead      State = "dead"      // the peer refuses this payload; sending it again cannot help
)

// Delivery is one payload for one destination.
type Delivery struct {
	ID          int64
	Key         string // stable identity of what is owed; the same on every attempt
	Destination string // ODS code of the practice
	Payload     []byte // FHIR R4 transaction Bundle, canonical JSON
	Attempt     int    // from 1
}

// Result is what one attempt came to.
type Result struct {
	State      State
	Reason     string        // public, without patient data
	Status     int           // protocol status where there is one
	RetryAfter time.Duration // the peer's wish, already bounded by the channel; 0: none
	Evidence   []byte        // the peer's answer as received, bounded; readable by authorised people only, never logged
}

// Channel delivers. It is safe for concurrent use, honours ctx, and returns a
// Result in every case.
type Channel interface {
	Deliver(ctx context.Context, d Delivery) Result
}
