package mapping

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/message"
)

// Paths, and values of their conditions, that no example has. In a format whose
// shape is the sender's own, such a path is misspelt, or an example with it is
// missing; both are worth a word.

// sought is a path of a rule and where it starts, for Lint.
type sought struct {
	at     position
	source source
	text   string  // as written
	here   *sought // of the $each that a path with a dot starts from; nil: unknown
	places []message.Node
	others []*sought // alternatives in the same rule, itself among them
	lost   string    // the name that is in no example
	there  []string  // the names that are
	unmet  []message.Unmet
}

// seek notes a path that was compiled.
func (c *compiler) seek(at position, s source, text string) {
	x := &sought{at: at, source: s, text: text}
	if s.from == fromHere && len(c.heres) > 0 {
		x.here = c.heres[len(c.heres)-1]
	}
	c.sought = append(c.sought, x)
}

// fills notes that a slot holds where the paths compiled since lead.
func (c *compiler) fills(since int, slot int32) {
	if c.filled == nil {
		c.filled = map[*sought][]int32{}
	}
	for _, x := range c.sought[since:] {
		c.filled[x] = append(c.filled[x], slot)
	}
}

// WithExamples makes Lint look for the paths of the rules in the examples; the
// formats live above this package, so whoever lints brings them.
func WithExamples(decoder func(*Mapping) Decode) Option {
	return func(c *compiler) { c.decoder = decoder }
}

// unseen warns of paths that are in no example, each once, with the nearest
// name that there is. HL7 v2 and FHIR have a shape of their own, which lint
// knows without examples.
func (c *compiler) unseen(examples []Example) {
	if c.decoder == nil || c.m.hl7 || c.m.format == "fhirmsg" {
		return
	}
	decode := c.decoder(c.m)
	var roots []message.Node
	for _, x := range examples {
		if t, _, err := decode(c.m.format, x.Input); err == nil {
			roots = append(roots, t.Root())
		}
	}
	if len(roots) == 0 {
		return
	}
	slots := map[int32][]message.Node{}
	for _, x := range c.sought {
		from := roots
		switch {
		case x.source.from == fromHere && x.here != nil:
			from = x.here.places
		case x.source.from == fromHere:
			continue
		case x.source.from == fromSlot:
			from = slots[x.source.slot]
		}
		if len(from) > 0 { // otherwise it is said where that starts
			x.places, x.lost, x.there = x.source.path.Lost(from)
			x.unmet = x.source.path.Unmet(from)
		}
		for _, slot := range c.filled[x] {
			slots[slot] = append(slots[slot], x.places...)
		}
	}
	asked := map[string]bool{} // values that rules ask for of a member
	for _, x := range c.sought {
		for _, m := range x.source.path.Wanted() {
			asked[m] = true
		}
	}
	said := map[string]bool{}
	for _, x := range c.sought {
		x.warn(c)
		x.warnUnmet(c, asked, said)
	}
}

// nearWord is how long a value is at least to be taken for a misspelt one: of
// shorter ones, such as codes of two letters, all are near each other.
const nearWord = 4

// warnUnmet says which values of conditions no example has. Of alternatives one
// that is there is enough, unless another is nearly one that is there and that
// no rule asks for. What only lacks an example is said once.
func (x *sought) warnUnmet(c *compiler, asked, said map[string]bool) {
	for _, u := range x.unmet {
		what, word, there := u.Member+" = "+u.Value, u.Value, slices.DeleteFunc(u.There, func(v string) bool { return asked[u.Member+"="+v] })
		if u.Lost != "" {
			what, word, there = u.Member, u.Lost, u.There
		}
		hint := ""
		if u.Lost != "" || len(word) >= nearWord {
			hint = nearest(word, there)
		}
		if hint == "" {
			if u.Other || said[what] || slices.ContainsFunc(x.others, func(o *sought) bool { return o != x && o.lost == "" && !o.never() }) {
				continue
			}
			hint, said[what] = "if it is right, add an example that has it", true
		}
		c.warn(x.at, hint, "no example has %s in %s", what, strings.TrimPrefix(x.text, "."))
	}
}

// never reports a condition that no item of the examples meets.
func (x *sought) never() bool {
	return slices.ContainsFunc(x.unmet, func(u message.Unmet) bool { return !u.Other })
}

// warn says that a path is lost. Of alternatives one that is there is enough,
// unless another is nearly a name that is there.
func (x *sought) warn(c *compiler) {
	if x.lost == "" {
		return
	}
	there := slices.DeleteFunc(x.there, func(n string) bool {
		return slices.ContainsFunc(x.others, func(o *sought) bool { return o != x && o.lost == "" && o.source.path.Last() == n })
	})
	hint := nearest(x.lost, there)
	if hint == "" {
		if slices.ContainsFunc(x.others, func(o *sought) bool { return o.lost == "" }) {
			return
		}
		hint = "if it is right, add an example that has it"
	}
	c.warn(x.at, hint, "no example has %s", strings.TrimPrefix(x.text, "."))
}
