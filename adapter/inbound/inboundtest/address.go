package inboundtest

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

// addresses checks that every node can name its place, that two nodes share a
// name only when one is the list around the other, and that the name leads
// back to the node.
func addresses(t *testing.T, f inbound.Format, s Samples) {
	for _, g := range s.Good {
		t.Run(g.Name, func(t *testing.T) {
			m, err := f.Decode(g.Body)
			if err != nil {
				t.Fatal(err)
			}
			taken := map[string]message.Node{}
			walk(m.Tree.Root(), func(n message.Node) {
				a := n.Address()
				if a == "" {
					t.Fatalf("node %d has no address", n.ID())
				}
				if strings.ContainsAny(a, "\r\n") {
					t.Errorf("address %q is not one line", a)
				}
				if other, twice := taken[a]; twice && !around(other, n) {
					t.Errorf("nodes %d and %d share the address %q", other.ID(), n.ID(), a)
				}
				taken[a] = n
				if n.Parent().Ok() {
					leadsBack(t, m, s, n, a)
				}
			})
		})
	}
}

func leadsBack(t *testing.T, m *inbound.Message, s Samples, n message.Node, a string) {
	var got message.Node
	if s.Resolve != nil {
		got = s.Resolve(m, a)
	} else {
		p, err := message.ParsePath(a)
		if err != nil {
			t.Errorf("address %q is no path: %v", a, err)
			return
		}
		got = p.First(m.Tree.Root())
	}
	if got.ID() != n.ID() && !around(n, got) && !around(got, n) {
		t.Errorf("address %q of node %d leads to node %d", a, n.ID(), got.ID())
	}
}

// around reports whether list is the list that holds n, at any depth of lists.
func around(list, n message.Node) bool {
	for p := n.Parent(); p.Ok() && p.Kind() == message.List; p = p.Parent() {
		if p.ID() == list.ID() {
			return true
		}
	}
	// An empty list has no item that its path could lead to.
	return list.Kind() == message.List && !list.First().Ok()
}

// holds reports whether some leaf of the tree contains the text.
func holds(tree *message.Tree, text string) bool {
	found := false
	walk(tree.Root(), func(n message.Node) {
		if k := n.Kind(); k != message.Object && k != message.List && strings.Contains(n.Value(), text) {
			found = true
		}
	})
	return found
}
