package outcome

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// CorrectionType is the type of the DocumentReference that says in a payload what
// was wrong in what was sent before.
const CorrectionType = "Social prescribing: correction of an outcome"

// The sections of a letter about what was sent before.
const (
	SectionInError  = "in-error"
	SectionWhyWrong = "why-wrong"
)

// CorrectionText is what such a DocumentReference says, in plain text.
func CorrectionText(why string, wrong []string) string {
	var b strings.Builder
	b.WriteString("CORRECTION OF A SOCIAL PRESCRIBING OUTCOME\n\nWhy\n- " + why + "\n\nEntered in error\n")
	for _, line := range wrong {
		b.WriteString("- " + line + "\n")
	}
	return b.String()
}

// Corrected is the letter of a payload that corrects what was sent before: it says
// so first, and asks the practice to put the record right, because on paper nothing
// does that. A letter of any other payload is returned as it is. Errors:
// fault.Malformed.
func Corrected(l Letter, payload []byte) (Letter, error) {
	v, err := element.Parse(payload, element.Limits{})
	if err != nil {
		return l, fault.New(fault.Malformed, "Bundle", "the payload is no transaction Bundle")
	}
	for _, e := range v.List("entry") {
		r := e.Get("resource")
		if r.TextAt("type.text") != CorrectionType || r.Str("status") == "entered-in-error" {
			continue
		}
		text, err := base64.StdEncoding.DecodeString(r.TextAt("content.attachment.data"))
		if err != nil {
			return l, fault.New(fault.Malformed, "Bundle.entry", "the words of the correction are not in base64")
		}
		l.Title = CorrectionType
		l.Sections = append(correctionSections(string(text), l.Sections), slices.DeleteFunc(slices.Clone(l.Sections), isActions)...)
		return l, nil
	}
	return l, nil
}

func isActions(s Section) bool { return s.ID == SectionActions }

// correctionSections are the first sections of a letter that corrects another:
// what the practice is to do, what was wrong, and why.
func correctionSections(text string, sections []Section) []Section {
	actions := Section{ID: SectionActions, Title: "Actions for the practice", Lines: []string{
		"This takes the place of what was sent before. Mark in the record what stands under Entered in error as such, or remove it."}}
	if i := slices.IndexFunc(sections, isActions); i >= 0 {
		for _, line := range sections[i].Lines {
			if line != noActionNeeded && line != noneRequested {
				actions.Lines = append(actions.Lines, line)
			}
		}
	}
	wrong := Section{ID: SectionInError, Title: "Entered in error"}
	why := Section{ID: SectionWhyWrong, Title: "Why"}
	var into *Section
	for _, line := range strings.Split(text, "\n") {
		item, listed := strings.CutPrefix(line, "- ")
		switch {
		case line == wrong.Title:
			into = &wrong
		case line == why.Title:
			into = &why
		case listed && into != nil:
			into.Lines = append(into.Lines, item)
		}
	}
	return []Section{actions, wrong, why}
}
