package mapping

import (
	"slices"
	"strings"
)

// rowOrder warns where rows of one referral may be taken in another order than
// they stand in: a cancellation that comes before its referral is refused.
func (c *compiler) rowOrder() {
	if c.m.format != "csv" || c.wants == nil || !c.changes(c.m.intention) {
		return
	}
	columns := c.numbers()
	hint := strings.Join(columns, " or ")
	switch order := c.m.csv.Order; {
	case len(order) == 0:
		if hint != "" {
			hint = "csv: order: " + hint
		}
		c.warn(c.start(c.wants), hint, "rows may change or cancel others, and csv.order does not say by which column rows of one referral keep their order")
	case len(columns) > 0 && !slices.Equal(order, columns):
		c.warn(c.start(c.order), hint, "csv.order names other columns than those that the number of the referral (ServiceRequest.identifier) is read from")
	}
}

// changes reports whether an intention may be that of a message about a referral
// which is here already. A rule without a table may give any word.
func (c *compiler) changes(t *template) bool {
	const is = "new"
	switch {
	case t == nil:
		return false
	case t.shape == isConstant:
		return t.text != is
	case t.shape == isNamed:
		return c.m.constants[t.index].text != is
	case t.shape != isArrow:
		return true
	}
	for i := range t.arrow.calls {
		if call := &t.arrow.calls[i]; call.table != nil {
			return slices.ContainsFunc(call.table.targets(), func(word string) bool { return word != is })
		}
	}
	return true
}

// numbers are the columns that the first number of the request is read from;
// nil: no rule of plain columns gives it.
func (c *compiler) numbers() []string {
	for i := range c.m.resources {
		if r := &c.m.resources[i]; r.kind == "ServiceRequest" {
			value := member(member(r.body, "identifier"), "value")
			if value == nil || value.shape != isArrow {
				return nil
			}
			var out []string
			for _, s := range value.arrow.sources {
				out = append(out, strings.Trim(s.says, "`"))
			}
			return out
		}
	}
	return nil
}

// member is the rule of a member; of a list that of its first item.
func member(t *template, name string) *template {
	for t != nil && t.shape == isArray && len(t.items) > 0 {
		t = t.items[0]
	}
	if t == nil || t.shape != isObject {
		return nil
	}
	for _, f := range t.fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}
