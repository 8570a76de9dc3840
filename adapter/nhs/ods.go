package nhs

import "strings"

// ParseODS checks the shape of an Organisation Data Service code and returns
// it in upper case: 3 to 10 letters and digits.
//
// NHS England describes codes of 1 to 9 letters and digits
// (https://digital.nhs.uk/developer/guides-and-documentation/building-healthcare-software/organisations-and-services);
// the shortest issued are trusts with 3, practices have 6, branch surgeries 9,
// and one more is allowed here because the frames have grown before. Whether a
// code was ever issued is for the directory to say, not for us.
func ParseODS(text string) (string, Reason) {
	text = strings.TrimSpace(text)
	if len(text) < 3 || len(text) > 10 {
		return "", Length
	}
	upper := true
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z':
		case c >= 'a' && c <= 'z':
			upper = false
		default:
			return "", Digits
		}
	}
	if upper {
		return text, Valid
	}
	return strings.ToUpper(text), Valid
}
