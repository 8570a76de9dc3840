package scaffold

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// write writes the resources, each below those that it points to.
func (w *writer) write() {
	w.tables = map[string][]byte{}
	w.patient()
	practice := w.practice()
	referrer := w.referrer(practice)
	provider := w.provider()
	requester := referrer
	switch {
	case requester == "" && practice:
		requester = "practice"
	case requester == "":
		w.unsure = append(w.unsure, "nobody was found who refers; a referral says so in requester, of the ServiceRequest and the Task")
	case practice:
		requester += " or practice"
	}
	w.request(requester, provider)
	if !w.reaches {
		w.first = append(w.first, "NO PRACTICE WITH AN ODS CODE WAS FOUND, so nobody will know into whose record the outcome goes. Give generalPractitioner of the patient, or the organisation that requester leads to, an identifier of the system "+ods+", or set it as a constant")
	}
	if w.each != "" {
		w.unsure = append(w.unsure, "each item of "+w.each+" was taken for a referral by itself, with the number as its id")
	}
	w.wants()
	w.hints()
	w.unsure = append(w.first, w.unsure...)
}

const ods = "https://fhir.nhs.uk/Id/ods-organization-code"

func (w *writer) patient() {
	w.line(1, "patient:")
	w.line(2, "resourceType: Patient")
	f, ok := w.take(nhsNumber, ofPatient)
	if !ok {
		if f, ok = w.any(nhsNumber); ok {
			w.unsure = append(w.unsure, f.path+" was taken for the NHS number of the person; by its name it may be somebody else's")
		}
	}
	if ok {
		w.person, w.words = f.group, f.words
		if _, wrong := nhs.ParseNumber(f.value); wrong != nhs.Valid {
			w.doubt("%s is called an NHS number, and in the sample it is none: the number %s", f.path, wrong.Text())
		}
		if f.placed {
			w.unsure = append(w.unsure, f.path+" was taken for the NHS number by its position in a list; in other messages another number may stand there")
		}
		w.line(2, "identifier:")
		w.line(3, "- system: https://fhir.nhs.uk/Id/nhs-number")
		w.nhs = f.path + w.nothing(f)
		w.line(3, "  value: %s", rule(w.nhs+" | nhsNumber"))
	} else {
		w.unsure = append(w.unsure, "no NHS number was found in the sample")
	}
	w.names()
	if w.called == nil {
		w.called = w.person
	}
	w.telecom(2, ofPatient)
	if f, ok := w.take(sex, ofPatient); ok {
		codes := [][2]string{
			{"f", "female"}, {"female", "female"}, {"2", "female"}, {"m", "male"}, {"male", "male"}, {"1", "male"},
			{"o", "other"}, {"other", "other"}, {"9", "other"}, {"u", "unknown"}, {"unknown", "unknown"}, {"0", "unknown"}}
		if slices.ContainsFunc(append(f.others, f.value), func(v string) bool { return strings.EqualFold(v, "w") }) {
			codes = append(codes, [2]string{"w", "female"})
		}
		w.tables["sex.json"] = table("sex", "http://hl7.org/fhir/administrative-gender", codes)
		w.line(2, "gender: %s", rule(f.path+" | lower | code(sex)"))
		w.unsure = append(w.unsure, "vocabulary/sex.json: what this sender means by its codes (the numbers are those of the NHS Data Dictionary)"+w.strange(f, codes))
	}
	if f, ok := w.take(birthDate, ofPatient); ok {
		w.line(2, "birthDate: %s", rule(f.path+w.dated(f, "date")))
	} else if parts, ok := w.birthParts(); ok {
		w.line(2, "birthDate: %s", rule(strings.Join(parts, " and ")+` | join("-") | date("yyyy-M-d")`))
	} else {
		w.unsure = append(w.unsure, "no birth date was found in the sample")
	}
	w.address()
	if gp := w.takeAll(odsCode, ofPatient); len(gp) > 0 {
		w.line(2, "generalPractitioner:")
		w.line(3, "- identifier:")
		w.line(3, "    system: %s", ods)
		w.line(3, "    value: %s", rule(gp[0].path+" | ods"))
		w.unsure = append(w.unsure, gp[0].path+" was taken for the practice where the person is registered")
		w.reaches = true
	} else if f, ok := w.take(orgName, ofPatient); ok {
		w.line(2, "generalPractitioner:")
		if bracketed(f.value) != "" {
			w.line(3, "- identifier:")
			w.line(3, "    system: %s", ods)
			w.line(3, "    value: %s", rule(f.path+bracketedCode))
			w.line(3, "  display: %s", rule(f.path+bracketedName))
			w.unsure = append(w.unsure, f.path+" was taken for the practice where the person is registered, with its ODS code in brackets")
			w.reaches = true
		} else {
			w.line(3, "- display: %s", rule(f.path+" | trim"))
		}
	} else if f, reads, ok := w.referringPractice(); ok {
		w.line(2, "generalPractitioner:")
		w.line(3, "- identifier:")
		w.line(3, "    system: %s", ods)
		w.line(3, "    value: %s", rule(f.path+reads))
		w.doubt("%s was taken for the practice that refers and for the one where the person is registered too: into the record of the latter goes the outcome", f.path)
	}
}

