package outcome

import (
	"fmt"
	"strings"
)

// Letter is the outcome as a person reads it: the headings in the order of the
// PRSB message back to GP and referrer, actions for the practice first. It is
// what the Composition of a document says, so text, HTML and PDF cannot differ.
type Letter struct {
	Title    string    // "Social prescribing: outcome of your referral"
	Person   []Fact    // whom it is about: name, date of birth, NHS number, as far as known
	Sections []Section // without empty ones
	Date     string    // day of the outcome as the NHS shows it, dd-Mmm-yyyy
	From     string    // who wrote it; "" when the Task names nobody
	To       string    // name or ODS code of the practice; "" when unknown
}

// Fact is a label and what it says.
type Fact struct{ Label, Text string }

// Section is a heading with what stands under it. A line may hold line breaks;
// none looks like a heading, because it is shown as part of its list.
type Section struct {
	ID    string // one of the ids below
	Title string
	Lines []string
	// Rows say the same as Lines, as a table under ScoreColumns; nil for
	// sections other than SectionMeasures. A cell is "" where nothing is known.
	Rows [][]string
}

// ScoreColumns are the heads of the rows of SectionMeasures.
var ScoreColumns = []string{"Measure", "First score", "Latest score", "Change"}

// The ids of sections.
const (
	SectionActions      = "actions"
	SectionOutcome      = "outcome"
	SectionReason       = "reason"
	SectionReferral     = "referral"
	SectionNeeds        = "needs"
	SectionWorker       = "link-worker"
	SectionContacts     = "contacts"
	SectionDone         = "done"
	SectionUnhelpful    = "did-not-help"
	SectionServices     = "services"
	SectionSignposted   = "signposted"
	SectionGoals        = "goals"
	SectionTold         = "told"
	SectionMeasures     = "measures"
	SectionSafeguarding = "safeguarding"
	SectionRisks        = "risks"
)

// Text is the letter as plain text: no line of it looks like a heading of ours
// unless it is one.
func (l Letter) Text() string {
	var b strings.Builder
	b.WriteString(strings.ToUpper(l.Title) + "\n")
	var who []string
	for _, f := range l.Person {
		who = append(who, f.inLine())
	}
	if len(who) > 0 {
		b.WriteString(strings.Join(who, ", ") + "\n")
	}
	for _, s := range l.Sections {
		fmt.Fprintf(&b, "\n%s\n", s.Title)
		for _, line := range s.Lines {
			fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(plain(line), "\n", "\n  "))
		}
	}
	return b.String()
}

// inLine is a fact in the one line that says whom it is about.
func (f Fact) inLine() string {
	switch f.Label {
	case labelName:
		return f.Text
	case labelBorn:
		return "born " + f.Text
	}
	return f.Label + " " + f.Text
}

// Labels of the facts about a person.
const (
	labelName   = "Name"
	labelBorn   = "Date of birth"
	labelNumber = "NHS number"
)
