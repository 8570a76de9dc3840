package outcome

import (
	"slices"
	"strings"
	"unicode"

	"github.com/linkloop/linkloop/adapter/element"
)

// words tells what an output says in words. A number without a code, a date or a
// yes is words too.
func (b *builder) words(o *element.Value) {
	heading := headingOf(o)
	b.story.tell(heading, spoken(o, heading), &b.story.told)
}

// headingOf is what an output is called.
func headingOf(o *element.Value) string {
	if heading := o.TextAt("type.text"); heading != "" {
		return heading
	}
	return o.TextAt("type.coding.display")
}

// tell sorts words under the section that their heading names, or under otherwise.
func (s *story) tell(heading, text string, otherwise *[]string) {
	if plain(text) == "" {
		return
	}
	section := otherwise
	switch {
	case forPractice(heading), toPractice(heading):
		section = &s.actions
	case has(heading, "risk", "risks"):
		section = &s.risks
	case has(heading, "safeguarding"):
		section = &s.safeguarding
	case has(heading, "not") && has(heading, "work", "worked", "help", "helped"):
		section = &s.unhelpful
	case has(heading, "signpost", "signposted", "signposting"):
		section = &s.signposted
	case has(heading, "goal", "goals", "need", "needs"):
		section = &s.goals
	case has(heading, "connected"):
		section = &s.services
	}
	*section = append(*section, text)
}

// has reports whether a heading has one of the words.
func has(heading string, words ...string) bool {
	return slices.ContainsFunc(split(heading), func(w string) bool { return slices.Contains(words, w) })
}

// forPractice reports whether a heading asks something of the practice. The
// word "action" alone is not enough: "Actions taken" and "Action plan" are the
// link worker's and the patient's own.
func forPractice(heading string) bool {
	words := split(heading)
	action := slices.ContainsFunc(words, func(w string) bool { return w == "action" || w == "actions" })
	return action && (len(words) == 1 || slices.ContainsFunc(words, func(w string) bool {
		switch w {
		case "gp", "gps", "practice", "surgery", "doctor", "needed", "required", "requested":
			return true
		}
		return false
	}))
}

// toPractice reports whether a heading addresses the practice in other words, such
// as "Follow-up by the GP" or "For the surgery". Beside "No action needed" it would
// be overlooked; first in the letter it does no harm.
func toPractice(heading string) bool {
	words := slices.DeleteFunc(split(heading), func(w string) bool { return w == "the" || w == "your" })
	for i, w := range words {
		switch w {
		case "gp", "gps", "practice", "surgery", "doctor":
		default:
			continue
		}
		if i > 0 && (words[i-1] == "for" || words[i-1] == "to") || i+1 < len(words) && words[i+1] == "to" ||
			has(heading, "please", "request", "requests", "requested", "follow", "followup", "review", "recommendation", "recommendations",
				"recommended", "task", "tasks", "needed", "required") {
			return true
		}
	}
	return false
}

// split is a heading by its words: "satisfaction" is no action and "brisk" no
// risk.
func split(heading string) []string {
	return strings.FieldsFunc(strings.ToLower(heading), func(r rune) bool { return !unicode.IsLetter(r) })
}

// spoken is the value of an output as a sentence. Only text stands for itself;
// everything else needs its heading to mean anything.
func spoken(o *element.Value, heading string) string {
	for _, f := range o.Fields {
		value := ""
		switch {
		case f.Name == "valueString" || f.Name == "valueMarkdown":
			if f.Value.Kind == element.String && plain(f.Value.Text) != "" {
				return f.Value.Text
			}
		case f.Name == "valueQuantity":
			value = quantity(f.Value)
		case !strings.HasPrefix(f.Name, "value") || f.Name == "valueBase64Binary":
		case f.Value.Kind == element.Bool:
			value = map[string]string{"true": "yes", "false": "no"}[f.Value.Text]
		case f.Value.Kind == element.String || f.Value.Kind == element.Number:
			value = f.Value.Text
			if _, day := moment(value); day != "" && (f.Name == "valueDate" || f.Name == "valueDateTime" || f.Name == "valueInstant") {
				value = day
			}
		}
		if value != "" && heading != "" {
			return heading + ": " + value
		}
	}
	return ""
}

// quantity is a number with its comparator and its unit: without them it would
// be another one.
func quantity(q *element.Value) string {
	v := q.Get("value")
	if v == nil || v.Kind != element.Number {
		return ""
	}
	unit := q.Str("unit")
	if unit == "" {
		unit = q.Str("code")
	}
	return strings.TrimSpace(q.Str("comparator") + v.Text + " " + unit)
}
