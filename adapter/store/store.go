// Package store is the durable state of linkloop: the inbox of messages as
// received, resources with all their versions and index, deliveries owed, and
// the audit trail. Every change is a decision: a function run alone in one
// transaction, on disk before Decide returns.
//
// One folder below it per database; storetest holds the suite that each must
// pass.
package store

import (
	"context"
	"time"

	"github.com/linkloop/linkloop/adapter/resource"
)

// Store is one open database.
//
// Decide runs fn in a transaction and returns when its effects are on disk, or
// returns fn's error with nothing changed. Concurrent decisions share commits;
// each sees what earlier ones did, those of other instances on the same
// database included. fn may run again after a lost race, must not block on
// anything but tx, and must not keep tx: what it sets outside of itself it sets
// anew each time. Errors: what fn returned, or a *fault.Fault of kind Transient
// when the store cannot take the decision now. A decision whose commit got no
// answer is Transient too, and may have happened.
//
// View runs fn on a consistent snapshot: no later commit shows in it. It waits
// while the store has no reader to spare. fn may run again.
//
// A decision that panics is undone and is fault.Internal. After Close both
// return Transient.
//
// Now is the clock of the store, the same for all instances on one database;
// unlike Tx.Time it may go back.
//
// Check is for readiness: it goes through the queue and to the disk and back.
//
// Prune removes some of what is older than the retention: a bounded step, so
// that decisions beside it hardly wait; more says that there is more to remove.
// The space is used again, and what is not needed goes back to the file system.
type Store interface {
	Decide(ctx context.Context, fn func(tx Tx) error, hints ...Hint) error
	View(ctx context.Context, fn func(r Reader) error) error
	Now() time.Time
	Check(ctx context.Context) error
	Stats() Stats
	Prune(ctx context.Context, r Retention) (removed int, more bool, err error)
	Close() error
}

// Hint says what a decision is going to read, so that a store behind a network
// fetches it for a whole group of decisions at once. It is only about speed: a
// store may ignore it, and what is not hinted at is read all the same.
type Hint struct {
	Keys       []Key            // resources that it will Get or Put
	Dedupe     [][32]byte       // messages that it will Find
	Deliveries []int64          // deliveries that it will Get, Settle or Extend
	Searches   []resource.Query // what it will Search for; only the first page of what carries one value can be read ahead
}

// Retention says before which time things are old enough to be removed; a zero
// time keeps them for ever. Current versions of resources, failed and closed messages,
// and deliveries that are owed, awaited or in front of a human are never removed. No id
// is given twice, whatever is removed: a store may keep the newest row for it.
type Retention struct {
	Messages   time.Time // accepted messages with their answers, and receipts of files, by when they were received
	Deliveries time.Time // delivered, proven, withheld and closed deliveries with their attempts, by when they were settled
	History    time.Time // versions of resources that are no longer current, by when they were written
	Audit      time.Time // the audit trail
}

// Stats is what the metrics show. Counts are since the store was opened.
type Stats struct {
	Waiting       int   // decisions in the queue
	Decisions     int64 // answered after a commit
	Failed        int64 // of these, those that returned an error
	Refused       int64 // turned away: queue full or closing
	Commits       int64
	FailedCommits int64
	LogBytes      int64 // size of the write-ahead log that is ours; 0 when the database server keeps it
	DataBytes     int64 // size of the data with its indexes
	// ClockAhead is how far the last commit time is in front of the clock:
	// seconds or more mean that the clock has gone back.
	ClockAhead time.Duration
}

// Reader is one snapshot, by rooms.
type Reader interface {
	Resources() ResourceReader
	Inbox() InboxReader
	Deliveries() DeliveryReader
	Switches() SwitchReader
	Audit() AuditReader
}

