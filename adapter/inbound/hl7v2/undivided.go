package hl7v2

import "slices"

// division is into what a field falls.
type division uint8

const (
	composite division = iota // components with subcomponents
	undivided                 // one text
	coded                     // components that are texts
)

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

// codedFields are those that are CE, CNE or CWE in every version that has them:
// no component of these types has subcomponents, and the second one is words.
// OBX-3 is not among them: senders of older versions put suffixes behind a code
// there, 71020&IMP.
var codedFields = map[string][]int{
	"RF1": {10}, // reason of the referral
	"DG1": {3},  // diagnosis
	"PR1": {3},  // procedure
	"AL1": {3},  // allergen
	"NK1": {3},  // relationship
}

// divisionOf is how a field is divided; kind is OBX-2, which says what OBX-5 is
// (section 7.4.2.2).
func divisionOf(segment string, field int, kind string) division {
	switch {
	case segment == "OBX" && field == 5:
		switch kind {
		case "FT", "TX", "ST":
			return undivided
		case "CE", "CNE", "CWE":
			return coded
		}
	case slices.Contains(undividedFields[segment], field):
		return undivided
	case slices.Contains(codedFields[segment], field):
		return coded
	}
	return composite
}

// classes are the meanings of bytes by division.
type classes [coded + 1][256]uint8

func (s separators) byDivision() (c classes) {
	c[composite] = s.classes()
	s.subcomponent = 0
	c[coded] = s.classes()
	s.component = 0
	c[undivided] = s.classes()
	return c
}

// without are the classes of bytes that have no meaning in a division.
var without = [coded + 1]uint8{coded: endOfSubcomponent, undivided: endOfComponent | endOfSubcomponent}
