package recall

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/store"
)

// gone is what of an outcome left, by all attempts that may have arrived: what any
// of them carried may be in the record, and is told again as the least of them
// told it.
type gone struct {
	known    bool     // false: it was sent before this was written down
	words    []string // outbound.LeftWhole and so on
	entries  []string // identifiers, where it never left whole
	codes    []string // of those
	contacts []string // codes of contacts in letters that left
}

// everything left, or may.
var everything = gone{known: true, words: []string{outbound.LeftWhole}}

// goneOf reads what left of a delivery from its marks.
func goneOf(r store.DeliveryReader, d store.Delivery, bundle *element.Value) (g gone, err error) {
	marked := func(mark string) bool {
		if err != nil {
			return false
		}
		var found []store.Delivery
		found, err = r.List(store.DeliveryFilter{Mark: mark, Limit: 1})
		return len(found) > 0
	}
	for _, word := range []string{outbound.LeftWhole, outbound.LeftTold, outbound.LeftAll, outbound.LeftSummary, outbound.LeftCodes} {
		if marked(outbound.LeftMark(d.Key, word)) {
			g.known, g.words = true, append(g.words, word)
		}
	}
	if !g.known || slices.Contains(g.words, outbound.LeftWhole) {
		return g, err
	}
	for _, e := range bundle.List("entry") {
		id := e.TextAt("resource.identifier.value")
		if id == "" || !marked(outbound.LeftEntryMark(d.Key, id)) {
			continue
		}
		g.entries = append(g.entries, id)
		for _, c := range e.All("resource.code.coding") {
			g.codes = append(g.codes, c.Str("code"))
		}
		for _, c := range outcome.Contacts(e.Get("resource")) {
			if !slices.Contains(g.contacts, c.Code) && marked(outbound.LeftContactMark(d.Key, c.Code)) {
				g.contacts = append(g.contacts, c.Code)
			}
		}
	}
	return g, err
}

// has reports whether an entry may be in the record.
func (g gone) has(e *element.Value) bool {
	return !g.known || slices.Contains(g.words, outbound.LeftWhole) || slices.Contains(g.entries, e.TextAt("resource.identifier.value"))
}

// contact reports whether a letter may be in the record that says by a code how a
// contact was held.
func (g gone) contact(code string) bool {
	return !g.known || slices.Contains(g.words, outbound.LeftWhole) || slices.Contains(g.words, outbound.LeftAll) || slices.Contains(g.contacts, code)
}

// told reports whether a letter that may be in the record tells of a code. One that
// holds a document of ours left without the codes that did not.
func (g gone) told(bundle *element.Value, code string) bool {
	return slices.ContainsFunc(bundle.List("entry"), func(e *element.Value) bool {
		r := e.Get("resource")
		if r.ResourceType() != "DocumentReference" || !g.has(e) {
			return false
		}
		same := outcome.Redraw(r, false, func(string) bool { return true }) == r
		return same || !g.known || slices.Contains(g.words, outbound.LeftWhole) || slices.Contains(g.codes, code)
	})
}

// letters reports whether letters are told again: not where codes alone left, nor
// where nobody knows what did.
func (g gone) letters() bool { return g.known && !slices.Contains(g.words, outbound.LeftCodes) }

// summary reports whether free text in entries and the link worker's own words
// are left out.
func (g gone) summary() bool { return !g.letters() || slices.Contains(g.words, outbound.LeftSummary) }

// without is an entry without the words that did not leave, or may not have.
func (g gone) without(e *element.Value) *element.Value {
	r := e.Get("resource")
	if !g.summary() {
		return e
	}
	if r.ResourceType() == "DocumentReference" {
		// Its content is not said again; what else it has names nothing but itself.
		out := element.NewObject(element.S("resourceType", r.ResourceType()))
		for _, name := range []string{"identifier", "status", "type", "subject", "date", "content"} {
			if v := r.Get(name); v != nil {
				out.Set(name, v.Clone())
			}
		}
		r = out
	} else if reduced := outcome.Reduced(r, false); reduced != nil {
		r = reduced
	}
	e = e.Clone()
	e.Set("resource", r)
	return e
}

// redrawn is a letter as it left.
func (g gone) redrawn(r *element.Value) *element.Value {
	if !g.known || slices.Contains(g.words, outbound.LeftWhole) && !g.summary() {
		return r
	}
	whole := slices.Contains(g.words, outbound.LeftWhole)
	contacts := !slices.Contains(g.words, outbound.LeftTold) // nobody left any of them out
	isContact := func(code string) bool {
		return slices.ContainsFunc(outcome.Contacts(r), func(c outcome.ContactCode) bool { return c.Code == code })
	}
	return outcome.Redraw(r, g.summary(), func(code string) bool {
		return whole || slices.Contains(g.codes, code) || slices.Contains(g.contacts, code) || contacts && isContact(code)
	})
}

// earlier is a correction before this one.
type earlier struct {
	delivery store.Delivery
	bundle   *element.Value
	gone     gone
	sent     bool // it may have arrived
}

// live are its entries that say something and take nothing back, without letters.
func (b earlier) live() (out []*element.Value) {
	for _, e := range b.bundle.List("entry") {
		if r := e.Get("resource"); r.Str("status") != inError && r.ResourceType() != "DocumentReference" {
			out = append(out, e)
		}
	}
	return out
}

// letterOf is the letter that it tells in place of one, or nil.
func (b earlier) letterOf(letter *element.Value) *element.Value {
	base := letter.TextAt("resource.identifier.value") + "."
	for _, e := range b.bundle.List("entry") {
		r := e.Get("resource")
		if r.ResourceType() == "DocumentReference" && r.Str("status") != inError && strings.HasPrefix(r.TextAt("identifier.value"), base) {
			return e
		}
	}
	return nil
}

// active reports whether it does what it says, or waits to: in front of a human it
// still may. What a later one took the place of does so by that.
func (b earlier) active() bool { return b.delivery.State != store.Closed }

// takenBackBy is the delivery of the first of these corrections that takes an entry
// back, 0 for none.
func takenBackBy(corrections []earlier, entry *element.Value) int64 {
	id := entry.TextAt("resource.identifier.value")
	for _, b := range corrections {
		if b.active() && slices.ContainsFunc(b.bundle.List("entry"), func(e *element.Value) bool {
			return e.TextAt("resource.status") == inError && e.TextAt("resource.identifier.value") == id
		}) {
			return b.delivery.ID
		}
	}
	return 0
}
