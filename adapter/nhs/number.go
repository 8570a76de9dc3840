package nhs

import "unicode/utf8"

// ParseNumber reads an NHS number as people and systems write it: ten digits,
// with spaces or hyphens between them (943 476 5919, 943-476-5919). It returns
// the ten digits, or "" and the reason.
//
// The check is modulus 11 with weights 10 to 2 (NHS Data Dictionary, attribute
// NHS NUMBER: https://www.datadictionary.nhs.uk/attributes/nhs_number.html).
// One digit repeated ten times passes that sum whatever the digit is, and is
// what systems write into a field they must fill; it is refused by name.
func ParseNumber(text string) (string, Reason) {
	var digits [10]byte
	n := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			if n < len(digits) {
				digits[n] = c
			}
			n++
			i++
		case c == ' ' || c == '-' || c == '\t':
			i++
		default:
			r, size := utf8.DecodeRuneInString(text[i:])
			if !separator(r) {
				return "", Digits
			}
			i += size
		}
	}
	if n != len(digits) {
		return "", Length
	}
	if r := checkNumber(digits); r != Valid {
		return "", r
	}
	if len(text) == len(digits) {
		return text, Valid
	}
	return string(digits[:]), Valid
}

// separator reports the typographic spaces and hyphens that word processors
// put between digits.
func separator(r rune) bool {
	switch r {
	case '\u00a0', '\u2007', '\u2009', '\u202f', // no-break, figure, thin, narrow no-break space
		'\u2010', '\u2011', '\u2012', '\u2013': // hyphen, no-break hyphen, figure dash, en dash
		return true
	}
	return false
}

func checkNumber(digits [10]byte) Reason {
	same, sum := true, 0
	for i := range 9 {
		sum += int(digits[i]-'0') * (10 - i)
		same = same && digits[i] == digits[i+1]
	}
	if same {
		return AllSame
	}
	check := 11 - sum%11
	if check == 11 {
		check = 0
	}
	// A remainder that asks for check digit 10 means the number was never issued.
	if check == 10 || check != int(digits[9]-'0') {
		return CheckDigit
	}
	return Valid
}

// FormatNumber prints ten digits as the NHS shows them to people, 943 476 5919
// (NHS Digital identity guidelines, 3-3-4). Any other text is returned as it is.
func FormatNumber(number string) string {
	if len(number) != 10 {
		return number
	}
	for i := range len(number) {
		if number[i] < '0' || number[i] > '9' {
			return number
		}
	}
	return number[:3] + " " + number[3:6] + " " + number[6:]
}

// ReservedForTests reports whether a valid number lies in 999 000 0000 to
// 999 999 9999, which is kept for tests and demonstrations and is never given
// to a person (https://en.wikipedia.org/wiki/NHS_number).
func ReservedForTests(number string) bool {
	return len(number) == 10 && number[:3] == "999"
}
