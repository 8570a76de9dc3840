package scaffold

import (
	"regexp"
	"slices"
	"strings"
)

// told is what a field holds: by its name and value, or else by its looks. A
// date that is somebody's birthday for all one knows stays unclear.
func told(f field) kind {
	k := kindOf(f)
	if k == unclear {
		if k = lookOf(f); k == otherDate {
			return unclear
		}
	}
	return k
}

// sexes are the words and codes for a sex that are told without a name. U alone
// may as well be urgent.
var sexes = []string{"m", "f", "w", "male", "female"}

var cutPhone = regexp.MustCompile(`^7[0-9]{9}$`) // a spreadsheet took the zero

// lookOf tells what a field holds whose name says nothing, by its value and by
// the values that other records have in its place. It may be wrong: whoever
// goes by it says so.
func lookOf(f field) kind {
	v := f.value
	all := append([]string{v}, f.others...)
	switch _, isDate := layoutOf(v); {
	case kindOf(f) != unclear || f.says(kindNames...) || f.says("marital", "flag", "class", "grade", "ethnic", "religion", "unit"):
		return unclear
	case isDate && longAgo(v):
		return birthDate
	case isDate:
		return otherDate
	case practiceLike.MatchString(v) && !distinct(f.others):
		return odsCode
	case cutPhone.MatchString(v):
		return phone
	case sexed(all):
		return sex
	case len(f.others) > 1 && distinct(f.others) && !slices.ContainsFunc(f.others, func(o string) bool { return !numberLike.MatchString(o) }):
		return referralID
	case strings.ContainsAny(v, ",\n") && postcodeIn.MatchString(v) && len(v) < 200, isStreet(v):
		return addressLine
	case codesIn(f.others) != nil:
		return unclear
	case len(v) < 80 && phoneIn.MatchString(v):
		return contacts
	case len(v) > 20 && strings.Count(v, " ") > 2:
		return reasonText
	}
	return unclear
}

// sexed reports values that are all codes of a sex, and not all U.
func sexed(all []string) bool {
	some := false
	for _, v := range all {
		v = strings.ToLower(v)
		switch {
		case slices.Contains(sexes, v):
			some = true
		case v != "u" && v != "unknown" && v != "":
			return false
		}
	}
	return some
}

// distinct reports values of which no two are the same.
func distinct(values []string) bool {
	seen := map[string]bool{}
	for _, v := range values {
		if seen[v] {
			return false
		}
		seen[v] = true
	}
	return len(values) > 1
}

// compared notes at each field what other records have in its place.
func (w *writer) compared() {
	values := map[string][]string{}
	for _, record := range w.records {
		for _, f := range record {
			if len(values[f.path]) < maxRecords {
				values[f.path] = append(values[f.path], f.value)
			}
		}
	}
	for i, f := range w.all {
		w.all[i].others = values[f.path]
	}
}

// united puts beside the fields of the sample those that it leaves empty and
// another record has, and looks at a field through the value of another record
// where that tells more.
func (w *writer) united() {
	at := map[string]int{}
	for i, f := range w.all {
		at[f.path] = i
	}
	for _, record := range w.records {
		for _, g := range record {
			i, known := at[g.path]
			if !known { // an element that has attributes elsewhere
				i, known = at[g.path+".$text"]
			}
			switch {
			case !known:
				at[g.path] = len(w.all)
				w.all = append(w.all, g)
			case tellsMore(g, w.all[i]):
				w.all[i].value = g.value
			}
		}
	}
}

// tellsMore reports a value by which more is known than by another of the same
// place: of what kind it is, that there are words beside a telephone number, a
// code behind a name or a postcode in an address.
func tellsMore(g, f field) bool {
	switch now, then := told(g), told(f); {
	case then == unclear:
		return now != unclear
	case then == phone:
		return now == contacts
	case then == orgName:
		return now == orgName && bracketed(f.value) == "" && bracketed(g.value) != ""
	case then == addressLine:
		return now == addressLine && !postcodeIn.MatchString(f.value) && postcodeIn.MatchString(g.value)
	}
	return false
}

var (
	yesWords  = []string{"j", "ja", "y", "yes", "t", "true"}
	noWords   = []string{"n", "no", "nein", "f", "false"}
	newWords  = []string{"n", "new", "neu"}
	stopWords = []string{"s", "stop", "c", "cancel", "cancelled", "x", "d", "delete", "w", "withdrawn"}
	editWords = []string{"u", "update", "a", "amend", "m", "modify"}
)

// maxStatus bounds what is a word for how things stand, and no sentence, in bytes.
const maxStatus = 30

// consentNames are words of names and questions about what somebody agrees to.
var consentNames = []string{"consent", "consents", "consented", "permission", "agree", "agrees", "agreed", "agreement", "share", "shared", "sharing", "gdpr"}

// nameless is a column that was given a name by its place.
var nameless = regexp.MustCompile(`^column[0-9]+$`)

// wish is a value that says what a message wants, caseStatus one for
// how things stand, and wishNames are words of the name of such a place:
// MessageType, Action.
var (
	wish       = regexp.MustCompile(`(?i)new|creat|refer|updat|amend|modif|cancel|withdr|stop|delet`)
	caseStatus = regexp.MustCompile(`(?i)^(?:re-?)?(?:open(?:ed)?|closed?|active|inactive|pending|complete[d]?|discharged|declined|rejected|on[ -]?hold|in[ -]?progress|live|ended|waiting)\b`)
	wishNames  = []string{"type", "action", "event", "status", "operation", "purpose", "function", "intent", "intention", "kind", "mode", "trigger", "want", "wants"}
)

