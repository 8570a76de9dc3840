package outcome

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// Owed is what one Task owes to the record. NeedsHuman is the reason why it
// cannot be sent by itself; then Bundle holds what a person would have to enter.
//
// Bundle is the one payload of a delivery, whatever the channel. It is a FHIR
// R4 transaction of conditional creates: a Procedure or Observation for each
// code that leaves, and a DocumentReference with the message a GP reads. The
// DocumentReference has two contents: the message as plain text, and the R4
// document Bundle that Document returns, from which channels that speak
// something else (letter, HL7 v2, documents) take patient, headings and
// entries. So nothing beside the payload has to be stored, and every channel
// says the same.
//
// Bundle.meta.tag names the code list: {system: SystemList, code: name,
// version: version, display: "sha256:" and 64 hex digits}.
type Owed struct {
	Key        string    // stable: the same Task owes the same thing
	Practice   string    // ODS code, empty when unknown
	Bundle     []byte    // FHIR R4 transaction; nil when nothing is owed
	Codes      []Leaving // what leaves in Bundle, in its order
	NeedsHuman string    // public
}

// Leaving is a code that leaves with a payload.
type Leaving struct {
	Code, Display string
	Group         string // code group of the list, which a practice may switch off
}

// SystemList identifies a list of codes by its name, in Bundle.meta.tag.
const SystemList = "urn:linkloop:outcome-list"

// mediaDocument is the content type of the document within a payload.
const mediaDocument = "application/fhir+json; fhirVersion=4.0"

// Document is the R4 document Bundle within a payload that Build made:
// Composition first, then Patient, practice, coded entries, Encounters,
// HealthcareServices and the Provenance, all with urn:uuid references.
// https://hl7.org/fhir/R4/documents.html. Errors: fault.Malformed when the
// payload is none or carries none, as what was restricted to codes.
func Document(payload []byte) (*element.Value, error) {
	v, err := element.Parse(payload, element.Limits{})
	if err != nil {
		return nil, fault.New(fault.Malformed, "Bundle", "the payload is no transaction Bundle")
	}
	for i, e := range v.List("entry") {
		for j, c := range e.Get("resource").List("content") {
			if c.TextAt("attachment.contentType") != mediaDocument {
				continue
			}
			at := fmt.Sprintf("Bundle.entry[%d].resource.content[%d]", i, j)
			b, err := base64.StdEncoding.DecodeString(c.TextAt("attachment.data"))
			if err != nil {
				return nil, fault.New(fault.Malformed, at, "the document is not in base64")
			}
			doc, err := element.Parse(b, element.Limits{})
			if err != nil || doc.Str("type") != "document" {
				return nil, fault.New(fault.Malformed, at, "the content is no document Bundle")
			}
			return doc, nil
		}
	}
	return nil, fault.New(fault.Malformed, "Bundle.entry", "the payload carries no document")
}

// Codes are the codes of SNOMED CT that leave with a payload, in its order,
// without their groups. A payload that is none has none.
func Codes(payload []byte) []Leaving {
	v, err := element.Parse(payload, element.Limits{})
	if err != nil {
		return nil
	}
	var out []Leaving
	for _, e := range v.List("entry") {
		if c, ok := leaving(e.Get("resource")); ok {
			out = append(out, c)
		}
	}
	return out
}

// leaving is the code of an entry.
func leaving(resource *element.Value) (Leaving, bool) {
	for _, c := range resource.Get("code").List("coding") {
		if c.Str("system") == nhs.SystemSNOMED {
			return Leaving{Code: c.Str("code"), Display: c.Str("display")}, true
		}
	}
	return Leaving{}, false
}

// Amount is how much of an outcome may go to a destination: what the person
// chose, and what the practice takes.
type Amount string

// The amounts, from least to most. A coded entry is in each but Nothing.
const (
	Nothing   Amount = "nothing"
	CodesOnly Amount = "codes"   // no free text at all: no document
	Summary   Amount = "summary" // the message without the link worker's own words, needs and goals
	All       Amount = "all"
)

// Sharing is what a payload is restricted to before it is sent.
type Sharing struct {
	Amount Amount   // "": All
	Off    []string // code groups that do not leave
}

// own are the sections of which a summary tells nothing.
var own = []string{SectionTold, SectionGoals, SectionContacts, SectionUnhelpful}

// Restrict returns the payload with what may go, and the codes that were left
// out: those of groups that are off, and those that are not on the list any
// more, however long the payload waited. nil and no error: nothing may go.
// Errors: fault.Malformed for what Build did not make.
func (l *List) Restrict(payload []byte, s Sharing) (rest []byte, without []Leaving, err error) {
	v, err := element.Parse(payload, element.Limits{})
	if err != nil || v.Str("type") != "transaction" {
		return nil, nil, fault.New(fault.Malformed, "Bundle", "the payload is no transaction Bundle")
	}
	var entries []*element.Value
	for _, e := range v.List("entry") {
		r := e.Get("resource")
		code, coded := leaving(r)
		if coded {
			known, ok := l.Find(code.Code)
			code.Group = known.Group
			if !ok || s.off(known.Group) || s.Amount == Nothing {
				without = append(without, code)
				continue
			}
		} else if s.Amount == Nothing || s.Amount == CodesOnly {
			continue
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, without, nil
	}
	for _, e := range entries {
		if r := e.Get("resource"); r.ResourceType() == "DocumentReference" && (s.Amount == Summary || len(without) > 0) {
			if err := redraw(r, s, without); err != nil {
				return nil, nil, err
			}
		}
	}
	v.Set("entry", element.NewArray(entries...))
	return v.JSON(), without, nil
}

func (s Sharing) off(group string) bool {
	for _, o := range s.Off {
		if strings.EqualFold(o, group) {
			return true
		}
	}
	return false
}