// strange names the values of a coded field that a table does not have. What
// may be somebody's is not repeated.
func (w *writer) strange(f field, codes [][2]string) string {
	names := w.namesOfAll()
	var out []string
	for _, v := range f.values() {
		v = strings.ToLower(v)
		known := slices.ContainsFunc(codes, func(c [2]string) bool { return c[0] == v })
		if known || MeansNothing(v) || len(v) > maxStatus || longDigits.MatchString(v) || named(v, names) || slices.Contains(out, strconv.Quote(v)) || len(out) == maxStrange {
			continue
		}
		out = append(out, strconv.Quote(v))
	}
	if len(out) == 0 {
		return ""
	}
	return "; it does not have " + strings.Join(out, ", ") + ", so that nothing comes of them"
}

// maxStrange bounds the values that are named.
const maxStrange = 8

// birthParts are the paths of year, month and day of a birth date that stands in
// three members.
func (w *writer) birthParts() ([]string, bool) {
	var out []string
	for _, names := range [][]string{{"y", "yyyy", "year"}, {"m", "mm", "month"}, {"d", "dd", "day"}} {
		i := slices.IndexFunc(w.all, func(f field) bool {
			return !w.used[f.path] && f.list == "" && f.about() == ofPatient && f.under("dob", "birth", "birthdate", "dateofbirth", "born") && f.says(names...)
		})
		if i < 0 {
			return nil, false
		}
		out = append(out, w.all[i].path)
	}
	for _, f := range w.all {
		if slices.Contains(out, f.path) {
			w.mark(f, birthDate)
		}
	}
	return out, true
}

func (w *writer) names() {
	const why = ` | required("a referral names the person it is for")`
	list, other := w.candidates(ofPatient, familyName, fullName)
	var name field
	if len(list) > 0 {
		name = list[0]
		if i := slices.IndexFunc(list, func(f field) bool { return kindOf(f) == familyName }); i > 0 && w.near(list[i]) == w.near(name) && !doctor(list[i]) {
			name = list[i] // a surname by itself says more
		}
		w.otherNames(name, append(list, other...))
	}
	defer func() { w.called = name.group }()
	if kindOf(name) == fullName {
		w.mark(name, fullName)
		w.line(2, "name:")
		w.line(3, "- use: official")
		w.line(3, "  text: %s", rule(name.path+" | text"+why))
		w.line(3, "  family: %s", rule(name.path+" | familyName"))
		w.line(3, "  given: %s", rule(name.path+" | givenNames"))
		w.line(3, "  prefix: [%s]", quotedRule(name.path+" | namePrefix"))
		w.unsure = append(w.unsure, name.path+" holds the whole name; surname and forenames are taken apart by rule")
		return
	}
	family, hasFamily := name, len(list) > 0
	if hasFamily {
		w.mark(family, familyName)
	}
	var given []field
	if list, _ := w.candidates(ofPatient, givenName); len(list) > 0 && (!hasFamily || w.near(list[0]) >= w.near(family)) {
		given = w.takeAll(givenName, ofPatient)
	}
	if !hasFamily && len(given) == 0 {
		w.unsure = append(w.unsure, "no name of the person was found in the sample")
		return
	}
	prefix, hasPrefix := field{}, false
	if list, _ := w.candidates(ofPatient, namePrefix); len(list) > 0 && (!hasFamily || w.near(list[0]) >= w.near(family)) {
		prefix, hasPrefix = w.take(namePrefix, ofPatient)
	}
	w.line(2, "name:")
	w.line(3, "- use: official")
	if hasFamily {
		w.line(3, "  family: %s", rule(family.path+" | trim"+why))
	}
	if len(given) > 0 {
		w.line(3, "  given: %s", together(given))
	}
	if hasPrefix {
		w.line(3, "  prefix: [%s]", quotedRule(prefix.path+" | trim"))
	}
}