// mayWant reports a field that may say what a message wants, in one of its words
// or in how things stand: a case that is closed is no new one.
func (f field) mayWant() bool {
	if !f.says(wishNames...) || f.says("marital", "employment", "immigration", "smoking", "housing") {
		return false
	}
	return slices.ContainsFunc(f.values(), func(v string) bool {
		return wish.MatchString(v) || f.says("status", "state") && len(v) <= maxStatus && caseStatus.MatchString(v)
	})
}

// wants says that everything is taken as a new referral, and what may tell
// otherwise. Of HL7 v2 and FHIR the type of the message does.
func (w *writer) wants() {
	if w.Format == "hl7v2" || w.Format == "fhirmsg" {
		return
	}
	var may []string
	for _, f := range w.all {
		if f.takesBack() {
			w.first = slices.Insert(w.first, 0, fromCancellation(f.path))
			break
		}
	}
	for _, f := range w.all {
		if !w.used[f.path] && f.mayWant() && !slices.Contains(may, f.path) {
			may = append(may, f.path)
		}
	}
	text := "EVERYTHING THAT COMES IS TAKEN AS A NEW REFERRAL. Where this sender also sends updates or cancellations, write intention: a stop that is read as new is the opposite of what was meant (see the recipe \"A referral that is changed, cancelled or asked about\" of the handbook)"
	if len(may) > 0 {
		text += "; " + strings.Join(may, ", ") + " may say what a message wants"
	}
	w.first = append(w.first, text)
}

// hints says of what nothing is proposed for whether its words look like a yes
// and no, or like what a message wants.
func (w *writer) hints() {
	for _, f := range w.all {
		if w.used[f.path] {
			continue
		}
		all := f.values()
		some := func(list ...[]string) bool {
			return slices.ContainsFunc(all, func(v string) bool { return slices.Contains(slices.Concat(list...), strings.ToLower(v)) })
		}
		only := func(list ...[]string) bool {
			return !slices.ContainsFunc(all, func(v string) bool { return !slices.Contains(slices.Concat(list...), strings.ToLower(v)) })
		}
		switch {
		case only(yesWords, noWords, []string{""}) && some(yesWords, noWords) && (f.either(consentNames...) || nameless.MatchString(f.path)):
			w.danger("%s holds yes and no: if it is consent, a no must not get lost; see the recipe Consent of the handbook", f.path)
		case codesIn(f.others) != nil:
			w.doubt("%s holds codes of the sender, several in one text: see the recipes \"A list that may say N/A\" and \"A supplier's own reason codes\" of the handbook", f.path)
		case only(newWords, stopWords, editWords) && some(newWords) && some(stopWords, editWords):
			w.danger("%s may say what a row wants, a new referral or a stop: a stop that is read as new is the opposite of what was meant; see the recipe about intention in the handbook", f.path)
		}
	}
}

// maxRecords bounds the records of a sample that are compared.
const maxRecords = 100

// ofPerson are the kinds of what a message says of the person; with several
// persons in a message they are those who stand with the NHS number.
var ofPerson = []kind{familyName, givenName, fullName, namePrefix, birthDate, sex, phone, email, contacts, postcode, addressLine, town, county}

// near is how closely a field stands with the NHS number of the message, in
// members that both stand in; 0 without a number.
func (w *writer) near(f field) int {
	if w.person == nil {
		return 0
	}
	return common(w.person, f.group)
}

// doctor reports a name with the title of somebody who treats others.
func doctor(f field) bool { return professional.MatchString(f.value) }

// candidates are the unused fields of a kind about somebody, the likeliest
// first. Of what belongs to a person only those count that stand as closely
// with the NHS number as any does.
func (w *writer) candidates(who about, kinds ...kind) (likely, other []field) {
	for _, tell := range []func(field) kind{kindOf, lookOf} {
		for _, f := range w.all {
			if !w.used[f.path] && f.about() == who && slices.Contains(kinds, tell(f)) {
				likely = append(likely, f)
			}
		}
		if len(likely) > 0 {
			break
		}
	}
	if who != ofPatient || !slices.Contains(ofPerson, kinds[0]) {
		return likely, nil
	}
	slices.SortStableFunc(likely, func(a, b field) int {
		switch n := w.near(b) - w.near(a); {
		case w.anothers(a) != w.anothers(b) && w.anothers(a):
			return 1
		case w.anothers(a) != w.anothers(b):
			return -1
		case n != 0:
			return n
		case doctor(a) != doctor(b) && doctor(a):
			return 1
		case doctor(a) != doctor(b):
			return -1
		}
		return common(w.words, b.words) - common(w.words, a.words)
	})
	for i, f := range likely {
		if w.near(f) < w.near(likely[0]) || w.anothers(f) {
			return likely[:i], likely[i:]
		}
	}
	return likely, nil
}

// anothers reports a field that stands more closely with the name of somebody
// else than with the number and the name of the person. It is known once the
// name is.
func (w *writer) anothers(f field) bool {
	if w.called == nil {
		return false
	}
	near := max(w.near(f), common(w.called, f.group))
	return slices.ContainsFunc(w.all, func(g field) bool {
		if common(g.group, f.group) <= near {
			return false
		}
		k := kindOf(g)
		return k == familyName || k == fullName || k == givenName
	})
}
