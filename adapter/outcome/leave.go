package outcome

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// Refusal says why a transaction may not leave by this list as it is now, "" when
// it may: it may have been made with another version of the list, and wait since.
// Every code of an entry and of the document within must be on the list, under a
// display of its own and within its range; what is marked as entered in error
// only takes something back, and may. The text names codes and nobody.
func (l *List) Refusal(bundle *element.Value) string {
	if l.made(bundle) {
		return ""
	}
	for _, e := range bundle.List("entry") {
		r := e.Get("resource")
		if why := l.refusal(r); why != "" {
			return why
		}
		for i, c := range r.List("content") {
			if r.Str("status") == "entered-in-error" {
				break
			}
			if c.TextAt("attachment.contentType") != mediaDocument {
				continue
			}
			doc, err := decoded(c, fmt.Sprintf("content[%d]", i))
			if err != nil {
				return "the document within cannot be read, so nobody knows which codes it holds"
			}
			for _, inner := range doc.List("entry") {
				if why := l.refusal(inner.Get("resource")); why != "" {
					return why
				}
			}
		}
	}
	return ""
}

// made reports whether a transaction was made with exactly this list.
func (l *List) made(bundle *element.Value) bool {
	return slices.ContainsFunc(bundle.All("meta.tag"), func(tag *element.Value) bool {
		return tag.Str("system") == SystemList && tag.Str("display") == "sha256:"+l.Sum
	})
}

// refusal is of one resource.
func (l *List) refusal(r *element.Value) string {
	switch r.ResourceType() {
	case "Procedure", "Observation", "Encounter":
	default:
		return ""
	}
	if r.Str("status") == "entered-in-error" {
		return ""
	}
	for _, coding := range Codings(r) {
		c, ok := l.Find(coding.Str("code"))
		if !ok {
			return fmt.Sprintf("the code %s is not on the list of outcomes as it is now (%s %s)", coding.Str("code"), l.Name, l.Version)
		}
		if !c.Called(coding.Str("display")) {
			return fmt.Sprintf("the code %s has another display on the list of outcomes as it is now (%s %s): %s", c.Code, l.Name, l.Version, c.Display)
		}
		if c.Kind != Measure {
			continue
		}
		if n, err := strconv.ParseFloat(r.TextAt("valueQuantity.value"), 64); err != nil || n < *c.Minimum || n > *c.Maximum {
			return fmt.Sprintf("the score of %s is outside of the range that the list of outcomes has now (%s %s): %g to %g", c.Code, l.Name, l.Version, *c.Minimum, *c.Maximum)
		}
	}
	return ""
}

// Fits reports whether a code may stand in a resource that another code is taken
// out of: a score stays a score, what was done stays something that was done, and
// how a contact was held stays that.
func (c Code) Fits(r *element.Value) bool {
	switch score := r.TextAt("valueQuantity.value"); {
	case r.ResourceType() == "Procedure":
		return c.Kind == Procedure
	case r.ResourceType() == "Encounter":
		return c.Kind == Contact
	case r.ResourceType() != "Observation":
		return false
	case c.Kind == Measure:
		n, err := strconv.ParseFloat(score, 64)
		return err == nil && n >= *c.Minimum && n <= *c.Maximum
	default:
		return c.Kind == Situation && score == ""
	}
}

// sayCodes are the sections that say codes by their displays, a line each or, of
// scores, a row each. Contacts say them behind their day, see held. All others are
// somebody's own words.
var sayCodes = []string{SectionReason, SectionDone, SectionMeasures}

// Recode is a DocumentReference of a payload in which another code stands in
// place of one, or nothing where to has no code: in its text, and in the document
// within. What holds no document of ours is returned as it is; nil: it tells of
// the code in a way that cannot be taken out of it. The document gets an
// identifier of its own, which ends in version: no two have the same.
// https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.identifier
func Recode(reference *element.Value, from Leaving, to Code, version string) *element.Value {
	i := slices.IndexFunc(reference.List("content"), func(c *element.Value) bool { return c.TextAt("attachment.contentType") == mediaDocument })
	if i < 0 {
		return reference
	}
	doc, err := decoded(reference.List("content")[i], "DocumentReference.content")
	if err != nil || from.Code == declined || to.Code == declined {
		return nil // what the letter says as its outcome hangs on it
	}
	l, err := ReadLetter(doc)
	if err != nil {
		return nil
	}
	tell := retelling{displays: map[string]string{from.Display: to.Display}}
	drop(doc, func(r *element.Value) bool {
		code, coded := leaving(r)
		if !coded || code.Code != from.Code {
			return false
		}
		tell.unattended(r, to)
		if to.Code != "" {
			r.Set("code", spokenCode(to))
		}
		return to.Code == ""
	})
	tell.recontact(doc, func(code string) (Code, bool) { return to, code == from.Code })
	doc.Set("identifier", identifier(doc.TextAt("identifier.value")+"."+version))
	retell(doc, &l, tell)
	out := reference.Clone()
	out.Set("content", contents(l, doc))
	return out
}

// retell puts displays in place of others, or takes out what says those in whose
// place nothing stands, in a letter and in the Composition that it was read from.
func retell(doc *element.Value, l *Letter, tell retelling) {
	composition := resource(doc, "Composition")
	sections := composition.List("section")
	var kept []*element.Value
	for j := range l.Sections {
		s := &l.Sections[j]
		if slices.Contains(sayCodes, s.ID) {
			for from, to := range tell.displays {
				s.recode(from, to)
			}
			if len(s.Lines) == 0 {
				continue
			}
		}
		if s.ID == SectionContacts {
			tell.lines(s.Lines)
		}
		if s.ID == SectionContacts || slices.Contains(sayCodes, s.ID) {
			sections[j].Set("text", element.NewObject(element.S("status", "generated"), element.S("div", s.div())))
		}
		kept = append(kept, sections[j])
	}
	composition.Set("section", element.NewArray(kept...))
	l.Sections = slices.DeleteFunc(l.Sections, func(s Section) bool { return len(s.Lines) == 0 })
}

// recode puts one display in place of another, or takes out what says it.
func (s *Section) recode(from, to string) {
	if s.Rows != nil {
		for i, row := range s.Rows {
			if rest, ok := strings.CutPrefix(row[0], from); ok && (rest == "" || strings.HasPrefix(rest, " (")) {
				s.Rows[i][0] = to + rest
				if to == "" {
					s.Rows[i] = nil
				}
			}
		}
		s.Rows = slices.DeleteFunc(s.Rows, func(row []string) bool { return row == nil })
		s.Lines = sentences(s.Rows)
		return
	}
	for i, line := range s.Lines {
		if line == from {
			s.Lines[i] = to
		}
	}
	s.Lines = slices.DeleteFunc(s.Lines, func(line string) bool { return line == "" })
}
