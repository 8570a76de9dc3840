package outcome

import (
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
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
// version: version, display: "sha256:" and 64 hex digits}, and the status of the
// Task: {system: SystemStatus, code}.
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

// SystemStatus is the code system of Task.status, in Bundle.meta.tag.
// http://hl7.org/fhir/R4/codesystem-task-status.html
const SystemStatus = "http://hl7.org/fhir/task-status"

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
			return decoded(c, fmt.Sprintf("Bundle.entry[%d].resource.content[%d]", i, j))
		}
	}
	return nil, fault.New(fault.Malformed, "Bundle.entry", "the payload carries no document")
}

// decoded is the document in a content.
func decoded(content *element.Value, at string) (*element.Value, error) {
	b, err := base64.StdEncoding.DecodeString(content.TextAt("attachment.data"))
	if err != nil {
		return nil, fault.New(fault.Malformed, at, "the document is not in base64")
	}
	doc, err := element.Parse(b, element.Limits{})
	if err != nil || doc.Str("type") != "document" || resource(doc, "Composition") == nil {
		return nil, fault.New(fault.Malformed, at, "the content is no document Bundle")
	}
	return doc, nil
}

// Codes are the codes of SNOMED CT that leave with a payload, without their
// groups: those of its entries in their order, then those by which its letters
// say how contacts were held. A payload that is none has none.
func Codes(payload []byte) []Leaving {
	v, err := element.Parse(payload, element.Limits{})
	if err != nil {
		return nil
	}
	var out, contacts []Leaving
	for _, e := range v.List("entry") {
		r := e.Get("resource")
		if c, ok := leaving(r); ok {
			out = append(out, c)
		}
		for _, c := range Contacts(r) {
			contacts = append(contacts, Leaving{Code: c.Code, Display: c.Display})
		}
	}
	return append(out, contacts...)
}

// leaving is the code of an entry.
func leaving(r *element.Value) (Leaving, bool) {
	if r.ResourceType() == "Encounter" {
		return Leaving{}, false // see Contacts
	}
	for _, c := range Codings(r) {
		return Leaving{Code: c.Str("code"), Display: c.Str("display")}, true
	}
	return Leaving{}, false
}

// own are the sections of which a summary tells nothing: the link worker's own
// words, and what the person said and did beside the outcome.
var own = []string{SectionTold, SectionGoals, SectionContacts, SectionUnhelpful}

// Redraw is a DocumentReference of a payload without what may not be told: with
// summary, without the sections that are the link worker's own words, needs,
// goals and contacts; and in its document and its words without what says a code
// that does not leave. What holds no document of ours is returned as it is; nil: it holds
// one that cannot be read, so that nobody knows what it tells.
func Redraw(reference *element.Value, summary bool, leaves func(code string) bool) *element.Value {
	i := slices.IndexFunc(reference.List("content"), func(c *element.Value) bool { return c.TextAt("attachment.contentType") == mediaDocument })
	if i < 0 {
		return reference
	}
	doc, err := decoded(reference.List("content")[i], "DocumentReference.content")
	if err != nil {
		return nil
	}
	if summary {
		c := resource(doc, "Composition")
		c.Set("section", element.NewArray(slices.DeleteFunc(c.List("section"), func(v *element.Value) bool {
			for _, code := range v.Get("code").List("coding") {
				if code.Str("system") == SystemSection && slices.Contains(own, code.Str("code")) {
					return true
				}
			}
			return false
		})...))
	}
	unsaid := retelling{displays: map[string]string{}}
	drop(doc, func(r *element.Value) bool {
		if typ := r.ResourceType(); summary && (typ == "Encounter" || typ == "Goal") {
			return true
		}
		code, coded := leaving(r)
		if !coded || leaves(code.Code) {
			return false
		}
		unsaid.displays[code.Display] = ""
		unsaid.unattended(r, Code{})
		return true
	})
	unsaid.recontact(doc, func(code string) (Code, bool) { return Code{}, !leaves(code) })
	l, err := ReadLetter(doc)
	if err != nil {
		return nil
	}
	if len(unsaid.displays)+len(unsaid.contacts) > 0 {
		retell(doc, &l, unsaid)
	}
	out := reference.Clone()
	out.Set("content", contents(l, doc))
	return out
}
