package mapping

import (
	"strings"
)

// Why a text is no telephone number.
const (
	noNumber    = "there is no telephone number in the text"
	tooManyOfUK = "a telephone number of the United Kingdom has at most 11 digits, the leading zero among them"
	tooFewOfUK  = "a telephone number of the United Kingdom has at least 10 digits, the leading zero among them"
)

// normalPhone writes a telephone number so that two ways to write it compare
// equal: a UK number with its leading zero and digits only (07700900123), any
// other with its country (+33123456789), an extension behind. It puts back the
// zero that a spreadsheet took from a number of ten digits. A text with words
// in it stays as it is, because the words may matter ("07700 900123, after
// six"). Why says what is wrong with the text; empty: nothing.
func normalPhone(s string) (number, why string) {
	s = strings.Join(strings.Fields(s), " ")
	number, ext := extension(unlabelled(s))
	digits := onlyDigits(number)
	if strings.Trim(number, "0123456789 ()-./+\u00a0\u2010\u2011\u2013") != "" {
		if len(digits) < 6 {
			return s, noNumber
		}
		return s, ""
	}
	international := strings.HasPrefix(strings.TrimLeft(number, " ("), "+")
	if !international && strings.HasPrefix(digits, "00") {
		international, digits = true, digits[2:]
	}
	if len(digits) < 3 || len(digits) > 15 {
		return s, noNumber
	}
	switch {
	case strings.HasPrefix(digits, "44") && (international || len(digits) == 12 || len(digits) == 13 && digits[2] == '0'):
		digits = "0" + strings.TrimLeft(digits[2:], "0")
	case international:
		digits = "+" + digits
	case len(digits) == 10 && digits[0] != '0':
		digits = "0" + digits
	}
	switch {
	case digits[0] != '0':
	case len(digits) > maxUKDigits:
		return s, tooManyOfUK
	case len(digits) < minUKDigits && digits != childline:
		return s, tooFewOfUK
	}
	if ext != "" {
		digits += " ext. " + ext
	}
	return digits, ""
}

// maxUKDigits is the length of most UK numbers with their leading zero; some
// have one digit less (Ofcom, National Telephone Numbering Plan).
const (
	maxUKDigits = 11
	minUKDigits = maxUKDigits - 1
)

// childline is shorter than all others with a leading zero: 0800 1111.
const childline = "08001111"

// unlabelled takes a label off a number: "Mob: 07700 900123".
func unlabelled(s string) string {
	end := strings.IndexFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end <= 0 {
		return s
	}
	if _, known := labels[strings.ToLower(s[:end])]; known {
		return strings.TrimLeft(s[end:], " :.")
	}
	return s
}

// extension takes "x12", "ext 12" or "extension: 12" off the end of a number.
func extension(s string) (number, ext string) {
	i := strings.IndexAny(s, "xXeE")
	if i < 0 {
		return s, ""
	}
	word := strings.ToLower(s[i:])
	for _, w := range []string{"extension", "extn", "ext", "x"} {
		if tail, ok := strings.CutPrefix(word, w); ok {
			tail = strings.Trim(tail, " .:")
			if tail != "" && len(tail) <= 6 && onlyDigits(tail) == tail {
				return s[:i], tail
			}
			return s, ""
		}
	}
	return s, ""
}

// contactSystem says what kind of contact a text is, in the words of
// http://hl7.org/fhir/contact-point-system.
func contactSystem(s string) string {
	low := strings.ToLower(strings.TrimSpace(s))
	switch {
	case strings.Contains(low, "@"):
		return "email"
	case strings.HasPrefix(low, "http://"), strings.HasPrefix(low, "https://"), strings.HasPrefix(low, "www."):
		return "url"
	case strings.HasPrefix(low, "fax"):
		return "fax"
	case len(onlyDigits(low)) >= 3:
		return "phone"
	}
	return ""
}

// contactUse is mobile for a UK mobile number (Ofcom, National Telephone
// Numbering Plan: 071 to 075, 07624, 077 to 079; 070 and the rest of 076 are
// personal numbers and pagers). Whether another number is at home or at work
// cannot be told from its digits, but by the word in front of it.
func contactUse(s string) string {
	n, why := normalPhone(s)
	if why != "" {
		return ""
	}
	if len(n) < 11 || n[:2] != "07" {
		word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
		switch l := labels[strings.ToLower(strings.TrimRight(word, ":."))]; l {
		case "home", "work":
			return l
		}
		return ""
	}
	if n[2] >= '1' && n[2] <= '5' || n[2] >= '7' && n[2] <= '9' || n[:5] == "07624" {
		return "mobile"
	}
	return ""
}
