package scaffold

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// anonymiser replaces the values of one document. Nothing of a value stays unless
// it is known to be harmless, see keeps; whether a rule reads it makes no
// difference. The same value becomes the same wherever it stands.
type anonymiser struct {
	list   []field
	places map[string][]field
	known  *known
	fhir   bool
	codes  map[string]bool // of the tables, in small letters
	let    map[string]bool // words of the codes that stay in a list

	stay map[string]bool // values by which parts of the document are told apart

	names   map[string]bool   // words of names, in small letters: harmless nowhere
	input   map[string]bool   // words and runs of digits of the document, see marks
	values  map[string]string // made-up values
	tokens  map[string]string // made-up words, by the words in small letters
	taken   map[string]bool   // made-up words that stand for something
	units   map[string]bool   // texts that were made up as a whole
	cal     calendar
	count   map[kind]int
	numbers map[string]string // made-up NHS numbers, by their digits
	kept    map[string]bool   // what keeps said
	n       int
}

// Known adds what stands in the files of a mapping to what may stay.
func (p *Proposal) Known(files ...[]byte) {
	for _, f := range files {
		p.known.read(f)
	}
}

// Anonymous replaces the values in the text of a sample, which is in UTF-8. The
// error names the places where something of the sample would stay; then there
// is no text.
func (p *Proposal) Anonymous(format any, text string) (string, error) {
	rewrite := rewriterOf(format, text)
	a := p.anonymiser()
	var all []string
	rewrite(text, func(v string) string { all = append(all, v); return v })
	a.look(all)
	if at := a.namesMembers(p.tree); at != "" {
		return "", fmt.Errorf("a name of a member or a column at %s looks like somebody's data", at)
	}
	made := rewrite(text, a.value)
	left := false
	rewrite(made, func(v string) string {
		left = left || a.leaks(v)
		return v
	})
	if left {
		return "", fmt.Errorf("a word or a number of it would stay at %s", a.stays())
	}
	p.done = a
	return made, nil
}

// stays says where in the sample values stand that could not be replaced.
func (a *anonymiser) stays() string {
	var at []string
	for _, f := range a.list {
		if a.leaks(a.value(f.value)) {
			at = append(at, f.where)
		}
	}
	if len(at) == 0 {
		return "a place that no address leads to"
	}
	return strings.Join(at, ", ")
}

// Leaks lists the addresses of values in the tree of an anonymous sample that
// hold a word or a number of the sample.
func (p *Proposal) Leaks(t *message.Tree) []string {
	var out []string
	for id := int32(1); int(id) < t.Len(); id++ {
		n := t.Node(id)
		if k := n.Kind(); k != message.Object && k != message.List && p.done.leaks(n.Value()) {
			out = append(out, n.Address())
		}
	}
	return out
}

func (p *Proposal) anonymiser() *anonymiser {
	a := &anonymiser{list: p.fields, places: map[string][]field{}, known: p.known, fhir: p.fhir, codes: p.codes, stay: staying(p.fields), let: map[string]bool{}, names: nameWords(p.fields), input: map[string]bool{},
		values: map[string]string{}, tokens: map[string]string{}, taken: map[string]bool{}, units: map[string]bool{}, count: map[kind]int{}, numbers: map[string]string{}, kept: map[string]bool{}}
	for _, f := range a.list {
		a.places[f.value] = append(a.places[f.value], f)
	}
	return a
}

// tokenIn are the words and runs of digits of a text.
var tokenIn = regexp.MustCompile(`\p{L}+|[0-9]+`)

// marks are the words of three letters and more and the runs of three digits
// and more of a text, in small letters. Zeros alone tell nothing.
func marks(text string) []string {
	var out []string
	for _, t := range tokenIn.FindAllString(text, -1) {
		if utf8.RuneCountInString(t) >= 3 && strings.Trim(t, "0") != "" {
			out = append(out, strings.ToLower(t))
		}
	}
	return out
}