// Tx is one decision, by rooms.
type Tx interface {
	Resources() ResourceWriter
	Inbox() InboxWriter
	Deliveries() DeliveryWriter
	Switches() SwitchWriter
	Audit() AuditReader // of earlier decisions; Ledger writes it
	Ledger() Ledger
	// Time is the commit time of this decision: UTC, whole microseconds,
	// greater than that of every decision before it, and that of the first
	// version it writes. Further versions follow a microsecond apart.
	Time() time.Time
}

// Key names a resource.
type Key struct{ Type, ID string }

// String is the relative reference, such as Task/123.
func (k Key) String() string { return k.Type + "/" + k.ID }

// Version is one version of a resource as stored and as served.
type Version struct {
	Key
	Number  int64     // from 1
	Updated time.Time // UTC, microseconds; unique across all versions of all resources
	Deleted bool
	Body    []byte // complete JSON with meta.versionId and meta.lastUpdated, shared and not to be changed; nil when deleted
}

// Write is a new version of a resource.
type Write struct {
	Key
	Body  []byte         // element.Canonical bytes; the store stamps version and time; nil deletes
	Index resource.Index // replaces what the previous version was found by
	// Expect is the version this write builds on: 0 for a resource that must
	// not exist yet. Another current version is fault.VersionConflict.
	Expect int64
}

// Page is one page of a search or a history.
type Page struct {
	Versions []Version
	Next     string // cursor for the next page, empty when this is the last
	Total    int64  // -1 when not asked for, or more than the store is willing to count
}

// ResourceReader reads resources. Get, GetVersion and the History of one
// resource return fault.NotFound; a deleted version comes back with Deleted set
// and no body. A cursor that is not of the same query is fault.Malformed. Pages
// hold 1,000 versions at most.
//
// Search never finds deleted resources. It relies on every Term being of one
// type only. Sorted by a parameter, a resource stands at the start of its
// interval: of the earliest when ascending, of the latest when descending;
// those without a value come last, and equals are in order of update.
type ResourceReader interface {
	Get(Key) (Version, error)
	GetVersion(k Key, number int64) (Version, error)
	Search(resource.Query) (Page, error)
	History(HistoryQuery) (Page, error)
}

// HistoryQuery selects versions, newest first. Key.ID empty: all of the type;
// Key.Type empty: everything.
type HistoryQuery struct {
	Key
	Since time.Time // versions updated at or after; zero: all
	After string    // cursor
	Limit int
}

// ResourceWriter adds Put to reading.
type ResourceWriter interface {
	ResourceReader
	// Put writes a version and returns it. Writing to a deleted resource
	// revives it; Expect is then the number of the deletion. Errors:
	// fault.VersionConflict, fault.NotFound when what never was is deleted.
	Put(Write) (Version, error)
	// Reindex replaces what the current version of a resource is found by, and
	// leaves the version as it is: for an index that knows more than the one it
	// was written with. It does nothing when number is not the current version
	// any more, or when that is a deletion.
	Reindex(k Key, number int64, ix resource.Index) error
}

// MessageState is how a message ended.
type MessageState string

// Every message ends as one of these.
const (
	Accepted MessageState = "accepted"
	Failed   MessageState = "failed"
	// ClosedMessage is a failed one that will never be right: a human looked at
	// it and said why. It is kept, and listed by itself.
	ClosedMessage MessageState = "closed"
)

// Known reports whether a message can end so.
func (s MessageState) Known() bool { return s == Accepted || s == Failed || s == ClosedMessage }

// Message is one received message: the bytes, what became of them, and the
// answer that was given.
type Message struct {
	ID          int64    // given by Add
	Dedupe      [32]byte // identity for repeats: sender, message id and body; unique
	Sender      string
	MessageID   string // the sender's own id
	Format      string
	Received    time.Time
	Body        []byte // exactly as received
	Mapping     string // content hash of the mapping used, see Ledger.SaveMapping
	State       MessageState
	Issues      []byte // JSON array of fault.Issue: reasons of a failure or flags of an acceptance
	Kind        string // fault kind of a failure, of a closed message too
	Task        string // ids of what was made
	Request     string
	ReplyStatus int
	ReplyType   string
	Reply       []byte
	Seen        int64 // how often it arrived
}

