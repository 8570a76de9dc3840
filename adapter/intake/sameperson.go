package intake

import (
	"slices"
	"strings"
	"unicode"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// samePerson refuses a message about another person than the referral is for: a
// wrong number on either side must not reach the wrong person's referral.
// Identifiers decide where both sides have one of the same system; else family
// name and birth date do, where both have both: it is another person when both
// differ. Less than that is a doubt, which is told and refuses nothing, and a
// message without a person is about that of the referral.
func (d *draft) samePerson(tx store.Tx, e *earlier) error {
	at := slices.IndexFunc(d.resources, func(r prepared) bool { return r.key.Type == "Patient" })
	key, ok := reference(e.request.root.TextAt("subject.reference"))
	if at < 0 || !ok {
		return nil
	}
	sent := d.resources[at]
	other := refuse(fault.Conflict, sent.place,
		"the referral with this number is for another person than the message; cancel it and send a new one under a new number, or correct the number or the person; nothing was changed")
	old, found, err := hold(tx, key)
	if err != nil || !found {
		return err
	}
	l := compare(old.root, sent.root)
	switch {
	case d.known && sent.key != key && l.number != agrees:
		// One of the two has an identifier that the other lacks. To take an update
		// would make one person of two; a cancellation writes nothing about them.
		if l.number == differs || d.intention != referral.Cancel || l.family != agrees || l.born != agrees {
			return other
		}
	case l.number == differs, l.number == unknown && sent.key != key && l.family == differs && l.born == differs:
		return other
	case l.family == differs && l.born == differs && knownBy(sent.root) != numberNHS:
		// A local number is given again and mistyped, so it does not join two
		// people here either (apart).
		return other
	}
	doubt := ""
	switch {
	case l.family == differs || l.born == differs:
		doubt = "the person of this message differs from that of the referral in " + strings.Join(l.names(), " and ") + "; it was taken to be the same"
	case l.number == unknown && sent.key != key && l.family == unknown && l.born == unknown && says(sent.root):
		doubt = "the person of this message could not be compared with that of the referral, who has neither family name nor birth date in common with it; it was taken to be the same"
	default:
		return nil
	}
	e.doubts = []fault.Issue{{Severity: "warning", Code: profile.FlagDemographics, Expression: "Patient", Place: sent.place, Text: doubt}}
	return nil
}

// How an element of two people compares.
type comparison int

const (
	unknown comparison = iota // one of them lacks it
	agrees
	differs
)

// likeness is how two people compare in what identifies them.
type likeness struct{ number, family, born comparison }

func (l likeness) names() (out []string) {
	if l.family == differs {
		out = append(out, "family name")
	}
	if l.born == differs {
		out = append(out, "birth date")
	}
	return out
}

func compare(a, b *element.Value) (l likeness) {
	l.number = identifiers(a, b, func(system string) bool { return slices.Contains(national["Patient"], system) })
	if l.number == unknown {
		l.number = identifiers(a, b, func(system string) bool { return system != "" })
	}
	if x, y := families(a), families(b); len(x) > 0 && len(y) > 0 {
		l.family = differs
		for _, one := range x {
			if slices.ContainsFunc(y, func(two string) bool { return alike(one, two) }) {
				l.family = agrees
			}
		}
	}
	if x, y := a.Str("birthDate"), b.Str("birthDate"); x != "" && y != "" {
		l.born = differs
		if strings.HasPrefix(x, y) || strings.HasPrefix(y, x) { // one may say the year only
			l.born = agrees
		}
	}
	return l
}

// identifiers compares those of the systems: one that both have is enough.
func identifiers(a, b *element.Value, of func(system string) bool) comparison {
	out := unknown
	for _, x := range a.List("identifier") {
		for _, y := range b.List("identifier") {
			switch system := x.Str("system"); {
			case !of(system) || system != y.Str("system") || x.Str("value") == "" || y.Str("value") == "":
			case x.Str("value") == y.Str("value"):
				return agrees
			default:
				out = differs
			}
		}
	}
	return out
}

// alike reports whether two family names may be those of one person: they have
// the same letters, as O'Neil and ONEIL do, or all words of one are in the other,
// as of those who took a second name. A name without letters is like any.
func alike(a, b string) bool {
	if letters(a) == letters(b) {
		return true
	}
	x, y := partsOf(a), partsOf(b)
	return within(x, y) || within(y, x)
}

func within(few, many []string) bool {
	return !slices.ContainsFunc(few, func(word string) bool { return !slices.Contains(many, word) })
}

// partsOf are the words of a name, by their letters.
func partsOf(name string) (out []string) {
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) }) {
		if w = letters(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// letters leaves the letters of a name: O'Neil is ONEIL.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, name)
}

// says reports whether a Patient says who it is.
func says(patient *element.Value) bool {
	return patient.Get("name") != nil || patient.Get("birthDate") != nil
}
