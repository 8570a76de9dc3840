package nhs

import "strings"

// ParseODS checks the shape of an Organisation Data Service code and returns
// it in upper case: 3 to 10 letters and digits.
//
// NHS England describes codes of 1 to 9 letters and digits
// (https://digital.nhs.uk/developer/guides-and-documentation/building-healthcare-software/organisations-and-services);
// the shortest issued are trusts with 3, practices have 6, branch surgeries 9,
// and one more is allowed here because the frames have grown before. Codes of
// letters alone have at most 5, such as those of trusts and their sites: what the
// coding frames show of longer ones has digits
// (https://archive.datadictionary.nhs.uk/DD%20Release%20September%202020/supporting_information/organisation_coding_frames.html),
// and codes issued since 2020 have digits in the second and fourth place
// (https://digital.nhs.uk/services/organisation-data-service/organisation-data-service-newsletters/february-2020-newsletter).
// Whether a code was ever issued is for the directory to say, not for us.
func ParseODS(text string) (string, Reason) {
	text = strings.TrimSpace(text)
	if len(text) < 3 || len(text) > 10 {
		return "", Length
	}
	upper, digit := true, false
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case c >= 'A' && c <= 'Z':
		case c >= 'a' && c <= 'z':
			upper = false
		default:
			return "", Digits
		}
	}
	if !digit && len(text) > 5 {
		return "", Length
	}
	if upper {
		return text, Valid
	}
	return strings.ToUpper(text), Valid
}
