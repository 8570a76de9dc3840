package fhirmsg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// The repairs, by the name that configuration and flags use.
const (
	EmptyMember    = "empty-member"
	FractionDigits = "fraction-digits"
	MissingZone    = "missing-zone"
	OuterSpace     = "outer-space"
	SystemURI      = "system-uri"
	URNUUID        = "urn-uuid"
	IDCharacters   = "id-characters"
	SingleItem     = "single-item"
	OneItemArray   = "one-item-array"
	UnknownField   = "unknown-field"
)

// Repair is one deviation from FHIR that real senders send and that has one
// reading only.
type Repair struct {
	Name string
	Does string // what is done when it is on
	Off  string // what is done when it is off
	Why  string // who sends it, and where that was seen
	// Refuses: a message with the deviation is refused when the repair is off;
	// otherwise it is taken as it is, because FHIR allows it.
	Refuses bool
	On      bool // the default
}

const refusedAtPlace = "the message is refused at the place"

// Repairs lists them all, in the order in which they are documented.
func Repairs() []Repair {
	return []Repair{
		{EmptyMember, `null, "", [] and {} are taken as absent`, refusedAtPlace,
			"FHIR has no empty values (https://hl7.org/fhir/R4/json.html); widely used parsers take them without a word, so senders never hear of them", true, true},
		{FractionDigits, "fractions of a second are cut to six digits", "they stay as they are",
			"BaRS sends instants with up to seven digits (official examples); this house and PostgreSQL keep microseconds", false, true},
		{MissingZone, "a time without an offset is that of Europe/London", refusedAtPlace,
			"a dateTime with a time has an offset (https://hl7.org/fhir/R4/datatypes.html#dateTime); senders leave it out", true, true},
		{OuterSpace, "spaces around codes, URIs, ids and dates are taken away", refusedAtPlace,
			"a code has no space at its ends (https://hl7.org/fhir/R4/datatypes.html#code); copied from spreadsheets, codes have", true, true},
		{SystemURI, "a system is written as the table of systems writes it", "it stays as it is",
			"the systems of the NHS vary by case, scheme and spelling: Id/ods-organization-code, id/ods-organization-code, Id/ods-organisation-code", false, true},
		{URNUUID, ":uuid: in a fullUrl or reference is read as urn:uuid:", refusedAtPlace,
			"official examples have references that lost their first three letters", true, true},
		{IDCharacters, "an id with other characters than letters, digits, hyphen and full stop is kept as a name within the message", refusedAtPlace,
			"official BaRS examples have ids with {} and senders ids with _ (https://hl7.org/fhir/R4/datatypes.html#id)", true, true},
		{SingleItem, "a single value where an array is meant is read as an array of one", refusedAtPlace,
			"official BaRS examples of ServiceRequest have basedOn as an object", true, true},
		{OneItemArray, "an array of one where a single value is meant is read as that value", refusedAtPlace,
			"official BaRS examples have useContext.code and security as arrays", true, true},
		{UnknownField, "a member that FHIR does not have is passed over, and stays visible as not mapped", refusedAtPlace,
			"official BaRS examples of ServiceRequest have members of no version of FHIR; in JSON only, since XML with unknown elements cannot be read", true, true},
	}
}

// System is one naming system and the other ways in which it is written.
type System struct {
	URI  string   // as it is written here
	Also []string // case and http or https do not count, so that only other spellings need a line
}

// DefaultSystems are the systems whose spelling varies in published messages
// of the NHS.
func DefaultSystems() []System {
	return []System{
		{nhs.SystemODSOrganization, []string{"https://fhir.nhs.uk/Id/ods-organisation-code"}},
		{nhs.SystemDoSService, nil},
		{nhs.SystemNHSNumber, []string{"http://fhir.nhs.net/Id/nhs-number"}},
	}
}

// canonical is a system without what does not count.
func canonical(uri string) string {
	uri = strings.ToLower(strings.TrimSpace(uri))
	uri = strings.TrimPrefix(strings.TrimPrefix(uri, "http://"), "https://")
	return strings.TrimSuffix(uri, "/")
}

// repairs are those that are on, and the table of systems.
type repairs struct {
	on      map[string]bool
	systems map[string]string // canonical spelling to URI
}

// newRepairs applies the switches to the defaults. A name that is no repair is
// an error.
func newRepairs(on, off []string, systems []System) (*repairs, error) {
	r := &repairs{on: map[string]bool{}, systems: map[string]string{}}
	var names []string
	for _, x := range Repairs() {
		r.on[x.Name] = x.On
		names = append(names, x.Name)
	}
	for i, list := range [][]string{on, off} {
		for _, name := range list {
			if !slices.Contains(names, name) {
				return nil, fmt.Errorf("there is no repair %q; there are %s", name, strings.Join(names, ", "))
			}
			r.on[name] = i == 0
		}
	}
	if systems == nil {
		systems = DefaultSystems()
	}
	for _, s := range systems {
		for _, spelling := range append([]string{s.URI}, s.Also...) {
			r.systems[canonical(spelling)] = s.URI
		}
	}
	return r, nil
}

// system is the URI as the table writes it.
func (r *repairs) system(uri string) string {
	if known, ok := r.systems[canonical(uri)]; ok {
		return known
	}
	return uri
}

// maxNotes bounds the flags of one message, and the reasons of one refusal.
const maxNotes = 50

// note is a flag for a repair that was made.
func note(repair, place, text string) fault.Issue {
	return fault.Issue{Severity: "information", Code: inbound.FlagRepaired, Place: place, Text: repair + ": " + text}
}