// look notes the values of a document, which are those of the tree and what the
// tree does not take.
func (a *anonymiser) look(all []string) {
	for _, f := range a.list {
		all = append(all, f.value)
	}
	for _, v := range all {
		v = strings.TrimSpace(v)
		if a.keeps(v) {
			continue
		}
		for _, t := range a.marks(v) {
			a.input[t] = true
		}
		if d := onlyDigits(v); len(d) >= 6 {
			a.input["#"+d] = true
		}
		if p, ok := partsOf(v); ok && p.whole() && a.dated(v, p) {
			at, _ := p.day()
			a.cal.note(at, a.birth(v))
		}
	}
	a.cal.year, a.cal.birthYear, a.cal.childYear = a.freeYear(2023), a.freeYear(1970), a.freeYear(time.Now().Year()-6)
}

// freeYear is a year near another that no number of the document begins with.
func (a *anonymiser) freeYear(year int) int {
	for y := year; y > year-20; y-- {
		text := fmt.Sprint(y)
		used := false
		for t := range a.input {
			used = used || strings.HasPrefix(t, text)
		}
		if !used {
			return y
		}
	}
	return year
}

// birth reports a date that stands somewhere as a birthday.
func (a *anonymiser) birth(v string) bool {
	return slices.ContainsFunc(a.places[v], func(f field) bool {
		return f.either(birthWords...) || told(f) == birthDate
	})
}

// dated reports a text in the shape of a date that is one, be it a wrong one.
func (a *anonymiser) dated(v string, p parts) bool {
	if p.whole() && (len(onlyDigits(v)) > 4 || p.year() >= 1900 && p.year() < 2100) {
		return true
	}
	return slices.ContainsFunc(a.places[v], func(f field) bool {
		return f.says(dateNames...) || onlyDigits(v) != v && f.says(madeWords...)
	})
}

var fewDigits = regexp.MustCompile(`^[0-9]{1,2}(?:\.[0-9]{1,2}){0,2}$`)

// keeps reports a value that may stay as it is.
func (a *anonymiser) keeps(v string) bool {
	kept, known := a.kept[v]
	if !known {
		kept = a.harmless(v)
		a.kept[v] = kept
	}
	return kept
}

func (a *anonymiser) harmless(v string) bool {
	if utf8.RuneCountInString(v) <= 1 || !strings.ContainsFunc(v, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return true
	}
	fields := a.places[v]
	for _, f := range fields {
		if k := told(f); k == familyName || k == givenName || k == fullName {
			return false
		}
	}
	if a.names[strings.ToLower(v)] || named(v, a.names) && (a.stay[v] || slices.ContainsFunc(fields, func(f field) bool { return f.asked != nil })) {
		return false
	}
	_, isDate := layoutOf(v)
	switch {
	case noPlace.FindString(v) == v, noAddress.MatchString(v):
		return true
	case fewDigits.MatchString(v) && !isDate && !slices.ContainsFunc(fields, func(f field) bool { return kindOf(f) == addressLine }), MeansNothing(v), a.known.holds(v), a.stay[v], a.fhir && ofFHIR()[v]:
		return true
	case slices.ContainsFunc(fields, func(f field) bool { return f.tells() && speaksOfKinds(f.value) }):
		return true
	}
	_, notConcept := nhs.ParseConcept(v)
	_, notNumber := nhs.ParseNumber(v)
	return notConcept == nhs.Valid && notNumber != nhs.Valid && slices.ContainsFunc(fields, func(f field) bool { return kindOf(f) == snomed })
}

// value is what stands for a value.
func (a *anonymiser) value(text string) string {
	v := strings.TrimSpace(text)
	if v == "" || a.keeps(v) {
		return text
	}
	made, ok := a.values[v]
	if !ok {
		made = a.make(v)
		a.values[v] = made
	}
	at := strings.Index(text, v)
	return text[:at] + made + text[at+len(v):]
}

// kind is the most telling thing that a value is at any of its places.
func (a *anonymiser) kind(v string) (k kind, f field) {
	for _, f := range a.places[v] {
		if k := told(f); k != unclear {
			return k, f
		}
	}
	f = field{value: v}
	return told(f), f
}

