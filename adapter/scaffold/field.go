package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// field is one value of the sample with what can be told from its name.
type field struct {
	path  string   // in the words of mappings
	list  string   // path of the nearest list it stands in; empty: none
	below string   // path within an item of that list: .code
	words []string // of its own name, lower case
	above []string // of the names above it
	name  string
	group []string // names of the members it stands in, from the root
	same  int      // words of above that the NHS number has above it too
	value string
	where string // address
	item  string // address of the item of that list
	// within are the items of lists it stands in, the outermost first, and record
	// is which of them is a referral by itself; empty: the message is one.
	within []place
	record string
	asked  *question // of an item of a form; nil: of none
	// placed says that only its position in a list tells it from others.
	placed bool
	others []string // of several records, all values at this place
}

// tells reports whether the value is a short word that says of what kind
// something is, which a mapping goes by and nobody is known by.
func (f field) tells() bool {
	return f.says(kindNames...) && len(f.value) <= 24 && strings.Count(f.value, " ") < 3 && !hasDigit(f.value)
}

// values are what the records of a sample have in this place.
func (f field) values() []string {
	if slices.Contains(f.others, f.value) {
		return f.others
	}
	return append([]string{f.value}, f.others...)
}

// kindNames are names of members that say of what kind their neighbours are.
var kindNames = []string{"kind", "type", "code", "status", "urgency", "priority", "consent", "scheme", "system", "use", "category", "label", "state"}

// maxFields bounds what is looked at of a sample.
const maxFields = 2_000

// fields are the values of a tree in their order; of a list every item, or the
// first only: the others say the same again. Of every item it is known which
// referral and which question it belongs to.
func fields(t *message.Tree, every bool) []field {
	out := walked(t, every, nil)
	if every {
		if lists := oneOf(out); lists != nil {
			out = walked(t, every, lists)
		}
		recorded(out, several(out))
		ask(out, forms(out))
	}
	beside(out)
	return out
}

// walked is fields by the shape of the tree alone. A member of which lists says
// so is a list of one.
func walked(t *message.Tree, every bool, lists func(path, name string) bool) []field {
	var out []field
	var walk func(n message.Node, f field)
	walk = func(n message.Node, f field) {
		switch n.Kind() {
		case message.Object:
			for c := n.First(); c.Ok(); c = c.Next() {
				g := f
				g.above = append(append([]string(nil), f.above...), f.words...)
				g.group = append(append([]string(nil), f.group...), f.name)
				g.name = c.Name()
				g.words = words(c.Name())
				if c.Name() == "$text" { // of an XML element with attributes: its own name says what it is
					g.words, g.above = f.words, f.above
				}
				g.path = join(f.path, c.Name())
				if f.list != "" {
					g.below = f.below + "." + quoted(c.Name())
				}
				if c.Kind() != message.List && lists != nil && lists(g.path, c.Name()) {
					g = g.in(c)
				}
				walk(c, g)
			}
		case message.List:
			for c := n.First(); c.Ok(); c = c.Next() {
				walk(c, f.in(c))
				if !every {
					break
				}
			}
		default:
			if v := strings.TrimSpace(n.Value()); v != "" && len(out) < maxFields {
				f.value, f.where = v, n.Address()
				if f.below == "" && f.list != "" {
					f.below = "."
				}
				out = append(out, f)
			}
		}
	}
	walk(t.Root(), field{})
	return out
}

// in is what stands in an item of the list at the path of f.
func (f field) in(item message.Node) field {
	f.list, f.below, f.item = f.path, "", item.Address()
	f.within = append(slices.Clip(f.within), place{f.list, f.item})
	return f
}

// beside notes which names stand above the NHS number as well as above a field:
// they are about the whole message, and tell nothing of whom the field is
// about. A message called GPReferral is of the person who is referred.
func beside(list []field) {
	i := slices.IndexFunc(list, func(f field) bool { return kindOf(f) == nhsNumber })
	if i < 0 {
		return
	}
	for j := range list {
		list[j].same = common(list[i].above, list[j].above)
	}
}

