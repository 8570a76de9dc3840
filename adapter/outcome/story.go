package outcome

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// story is what the outcome says to a reader, gathered while codes are made.
type story struct {
	actions, done, unhelpful, services, signposted, goals, told, reasons, safeguarding, risks []string

	contacts []contact
	scores   []score
	declined bool
}

// contact is a line about one contact with the person, and when it began.
type contact struct {
	at   time.Time
	line string
}

// score is one value of a measure. at is the end of the Task and day is empty
// when it came without a date.
type score struct {
	name, value string
	at, until   time.Time // equal of an instant
	day         string
	note        string // what missing answers did to it; "" for nothing
	about       string // what a reader must know about every score of the measure; "" for nothing
}

// meets reports whether two scores may be of the same time: a day holds every
// hour of it.
func (s score) meets(o score) bool {
	return s.at.Equal(o.at) || s.at.Before(o.until) && o.at.Before(s.until)
}

// letter lays it out as PRSB asks of a message back to the GP: whom it is
// about, then actions for the GP at the top, "none" said outright, headings
// without content left out, and risks always stated. Sex and gender are not
// said.
func (s *story) letter(in Input, title string, number string, outcome []string) Letter {
	l := Letter{Title: title, Person: person(in.Patient, number), Date: in.Now.In(london).Format(dayLayout), To: practiceName(in.Practice)}
	l.From = in.named(in.Task.Get("owner"))
	section := func(id, heading string, lines []string) {
		if len(lines) > 0 {
			l.Sections = append(l.Sections, Section{ID: id, Title: heading, Lines: lines})
		}
	}
	section(SectionActions, "Actions for the practice", orElse(s.actions, s.noAction(in.Task.Str("status"))))
	section(SectionOutcome, "Outcome", outcome)
	section(SectionReason, "Reason", s.reasons)
	section(SectionReferral, "Your referral", referred(in))
	section(SectionNeeds, "Referred for", needs(in.Request))
	section(SectionWorker, "Link worker", some(l.From))
	section(SectionContacts, "Contacts", s.contactLines())
	section(SectionDone, "What was done", s.done)
	section(SectionUnhelpful, "What did not help", s.unhelpful)
	section(SectionServices, "Services connected to", s.services)
	section(SectionSignposted, "Signposted to", s.signposted)
	section(SectionGoals, "Needs and goals", s.goals)
	section(SectionTold, "In the link worker's words", s.told)
	if rows := s.rows(); len(rows) > 0 {
		l.Sections = append(l.Sections, Section{ID: SectionMeasures, Title: "Measures", Lines: sentences(rows), Rows: rows})
	}
	section(SectionSafeguarding, "Safeguarding", s.safeguarding)
	none := "No known risks recorded."
	if len(s.safeguarding) > 0 {
		none = "No known risks recorded, apart from what stands under Safeguarding."
	}
	section(SectionRisks, "Risks", orElse(append(s.risks, toldRisks(in.Request)...), none))
	return l
}

// noAction is what stands first where the link worker asks nothing of the
// practice. That none is needed can only be said of what goes on or was done: of
// a person who is not helped the practice decides itself.
func (s *story) noAction(status string) string {
	if s.declined || status == "rejected" || status == "cancelled" || status == "failed" {
		return noneRequested
	}
	return noActionNeeded
}

const (
	noActionNeeded = "No action needed from the practice."
	noneRequested  = "None requested by the link worker service. The person is not being helped by this referral: see the outcome below."
)

// contactLines are the contacts in the order in which they were.
func (s *story) contactLines() []string {
	slices.SortStableFunc(s.contacts, func(a, b contact) int { return a.at.Compare(b.at) })
	var out []string
	for _, c := range s.contacts {
		out = append(out, c.line)
	}
	return out
}

func orElse(lines []string, otherwise string) []string {
	if len(lines) == 0 {
		return []string{otherwise}
	}
	return lines
}

// breaks are the characters that some reader's screen takes for a new line.
var breaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// plain is text that stays where it is put: no line of it can look like a
// heading of ours, because every break it has is one that gets indented.
func plain(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || reorders(r)) {
			return -1
		}
		return r
	}, breaks.Replace(text)))
}

