package intake

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/store"
)

// maxNote bounds a note of what was sent, in bytes.
const maxNote = 2000

// left notes what a message says about how to reach the person, whom else to
// call and where they are registered, where the record says something else: it
// must not be lost to who helps. Notes hold what was sent, so they go on the
// Task only, and never where flags go: answers, the inbox, logs. The error is the
// store's.
func (p *plan) left(tx store.Tx, d *draft, record, sent *element.Value, more ...worded) error {
	names := names{tx: tx, d: d}
	parts := missing(record, sent, slices.Concat(more, reached[:], []worded{{"generalPractitioner", "practice", names.practiceWords}}))
	if names.err == nil {
		p.noteParts("Sent with this message and not in the record of the person, which was left as it is in this. ", parts)
	}
	return names.err
}

// gone notes what a newer message took out of the record of the person: a
// number that nobody sends any more may be the one that is answered.
func (p *plan) gone(was, now *element.Value) {
	p.noteParts("In the record of the person until this message, which says something else. ", missing(now, was, reached[:]))
}

// worded is an element that people read as words.
type worded struct {
	name, label string
	words       func(*element.Value) string
}

// whom are the elements of a Patient that say who the person is.
var whom = [...]worded{
	{"name", "name", nameWords},
	{"birthDate", "birth date", func(v *element.Value) string { return v.Text }},
	{"gender", "gender", func(v *element.Value) string { return v.Text }},
}

func nameWords(v *element.Value) string {
	if text := v.Str("text"); text != "" {
		return text
	}
	return words(v, " ", "prefix", "given", "family")
}

// reached are the elements of a Patient that say how to reach the person.
var reached = [...]worded{
	{"telecom", "telephone or e-mail", telecomWords},
	{"address", "address", addressWords},
	{"contact", "contact", contactWords},
}

// missing are the words of elements of one resource that another does not have.
func missing(in, of *element.Value, elements []worded) (parts []string) {
	for _, x := range elements {
		have := in.Get(x.name)
		if have != nil && element.Equal(have, of.Get(x.name)) {
			continue
		}
		for _, v := range of.All(x.name) {
			same := slices.ContainsFunc(in.All(x.name), func(h *element.Value) bool { return x.words(h) == x.words(v) })
			if words := x.words(v); words != "" && !same {
				parts = append(parts, x.label+": "+words)
			}
		}
	}
	return parts
}

// noteParts adds a note for the link worker, of bounded length.
func (p *plan) noteParts(about string, parts []string) {
	if len(parts) == 0 {
		return
	}
	text := about + strings.Join(parts, "; ")
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

// names finds what resources of a message, and those that are held, are called.
type names struct {
	tx  store.Tx
	d   *draft
	err error // the store's
}

// practiceWords says which practice or GP is meant. A reference is no word: what
// it leads to may not be stored because of this message.
func (n *names) practiceWords(v *element.Value) string {
	if words := joined([]string{v.Str("display"), v.TextAt("identifier.value")}, ", "); words != "" {
		return words
	}
	key, ok := reference(v.Str("reference"))
	if !ok || n.err != nil {
		return ""
	}
	var root *element.Value
	if i := slices.IndexFunc(n.d.resources, func(r prepared) bool { return r.key == key }); i >= 0 {
		root = n.d.resources[i].root
	} else {
		var h held
		if h, ok, n.err = hold(n.tx, key); !ok || n.err != nil {
			return ""
		}
		root = h.root
	}
	name := root.TextAt("name") // of an Organization
	if name == "" {
		name = root.TextAt("name.text")
	}
	if name == "" {
		name = words(root, " ", "name.prefix", "name.given", "name.family")
	}
	return joined([]string{name, root.TextAt("identifier.value")}, ", ")
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
