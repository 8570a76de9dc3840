package mapping

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/fault"
)

// WithIntentions says what a mapping's intention can be. A message of a whole
// intention must have every required value; one of a brief intention need not,
// because it only says which resources it is about. Without this option any
// word is taken, and every message must be whole.
func WithIntentions(whole, brief []string) Option {
	return func(c *compiler) {
		c.intentions = slices.Concat(whole, brief)
		c.m.brief = brief
	}
}

// intent compiles the rules of the head that say what a message wants and when
// it was made. They stand behind the lets, so that they can start from them.
func (c *compiler) intent(head map[string]*yaml.Node) {
	if n := head["intention"]; n != nil {
		c.wants = n
		if c.m.intention = c.headRule(n, "intention", "intention: <- MSH-9.2 | code(intention)"); c.m.intention != nil {
			c.knownIntentions(n, c.m.intention)
		}
	}
	if n := head["sent"]; n != nil {
		c.m.sent = c.headRule(n, "sent", "sent: <- MSH-7 | dateTime")
	}
}

// headRule compiles a rule that gives one text.
func (c *compiler) headRule(n *yaml.Node, key, example string) *template {
	if n.Kind != yaml.ScalarNode {
		c.problem(c.start(n), example, "%s is one rule", key)
		return nil
	}
	t := c.scalar(n, "")
	switch {
	case t == nil:
		return nil
	case t.shape == isRef:
		c.problem(c.start(n), example, "%s is a text, not a reference", key)
		return nil
	case t.list:
		c.problem(c.start(n), example, "%s is one text, not a list", key)
		return nil
	}
	return t
}

// knownIntentions checks every word that the rule can be known to give: a fixed
// text, what a table translates to, and a default behind it.
func (c *compiler) knownIntentions(n *yaml.Node, t *template) {
	if c.intentions == nil {
		return
	}
	check := func(word, from string) {
		if word != "" && !slices.Contains(c.intentions, word) {
			hint := nearest(word, slices.Clone(c.intentions))
			c.problem(c.start(n), hint, "%s%q is no intention; there are %s", from, word, strings.Join(c.intentions, ", "))
		}
	}
	switch t.shape {
	case isConstant:
		check(t.text, "")
	case isNamed:
		check(c.m.constants[t.index].text, "")
	case isArrow:
		calls := t.arrow.calls
		for i := len(calls) - 1; i >= 0; i-- {
			switch call := &calls[i]; {
			case call.fn.name == "default":
				check(call.args[0], "")
			case call.table != nil:
				for _, word := range call.table.targets() {
					check(word, "vocabulary/"+call.table.name+".json: ")
				}
				for _, code := range call.table.order {
					if call.table.codes[code].none { // it would be taken for a new referral
						c.problem(c.start(n), "", "vocabulary/%s.json says that %q has no translation; what a message wants is one of %s", call.table.name, code, strings.Join(c.intentions, ", "))
					}
				}
				return
			}
		}
	}
}

// targets are the codes that a table translates to, in alphabetical order.
func (t *table) targets() []string {
	var out []string
	for _, to := range t.codes {
		out = append(out, to.code)
	}
	if t.unmapped != nil {
		if to, ok := t.unmapped(""); ok {
			out = append(out, to.code)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// intent says what the message wants and when it was made. A message that says
// something the rule cannot use is refused, whatever default stands behind: taking
// it for a new referral could be the opposite of what its sender wants.
func (e *eval) intent(res *Result) {
	before := e.reports
	res.Intention = e.one(e.m.intention, res)
	t := e.m.intention
	switch {
	case t == nil:
	case e.reports > before && (res.Intention == "" || t.shape == isArrow):
		f := e.reported
		e.err = &fault.Fault{Kind: fault.Unmappable, Issues: []fault.Issue{{
			Code: "code-invalid", Place: f.Address,
			Text: "the message wants something that this mapping does not know: " + f.Text + " (" + e.m.ruleAt(e.rule) + ")"}}}
		return
	case res.Intention == "" && (t.shape != isArrow || t.arrow.reason == ""):
		place := ""
		if t.shape == isArrow {
			place = t.arrow.sources[0].says + nothingThere
		}
		e.reportAt(0, 0, place, "intention-missing", "the message does not say what it wants, and is taken as new; default(new) in the rule says that on purpose")
	}
	res.Sent = e.one(e.m.sent, res)
}

// one is the first text of a rule; its source counts as used.
func (e *eval) one(t *template, res *Result) string {
	text := ""
	if t == nil {
		return text
	}
	e.each(t, func(v val) {
		if text == "" && v.text != "" {
			text = v.text
			if v.node > 0 {
				res.head = append(res.head, v.node-1)
			}
		}
	})
	return text
}

// Key is the name that the mapping gives its first resource of a type; empty
// when it makes none.
func (m *Mapping) Key(resourceType string) string {
	for i := range m.resources {
		if m.resources[i].kind == resourceType {
			return m.resources[i].key
		}
	}
	return ""
}

// isBrief reports whether a message of the intention may lack required values.
func (m *Mapping) isBrief(intention string) bool { return slices.Contains(m.brief, intention) }
