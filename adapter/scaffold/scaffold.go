// Package scaffold proposes a mapping from one sample message: it tells NHS
// numbers, names, dates, codes and the like by their names and values, says
// where it was not sure, and makes the sample anonymous for the first example.
package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/message"
)

// Proposal is a mapping as proposed.
type Proposal struct {
	Mapping    []byte            // mapping.yaml
	Vocabulary map[string][]byte // by file name: sex.json
	Found      []Guess
	Unused     []string // paths of values that nothing is proposed for
	Checks     []string // what was not sure, the most dangerous first

	fields []field
	tree   *message.Tree
	known  *known
	fhir   bool
	codes  map[string]bool
	done   *anonymiser
}

// Guess is a value that was recognised.
type Guess struct{ Path, As string }

// Source is what is known of a sender beside its sample.
type Source struct {
	Name   string // of the mapping
	Format string
	Type   string   // of the message; empty: any
	Year   int      // of the sample: by it years of two digits are read
	CSV    string   // the csv block; empty: none is needed
	Doubts []string // what a person must look at already

	// Records are messages like the sample, itself among them: what differs from
	// one to the next is told by that.
	Records []*message.Tree
}

// Propose proposes a mapping for messages like the sample.
func Propose(src Source, t *message.Tree) *Proposal {
	every := fields(t, true)
	w := &writer{Source: src, used: map[string]bool{}, first: src.Doubts}
	w.split(every)
	w.aside(every)
	w.united()
	w.compared()
	if w.Type == "" {
		w.Type = "*"
	}
	w.write()
	p := &Proposal{Mapping: []byte(w.head() + w.b.String()), Vocabulary: w.tables, Found: w.found, Checks: w.unsure, fields: every, tree: t, known: newKnown(), codes: w.sharedCodes()}
	p.Known(p.Mapping)
	for _, table := range w.tables {
		p.Known(table)
	}
	for _, f := range w.all {
		if !w.used[f.path] {
			p.Unused = append(p.Unused, f.path)
		}
	}
	return p
}

// Sample is the part of a Proposal for a message that has a mapping already:
// what makes it anonymous. Standard is whether its format is a standard, in which
// short values are words of that; made says what FHIR element was made of the
// value at an address, and may be nil; codes are those that the tables of the
// mapping know, in small letters: they stay, in a list in one text too.
func Sample(t *message.Tree, standard bool, made map[string]string, codes map[string]bool) *Proposal {
	list := fields(t, true)
	for i := range list {
		f := &list[i]
		name := ""
		if standard {
			name = standing[brackets.ReplaceAllString(f.where, "")]
		}
		if name == "" && (kindOf(*f) == unclear || kindOf(*f) == orgName) {
			name = elementName(made[f.where])
		}
		if name == "full name" && strings.EqualFold(f.value, "self") {
			name = "" // nobody else refers
		}
		if name != "" {
			f.words, f.above = words(name), nil
		}
	}
	p := &Proposal{fields: list, tree: t, known: newKnown(), fhir: standard, codes: codes}
	for c := range codes {
		p.known.words[c] = true
	}
	return p
}

// elementName is a name by which the value of a FHIR element would be known, for
// those that may tell who somebody is; empty for others.
func elementName(path string) string {
	path = brackets.ReplaceAllString(path, "")
	for _, e := range telling {
		if strings.HasSuffix(path, e.suffix) && strings.HasPrefix(path, e.of) {
			return e.name
		}
	}
	return ""
}

var telling = []struct{ of, suffix, name string }{
	{"Organization", ".name", ""}, {"", ".name.family", "surname"}, {"", ".name.given", "forename"}, {"", ".name.text", "full name"},
	{"", ".birthDate", "dob"}, {"", ".telecom.value", "phone"}, {"", ".address.text", "address"}, {"", ".address.line", "address"},
	{"", ".address.city", "town"}, {"", ".address.postalCode", "postcode"}, {"", ".note.text", "notes"}, {"", ".identifier.value", "referral id"},
	{"", ".description", "notes"}, {"", ".text", "notes"}, {"", ".valueString", "notes"}, {"", ".display", "notes"},
}

var brackets = regexp.MustCompile(`\[[^]]*\]`)

// standing says what stands at places of HL7 v2 that may tell who somebody is
// (HL7 v2.5.1 chapters 3 and 11); their names are numbers.
var standing = map[string]string{
	"PID-2": "referral id", "PID-2.1": "referral id", "PID-3": "referral id", "PID-3.1": "referral id",
	"PID-4": "referral id", "PID-4.1": "referral id", "PID-18": "referral id", "PID-18.1": "referral id", "PID-19": "referral id",
	"PID-5": "surname", "PID-5.1": "surname", "PID-5.2": "forename", "PID-5.3": "forename", "PID-7": "dob", "PID-7.1": "dob",
	"PID-6": "surname", "PID-6.1": "surname", "PID-6.2": "forename", "PID-9": "surname", "PID-9.1": "surname", "PID-9.2": "forename",
	"PID-11": "address", "PID-11.1": "address", "PID-11.2": "address", "PID-11.3": "town", "PID-11.5": "postcode",
	"PID-13": "phone", "PID-13.1": "phone", "PID-13.12": "phone", "PID-14": "phone", "PID-14.1": "phone", "PID-14.12": "phone",
	"NK1-2": "surname", "NK1-2.1": "surname", "NK1-2.2": "forename", "NK1-4.1": "address", "NK1-4.2": "address", "NK1-4.3": "town",
	"NK1-4.5": "postcode", "NK1-5": "phone", "NK1-5.1": "phone", "NK1-5.12": "phone",
	"PRD-2": "surname", "PRD-2.1": "surname", "PRD-2.2": "forename", "PRD-5.1": "phone", "PRD-5.12": "phone",
	"PV1-7.2": "surname", "PV1-7.3": "forename", "PV1-8.2": "surname", "PV1-8.3": "forename", "PV1-9.2": "surname", "PV1-9.3": "forename",
	"PD1-4.2": "surname", "PD1-4.3": "forename",
	"NTE-3": "notes", "NTE-3.1": "notes",
}