// together is a rule for the values of several fields, in a list.
func together(list []field) string {
	paths := make([]string, len(list))
	for i, f := range list {
		paths[i] = f.path
	}
	if len(paths) == 1 {
		return "[" + quotedRule(paths[0]+" | trim") + "]"
	}
	return rule(strings.Join(paths, " and ") + " | trim")
}

// nothing is the function that takes out what the sample says in place of an NHS
// number. Of CSV the csv block does that for every column.
func (w *writer) nothing(f field) string {
	var says []string
	for _, v := range append(slices.Clone(f.others), f.value) {
		if MeansNothing(v) && !slices.Contains(says, strconv.Quote(v)) {
			says = append(says, strconv.Quote(v))
		}
	}
	if len(says) == 0 || w.Format == "csv" {
		return ""
	}
	return " | except(" + strings.Join(says, ", ") + ")"
}

// otherNames says which names may as well be that of the person.
func (w *writer) otherNames(name field, list []field) {
	for _, f := range list {
		switch {
		case f.path == name.path || kindOf(f) == fullName && kindOf(name) == familyName && w.near(f) == w.near(name) && !doctor(f) && strings.Contains(strings.ToLower(f.value), strings.ToLower(name.value)):
		case w.near(f) < w.near(name):
			w.doubt("%s was taken for the name of the person, because it stands with the NHS number; %s holds a name too: see whose it is", name.path, f.path)
		default:
			w.doubt("%s was taken for the name of the person; %s holds a name too: see which is whose", name.path, f.path)
		}
	}
	if doctor(name) {
		w.doubt("%s was taken for the name of the person, and it begins with the title of a doctor or nurse", name.path)
	}
}

// quotedRule is a rule that stands in brackets.
func quotedRule(s string) string { return "'" + strings.ReplaceAll("<- "+s, "'", "''") + "'" }

func (w *writer) address() {
	lines := w.takeAll(addressLine, ofPatient)
	place, hasPlace := w.take(town, ofPatient)
	shire, hasShire := w.take(county, ofPatient)
	code, hasCode := w.take(postcode, ofPatient)
	if len(lines) == 0 && !hasPlace && !hasCode && !hasShire {
		return
	}
	w.line(2, "address:")
	w.line(3, "- use: home")
	if len(lines) == 1 && !hasPlace && !hasCode && !hasShire && (lines[0].list == "" || lines[0].list == w.each) && postcodeIn.MatchString(lines[0].value) {
		at := lines[0].path
		w.line(3, "  text: %s", rule(at+` | text | lines | join(", ")`))
		w.line(3, "  line: %s", rule(at+" | addressLines"))
		w.line(3, "  city: %s", rule(at+" | addressTown"))
		w.line(3, "  district: %s", rule(at+" | addressCounty"))
		w.line(3, "  postalCode: %s", rule(at+" | addressPostcode"))
		w.unsure = append(w.unsure, at+" holds the whole address; lines, town and postcode are taken apart by rule")
		return
	}
	inOne := len(lines) == 1 && lines[0].list == "" && slices.ContainsFunc(lines[0].values(), func(v string) bool { return strings.ContainsAny(v, ",\n") })
	if inOne {
		at, all := lines[0].path, lines[0].path
		for _, f := range []field{place, shire, code} {
			if f.path != "" {
				all += " and " + f.path
			}
		}
		w.line(3, "  text: %s", rule(all+` | text | lines | join(", ")`))
		w.line(3, "  line: %s", rule(at+" | addressLines"))
		if !hasPlace {
			w.line(3, "  city: %s", rule(at+" | addressTown"))
		}
		if !hasShire {
			w.line(3, "  district: %s", rule(at+" | addressCounty"))
		}
		w.doubt("%s holds several parts of the address; they are taken apart by rule", at)
	} else if len(lines) > 0 {
		var paths []string
		for _, f := range lines {
			paths = append(paths, f.path)
		}
		switch all := strings.Join(paths, " and ") + " | trim"; {
		case lines[0].list != "" && lines[0].below == ".":
			w.line(3, "  line: %s", rule("each "+all))
		case len(paths) > 1:
			w.line(3, "  line: %s", rule(all))
		default:
			w.line(3, "  line: [%s]", quotedRule(all))
		}
	}
	if hasPlace {
		w.line(3, "  city: %s", rule(place.path+" | trim"))
	}
	if hasShire {
		w.line(3, "  district: %s", rule(shire.path+" | trim"))
	}
	switch {
	case hasCode && inOne: // where it stands in the address, its own place is empty
		w.line(3, "  postalCode: '%s'", strings.ReplaceAll(fmt.Sprintf("= has(%q) ? postcode(src(%[1]q)) : addressPostcode(src(%q))", code.path, lines[0].path), "'", "''"))
	case hasCode:
		w.line(3, "  postalCode: %s", rule(code.path+" | postcode"))
	}
}

