package message

import "strings"

// maxAnchors bounds the names of one message; a Bundle has two per entry.
const maxAnchors = 20_000

// Anchor gives a node a name that references elsewhere in the message use:
// the fullUrl of a Bundle entry, Type/id, or #id of a contained resource.
// The first node keeps a name that is given twice, because that is the one a
// reader meets first; names beyond the bound are not kept.
func (t *Tree) Anchor(key string, n Node) {
	if key == "" || n.t != t || len(t.anchors) >= maxAnchors {
		return
	}
	if t.anchors == nil {
		t.anchors = make(map[string]int32, 16)
	}
	if _, taken := t.anchors[key]; !taken {
		t.anchors[key] = n.id
	}
}

// Anchored returns the node with the name, or the zero Node. A reference to a
// version (Patient/1/_history/2) finds the resource named without it, since a
// message holds one version of each resource.
func (t *Tree) Anchored(key string) Node {
	if t == nil {
		return Node{}
	}
	if id, ok := t.anchors[key]; ok {
		return Node{t, id}
	}
	if plain, _, cut := strings.Cut(key, "/_history/"); cut {
		if id, ok := t.anchors[plain]; ok {
			return Node{t, id}
		}
	}
	return Node{}
}

// Resolve follows a FHIR reference that stands at the node: the text itself,
// or its member "reference" (https://hl7.org/fhir/R4/references.html). It
// returns the zero Node when the target is not in the message.
func (n Node) Resolve() Node {
	if n.Kind() == Object {
		n = n.Child("reference")
	}
	if n.Kind() != Text {
		return Node{}
	}
	return n.t.Anchored(n.Value())
}
