package outbound

// What of a payload left with an attempt that may have arrived, as marks of its
// delivery: one of the words below, and unless it was LeftWhole each entry. They
// carry the key, so that they are found at once and by nobody else.
const (
	LeftWhole   = "whole" // as it is stored
	LeftTold    = "told"  // with its words, and not every entry, nor every code of a contact
	LeftAll     = "all"   // the same, with every code of a contact; earlier versions wrote it
	LeftSummary = "summary"
	LeftCodes   = "codes-only"
)

// LeftMark says how much of the delivery of a key left.
func LeftMark(key, word string) string { return "left " + key + " " + word }

// LeftEntryMark says that an entry left, by the value of its identifier.
func LeftEntryMark(key, identifier string) string { return "left " + key + " entry " + identifier }

// LeftContactMark says that a letter left which says by a code how a contact was
// held. Such a code stands in no entry of its own.
func LeftContactMark(key, code string) string { return "left " + key + " contact " + code }