// writer writes mapping.yaml.
type writer struct {
	Source
	all     []field
	records [][]field // what each of several records has
	used    map[string]bool
	found   []Guess
	tables  map[string][]byte
	b       strings.Builder
	unsure  []string
	first   []string // of what is not sure: without it nothing works
	number  string   // path of the number of the referral
	nhs     string   // path of the NHS number, with what is left out of it
	each    string   // list of a document of which each item is a message
	reaches bool     // an ODS code leads to the record of a practice
	person  []string // names of the members that the NHS number stands in
	words   []string // of its own name
	rests   []string // paths of texts with telephone numbers among words
	called  []string // names of the members that the person's name stands in; nil: not known yet
	ignored []string // paths of what is left out on purpose
}

// take is the likeliest unused field of the kind about somebody; ok is false
// when there is none.
func (w *writer) take(k kind, who about) (field, bool) {
	list, _ := w.candidates(who, k)
	if len(list) == 0 {
		return field{}, false
	}
	w.mark(list[0], k)
	return list[0], true
}

// takeAll is every unused field of the kind about somebody. What may be about
// somebody else is left, and said.
func (w *writer) takeAll(k kind, who about) []field {
	list, other := w.candidates(who, k)
	for _, f := range list {
		w.mark(f, k)
	}
	for _, f := range other {
		w.doubt("%s looks like a %s, but it does not stand with the NHS number: see whose it is", f.path, k)
	}
	return list
}

// any is take for whomever it is about.
func (w *writer) any(k kind) (field, bool) {
	for _, who := range []about{ofPatient, ofReferrer, ofService} {
		if f, ok := w.take(k, who); ok {
			return f, true
		}
	}
	return field{}, false
}

func (w *writer) mark(f field, k kind) {
	w.used[f.path] = true
	if kindOf(f) == unclear && lookOf(f) == k {
		w.doubt("%s was taken for the %s by its looks alone; its name does not say so", f.path, k)
	}
	w.found = append(w.found, Guess{f.path, string(k)})
}

// doubt notes what a person must look at, once.
func (w *writer) doubt(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(w.unsure, text) {
		w.unsure = append(w.unsure, text)
	}
}

// danger is doubt about what does harm where nobody looks: it comes before the
// others.
func (w *writer) danger(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(w.first, text) {
		w.first = append(w.first, text)
	}
}

func (w *writer) line(depth int, format string, args ...any) {
	fmt.Fprintf(&w.b, "%s%s\n", strings.Repeat("  ", depth), fmt.Sprintf(format, args...))
}

// rule quotes a rule where YAML would stumble over it.
func rule(s string) string {
	s = "<- " + s
	if strings.ContainsAny(s, "#:[]{}&*!%@`'\"") {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return s
}

func (w *writer) head() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Proposed from one sample message. Read every line: what a value means is a\n# guess by its name and looks. Lines that begin with CHECK say what was not sure.\n\n")
	for _, u := range w.unsure {
		fmt.Fprintf(&b, "# CHECK: %s\n", u)
	}
	var rest []string
	for _, f := range w.all {
		if !w.used[f.path] && !slices.Contains(rest, f.path) {
			rest = append(rest, f.path)
		}
	}
	if len(rest) > 0 {
		fmt.Fprintf(&b, "#\n# Nothing is proposed for these places of the sample. Map them, or list them\n# under ignores: to leave them out on purpose:\n")
		for _, r := range rest {
			fmt.Fprintf(&b, "#   %s\n", strings.Join(strings.Fields(r), " "))
		}
	}
	fmt.Fprintf(&b, "\nmapping: %s\ntitle: Referrals of %s\nversion: 0.1.0\nformat: %s\naccepts: ['%s']\n\n", w.Name, w.Name, w.Format, strings.ReplaceAll(w.Type, "'", "''"))
	if w.CSV != "" {
		b.WriteString(w.CSV + "\n")
	}
	if w.each != "" {
		fmt.Fprintf(&b, "%s:\n  each: %s\n", w.Format, flowed(w.each))
		if strings.HasPrefix(w.number, w.each+".") {
			fmt.Fprintf(&b, "  id: %s\n", flowed(w.number))
		}
		b.WriteString("\n")
	}
	if len(w.ignored) > 0 {
		b.WriteString("# What describes the questions of the form, and is no answer.\nignores:\n")
		for _, path := range w.ignored {
			fmt.Fprintf(&b, "  - %s\n", flowed(path))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "constants:\n  # The namespace of the sender's own referral numbers: a URL that it owns, if it has one.\n  referralSystem: urn:linkloop:sender:%s:referral\n\nresources:\n", w.Name)
	return b.String()
}
