package intake

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// maxNote bounds a note of what was sent, in bytes.
const maxNote = 2000

// left notes what a message says about how to reach the person, whom else to
// call and where they are registered, where the record says something else: it
// must not be lost to who helps. Notes hold what was sent, so they go on the
// Task only, and never where flags go: answers, the inbox, logs.
func (p *plan) left(record, sent *element.Value) {
	var parts []string
	for _, x := range [...]struct {
		name, label string
		words       func(*element.Value) string
	}{
		{"telecom", "telephone or e-mail", telecomWords},
		{"address", "address", addressWords},
		{"contact", "contact", contactWords},
		{"generalPractitioner", "practice", practiceWords},
	} {
		have := record.Get(x.name)
		if have != nil && element.Equal(have, sent.Get(x.name)) {
			continue
		}
		for _, v := range sent.List(x.name) {
			same := slices.ContainsFunc(record.List(x.name), func(h *element.Value) bool { return x.words(h) == x.words(v) })
			if words := x.words(v); words != "" && !same {
				parts = append(parts, x.label+": "+words)
			}
		}
	}
	if len(parts) == 0 {
		return
	}
	text := "Sent with this message and not in the record of the person, which was left as it is in this. " + strings.Join(parts, "; ")
	if len(text) > maxNote {
		text = strings.ToValidUTF8(text[:maxNote], "") + " …"
	}
	p.notes = append(p.notes, text)
}

// noteTask puts notes on a Task, each once.
func noteTask(task *element.Value, notes []string) {
	for _, text := range notes {
		if !slices.ContainsFunc(task.List("note"), func(n *element.Value) bool { return n.Str("text") == text }) {
			task.Append("note", element.NewObject(element.S("text", text)))
		}
	}
}

func telecomWords(v *element.Value) string {
	if use := v.Str("use"); use != "" && v.Str("value") != "" {
		return v.Str("value") + " (" + use + ")"
	}
	return v.Str("value")
}

func addressWords(v *element.Value) string {
	if text := v.Str("text"); text != "" {
		return text
	}
	return words(v, ", ", "line", "city", "district", "postalCode")
}

func contactWords(v *element.Value) string {
	name := v.TextAt("name.text")
	if name == "" {
		name = words(v, " ", "name.given", "name.family")
	}
	parts := []string{name}
	if r := v.TextAt("relationship.text"); r != "" {
		parts = append(parts, r)
	} else {
		parts = append(parts, v.TextAt("relationship.coding.display"))
	}
	for _, t := range v.List("telecom") {
		parts = append(parts, telecomWords(t))
	}
	if a := v.Get("address"); a != nil {
		parts = append(parts, addressWords(a))
	}
	return joined(parts, ", ")
}

func practiceWords(v *element.Value) string {
	return joined([]string{v.Str("display"), v.TextAt("identifier.value"), v.Str("reference")}, ", ")
}

// words are the texts at some paths of an element, in their order.
func words(v *element.Value, separator string, paths ...string) string {
	var parts []string
	for _, path := range paths {
		for _, t := range v.All(path) {
			parts = append(parts, t.Text)
		}
	}
	return joined(parts, separator)
}

func joined(parts []string, separator string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), separator)
}