var reference = regexp.MustCompile(`^([A-Z][A-Za-z]{2,40})/(\S+)$`)

// make makes a value up.
func (a *anonymiser) make(v string) string {
	k, _ := a.kind(v)
	_, wrong := nhs.ParseNumber(v)
	p, isDate := partsOf(v)
	switch {
	case wrong == nhs.Valid && k != phone:
		return a.number(v, testNumber)
	case isDate && a.dated(v, p):
		return a.unit(a.cal.date(p, a.birth(v)))
	case wrong == nhs.CheckDigit && k != phone && k != contacts:
		return a.number(v, wrongNumber)
	case k == nhsNumber && (field{value: v}).numbered():
		return a.number(v, shortNumber(len(onlyDigits(v))))
	case a.odd(v):
		return a.oddDate(v, a.birth(v))
	}
	if slices.Contains([]kind{unclear, needText, reasonText, snomed}, k) && a.coded(v) {
		return a.keptCodes(v)
	}
	switch k {
	case familyName, givenName, fullName:
		return a.name(v, k)
	case phone:
		if strings.ContainsFunc(v, unicode.IsLetter) {
			return a.shaped(v)
		}
		return a.whole(func(n int) string { return madePhone(v, n) }, k)
	case email:
		return a.whole(func(n int) string { return fmt.Sprintf("person%d@example.org", n+1) }, k)
	case postcode:
		if postcodeLike.MatchString(v) {
			return a.postcode()
		}
	case addressLine:
		if strings.Trim(v, "0123456789") == "" {
			return a.ident(v)
		}
		if !strings.ContainsAny(v, ",\n") && !careOf.MatchString(v) {
			return a.whole(func(n int) string { return fmt.Sprintf("%d Quetzal Lane", n+1) }, k)
		}
	case town:
		return a.whole(func(n int) string { return towns[n%len(towns)] }, k)
	case reasonText, needText:
		if !strings.ContainsAny(v, "\n<&") && (len(v) > 60 || !strings.ContainsAny(v, ";,|/")) && strings.Contains(v, " ") {
			number := a.within(v)
			return a.whole(func(n int) string {
				return strings.TrimSpace(fmt.Sprintf("Words of the referral, made up (%d). %s", n+1, number))
			}, k)
		}
	}
	if m := reference.FindStringSubmatch(v); m != nil && fhir.Known(m[1]) {
		return m[1] + "/" + a.shaped(m[2])
	}
	return a.shaped(v)
}

// coded reports a text of short pieces of which one is a code.
func (a *anonymiser) coded(v string) bool {
	some := false
	for piece := range strings.FieldsFuncSeq(v, separates) {
		if piece = strings.TrimSpace(piece); len(piece) > 24 {
			return false
		}
		some = some || a.codes[strings.ToLower(piece)]
	}
	return some
}

// keptCodes is a text with other pieces in place of those that are no codes.
func (a *anonymiser) keptCodes(v string) string {
	var b strings.Builder
	for v != "" {
		end := strings.IndexFunc(v, separates)
		if end < 0 {
			end = len(v)
		}
		if piece := v[:end]; a.codes[strings.ToLower(strings.TrimSpace(piece))] && !a.names[strings.ToLower(strings.TrimSpace(piece))] {
			b.WriteString(piece)
			for _, t := range marks(piece) {
				a.let[t] = true
			}
		} else {
			b.WriteString(a.shaped(piece))
		}
		if v = v[end:]; v != "" {
			b.WriteByte(v[0])
			v = v[1:]
		}
	}
	return b.String()
}

func separates(r rune) bool { return strings.ContainsRune("/;,|\n", r) }

