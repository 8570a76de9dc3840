package outcome

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// story is what the outcome says to a reader, gathered while codes are made.
type story struct {
	actions, done, told, reasons, risks []string
	scores                              []score
	declined                            bool
}

// score is one value of a measure. at is the end of the Task and day is empty
// when it came without a date.
type score struct {
	name, value string
	at          time.Time
	day         string
}

// write lays it out as PRSB asks of a message back to the GP: whom it is about,
// then actions for the GP at the top, "none" said outright, headings without
// content left out, and risks always stated. Sex and gender are not said.
func (s *story) write(in Input, status, number string) string {
	var b strings.Builder
	b.WriteString("SOCIAL PRESCRIBING: OUTCOME OF YOUR REFERRAL\n")
	if who := person(in.Patient, number); who != "" {
		b.WriteString(who + "\n")
	}
	section := func(heading string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", heading)
		for _, l := range lines {
			fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(plain(l), "\n", "\n  "))
		}
	}
	section("Actions for the practice", orElse(s.actions, "No action needed from the practice."))
	section("Outcome", []string{s.outcome(in, status)})
	section("Reason", s.reasons)
	section("Your referral", referred(in.Request))
	section("Referred for", needs(in.Request))
	section("Link worker", named(in.Task.Get("owner")))
	section("What was done", s.done)
	section("In the link worker's words", s.told)
	section("Measures", s.measures())
	section("Risks", orElse(append(s.risks, toldRisks(in.Request)...), "No known risks recorded."))
	return b.String()
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
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, breaks.Replace(text)))
}

// person says whom the letter is about, so that a reader notices when it lies
// in the wrong record.
func person(patient *element.Value, number string) string {
	var parts []string
	if n := name(patient); n != "" {
		parts = append(parts, strings.ReplaceAll(n, "\n", " "))
	}
	if _, day := moment(patient.Str("birthDate")); day != "" {
		parts = append(parts, "born "+day)
	}
	if number != "" {
		parts = append(parts, "NHS number "+nhs.FormatNumber(number))
	}
	return strings.Join(parts, ", ")
}

// name is the official name, else the first that is still used.
// https://hl7.org/fhir/R4/valueset-name-use.html
func name(patient *element.Value) string {
	var best *element.Value
	for _, n := range patient.List("name") {
		switch use := n.Str("use"); {
		case use == "old" || n.TextAt("period.end") != "":
		case best == nil || use == "official" && best.Str("use") != "official":
			best = n
		}
	}
	if t := plain(best.Str("text")); t != "" {
		return t
	}
	var words []string
	for _, g := range best.List("given") {
		words = append(words, g.Text)
	}
	return plain(strings.Join(append(words, best.Str("family")), " "))
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
	return words + ", " + in.Now.In(london).Format("02-Jan-2006")
}

// referred says which referral it was: when, and by whom if a name is there.
func referred(request *element.Value) []string {
	_, day := moment(request.Str("authoredOn"))
	by := request.TextAt("requester.display")
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

func named(reference *element.Value) []string {
	if d := reference.Str("display"); plain(d) != "" {
		return []string{d}
	}
	return nil
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
// notes that begin with their heading. To say that none are known would
// contradict the practice's own words.
func toldRisks(request *element.Value) []string {
	var out []string
	for _, n := range request.List("note") {
		if text := plain(n.Str("text")); len(text) > len("risks:") && strings.EqualFold(text[:len("risks:")], "risks:") {
			out = append(out, "From your referral: "+strings.TrimSpace(text[len("risks:"):]))
		}
	}
	return out
}

// measures puts first and latest score of each measure side by side.
func (s *story) measures() []string {
	var names []string
	byName := map[string][]score{}
	for _, sc := range s.scores {
		if byName[sc.name] == nil {
			names = append(names, sc.name)
		}
		byName[sc.name] = append(byName[sc.name], sc)
	}
	var out []string
	for _, n := range names {
		list := byName[n]
		slices.SortStableFunc(list, func(a, b score) int { return a.at.Compare(b.at) })
		first, last := list[0], list[len(list)-1]
		if len(list) == 1 {
			out = append(out, fmt.Sprintf("%s: %s%s", n, first.value, on(first.day)))
			continue
		}
		out = append(out, fmt.Sprintf("%s: baseline %s%s, latest %s%s", n, first.value, on(first.day), last.value, on(last.day)))
	}
	return out
}
