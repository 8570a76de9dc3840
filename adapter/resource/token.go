package resource

import "github.com/linkloop/linkloop/adapter/nhs"

// canonical writes a system the standard way, and NHS numbers and ODS codes
// too, so that a search finds what is meant however either side spells it: the
// same systems stand in real data in several cases and with both schemes.
func canonical(system, code string) (string, string) {
	if system == "" {
		return system, code
	}
	system, _ = nhs.CanonicalSystem(system)
	parse := nhs.ParseODS
	switch system {
	case nhs.SystemNHSNumber:
		parse = nhs.ParseNumber
	case nhs.SystemODSOrganization, nhs.SystemODSSite:
	default:
		return system, code
	}
	if normal, reason := parse(code); reason == nhs.Valid {
		code = normal
	}
	return system, code
}
