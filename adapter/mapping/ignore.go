package mapping

import (
	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/message"
)

// maxIgnores bounds the places a mapping leaves out on purpose.
const maxIgnores = 500

// ignore reads the places that the mapping leaves out on purpose, each with
// all below it. They do not stand among what Unmapped lists.
func (c *compiler) ignore(n *yaml.Node) {
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxIgnores {
		c.problem(c.start(n), "ignores: [EVN, PID-30]", "ignores is a list of at most %d paths", maxIgnores)
		return
	}
	before := len(c.sought)
	defer func() { c.sought = c.sought[:before] }() // no example needs what is left out
	for _, p := range n.Content {
		if p.Kind != yaml.ScalarNode {
			c.problem(c.start(p), "ignores: [EVN, PID-30]", "a path is a text")
			continue
		}
		if s, ok := c.source(c.start(p), p.Value); ok {
			if s.from != fromRoot {
				c.problem(c.start(p), "", "write the path of %s itself: %s", p.Value, s.says)
				continue
			}
			c.m.ignores = append(c.m.ignores, s.path)
		}
	}
}

// markIgnored marks every node the mapping leaves out on purpose.
func (m *Mapping) markIgnored(t *message.Tree, used []bool) {
	var mark func(n message.Node)
	mark = func(n message.Node) {
		used[n.ID()] = true
		for c := n.First(); c.Ok(); c = c.Next() {
			mark(c)
		}
	}
	for _, p := range m.ignores {
		p.All(t.Root(), func(n message.Node) bool { mark(n); return true })
	}
}
