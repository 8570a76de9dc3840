package scaffold

import (
	"slices"
)

// The two parts of a name with an ODS code in brackets behind it.
const (
	bracketedCode = ` | bracketed(ods)`
	bracketedName = ` | bracketed(ods, rest)`
)

// practice is the organisation that refers.
func (w *writer) practice() bool { return w.organisation("practice", ofReferrer) }

func (w *writer) provider() bool { return w.organisation("provider", ofService) }

func (w *writer) organisation(key string, who about) bool {
	code, hasCode := w.take(odsCode, who)
	name, hasName := w.take(orgName, who)
	if !hasCode && !hasName {
		return false
	}
	value, words := code.path+" | ods", name.path+" | trim"
	if hasName && bracketed(name.value) != "" {
		words = name.path + bracketedName
		if !hasCode {
			hasCode, value = true, name.path+bracketedCode
			w.unsure = append(w.unsure, name.path+" was taken for a name with an ODS code in brackets")
		}
	}
	w.reaches = w.reaches || hasCode && who == ofReferrer
	w.line(1, "%s:", key)
	w.line(2, "resourceType: Organization")
	if hasCode {
		w.line(2, "identifier:")
		w.line(3, "- system: %s", ods)
		w.line(3, "  value: %s", rule(value))
	}
	if hasName {
		w.line(2, "name: %s", rule(words))
	}
	return true
}

// referrer is the person who refers; it returns the key of what a request
// points to, empty when there is none.
func (w *writer) referrer(practice bool) string {
	list, _ := w.candidates(ofReferrer, familyName, fullName)
	if len(list) == 0 {
		return ""
	}
	slices.SortStableFunc(list, func(a, b field) int { return b.refers() - a.refers() })
	name := list[0]
	w.mark(name, kindOf(name))
	if name.refers() == 0 {
		w.doubt("%s was taken for who refers; it may be the GP with whom the person is registered", name.path)
	}
	for _, f := range list[1:] {
		if !slices.Equal(f.group, name.group) || f.refers() != name.refers() {
			w.doubt("%s was taken for who refers; %s names somebody too, and nothing is proposed for it", name.path, f.path)
		}
	}
	w.line(1, "practitioner:")
	w.line(2, "resourceType: Practitioner")
	w.line(2, "name:")
	if kindOf(name) == familyName {
		w.line(3, "- family: %s", rule(name.path+" | trim"))
		given, _ := w.candidates(ofReferrer, givenName)
		if i := slices.IndexFunc(given, func(g field) bool { return slices.Equal(g.group, name.group) && g.refers() == name.refers() }); i >= 0 {
			w.mark(given[i], givenName)
			w.line(3, "  given: [%s]", quotedRule(given[i].path+" | trim"))
		}
	} else {
		w.line(3, "- text: %s", rule(name.path+" | trim"))
	}
	w.line(1, "practitionerRole:")
	w.line(2, "$when: -> practitioner")
	w.line(2, "resourceType: PractitionerRole")
	w.line(2, "practitioner: -> practitioner")
	if practice {
		w.line(2, "organization: -> practice")
	}
	w.telecom(2, ofReferrer)
	return "practitionerRole"
}

// refers is how much the names of a field say that it is about who refers: 0 for
// a GP, who may be the one with whom the person is registered.
func (f field) refers() int {
	f.above = f.above[min(f.same, len(f.above)):]
	switch {
	case f.either("referrer", "referring", "referredby", "refby", "referred", "requester", "requested", "author", "submitted"):
		return 2
	case f.either("gp", "registered", "usual", "doctor"):
		return 0
	}
	return 1
}

// referringPractice is the field by which a practice that refers is known, and
// how its ODS code is read.
func (w *writer) referringPractice() (f field, reads string, ok bool) {
	if list, _ := w.candidates(ofReferrer, odsCode); len(list) > 0 {
		return list[0], " | ods", list[0].either("practice", "surgery", "gp") || practiceLike.MatchString(list[0].value)
	}
	if list, _ := w.candidates(ofReferrer, orgName); len(list) > 0 {
		return list[0], bracketedCode, practiceLike.MatchString(bracketed(list[0].value))
	}
	return field{}, "", false
}