func (w *writer) request(requester string, provider bool) {
	id, hasID := w.identity()
	at, hasDate := w.any(madeAt)
	if !hasDate {
		if at, hasDate = w.any(otherDate); hasDate {
			w.unsure = append(w.unsure, at.path+" was taken for the date of the referral")
		}
	}
	how, hasHow := w.any(urgency)
	if hasHow {
		codes := [][2]string{{"routine", "routine"}, {"r", "routine"}, {"normal", "routine"}, {"urgent", "urgent"}, {"u", "urgent"}, {"asap", "asap"}, {"stat", "stat"}}
		if how.says("urgent") && slices.Contains(slices.Concat(yesWords, noWords), strings.ToLower(how.value)) { // is it?
			codes = append(codes, [][2]string{{"true", "urgent"}, {"yes", "urgent"}, {"y", "urgent"}, {"false", "routine"}, {"no", "routine"}, {"n", "routine"}}...)
		}
		w.tables["priority.json"] = table("priority", "http://hl7.org/fhir/request-priority", codes)
		w.unsure = append(w.unsure, "vocabulary/priority.json: what this sender means by its words in "+how.path+w.strange(how, codes))
	}
	w.line(1, "request:")
	w.line(2, "resourceType: ServiceRequest")
	if hasID {
		w.number = id.path
		w.line(2, "identifier:")
		w.line(3, "- system: = referralSystem")
		w.line(3, "  value: %s", rule(id.path+` | trim | required("a referral has a number")`))
	} else {
		w.first = append(w.first, "NO NUMBER OF THE REFERRAL WAS FOUND. Every referral would get the number \"unknown\", and all but the first would be refused as received before. Write the path of the number into identifier of request before this goes live")
		w.line(2, "identifier:")
		w.line(3, "- system: = referralSystem")
		w.line(3, "  value: unknown")
	}
	w.line(2, "status: active")
	w.line(2, "intent: order")
	if hasHow {
		w.line(2, "priority: %s", rule(how.path+" | lower | code(priority)"))
	}
	w.line(2, "code:")
	w.line(3, "coding:")
	w.line(4, "- system: http://snomed.info/sct")
	w.line(4, `  code: "871731000000106"`)
	w.line(4, "  display: Referral to social prescribing service")
	w.line(2, "subject: -> patient")
	if hasDate {
		w.line(2, "authoredOn: %s", rule(at.path+w.dated(at, "dateTime")+` | required("a referral says when it was made")`))
	} else {
		w.unsure = append(w.unsure, "no date of the referral was found; authoredOn of the ServiceRequest and the Task needs one")
	}
	if requester != "" {
		w.line(2, "requester: -> %s", requester)
	}
	if provider {
		w.line(2, "performer: [-> provider]")
	}
	w.needs()
	w.notes()
	w.line(1, "task:")
	w.line(2, "resourceType: Task")
	if w.nhs != "" {
		w.line(2, "meta:")
		w.line(3, "tag:")
		w.line(4, "- $unless: %s", rule(w.nhs))
		w.line(4, "  system: urn:linkloop:codesystem:data-quality")
		w.line(4, "  code: nhs-number-missing")
	}
	w.line(2, "status: requested")
	w.line(2, "intent: order")
	if hasHow {
		w.line(2, "priority: %s", rule(how.path+" | lower | code(priority)"))
	}
	w.line(2, "code:")
	w.line(3, "coding:")
	w.line(4, "- system: http://hl7.org/fhir/CodeSystem/task-code")
	w.line(4, "  code: fulfill")
	w.line(2, "focus: -> request")
	w.line(2, "for: -> patient")
	if hasDate {
		w.line(2, "authoredOn: %s", rule(at.path+w.dated(at, "dateTime")))
	}
	if requester != "" {
		w.line(2, "requester: -> %s", requester)
	}
	if provider {
		w.line(2, "owner: -> provider")
	}
}