// common is with how many equal texts two lists begin.
func common(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func join(path, name string) string {
	if path == "" {
		return quoted(name)
	}
	return path + "." + quoted(name)
}

var plainName = regexp.MustCompile(`^[\p{L}_@$][\p{L}\p{M}0-9_@$:-]*$`)

// quoted puts a name that cannot stand in a path as it is into backquotes.
func quoted(name string) string {
	if plainName.MatchString(name) && !hl7Field.MatchString(name) {
		return name
	}
	return "`" + name + "`"
}

// hl7Field would be read as a field of HL7 v2; hl7Segment would with a bracket
// behind it.
var (
	hl7Field   = regexp.MustCompile(`^[A-Z][A-Z0-9]{2}-[0-9]`)
	hl7Segment = regexp.MustCompile(`^[A-Z][A-Z0-9]{2}$`)
)

// bracketable is the path of a list in a way that brackets can follow.
func bracketable(list string) string {
	if hl7Segment.MatchString(list) {
		return "`" + list + "`"
	}
	return list
}

// short are words that senders leave letters out of.
var short = map[string]string{
	"nm": "name", "dt": "date", "ts": "timestamp", "sx": "sex", "pri": "priority", "prio": "priority", "txt": "text", "req": "request",
	"src": "source", "addr": "address", "pat": "patient", "pt": "patient", "num": "number", "nr": "number", "dest": "destination",
	"ph": "phone", "mob": "mobile", "adr": "address", "clin": "clinician", "prac": "practice", "fn": "forename", "sn": "surname", "desc": "description",
}

// words splits a name as people write names: camelCase, snake_case, spaces.
func words(name string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			w := strings.ToLower(b.String())
			if long := short[w]; long != "" {
				w = long
			}
			out = append(out, w)
			b.Reset()
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case i > 0 && unicode.IsDigit(r) != unicode.IsDigit(runes[i-1]):
			flush()
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])):
			flush()
		}
		b.WriteRune(r)
	}
	flush()
	return out
}

// says reports whether the name of the field itself has one of the words, or
// two of them run together: date of birth, dateofbirth, dob.
func (f field) says(any ...string) bool { return has(f.words, any) }

// under reports whether a name above the field has one of the words.
func (f field) under(any ...string) bool { return has(f.above, any) }

func has(words, any []string) bool {
	whole := strings.Join(words, "")
	for _, a := range any {
		for _, w := range words {
			if w == a {
				return true
			}
		}
		if len(a) > 4 && strings.Contains(whole, a) {
			return true
		}
	}
	return false
}

// about is whom a field is about.
type about int

const (
	ofPatient about = iota
	ofReferrer
	ofService
	ofOther
)

func (f field) about() about {
	f.above = f.above[min(f.same, len(f.above)):]
	switch {
	case has(f.above, []string{"kin", "nok", "carer", "guardian", "emergency"}) || has(f.words, []string{"kin", "nok", "carer", "guardian"}):
		return ofOther
	case f.either("referrer", "referring", "referredby", "refby", "gp", "doctor", "clinician", "practitioner", "practice", "surgery", "sender", "source", "requester", "author", "by"):
		return ofReferrer
	case f.either("provider", "recipient", "referredto", "destination", "receiver"):
		return ofService
	}
	return ofPatient
}

func (f field) either(any ...string) bool { return f.says(any...) || f.under(any...) }

// kind is what a field holds, as far as it can be told.
type kind string

const (
	nhsNumber   kind = "NHS number"
	birthDate   kind = "birth date"
	familyName  kind = "family name"
	givenName   kind = "given name"
	fullName    kind = "name in one field"
	namePrefix  kind = "title"
	sex         kind = "gender"
	phone       kind = "telephone number"
	email       kind = "e-mail address"
	postcode    kind = "postcode"
	addressLine kind = "line of an address"
	town        kind = "town"
	county      kind = "county"
	odsCode     kind = "ODS code"
	orgName     kind = "name of an organisation"
	snomed      kind = "SNOMED CT code"
	needText    kind = "need in words"
	reasonText  kind = "reason or notes"
	referralID  kind = "number of the referral"
	messageID   kind = "id"
	madeAt      kind = "date of the referral"
	otherDate   kind = "a date"
	urgency     kind = "priority"
	contacts    kind = "several ways to reach somebody"
	unclear     kind = ""
)