var (
	// noPlace is a postcode of the NHS for people without one: no fixed abode, or
	// not known.
	noPlace   = regexp.MustCompile(`(?i)\bZZ99 ?3[VW]Z\b`)
	noAddress = regexp.MustCompile(`(?i)^(?:nfa|no fixed (?:abode|address)|homeless|of no fixed abode)$`)
	careOf    = regexp.MustCompile(`(?i)^(?:c/o|care of)\b`)

	towns     = []string{"Otley", "Ilkley", "Whitby", "Malton"}
	postcodes = []string{"LS21 9ZZ", "YO26 9ZZ", "HX7 9ZZ", "BD23 9ZZ"}
)

func (a *anonymiser) postcode() string {
	n := a.count[postcode]
	a.count[postcode]++
	for i := range postcodes {
		if c := postcodes[(n+i)%len(postcodes)]; !a.input[strings.ToLower(c)] && a.places[c] == nil {
			return a.unit(c)
		}
	}
	return a.unit("ZZ99 3WZ")
}

// whole is the next made-up text of a kind that stands nowhere in the sample.
func (a *anonymiser) whole(made func(n int) string, k kind) string {
	for try := 0; ; try++ {
		text := made(a.count[k])
		a.count[k]++
		if a.places[text] == nil && !a.input["#"+onlyDigits(text)] || try > len(a.list)+100 {
			return a.unit(text)
		}
	}
}

// unit notes a text that was made up as a whole, of nothing that is in the
// sample.
func (a *anonymiser) unit(text string) string {
	a.units[text] = true
	return text
}

// wrongNumber is an NHS number of the range for tests with a wrong check digit.
func wrongNumber(n int) string {
	text := []byte(testNumber(n + 500))
	text[9] = '0' + (text[9]-'0'+1)%10
	return string(text)
}

// name is a made-up name in the order and the capitals of another; titles stay.
func (a *anonymiser) name(v string, k kind) string {
	if at := roleIn.FindStringIndex(v); at != nil && at[0] > 0 && asRole(v[at[0]:at[1]]) && !named(v[at[0]:at[1]], a.names) {
		for _, t := range marks(v[at[0]:at[1]]) {
			a.let[t] = true
		}
		return a.name(v[:at[0]], k) + v[at[0]:at[1]] + a.shaped(v[at[1]:])
	}
	ws := nameWord.FindAllString(v, -1)
	names := 0
	for _, w := range ws {
		if !slices.Contains(titles, strings.ToLower(w)) {
			names++
		}
	}
	if names == 0 && k != fullName {
		names = -1 // somebody is called Miss
	}
	at, comma := 0, strings.Contains(v, ",")
	made := nameWord.ReplaceAllStringFunc(v, func(w string) string {
		lower := strings.ToLower(w)
		if utf8.RuneCountInString(w) == 1 || names >= 0 && slices.Contains(titles, lower) {
			return w
		}
		at++
		list := givens
		if k == familyName || k == fullName && (comma && at == 1 || !comma && at == names) {
			list = families
		}
		return cased(a.token(lower, list), w)
	})
	return digitsIn.ReplaceAllStringFunc(made, a.ident)
}

var digitsIn = regexp.MustCompile(`[0-9]+`)

// token is the made-up word for a word.
func (a *anonymiser) token(lower string, list []string) string {
	if made, ok := a.tokens[lower]; ok {
		return made
	}
	for try := 0; ; try++ {
		made := ""
		if try < len(list) {
			made = strings.ToLower(list[try])
		} else {
			made = a.random(lower + "abcd")
		}
		if !a.taken[made] && !a.input[made] {
			a.n++
			a.tokens[lower], a.taken[made] = made, true
			return made
		}
	}
}

// ident is a made-up text with letters for letters and digits for digits.
func (a *anonymiser) ident(s string) string {
	if made, ok := a.tokens[s]; ok {
		return made
	}
	for try := 0; ; try++ {
		made := a.random(s)
		clear := made != s && (!a.taken[made] || try > 50)
		for _, t := range marks(made) {
			clear = clear && !a.input[t]
		}
		if clear || try > 1000 {
			a.tokens[s], a.taken[made] = made, true
			return made
		}
	}
}

