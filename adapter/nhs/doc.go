// Package nhs knows the identifiers of the NHS: the NHS number and its check
// digit, the shape of ODS codes, SNOMED CT identifiers and the ways in which
// they arrive broken, and the URIs of identifier systems with the variants
// seen in real data.
//
// Checks answer with a Reason, never with an error: a bad identifier is a
// fact about the data that is kept and flagged, not a failure of the message.
// A Reason never carries the value it is about.
package nhs

// Reason says why an identifier is not usable. The zero value means that
// nothing is wrong. The words are stable: they are stored with data-quality
// flags and counted in metrics.
type Reason string

// The reasons, from the cheapest check to the last one made.
const (
	Valid      Reason = ""            // nothing is wrong
	Length     Reason = "length"      // too few or too many characters
	Digits     Reason = "digits"      // a character that is not allowed there
	AllSame    Reason = "all-same"    // one digit repeated: a placeholder, although modulus 11 may hold
	CheckDigit Reason = "check-digit" // the last digit does not follow from the others
	Truncated  Reason = "truncated"   // a spreadsheet kept 15 significant digits and wrote zeros behind them
	Partition  Reason = "partition"   // a SNOMED CT id whose partition is not one that exists
	Local      Reason = "local"       // a SNOMED CT id of one supplier's namespace, unknown to everyone else
)

// String is the stable word, or "valid".
func (r Reason) String() string {
	if r == Valid {
		return "valid"
	}
	return string(r)
}

// Text is the reason as a clause for people, to stand behind "the NHS number"
// or "the SNOMED CT id". It holds no part of the value.
func (r Reason) Text() string {
	switch r {
	case Valid:
		return "is valid"
	case Length:
		return "has the wrong number of characters"
	case Digits:
		return "holds a character that is not allowed"
	case AllSame:
		return "is one digit repeated, a placeholder"
	case CheckDigit:
		return "fails its check digit"
	case Truncated:
		return "was truncated to 15 significant digits, as spreadsheets do"
	case Partition:
		return "has a partition that does not exist"
	case Local:
		return "belongs to one supplier's own namespace"
	default:
		return "is not usable"
	}
}