var (
	emailLike    = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	postcodeLike = regexp.MustCompile(`(?i)^[A-Z]{1,2}[0-9][A-Z0-9]?[ \x{a0}]{0,2}[0-9][A-Z]{2}$`)
	bracketedODS = regexp.MustCompile(`[^( ] *\(([A-Z][A-Z0-9]{2,9})\)(?: *\([^()]*\))?$`)
	reachable    = regexp.MustCompile(`[^@\s<>(),;:/]+@[^@\s<>(),;/]+\.[A-Za-z]+|(?:\+44|\(?0)[0-9 ()-]{7,14}[0-9]`)
	phoneIn      = regexp.MustCompile(`(?:\+44|\(?0)[0-9 ()-]{7,14}[0-9]`)
	phoneLike    = regexp.MustCompile(`^(?:\+|\(?0)[0-9 ()./-]{8,18}$`)
)

var surgeryLike = regexp.MustCompile(`(?i)\b(surgery|practice|medical|health|centre|clinic)\b`)

// isPhone reports a text that is one telephone number and no date.
func isPhone(v string) bool {
	_, isDate := layoutOf(v)
	return !isDate && phoneLike.MatchString(v) && len(onlyDigits(v)) >= 9
}

// bracketed is the ODS code in brackets behind a name, or "".
func bracketed(v string) string {
	m := bracketedODS.FindStringSubmatch(v)
	if m == nil || !hasDigit(m[1]) || postcodeLike.MatchString(m[1]) {
		return ""
	}
	if _, bad := nhs.ParseODS(m[1]); bad != nhs.Valid {
		return ""
	}
	return m[1]
}

// madeWords are words for when a referral was made.
var madeWords = []string{"created", "sent", "authored", "referral", "referred", "submitted", "requested", "request", "issued", "raised", "opened", "logged", "event", "received", "timestamp"}

// longAgo reports a date that is hardly of a referral: more than 15 years ago, or
// with a year of two digits that lies ahead as one of this century.
func longAgo(v string) bool {
	_, at, ok := dateOf(v)
	return ok && (time.Since(at) > 15*365*24*time.Hour || at.After(time.Now().AddDate(1, 0, 0)))
}

var birthWords = []string{"dob", "birth", "birthdate", "dateofbirth", "born"}

// numbered reports digits about as many as an NHS number has, with a letter
// among them at most.
func (f field) numbered() bool {
	digits := len(onlyDigits(f.value))
	others := strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789 -.", r) {
			return -1
		}
		return r
	}, f.value)
	return digits >= 6 && digits <= 12 && utf8.RuneCountInString(others) <= 1
}

// oddDate reports a text with a year or a day in it that is no date in a form
// that is known here.
func (f field) oddDate() bool {
	return hasDigit(f.value) && len(f.value) <= 30 && !isPhone(f.value) && !f.says("place", "country", "town", "order", "weight") && len(onlyDigits(f.value)) <= 8 && len(onlyDigits(f.value)) > 2
}