// random puts other letters and digits in the places of those of s. It knows
// nothing of s but its shape.
func (a *anonymiser) random(s string) string {
	a.n++
	r := rand.New(rand.NewPCG(uint64(a.n), 2026))
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsDigit(c):
			return rune('1' + r.IntN(9))
		case unicode.IsUpper(c):
			return rune("BCDFGHJKLMNPQRTVWXZ"[r.IntN(19)])
		case unicode.IsLetter(c):
			return rune("bcdfghjklmnpqrtvwxz"[r.IntN(19)])
		}
		return c
	}, s)
}

// leaks reports a value of the output that holds a word or a number of the
// sample.
func (a *anonymiser) leaks(text string) bool {
	v := strings.TrimSpace(text)
	if a.keeps(v) {
		return false
	}
	if a.units[v] {
		return slices.ContainsFunc(a.marks(v), func(t string) bool { return a.input[t] && !hasDigit(t) && !constant[t] })
	}
	if m := reference.FindStringSubmatch(v); m != nil && fhir.Known(m[1]) {
		v = m[2]
	}
	v = wording.ReplaceAllString(v, " ")
	for _, u := range unitIn.FindAllString(v, -1) {
		if a.units[u] {
			v = strings.ReplaceAll(v, u, " ")
		}
	}
	for _, t := range a.marks(v) {
		if a.input[t] && !a.plain(t) && (!a.let[t] || a.names[t]) {
			return true
		}
	}
	d := onlyDigits(v)
	return len(d) >= 6 && a.input["#"+d]
}

// wording is what is made up in the same words always. Of XML it may stand
// within a longer text.
var wording = regexp.MustCompile(`Words of the referral, made up \([0-9]+\)\.|person[0-9]+@example\.org|[0-9]{1,3} Quetzal Lane`)

// constant are the words of what is made up as a whole.
var constant = func() map[string]bool {
	out := map[string]bool{}
	for _, t := range marks("Words of the referral, made up. person@example.org Quetzal Lane " + strings.Join(towns, " ")) {
		out[t] = true
	}
	for m := time.January; m <= time.December; m++ {
		out[strings.ToLower(m.String())], out[strings.ToLower(m.String()[:3])] = true, true
	}
	for _, w := range dateWords {
		out[w] = true
	}
	return out
}()

// plain reports a word that says nothing of anybody, wherever it stands.
func (a *anonymiser) plain(lower string) bool {
	return (slices.Contains(kindWords, lower) || slices.Contains(titles, lower)) && !a.names[lower]
}

// namesMembers is the address of a member of which the name itself looks like
// data; empty: none.
func (a *anonymiser) namesMembers(t *message.Tree) string {
	for id := int32(1); int(id) < t.Len(); id++ {
		n := t.Node(id)
		bad := strings.Contains(strings.TrimPrefix(n.Name(), "@"), "@")
		for _, w := range tokenIn.FindAllString(n.Name(), -1) {
			bad = bad || len(w) >= 4 && w[0] >= '0' && w[0] <= '9' || len(w) >= 3 && a.names[strings.ToLower(w)] && !speaksOfKinds(w)
		}
		if bad {
			return fmt.Sprintf("the member %d of %s", n.Index()+1, cmp.Or(n.Parent().Address(), "the message"))
		}
	}
	return ""
}

var (
	families = []string{"Testperson", "Madeup", "Exemplar", "Pretend", "Notreal", "Imagined", "Invented", "Nobody"}
	givens   = []string{"Amelia", "Barnaby", "Cecily", "Dudley", "Edwin", "Flora", "Gilbert", "Hester"}
)

// testNumber is the n-th NHS number of the range that is never given to
// anybody, with its check digit.
func testNumber(n int) string {
	for body := 999_000_100 + 7*n; ; body++ {
		text, sum := fmt.Sprint(body), 0
		for i, c := range text {
			sum += int(c-'0') * (10 - i)
		}
		if check := (11 - sum%11) % 11; check != 10 {
			return text + fmt.Sprint(check)
		}
	}
}
