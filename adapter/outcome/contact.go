package outcome

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// contactPurpose begins the purpose of what a contact says by a code of its own.
const contactPurpose = "contact-"

// What is said behind how a contact was held, when it was not.
const (
	didNotAttend = ", did not attend"
	cancelled    = ", cancelled"
)

// held is what a letter tells of an Encounter of a document: its day and how it
// was held, by the last of its types, and where it has none by its class.
func held(encounter *element.Value) string {
	_, day := moment(encounter.TextAt("period.start"))
	mode := ""
	for _, c := range classes {
		if c.code == encounter.TextAt("class.code") {
			mode = c.words
		}
	}
	for _, t := range encounter.List("type") {
		mode = t.Str("text")
	}
	return day + ": " + mode
}

// ContactCode is a code by which a letter says how a contact was held.
type ContactCode struct {
	Code, Display string
	Day           string // on which it was, as a reader sees it
}

// Contacts are those of the document within a DocumentReference. They leave with
// it and stand in no entry of their own.
func Contacts(reference *element.Value) (out []ContactCode) {
	for _, doc := range documentsIn(reference) {
		for _, r := range doc.All("entry.resource") {
			if r.ResourceType() != "Encounter" {
				continue
			}
			_, day := moment(r.TextAt("period.start"))
			for _, c := range Codings(r) {
				out = append(out, ContactCode{c.Str("code"), c.Str("display"), day})
			}
		}
	}
	return out
}

// documentsIn are the documents of ours in a DocumentReference that can be read.
func documentsIn(reference *element.Value) (out []*element.Value) {
	for _, c := range reference.List("content") {
		if c.TextAt("attachment.contentType") != mediaDocument {
			continue
		}
		if doc, err := decoded(c, ""); err == nil {
			out = append(out, doc)
		}
	}
	return out
}

// Codings are the codes of SNOMED CT by which a resource of a payload, or of the
// document within, says something: an Encounter how it was held, every other one
// what it is.
func Codings(r *element.Value) []*element.Value {
	at := "code.coding"
	if r.ResourceType() == "Encounter" {
		at = "type.coding"
	}
	return slices.DeleteFunc(r.All(at), func(c *element.Value) bool { return c.Str("system") != nhs.SystemSNOMED })
}

// retelling is what becomes of the words of a letter when codes of its document
// are replaced or taken out.
type retelling struct {
	displays map[string]string // "" for what is taken out
	contacts []retold
	attended map[string]bool // Encounters, by identifier, of which it is not said any more that nobody came
}

// retold is a contact whose line changes.
type retold struct {
	was, is  string
	attended bool
	held     bool // its line says nothing behind how it was held
}

// tells reports whether rest is what its line says behind how it was held; by that
// contacts of one day are told apart.
func (c retold) tells(rest string) bool {
	switch {
	case c.attended:
		return rest == didNotAttend
	case c.held:
		return rest == ""
	}
	return rest == cancelled || rest == didNotAttend
}

// unattended notes that the code is taken out or replaced by which an entry said
// that the person did not attend. The Encounter then says no more than that it
// was cancelled.
func (t *retelling) unattended(entry *element.Value, to Code) {
	id := entry.TextAt("identifier.value")
	at := strings.LastIndex(id, "."+contactPurpose)
	if from, coded := leaving(entry); at < 0 || !coded || !(Code{Code: from.Code}).absent() || to.absent() {
		return
	}
	if t.attended == nil {
		t.attended = map[string]bool{}
	}
	t.attended[id[:at]+"."+id[at+1+len(contactPurpose):]] = true
}

// recontact replaces the codes by which the Encounters of a document say how they
// were held; to is the code that takes the place of one, and false where it stays.
// A Code without an id takes it out.
func (t *retelling) recontact(doc *element.Value, to func(code string) (Code, bool)) {
	for _, r := range doc.All("entry.resource") {
		if r.ResourceType() != "Encounter" {
			continue
		}
		is := retold{was: held(r), attended: t.attended[r.TextAt("identifier.value")], held: r.Str("status") == "finished"}
		var types []*element.Value
		changed := false
		for _, typ := range r.List("type") {
			for _, c := range Codings(element.NewObject(element.F("code", typ))) {
				right, changes := to(c.Str("code"))
				switch {
				case !changes:
					continue
				case right.Code == "":
					typ = nil
				default:
					typ = spokenCode(right)
				}
				changed = true
			}
			if typ != nil {
				types = append(types, typ)
			}
		}
		switch {
		case !changed && !is.attended:
			continue
		case changed && len(types) > 0:
			r.Set("type", element.NewArray(types...))
		case changed:
			r.Remove("type")
		}
		is.is = held(r)
		t.contacts = append(t.contacts, is)
	}
}

// lines are those of a section of contacts as they are told now: each contact has
// one, which says how it was held and nothing else.
func (t *retelling) lines(lines []string) {
	done := make([]bool, len(lines))
	for _, c := range t.contacts {
		for i, line := range lines {
			rest, ok := strings.CutPrefix(line, c.was)
			if done[i] || !ok || !c.tells(rest) {
				continue
			}
			if c.attended {
				rest = cancelled
			}
			lines[i], done[i] = c.is+rest, true
			break
		}
	}
}