// needs writes the coded needs, a list by $each.
func (w *writer) needs() {
	var codes []field
	for _, who := range []about{ofPatient, ofReferrer, ofService} {
		codes = append(codes, w.takeAll(snomed, who)...)
	}
	if len(codes) == 0 {
		return
	}
	w.line(2, "reasonCode:")
	for _, f := range codes {
		words, code := "", f.path
		if f.list != "" {
			w.line(3, "- $each: %s", flowed(f.list))
			code = f.below
		}
		for _, g := range w.all {
			if w.used[g.path] || g.list != f.list || f.list == "" && !sibling(f, g) {
				continue
			}
			if k := kindOf(g); k == needText || k == reasonText && f.list != "" || g.says("term", "display", "description") || strings.HasSuffix(g.path, ".$text") {
				words = g.path
				if f.list != "" {
					words = g.below
				}
				w.mark(g, needText)
				break
			}
		}
		first := "- "
		if f.list != "" {
			first = "  "
		}
		w.line(3, "%scoding:", first)
		w.line(4, "  - system: http://snomed.info/sct")
		w.line(4, "    code: %s", rule(code+" | snomed"))
		if words != "" {
			w.line(4, "    display: %s", rule(words+" | trim"))
			w.line(3, "  text: %s", rule(words+" | text"))
		}
	}
	w.unsure = append(w.unsure, "the codes under reasonCode were taken for the needs of the person")
}

// sibling reports that two fields stand beside one another.
func sibling(a, b field) bool {
	return len(a.above) > 0 && strings.Join(a.above, ".") == strings.Join(b.above, ".")
}

// flowed quotes a path where YAML would stumble over it.
func flowed(path string) string {
	if strings.ContainsAny(path, "`@:#[]{}&*!%'\"") {
		return "'" + strings.ReplaceAll(path, "'", "''") + "'"
	}
	return path
}

func (w *writer) notes() {
	var list []field
	for _, k := range []kind{reasonText, needText} {
		for _, who := range []about{ofPatient, ofReferrer, ofService} {
			list = append(list, w.takeAll(k, who)...)
		}
	}
	if len(list) == 0 {
		w.unsure = append(w.unsure, "no reason in words was found in the sample")
	}
	if len(list)+len(w.rests) == 0 {
		return
	}
	w.line(2, "note:")
	for _, path := range w.rests {
		w.line(3, "- text: %s", rule(path+` | phones(rest) | join("; ")`))
	}
	for _, f := range list {
		reads := " | text"
		if markup.MatchString(f.value) {
			reads = " | html"
		}
		if f.list != "" {
			w.line(3, "- text: %s", rule("each "+f.path+reads+` | join("\n")`))
			continue
		}
		w.line(3, "- text: %s", rule(f.path+reads))
	}
}

// markup is what a text is read as HTML for.
var markup = regexp.MustCompile(`</?[A-Za-z][A-Za-z0-9]{0,10} ?/?>|&#?[A-Za-z0-9]{2,8};`)

// table is a ConceptMap from codes of the sender to those of a system.
func table(name, system string, codes [][2]string) []byte {
	type target struct {
		Code        string `json:"code"`
		Equivalence string `json:"equivalence"`
	}
	type element struct {
		Code   string   `json:"code"`
		Target []target `json:"target"`
	}
	var list []element
	for _, c := range codes {
		list = append(list, element{c[0], []target{{c[1], "equivalent"}}})
	}
	out, err := json.MarshalIndent(map[string]any{
		"resourceType": "ConceptMap", "name": name, "status": "draft",
		"title": fmt.Sprintf("Words of the sender to %s, in lower case", system),
		"group": []map[string]any{{"target": system, "element": list}},
	}, "", "  ")
	if err != nil { // texts and lists of them always print
		return nil
	}
	return append(out, '\n')
}