// InboxFilter selects messages, newest first. Zero fields do not filter.
type InboxFilter struct {
	State  MessageState
	Sender string
	Task   string
	Before int64 // ids below; 0: from the newest
	After  int64 // ids above
	Oldest bool  // oldest first
	Limit  int
}

// InboxReader reads messages. Get and Find return fault.NotFound. List leaves
// Body and Reply out.
type InboxReader interface {
	Get(id int64) (Message, error)
	Find(dedupe [32]byte) (Message, error)
	List(InboxFilter) ([]Message, error)
	// ForTask returns the message that made the Task.
	ForTask(task string) (Message, error)
}

// InboxWriter adds writing. Add returns fault.Duplicate when Dedupe is there
// already. Replace overwrites the row with m.ID, for replay.
type InboxWriter interface {
	InboxReader
	Add(m Message) (id int64, err error)
	Replace(m Message) error
}

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery.
const (
	Owed      DeliveryState = "owed"      // due now or later
	Leased    DeliveryState = "leased"    // being sent
	Sent      DeliveryState = "sent"      // the peer has taken it; an acknowledgement is awaited until Due
	Delivered DeliveryState = "delivered" // the peer said yes; not read back
	Proven    DeliveryState = "proven"    // read back from the record
	Dead      DeliveryState = "dead"      // in front of a human, with a reason
	Held      DeliveryState = "held"      // stopped by a human
	Withheld  DeliveryState = "withheld"  // not sent, because the person it is about chose so
	Closed    DeliveryState = "closed"    // a human saw to it by other means, and said how
)

// Delivery is one payload owed to one destination.
type Delivery struct {
	ID         int64
	Key        string // stable identity; owing the same key twice is one delivery
	Lane       string // ODS code of the practice: deliveries of a lane fail together
	Channel    string
	Task       string // the Task it is about
	Patient    string // id of the Patient
	State      DeliveryState
	Stage      string    // how far the last word of the peer says it has come, outbound.Stage; empty: nothing was heard
	Due        time.Time // when it is sent, or until when an acknowledgement is awaited
	LeaseUntil time.Time
	Fence      int64 // number of the lease; settling with an older one is refused
	Attempts   int   // how many are on record
	Created    time.Time
	Settled    time.Time // when it reached delivered, proven, dead, withheld or closed
	Reason     string    // of the last failure; public
	Payload    []byte
	// Marks are words by which it is found later, see DeliveryFilter.Mark. Owe,
	// Settle, Advance and Mark write them; they are not read back.
	Marks []string
}

// Attempt is one try, or one acknowledgement, kept as long as its delivery.
type Attempt struct {
	Delivery int64
	Number   int
	Channel  string // by which it was made
	Started  time.Time
	Ended    time.Time
	State    string // outbound.State or outbound.Stage
	Status   int
	Reason   string
	Evidence []byte
}

// DeliveryFilter selects deliveries, newest first. Zero fields do not filter.
type DeliveryFilter struct {
	State  DeliveryState
	Lane   string
	Task   string
	Mark   string    // deliveries that carry it
	Since  time.Time // created at or after
	Until  time.Time // created before
	Before int64
	Limit  int
}

// DeliveryReader reads deliveries. Get returns fault.NotFound. List leaves
// Payload out. NextDue is the zero time when nothing is owed. Overdue lists up
// to n that are Sent and whose Due has come, the longest overdue first, without
// their payloads.
type DeliveryReader interface {
	Get(id int64) (Delivery, error)
	List(DeliveryFilter) ([]Delivery, error)
	Attempts(id int64) ([]Attempt, error)
	NextDue() (time.Time, error)
	Overdue(now time.Time, n int) ([]Delivery, error)
	Counts() (map[DeliveryState]int64, error)
}

