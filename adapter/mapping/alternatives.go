package mapping

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
)

// Findings of alternatives. A rule of $first that cannot use a value leaves a
// finding; when a later alternative uses the value of that same place, nothing
// was lost, and there is nothing to say.

// stumble is what the evaluation knows of a finding, beside it.
type stumble struct {
	nth  int32 // of several values of the place; 0: the only one
	last int   // the report that said it last, as a number of reports
}

// attempt is where the findings stood when an alternative began.
type attempt struct{ findings, reports int }

func (e *eval) attempt() attempt { return attempt{len(e.findings), e.reports} }

// settle takes back the findings that alternatives since first left, as far as
// the values that the one since won made came from the same places.
func (e *eval) settle(first, won attempt, made ...*element.Value) {
	if first.findings == won.findings {
		return
	}
	n := first.findings
	for i := n; i < len(e.findings); i++ {
		node := e.findings[i].Node
		if i < won.findings && e.stumbles[i].last <= won.reports && node != 0 && e.anyFrom(made, e.leafOf(node)) {
			continue
		}
		e.findings[n], e.stumbles[n] = e.findings[i], e.stumbles[i]
		n++
	}
	e.findings, e.stumbles = e.findings[:n], e.stumbles[:n]
}

// anyFrom reports whether any of the values, or what is in them, came from a
// leaf, by 1 + id.
func (e *eval) anyFrom(values []*element.Value, leaf int32) bool {
	return slices.ContainsFunc(values, func(v *element.Value) bool {
		return v.Origin.Node != 0 && e.leafOf(v.Origin.Node) == leaf || e.anyFrom(v.Items, leaf) ||
			slices.ContainsFunc(v.Fields, func(f element.Field) bool { return e.anyFrom([]*element.Value{f.Value}, leaf) })
	})
}

// leafOf is the leaf whose value a node stands for, both by 1 + id.
func (e *eval) leafOf(node int32) int32 {
	n := nodeOf(e.tree, node)
	for c := n.First(); c.Ok(); c = c.First() {
		n = c
	}
	return n.ID() + 1
}
