package hl7v2

import "slices"

// undividedFields are the fields of a referral, and of an answer, that are one
// text in every version that has them: of the types FT and TX (HL7 v2.5.1
// sections 2.A.31 and 2.A.79), or of ST where people write words. Those types
// have no components, so that a component or subcomponent separator that
// nobody escaped is a character of the text there: "R&B". A field that repeats
// is still taken apart at the repetition separator.
var undividedFields = map[string][]int{
	"NTE": {3},             // comment, FT
	"CON": {5, 6, 7, 8, 9}, // consent texts, background and limitations, FT
	"TQ1": {10, 11},        // condition, instruction, TX
	"OVR": {3},             // comments, TX
	"ERR": {7, 8},          // diagnostic information, user message, TX
	"MSA": {3},             // text message, ST
	"DG1": {4},             // diagnosis description, ST
	"PR1": {4},             // procedure description, ST
	"AL1": {5},             // reaction, ST
	"PV2": {12},            // visit description, ST
}

// undivided reports a field without components; kind is OBX-2, which says what
// OBX-5 is (section 7.4.2.2).
func undivided(segment string, field int, kind string) bool {
	if segment == "OBX" {
		return field == 5 && (kind == "FT" || kind == "TX" || kind == "ST")
	}
	return slices.Contains(undividedFields[segment], field)
}

// whole are the separators within a field without components.
func (s separators) whole() separators {
	s.component, s.subcomponent = 0, 0
	return s
}
