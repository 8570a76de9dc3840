// Package inbound is what a wire format must be: able to decode bytes into a
// message tree and to answer in its own words. One folder below it per format;
// inboundtest holds the suite that each must pass.
package inbound

import (
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/referral"
)

// Message is one decoded message.
type Message struct {
	Tree *message.Tree
	ID   string // the sender's own message id: MSH-10, Bundle.id; empty when it sent none
	Type string // what it is: REF^I12, servicerequest-request, referral

	// Flags are what the decoder had to make of the bytes, such as an encoding
	// that nobody named. An accepted message carries them.
	Flags []fault.Issue

	// Trace is by what an answer that comes later names this message and finds
	// its sender. It is kept with the Provenance of an accepted message, so it
	// holds nothing about a person.
	Trace []Trace

	// Echo keeps what the format needs to answer (MSH-3 to MSH-6, version,
	// the focus of a MessageHeader). Only the format reads it.
	Echo map[string]string
}

// FlagRepaired is the code of the flag that a decoder leaves for each deviation
// from its standard that it put right.
const FlagRepaired = "repaired"

// Trace is one identifier of a message.
type Trace struct{ System, Value string }

// TracePrefix begins the systems of a Trace: urns of this house, as no
// published system does.
const TracePrefix = "urn:linkloop:trace:"

// The systems of a Trace.
const (
	TraceMessage     = "urn:linkloop:trace:message"     // the sender's own id of the message
	TraceCorrelation = "urn:linkloop:trace:correlation" // what joins the messages of one story, such as X-Correlation-Id
	TraceFrom        = "urn:linkloop:trace:from"        // the endpoint of the sender, as it named it
	TraceVersion     = "urn:linkloop:trace:version"     // of the standard that the message follows
	TraceTo          = "urn:linkloop:trace:to"          // our endpoint, as the sender named it
	// TraceFocus is what the sender calls its request within one story, where it
	// has no name for it that holds beyond: with TraceCorrelation it finds it again.
	TraceFocus = "urn:linkloop:trace:focus"
)

// Answer is what the house says about a message, before a format words it.
type Answer struct {
	Fault     *fault.Fault  // nil: accepted
	Duplicate bool          // accepted before; this is the first answer again
	MessageID int64         // number in the inbox, for support
	Task      string        // id of the Task made, empty when refused
	Request   string        // id of the ServiceRequest made
	Flags     []fault.Issue // data-quality remarks on an accepted message
	// Intention is what the message was taken to want, and New of an update that
	// made a referral; empty when the message was refused before that was known.
	Intention referral.Intention
	// State is how the referral stands after this decision: of a message that
	// asks, the answer; of a cancellation that came twice, what the first made
	// of it. Nil when the message was refused.
	State *State
	Base  string    // public FHIR base URL without trailing slash
	At    time.Time // when it was decided
}

// State is how a referral stands, in codes: it holds no words about a person,
// so that every format may print it whole.
type State struct {
	Task    string // Task.status, http://hl7.org/fhir/task-status
	Request string // ServiceRequest.status, http://hl7.org/fhir/request-status
	// Business is what the link worker is doing, Task.businessStatus: its first
	// coding of a system known to hold codes. Nil: not said.
	Business *Coding
	// Reason is the first coding of Task.statusReason of such a system: why it
	// was rejected, put on hold or ended. Nil: not said, or in words only.
	Reason  *Coding
	Updated time.Time // when the Task last changed
}

// Coding is one code (https://hl7.org/fhir/R4/datatypes.html#Coding). Display
// is the word of this house for it, or empty; never what a client wrote.
type Coding struct{ System, Code, Display string }

// Reply is an answer on the wire.
type Reply struct {
	Status      int // HTTP status; a transport without one ignores it
	ContentType string
	Body        []byte
}

// Format is one wire format. Both methods are pure and safe for concurrent
// use; neither keeps the bytes it was given.
//
// Decode errors are *fault.Fault (Malformed, TooLarge, Unsupported) located in
// the words of the format. When enough was readable to answer properly, Decode
// returns the partial Message together with the error.
//
// Reply words the answer for the sender; m is nil when nothing was readable.
type Format interface {
	Decode(body []byte) (*Message, error)
	Reply(m *Message, a Answer) Reply
}