// DeliveryWriter changes deliveries.
type DeliveryWriter interface {
	DeliveryReader
	// Owe adds a delivery, as owed or held, due at once when Due is zero, or as
	// dead with a reason when it cannot be sent at all; owing a key again
	// returns the first id and false.
	Owe(Delivery) (id int64, added bool, err error)
	// Lease takes up to n due deliveries, oldest due first, of each lane no
	// more than room says, and marks them leased until the time. An expired
	// lease counts as due. A nil room is room for all. What a lane without
	// room has piled up costs the others next to nothing.
	Lease(now, until time.Time, n int, room func(lane string) int) ([]Delivery, error)
	// Settle ends a lease: records the attempt under the next number and sets
	// state, stage, channel, due time and reason, and adds Marks. A fence that
	// is not the current one, or a delivery that is not leased, is
	// fault.Conflict. A lease that ran out still counts while nobody else has
	// taken the delivery.
	Settle(d Delivery, a Attempt) error
	// Advance records what was heard about a delivery, or that nothing was, and
	// moves it as Settle does, without a lease. One that is leased has then lost
	// its lease. The caller has read it in the same decision.
	Advance(d Delivery, a Attempt) error
	// Note adds to the record of attempts and changes nothing else.
	Note(id int64, a Attempt) error
	// Mark adds marks to a delivery that was owed without them, and changes
	// nothing else.
	Mark(id int64, marks []string) error
	// Extend moves the end of a lease that is still the current one; else it
	// is fault.Conflict, and whoever holds it must stop.
	Extend(id, fence int64, until time.Time) error
	// Release sets a dead, held or withheld delivery to owed and due at once, or
	// an owed or leased one to held: whoever holds the lease has lost it. Other
	// moves are fault.IllegalMove.
	Release(id int64, to DeliveryState, now time.Time) error
}

// SwitchReader reads switches: small settings that are changed while linkloop
// runs, are the same for all instances, and count from the next decision on.
type SwitchReader interface {
	// Get returns the value of a switch, nil when it is not set.
	Get(name string) ([]byte, error)
	// List returns the switches whose names begin with prefix, MaxSwitches of
	// them at most.
	List(prefix string) (map[string][]byte, error)
}

// SwitchWriter changes switches.
type SwitchWriter interface {
	SwitchReader
	// Set sets a switch; a nil value removes it. A name has 1 to 256 bytes and a
	// value at most 64 KiB.
	Set(name string, value []byte) error
}

// MaxSwitches is how many switches a List returns at most.
const MaxSwitches = 20_000

// AuditEvent is one line of the audit trail.
type AuditEvent struct {
	At      time.Time
	Agent   string // name of the client or sender
	Action  string // create, update, read, intake, deliver, replay
	Entity  string // Task/123
	Version int64
	Outcome string // success or a fault kind
}

// Ledger keeps small facts that decisions rest on.
type Ledger interface {
	// Once returns true the first time a key is claimed, false ever after.
	Once(key string) (bool, error)
	// Audit appends to the audit trail.
	Audit(AuditEvent) error
	// SaveMapping keeps the source files of a mapping under their content
	// hash, so that an explanation can be made again years later.
	SaveMapping(hash string, files []byte) error
	// Mapping returns what SaveMapping kept; fault.NotFound.
	Mapping(hash string) ([]byte, error)
	// SaveReceipt keeps the receipt of a file; the first one under a name
	// stands.
	SaveReceipt(Receipt) error
	// Receipt returns what SaveReceipt kept in an earlier decision;
	// fault.NotFound.
	Receipt(name string) (Receipt, error)
	// Receipts lists receipts of earlier decisions, newest name first, without
	// their bodies; MaxReceipts at most.
	Receipts(ReceiptFilter) ([]Receipt, error)
}
