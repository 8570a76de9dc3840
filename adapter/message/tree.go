// Package message holds what a sender sent: the format-neutral tree that
// every wire format decodes into, and paths into it. Every node knows its
// address in the source, in the words of its own format (PID-3[1].1,
// /entry[2]/resource/subject), so that every later value and every error can
// name the place it came from.
//
// The tree is an arena of nodes in one slice: two allocations for a typical
// message. It is built once and then only read; readers may share it.
package message

import "math"

// Kind is the shape of a node.
type Kind uint8

// The shapes. A list holds the repetitions of one name.
const (
	Null Kind = iota
	Text
	Number
	Bool
	Object
	List
)

type node struct {
	name   string // name within the parent; empty for list items
	value  string // leaf text as the format means it: unescaped
	parent int32
	next   int32 // next sibling, 0: none (the root has no siblings)
	first  int32 // first child, 0: none
	last   int32
	index  int32 // position among the siblings, from 0
	kind   Kind
}

// Tree is one decoded message.
type Tree struct {
	nodes   []node
	address func(Node) string
	anchors map[string]int32 // see Anchor
}

// NewTree starts a tree whose root is an Object. The address function renders
// a node's address in the format's own notation; it is called only when an
// address is wanted.
func NewTree(sizeHint int, address func(Node) string) *Tree {
	if sizeHint < 16 {
		sizeHint = 16
	}
	t := &Tree{nodes: make([]node, 1, sizeHint), address: address}
	t.nodes[0] = node{parent: -1, kind: Object}
	return t
}

// Len is the number of nodes.
func (t *Tree) Len() int { return len(t.nodes) }

// Root is the message as a whole.
func (t *Tree) Root() Node { return Node{t, 0} }

// Node returns the node with the given id (see Node.ID); the zero Node when
// there is none.
func (t *Tree) Node(id int32) Node {
	if id < 0 || int(id) >= len(t.nodes) {
		return Node{}
	}
	return Node{t, id}
}

// Add appends a child to parent and returns it. Ids are given in order of
// adding, so a child added later has a higher id.
func (t *Tree) Add(parent Node, name string, kind Kind, value string) Node {
	if len(t.nodes) >= math.MaxInt32 {
		return Node{}
	}
	id := int32(len(t.nodes))
	p := &t.nodes[parent.id]
	n := node{name: name, value: value, parent: parent.id, kind: kind}
	if p.first == 0 {
		p.first = id
	} else {
		n.index = t.nodes[p.last].index + 1
		t.nodes[p.last].next = id
	}
	p.last = id
	t.nodes = append(t.nodes, n)
	return Node{t, id}
}

// Node is one place in a tree; the zero Node is "nothing there" and answers
// every question with an empty value.
type Node struct {
	t  *Tree
	id int32
}

// Ok reports whether there is a node.
func (n Node) Ok() bool { return n.t != nil }

// ID is the node's number within its tree; -1 for the zero Node.
func (n Node) ID() int32 {
	if n.t == nil {
		return -1
	}
	return n.id
}

// Name is the node's name within its parent; list items have none.
func (n Node) Name() string {
	if n.t == nil {
		return ""
	}
	return n.t.nodes[n.id].name
}

// Kind is the node's shape; Null for the zero Node.
func (n Node) Kind() Kind {
	if n.t == nil {
		return Null
	}
	return n.t.nodes[n.id].kind
}

// Index is the position among the siblings, from 0.
func (n Node) Index() int {
	if n.t == nil {
		return 0
	}
	return int(n.t.nodes[n.id].index)
}

// Value is the text of a leaf, unescaped and as sent; for an Object or a List
// it is the value of its first leaf-bearing child, so that PID-5 in a message
// with one component means PID-5.1, as HL7 v2.5.1 section 2.5.3.3 asks.
func (n Node) Value() string {
	for n.t != nil {
		d := &n.t.nodes[n.id]
		if d.kind != Object && d.kind != List {
			return d.value
		}
		if d.first == 0 {
			return ""
		}
		n.id = d.first
	}
	return ""
}

// Parent is the enclosing node; the zero Node above the root.
func (n Node) Parent() Node {
	if n.t == nil || n.id == 0 {
		return Node{}
	}
	return Node{n.t, n.t.nodes[n.id].parent}
}

// First is the first child.
func (n Node) First() Node {
	if n.t == nil || n.t.nodes[n.id].first == 0 {
		return Node{}
	}
	return Node{n.t, n.t.nodes[n.id].first}
}

// Next is the next sibling.
func (n Node) Next() Node {
	if n.t == nil || n.t.nodes[n.id].next == 0 {
		return Node{}
	}
	return Node{n.t, n.t.nodes[n.id].next}
}

// Child is the first child with the name.
func (n Node) Child(name string) Node {
	for c := n.First(); c.Ok(); c = c.Next() {
		if c.t.nodes[c.id].name == name {
			return c
		}
	}
	return Node{}
}

// Empty reports whether no leaf below the node holds text.
func (n Node) Empty() bool {
	switch n.Kind() {
	case Null:
		return true
	case Object, List:
		for c := n.First(); c.Ok(); c = c.Next() {
			if !c.Empty() {
				return false
			}
		}
		return true
	default:
		return n.Value() == ""
	}
}

// Address is where the node stands in the source, in the words of its format.
func (n Node) Address() string {
	if n.t == nil || n.t.address == nil {
		return ""
	}
	return n.t.address(n)
}
