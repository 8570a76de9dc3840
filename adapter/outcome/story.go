package outcome

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// story is what the outcome says to a reader, gathered while codes are made.
type story struct {
	actions, done, told, reasons, risks []string
	scores                              []score
	declined                            bool
}

type score struct{ name, value, when string }

// write lays it out as PRSB asks of a message back to the GP: actions for the
// GP at the top, "none" said outright, headings without content left out, and
// risks always stated.
func (s *story) write(in Input, status string) string {
	var b strings.Builder
	b.WriteString("SOCIAL PRESCRIBING: OUTCOME OF YOUR REFERRAL\n")
	section := func(heading string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", heading)
		for _, l := range lines {
			fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(strings.TrimSpace(l), "\n", "\n  "))
		}
	}
	if len(s.actions) == 0 {
		b.WriteString("\nActions for the practice\n- No action needed from the practice.\n")
	}
	section("Actions for the practice", s.actions)
	section("Outcome", []string{s.outcome(in, status)})
	section("Reason", s.reasons)
	section("Referred for", needs(in))
	section("What was done", s.done)
	section("In the link worker's words", s.told)
	section("Measures", s.measures())
	if len(s.risks) == 0 {
		s.risks = []string{"No known risks recorded."}
	}
	section("Risks", s.risks)
	return b.String()
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
	return fmt.Sprintf("%s, %s", words, in.Now.In(time.UTC).Format("02-Jan-2006"))
}

func needs(in Input) []string {
	var out []string
	for _, r := range in.Request.List("reasonCode") {
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
		slices.SortStableFunc(list, func(a, b score) int { return strings.Compare(a.when, b.when) })
		first, last := list[0], list[len(list)-1]
		if len(list) == 1 {
			out = append(out, fmt.Sprintf("%s: %s%s", n, first.value, on(first.when)))
			continue
		}
		out = append(out, fmt.Sprintf("%s: baseline %s%s, latest %s%s", n, first.value, on(first.when), last.value, on(last.when)))
	}
	return out
}

func on(when string) string {
	if len(when) < 10 {
		return ""
	}
	t, err := time.Parse("2006-01-02", when[:10])
	if err != nil {
		return ""
	}
	return " (" + t.Format("02-Jan-2006") + ")"
}
