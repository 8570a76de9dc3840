package inbound

import (
	"slices"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
)

// Envelope is a body that holds several messages of its format.
type Envelope struct {
	// Messages are each by itself, as Decode takes it, in the order of the body;
	// parts of it where they stand there whole. There may be none.
	Messages [][]byte

	// Answer puts the answers, one for each message and in their order, into
	// the answer for the whole. at is when it is given.
	Answer func(at time.Time, replies []Reply) Reply
}

// NoMessages says of a document that it is one of messages and holds none.
const NoMessages = "there is no message in the document, and nothing was taken; if one was expected, ask the sender"

// Bounds on the envelopes of documents that are taken apart.
const (
	MaxEnclosed = 5_000    // messages of one document
	MaxOpened   = 64 << 20 // bytes of all its messages, each with the rest of the document
)

// Whole is the fault of a document of messages that could not be taken apart, so
// that the fault of one of them is that of all. It belongs to the document: no
// id of a message goes with it.
func Whole(err error) *fault.Fault {
	f := *fault.Of(err)
	f.Issues = slices.Clone(f.Issues)
	for i := range f.Issues {
		f.Issues[i].Text = "the whole document is refused, and no message in it was taken: " + f.Issues[i].Text
	}
	return &f
}

// Enveloper is a Format whose messages may come several in one body, and which
// has an answer of its own for that. Each message has its own fate.
//
// A Splitter is for files that are larger than memory, and answers with a
// receipt; an Enveloper keeps the body.
//
// Open returns nil and no error for a body that is one message, or cannot be
// read: that is for Decode to say. Its errors are *fault.Fault (TooLarge).
type Enveloper interface {
	Format
	Open(body []byte) (*Envelope, error)
}

// Condenser is a Format that may say two things about one message: that it is
// kept, and what came of it. Condense leaves out the first where the second
// follows, for a transport that has one answer to a request.
type Condenser interface {
	Format
	Condense(r Reply) Reply
}
