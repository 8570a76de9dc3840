package app

import (
	"github.com/linkloop/linkloop/adapter/mapping"
)

// misfits are the reasons for which intake would refuse the result of an
// example, each with the line of the mapping that made the element where one
// did. What the mapping refuses itself has none.
func (c checks) misfits(m *mapping.Mapping, o mapping.Outcome) []string {
	if o.Result == nil {
		return nil
	}
	f := c.judge(m, Stored{Body: o.Example.Input}).Refused
	if f == nil {
		return nil
	}
	var steps []mapping.Step
	if tree, _, err := decode(m, o.Example.Input); err == nil {
		steps = m.Explain(tree, o.Result)
	}
	var out []string
	for _, is := range f.Issues {
		out = append(out, mapping.ReasonOf(is, steps).String())
	}
	return out
}
