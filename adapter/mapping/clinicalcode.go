package mapping

import (
	"strings"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// snomedKinds are what the argument of snomed can be.
var snomedKinds = map[string]nhs.Component{"concept": nhs.Concept, "description": nhs.Description, "any": nhs.UnknownComponent}

// snomed lets a SNOMED CT id through that passes every check that needs no
// terminology server; otherwise the finding says which it failed.
func snomed(e *eval, c *call, v val) val {
	kind := nhs.Concept
	if len(c.args) > 0 {
		kind = snomedKinds[c.args[0]]
	}
	id, why := nhs.ParseSnomedID(v.text)
	switch {
	case why == nhs.Valid && kind != nhs.UnknownComponent && id.Component != kind:
		return e.unusable(v, "not-a-snomed-id", "the SNOMED CT id is of another kind than this rule takes")
	case why == nhs.Valid && id.Local():
		why = nhs.Local
		fallthrough
	case why != nhs.Valid:
		return e.unusable(v, "not-a-snomed-id", "the SNOMED CT id "+why.Text())
	}
	return text(v, id.ID)
}

func snomedArgs(c *call) string {
	if len(c.args) > 0 {
		if _, ok := snomedKinds[c.args[0]]; !ok {
			return "the argument is concept, description or any"
		}
	}
	return ""
}

// readCode brings a Read code (version 2 or CTV3) into the five characters that
// code tables hold: two digits of a term code behind them are cut off, dots
// that were lost are put back. Capitals count in Read codes. Anything else,
// such as a supplier's local code, stays as it is.
func readCode(s string) string {
	s = strings.TrimSpace(s)
	if len(s) == 7 && !strings.HasPrefix(s, "EMIS") && onlyDigits(s[5:]) == s[5:] && readForm(s[:5]) {
		s = s[:5]
	}
	if len(s) > 0 && len(s) < 5 && readForm(s) {
		s += "....."[len(s):]
	}
	return s
}

// readForm reports letters and digits with dots behind them only.
func readForm(s string) bool {
	body := strings.TrimRight(s, ".")
	for i := range len(body) {
		if c := body[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return body != ""
}
