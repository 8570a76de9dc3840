package outbound

// What of a payload left with an attempt that may have arrived, as marks of its
// delivery: one of the words below, and unless it was LeftWhole each entry. They
// carry the key, so that they are found at once and by nobody else.
const (
	LeftWhole   = "whole" // as it is stored
	LeftAll     = "all"   // with its words, and not every entry
	LeftSummary = "summary"
	LeftCodes   = "codes-only"
)

// LeftMark says how much of the delivery of a key left.
func LeftMark(key, word string) string { return "left " + key + " " + word }

// LeftEntryMark says that an entry left, by the value of its identifier.
func LeftEntryMark(key, identifier string) string { return "left " + key + " entry " + identifier }
