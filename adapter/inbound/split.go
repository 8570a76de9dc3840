package inbound

import (
	"io"
	"iter"
)

// Part is one message of a file that holds many.
type Part struct {
	Number int    // as people count: the row of a spreadsheet, its header included; from 1
	Line   int    // line of the file on which it begins, from 1
	Lane   string // parts of one lane are taken in the order of the file; empty: in any order
	Body   []byte // the message by itself, as Decode takes it; the receiver may keep it

	// Err says why there is no message to keep, and Body is nil then: a
	// *fault.Fault, such as TooLarge. The parts behind it are not affected.
	Err error

	// Note says what stood here and was passed over, for the receipt of the
	// file; then there is nothing else in the part, and no message.
	Note string
	// Passed is how many parts stood here that the format was told to pass over.
	// They come every time, so the receipt counts them and has no Note of them.
	Passed int
}

// Splitter is a Format that comes in files of many messages. Whatever is sent
// for it is taken as a file, a single message too, and answered with a receipt
// of the file.
//
// Split reads a file part by part and keeps no more of it than a part or two.
// A pair with an error ends the file: a *fault.Fault when what follows cannot
// be read as parts at all, otherwise the error of the reader. Each part comes
// out the same wherever in a file, and in whichever file, it stands, so that a
// part that is sent again is recognised.
//
// PartName is what people call a part: row.
type Splitter interface {
	Format
	Split(r io.Reader) iter.Seq2[Part, error]
	PartName() string
}
