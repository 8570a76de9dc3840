package outbound

// Stage is how far a delivery has come, in words that claim no more than was
// proven. The states of a delivery say what linkloop does about it; the stage
// says what is known of the other side.
type Stage string

// The stages, from the weakest. None but Verified says that something is in a
// record: practice staff can edit, drop or refuse what is in their workflow, and
// the sender is not told.
const (
	Unknown    Stage = "unknown-send"           // an attempt was made and nobody knows what became of it
	Transport  Stage = "accepted-for-transport" // the carrier has it
	Collected  Stage = "collected"              // the system of the practice fetched it
	Received   Stage = "received-by-system"     // that system could read it; it may still refuse it
	InWorkflow Stage = "in-practice-workflow"   // the patient is known there, and staff have it before them
	Taken      Stage = "taken-by-peer"          // the peer says it has it; nothing was read back
	Verified   Stage = "verified-in-record"     // found in the record by reading it back
)

// Stages beside that line.
const (
	Refused    Stage = "refused-by-peer" // the peer said no; no further word is expected
	Overdue    Stage = "overdue"         // an acknowledgement did not come in time
	FallBack   Stage = "fallback"        // on its way by the next channel of its route
	Superseded Stage = "superseded"      // a correction took its place
	Recalled   Stage = "recalled"        // taken back, and not sent any more
	Orphan     Stage = "orphan"          // an acknowledgement of something nobody here knows
)

// line is the order of the stages.
var line = map[Stage]int{Unknown: 1, Transport: 2, Collected: 3, Received: 4, Taken: 5, InWorkflow: 6, Verified: 7}

// Further reports whether a stage is further along than another; stages beside
// the line are behind all others.
func (s Stage) Further(than Stage) bool { return line[s] > line[than] }