// kindOf tells what a field holds: by its value where that proves it, by its
// name otherwise.
func kindOf(f field) kind {
	_, wrong := nhs.ParseNumber(f.value)
	isNumber := wrong == nhs.Valid
	_, isDate := layoutOf(f.value)
	_, notConcept := nhs.ParseConcept(f.value)
	switch {
	case isNumber && (f.says("nhs", "nhsno", "nhsnumber") || !isPhone(f.value) && !f.says("phone", "tel", "mobile", "code", "concept")):
		return nhsNumber
	case f.says("nhs", "nhsno", "nhsnumber") && !f.says("code", "email", "trust", "organisation", "site") && (wrong != nhs.Length && wrong != nhs.Digits || f.numbered() || MeansNothing(f.value)):
		return nhsNumber // with a mistake in it; the proposal says so
	case f.says(birthWords...) && (isDate || f.oddDate()):
		return birthDate
	case isDate && (f.says(madeWords...) || f.under(madeWords...) && !longAgo(f.value)):
		return madeAt
	case isDate && f.says("date", "datetime", "time", "when"):
		return otherDate
	case emailLike.MatchString(f.value):
		return email
	case f.says("contact", "contacts", "tel", "phone", "phones", "telephone", "mobile", "telecom", "numbers", "telno") &&
		!isPhone(f.value) && reachable.MatchString(f.value):
		return contacts
	case bracketed(f.value) != "" && (f.either("practice", "surgery", "gp", "organisation", "organization") || surgeryLike.MatchString(f.value)):
		return orgName
	case f.says("postcode", "postalcode", "zip", "pcode") || postcodeLike.MatchString(f.value):
		return postcode
	case f.says("phone", "telephone", "tel", "mobile", "telno", "cell") || isPhone(f.value) && !f.says("ubrn", "ref", "reference", "referral"):
		return phone
	case !strings.ContainsFunc(f.value, unicode.IsLetter) && f.says("name", "surname", "forename", "given", "family", "title"):
		return unclear
	case f.says("surname", "familyname", "lastname", "family") || f.says("last") && f.says("name"):
		return familyName
	case f.says("forename", "givenname", "firstname", "given", "forenames") || f.says("first") && f.says("name"):
		return givenName
	case f.says("title", "prefix", "salutation") && len(f.value) <= 10:
		return namePrefix
	case f.says("gender", "sex"):
		return sex
	case f.says("ods", "odscode", "nacs", "orgcode", "practicecode") || f.says("code") && f.either("practice", "surgery", "organisation", "organization"):
		if _, bad := nhs.ParseODS(f.value); bad == nhs.Valid {
			return odsCode
		}
	case practiceLike.MatchString(f.value) && f.either("org", "source", "site", "practice", "surgery", "gp", "code"):
		return odsCode
	case f.says("name") && surgeryLike.MatchString(f.value):
		return orgName
	case f.says("name") && f.either("practice", "surgery", "organisation", "organization", "org", "service") || f.says("practice", "surgery", "organisation", "organization"):
		return orgName
	case f.says("priority", "urgency", "urgent") && !f.says("reason", "why", "detail", "details", "notes") && strings.Count(f.value, " ") < 6:
		return urgency
	case f.says("town", "city"):
		return town
	case f.says("county", "district"):
		return county
	case f.says("address", "street", "addressline", "line", "addr", "house"):
		return addressLine
	case notConcept == nhs.Valid && (f.either("snomed", "sct", "code", "concept", "need", "problem", "diagnosis", "reason") || len(f.value) > 12):
		return snomed
	case f.says(numberWords...) && f.says(transport...), f.says("token") && len(f.group) < 3, f.says("id", "number") && f.says(submission...) && len(f.group) < 3:
		return messageID
	case f.says(numberWords...) && f.either("referral", "ref", "request", "case", "ubrn", "reference"):
		return referralID
	case f.says("value") && f.under("identifier"):
		return referralID
	case f.says("id", "messageid", "uuid", "identifier") && (len(f.above) == 0 || f.ofRoot()):
		return messageID
	case f.says("name") || f.says("full", "whole") && f.under("name") || f.says("fullname", "patientname", "client") || len(f.words) > 0 && f.words[len(f.words)-1] == "name",
		(f.says("referrer", "doctor", "clinician", "gp") && strings.Contains(f.value, " ")):
		return fullName
	case f.under("need", "needs", "problem", "problems", "diagnosis", "diagnoses", "reasons") && f.says("text", "display", "description", "term", "label"):
		return needText
	case f.says("reason", "why", "notes", "note", "comment", "comments", "details", "description", "story", "history", "text", "narrative", "information", "summary", "concern", "concerns", "need", "needs", "presenting", "free"),
		len(f.value) > 60 && strings.Count(f.value, " ") > 6:
		return reasonText
	}
	return unclear
}

