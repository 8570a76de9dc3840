package nhs

import "strings"

// Component is the kind of thing a SNOMED CT identifier names, from the second
// digit of its partition.
type Component uint8

// The components of SNOMED CT release files.
const (
	UnknownComponent Component = iota
	Concept
	Description
	Relationship
)

// Namespaces seen in UK data (SNOMED International namespace registry).
const (
	NamespaceUKClinical = "1000000"
	NamespaceUKDrug     = "1000001"
	NamespaceUKPCD      = "1000230" // primary care domain reference sets
	NamespaceEMIS       = "1000006" // EMIS local codes: valid ids, no part of the UK edition
)

// SnomedID is a SNOMED CT identifier that passed every check.
type SnomedID struct {
	ID        string
	Component Component
	Namespace string // seven digits; empty for the international core
}

// Local reports a namespace that no system but its supplier's can read, so
// that the code must not be sent to another record.
func (s SnomedID) Local() bool { return s.Namespace == NamespaceEMIS }

// ParseSnomedID checks an identifier: 6 to 18 digits without a leading zero, a
// Verhoeff check digit, and a partition that exists (SNOMED CT Release File
// Specification 6, https://confluence.ihtsdotools.org/display/DOCRELFMT/6+SNOMED+CT+Identifiers).
// On any reason but Valid the SnomedID is empty. An id that fails its check
// digit and looks like a spreadsheet's work is Truncated; see RestoreSnomedID.
func ParseSnomedID(text string) (SnomedID, Reason) {
	text = strings.TrimSpace(text)
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return SnomedID{}, Digits
		}
	}
	if len(text) < 6 || len(text) > 18 || text[0] == '0' {
		return SnomedID{}, Length
	}
	if !verhoeffValid(text) {
		if looksTruncated(text) {
			return SnomedID{}, Truncated
		}
		return SnomedID{}, CheckDigit
	}
	id := SnomedID{ID: text}
	switch text[len(text)-2] {
	case '0':
		id.Component = Concept
	case '1':
		id.Component = Description
	case '2':
		id.Component = Relationship
	default:
		return SnomedID{}, Partition
	}
	switch text[len(text)-3] {
	case '0':
	case '1': // long format: the namespace stands before the partition
		if len(text) < 11 {
			return SnomedID{}, Partition
		}
		id.Namespace = text[len(text)-10 : len(text)-3]
	default:
		return SnomedID{}, Partition
	}
	return id, Valid
}

// ParseConcept is ParseSnomedID for a place that needs a concept of general
// meaning: descriptions and relationships are refused with Partition, a
// supplier's own codes with Local.
func ParseConcept(text string) (string, Reason) {
	id, why := ParseSnomedID(text)
	switch {
	case why != Valid:
		return "", why
	case id.Component != Concept:
		return "", Partition
	case id.Local():
		return "", Local
	}
	return id.ID, Valid
}

// RestoreSnomedID offers the concept that a truncated id was most likely made
// from. A spreadsheet keeps 15 significant digits of a number and writes zeros
// behind them, so an id of 16, 17 or 18 digits loses its check digit and up to
// both digits of its partition. All ids that long belong to a namespace, hence
// their partition is 10 for a concept, and the check digit follows.
//
// The result is a guess for a person to confirm. It must never replace the
// sender's code by itself.
func RestoreSnomedID(text string) (candidate string, ok bool) {
	text = strings.TrimSpace(text)
	if _, why := ParseSnomedID(text); why != Truncated {
		return "", false
	}
	b := []byte(text)
	n := len(b)
	if n == 18 {
		b[15] = '1'
	}
	if b[n-3] != '1' || b[n-2] != '0' {
		return "", false
	}
	b[n-1] = verhoeffDigit(string(b[:n-1]))
	if _, why := ParseConcept(string(b)); why != Valid && why != Local {
		return "", false
	}
	return string(b), true
}

func looksTruncated(text string) bool {
	return len(text) > 15 && strings.Trim(text[15:], "0") == ""
}

// The dihedral group D5 and the permutations of Verhoeff's scheme (J. Verhoeff,
// Error Detecting Decimal Codes, 1969), as the release file specification
// prints them.
var (
	verhoeffD = [10][10]byte{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
		{2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
		{4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
		{6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
		{8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
	}
	verhoeffP = [8][10]byte{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
		{5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
		{9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
		{2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8},
	}
	verhoeffInverse = [10]byte{0, 4, 3, 2, 1, 5, 6, 7, 8, 9}
)

func verhoeffValid(digits string) bool { return verhoeffSum(digits, 0) == 0 }

// verhoeffDigit is the check digit that belongs behind the digits.
func verhoeffDigit(digits string) byte { return '0' + verhoeffInverse[verhoeffSum(digits, 1)] }

// verhoeffSum folds the digits from the right; shift is 1 when the check digit
// itself is not among them.
func verhoeffSum(digits string, shift int) byte {
	var c byte
	for i := range len(digits) {
		d := digits[len(digits)-1-i] - '0'
		c = verhoeffD[c][verhoeffP[(i+shift)%8][d]]
	}
	return c
}