// reorders reports whether a character changes the order in which what follows
// it is shown: a birth date behind a name could read otherwise. Letters of
// scripts from right to left need none.
// https://www.unicode.org/reports/tr9/#Explicit_Directional_Embeddings
func reorders(r rune) bool { return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' }

// person says whom the letter is about, so that a reader notices when it lies
// in the wrong record.
func person(patient *element.Value, number string) []Fact {
	var facts []Fact
	if n := name(patient); n != "" {
		facts = append(facts, Fact{labelName, strings.ReplaceAll(n, "\n", " ")})
	}
	if _, day := moment(patient.Str("birthDate")); day != "" {
		facts = append(facts, Fact{labelBorn, day})
	}
	if number != "" {
		facts = append(facts, Fact{labelNumber, nhs.FormatNumber(number)})
	}
	return facts
}

// practiceName is what the practice is called, and its ODS code.
func practiceName(practice *element.Value) string {
	code, name := practice.Identifier(nhs.SystemODSOrganization), strings.ReplaceAll(plain(practice.Str("name")), "\n", " ")
	switch {
	case name == "":
		return code
	case code == "":
		return name
	}
	return name + " (" + code + ")"
}

// name is the official name, else the first that is still used.
// https://hl7.org/fhir/R4/valueset-name-use.html
func name(patient *element.Value) string {
	best := current(patient)
	if t := plain(best.Str("text")); t != "" {
		return t
	}
	var words []string
	for _, g := range best.List("given") {
		words = append(words, g.Text)
	}
	return plain(strings.Join(append(words, best.Str("family")), " "))
}

// current is the HumanName that name takes, or nil.
func current(patient *element.Value) (best *element.Value) {
	for _, n := range patient.List("name") {
		switch use := n.Str("use"); {
		case use == "old" || n.TextAt("period.end") != "":
		case best == nil || use == "official" && best.Str("use") != "official":
			best = n
		}
	}
	return best
}

func (s *story) outcome(in Input, status string) string {
	words := map[string]string{
		"completed": "Completed", "rejected": "Not accepted by the link worker service",
		"cancelled": "Cancelled", "failed": "Ended without reaching its aim",
	}[status]
	if words == "" {
		words = "Ended"
	}
	if s.declined {
		words = "The person declined social prescribing"
	}
	return words + ", " + in.Now.In(london).Format(dayLayout)
}

// referred says which referral it was: when, and by whom if a name is there.
func referred(in Input) []string {
	_, day := moment(in.Request.Str("authoredOn"))
	by := in.named(in.Request.Get("requester"))
	switch {
	case day != "" && by != "":
		return []string{"Made on " + day + " by " + by}
	case day != "":
		return []string{"Made on " + day}
	case by != "":
		return []string{"Made by " + by}
	}
	return nil
}

// named is whom a reference names: its display, else the name of what it refers to.
func (in Input) named(reference *element.Value) string {
	if d := plain(reference.Str("display")); d != "" {
		return d
	}
	return plain(in.Names[reference.Str("reference")])
}

// NameOf is what a person or an organisation is called; "" for what has no name.
func NameOf(r *element.Value) string {
	if r.ResourceType() == "Organization" {
		return plain(r.Str("name"))
	}
	return name(r)
}

// some is a line, or none where nothing is known.
func some(line string) []string {
	if line == "" {
		return nil
	}
	return []string{line}
}

func needs(request *element.Value) []string {
	var out []string
	for _, r := range request.List("reasonCode") {
		text := r.Str("text")
		if text == "" {
			text = r.TextAt("coding.display")
		}
		if text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// toldRisks are those that came with the referral, which mappings keep as
// notes, or lines of notes, that begin with their heading. To say that none are
// known would contradict the practice's own words.
func toldRisks(request *element.Value) []string {
	var out []string
	told := func(text string) bool {
		heading, risk, headed := strings.Cut(text, ":")
		heading = strings.TrimSpace(heading)
		if !headed || !strings.EqualFold(heading, "risk") && !strings.EqualFold(heading, "risks") {
			return false
		}
		if risk = strings.TrimSpace(risk); risk != "" {
			out = append(out, "From your referral: "+risk)
		}
		return true
	}
	for _, n := range request.List("note") {
		text := plain(n.Str("text"))
		if told(text) {
			continue // to its end
		}
		for line := range strings.Lines(text) {
			told(line)
		}
	}
	return out
}

// rows puts first and latest score of each measure side by side, under
// ScoreColumns.
func (s *story) rows() [][]string {
	// Scores of which a reader must know something else are not compared: a raw
	// score and a converted one are two things.
	type kind struct{ name, about string }
	var kinds []kind
	of := map[kind][]score{}
	for _, sc := range s.scores {
		k := kind{sc.name, sc.about}
		if of[k] == nil {
			kinds = append(kinds, k)
		}
		of[k] = append(of[k], sc)
	}
	var out [][]string
	for _, k := range kinds {
		n, list := k.name, of[k]
		slices.SortStableFunc(list, func(a, b score) int { return a.at.Compare(b.at) })
		first, last := list[0], list[len(list)-1]
		if k.about != "" && !strings.Contains(n, k.about) {
			n += " (" + k.about + ")"
		}
		if len(list) == 1 {
			out = append(out, []string{n, "", last.shown(), ""})
			continue
		}
		out = append(out, []string{n, first.shown(), last.shown(), change(first.value, last.value)})
	}
	return out
}

func (s score) shown() string {
	switch {
	case s.value == "":
		return s.note + on(s.day)
	case s.note != "":
		return s.value + on(s.day) + "; " + s.note
	}
	return s.value + on(s.day)
}

// change is the difference of two scores with its sign.
func change(first, latest string) string {
	a, errA := strconv.ParseFloat(first, 64)
	b, errB := strconv.ParseFloat(latest, 64)
	if errA != nil || errB != nil {
		return ""
	}
	d := math.Round((b-a)*100) / 100
	text := strconv.FormatFloat(d, 'f', -1, 64)
	if d > 0 {
		return "+" + text
	}
	return text
}

func changed(by string) string {
	if by == "" {
		return ""
	}
	return ", change " + by
}

// sentences are the rows in words.
func sentences(rows [][]string) []string {
	var out []string
	for _, r := range rows {
		switch {
		case r[1] == "":
			out = append(out, r[0]+": "+r[2])
		default:
			out = append(out, fmt.Sprintf("%s: baseline %s, latest %s", r[0], r[1], r[2])+changed(r[3]))
		}
	}
	return out
}