// layouts are the forms of dates that are known by their looks: as mappings
// write them, and as Go does. A day of one digit is read by d, and so is one of two. The empty one is read without a layout.
var layouts = []struct{ mapping, golang string }{
	{"", "2006-01-02"}, {"", time.RFC3339}, {"", "2006-01-02T15:04:05"}, {"", "2006-01-02T15:04"},
	{"", "20060102"}, {"", "20060102150405"},
	{"dd/MM/yyyy", "02/01/2006"}, {"dd-MM-yyyy", "02-01-2006"}, {"dd.MM.yyyy", "02.01.2006"},
	{"d MMM yyyy", "02 Jan 2006"}, {"d-MMM-yyyy", "02-Jan-2006"},
	{"dd/MM/yyyy H:mm", "02/01/2006 15:04"}, {"dd/MM/yyyy H:mm:ss", "02/01/2006 15:04:05"},
	{"yyyy-MM-dd H:mm:ss", "2006-01-02 15:04:05"}, {"yyyy-MM-dd H:mm", "2006-01-02 15:04"},
	{"d MMM yyyy H:mm", "02 Jan 2006 15:04"},
	{"d/M/yyyy", "2/1/2006"}, {"d.M.yyyy", "2.1.2006"}, {"d MMM yyyy", "2 Jan 2006"}, {"d MMMM yyyy", "2 January 2006"},
	{"dd/MM/yy", "02/01/06"}, {"dd-MM-yy", "02-01-06"}, {"dd.MM.yy", "02.01.06"}, {"d/M/yy", "2/1/06"}, {"d.M.yy", "2.1.06"},
	{"d MMM yy", "02 Jan 06"}, {"d-MMM-yy", "02-Jan-06"}, {"d MMM yy", "2 Jan 06"},
	{"do MMM yyyy", "2 Jan 2006"}, {"do MMMM yyyy", "2 January 2006"}, // the ordinal is cut
	{"dd/MM/yy H:mm", "02/01/06 15:04"}, {"dd.MM.yy H:mm", "02.01.06 15:04"}, {"d-MMM-yy H:mm", "02-Jan-06 15:04"},
}

var ordinalDay = regexp.MustCompile(`^([0-9]{1,2})(?:st|nd|rd|th)\b`)

// layoutOf is the layout that a text is a date in; its index.
func layoutOf(text string) (int, bool) {
	i, _, ok := dateOf(text)
	return i, ok
}

// dateOf is the day that a text says, and in which layout; its index.
func dateOf(text string) (layout int, at time.Time, ok bool) {
	if text == "" || text[0] < '0' || text[0] > '9' {
		return 0, time.Time{}, false // every layout begins with a digit
	}
	ordinal := ordinalDay.MatchString(text)
	if ordinal {
		text = ordinalDay.ReplaceAllString(text, "$1")
	}
	for i, l := range layouts {
		if strings.HasPrefix(l.mapping, "do") != ordinal {
			continue
		}
		if at, err := time.Parse(l.golang, text); err == nil && at.Year() > 1880 && at.Year() < 2200 {
			return i, at, true
		}
	}
	return 0, time.Time{}, false
}

// layoutsOf are the layouts of all values of a field, as mappings write them;
// none where all are read without. Strange is how many values fit none.
func layoutsOf(f field) (list []string, strange int) {
	iso := false
	for _, v := range f.values() {
		i, ok := layoutOf(v)
		l := layouts[i].mapping
		switch {
		case !ok && !MeansNothing(v):
			strange++
		case ok && l != "" && !slices.Contains(list, l):
			list = append(list, l)
		case ok && l == "":
			iso = true
		}
	}
	if len(list) == 0 {
		return nil, strange
	}
	if iso {
		list = append(list, "iso")
	}
	return slices.DeleteFunc(slices.Clone(list), func(l string) bool { // d/M/yyyy reads what dd/MM/yyyy does
		loose := strings.Replace(l, "dd", "d", 1)
		if !strings.Contains(l, "MMM") {
			loose = strings.Replace(loose, "MM", "M", 1)
		}
		return loose != l && slices.Contains(list, loose)
	}), strange
}

// dated is the function that reads the date of a field. In which hundred years a
// year of two digits lies is for a person to say: a birth date may be of this
// year or of the 99 before it, any other date is of this century.
func (w *writer) dated(f field, function string) string {
	list, strange := layoutsOf(f)
	if strange > 0 {
		w.doubt("%s has values that are no dates, or are in a form that is not known here (%d of those looked at): they will be reported, and a date that is needed refuses the message", f.path, strange)
	}
	if len(list) == 0 {
		return " | " + function
	}
	args := make([]string, len(list))
	short := false
	for i, l := range list {
		args[i] = strconv.Quote(l)
		short = short || strings.Contains(l, "yy") && !strings.Contains(l, "yyyy")
	}
	if short {
		first := w.Year - w.Year%100
		if told(f) == birthDate {
			first = w.Year - 99
		}
		args = append(args, fmt.Sprintf(`"yy from %d"`, first))
		who := ""
		if told(f) == birthDate {
			who = "; who is older than that would be taken for a child"
		}
		w.doubt("%s has years of two digits, taken for %d to %d: ask the sender%s", f.path, first, first+99, who)
	}
	return " | " + function + "(" + strings.Join(args, ", ") + ")"
}
