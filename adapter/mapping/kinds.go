package mapping

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/linkloop/linkloop/adapter/message"
)

// Bounds on what is learned of lists. A member with more values than that does
// not say of which kind an item is.
const (
	maxKinds     = 100 // values of one member
	maxKindLists = 1_000
	maxKindText  = 60 // characters
)

// Kinds tells the items of lists apart as the conditions of a mapping do: where
// rules compare a member with several values, as in
// answers[where field.ref = pt_dob], items are of one kind when their member is
// the same. The values of such a member are shown; they name kinds, and are no
// answers. Not safe for concurrent use.
type Kinds struct {
	lists map[string]map[string]*kindsBy // by the address of the list, by the member
}

// kindsBy is what is known of one member that conditions compare.
type kindsBy struct {
	wanted map[string]bool // by conditions
	there  map[string]bool // in messages
}

// NewKinds knows no list.
func NewKinds() *Kinds { return &Kinds{map[string]map[string]*kindsBy{}} }

// Learn notes the lists of a message whose items the mapping tells apart.
func (k *Kinds) Learn(t *message.Tree, r *Result) {
	chosen(t, r, func(item message.Node, list string, member message.Path, values []string) {
		members := k.lists[list]
		if members == nil {
			if len(k.lists) == maxKindLists {
				return
			}
			members = map[string]*kindsBy{}
			k.lists[list] = members
		}
		by := members[member.String()]
		if by == nil {
			by = &kindsBy{map[string]bool{}, map[string]bool{}}
			members[member.String()] = by
		}
		for _, v := range values {
			if v != "" {
				by.wanted[v] = true
			}
		}
		if v := member.First(item).Value(); v != "" && len(by.there) <= maxKinds {
			by.there[v] = true
		}
	})
}

// member is the one by which the items of a list are told apart: that with the
// most values in conditions; empty: by none.
func (k *Kinds) member(list string) string {
	best, most := "", 1 // a single value picks one item, and tells nothing of the others
	for _, name := range slices.Sorted(maps.Keys(k.lists[list])) {
		if by := k.lists[list][name]; len(by.wanted) > most && len(by.there) <= maxKinds {
			best, most = name, len(by.wanted)
		}
	}
	return best
}

// Of gives for the items of a message of which kind they are, by their id:
// field.ref = safeguarding.
func (k *Kinds) Of(t *message.Tree, r *Result) map[int32]string {
	out := map[int32]string{}
	by := map[string]string{}
	chosen(t, r, func(item message.Node, list string, member message.Path, _ []string) {
		name, known := by[list]
		if !known {
			name = k.member(list)
			by[list] = name
		}
		if v := member.First(item).Value(); v != "" && name == member.String() {
			out[item.ID()] = name + " = " + kindText(v)
		}
	})
	return out
}

// chosen visits every item that a condition of the mapping looked at in a message.
func chosen(t *message.Tree, r *Result, visit func(item message.Node, list string, member message.Path, values []string)) {
	type way struct {
		path string
		base int32
	}
	gone := map[way]bool{}
	lists := map[int32]string{}
	for _, w := range r.reading.wheres {
		if x := (way{w.path.String(), w.base}); gone[x] {
			continue
		} else {
			gone[x] = true
		}
		w.path.Told(t.Node(w.base), func(item message.Node, member message.Path, values []string) {
			list, known := lists[item.ID()]
			if !known {
				list = general(withoutNumber(item.Address()))
				lists[item.ID()] = list
			}
			visit(item, list, member, values)
		})
	}
}

// kindText is a value in one line of a table.
func kindText(v string) string {
	v = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, v)
	if cut := []rune(v); len(cut) > maxKindText {
		return string(cut[:maxKindText-1]) + "…"
	}
	return v
}

// Place is where a node stands in messages of its kind: without the numbers of
// repetitions, and with the kind of the items that it is in.
func Place(n message.Node, kinds map[int32]string) string {
	address := n.Address()
	out := ""
	for len(kinds) > 0 && n.Ok() {
		item := n.Address()
		if kind := kinds[n.ID()]; kind != "" && strings.HasPrefix(address, item) {
			out = "[" + kind + "]" + general(address[len(item):]) + out
			address = withoutNumber(item)
		}
		n = n.Parent()
	}
	return general(address) + out
}

// withoutNumber is the address of an item without its number in the list.
func withoutNumber(address string) string {
	if at := strings.LastIndexByte(address, '['); at >= 0 && general(address[at:]) == "[]" {
		return address[:at]
	}
	return address
}

// kindOfItem is the kind of the innermost item that a node is in; empty: of none.
func kindOfItem(n message.Node, kinds map[int32]string) string {
	for ; n.Ok(); n = n.Parent() {
		if kind := kinds[n.ID()]; kind != "" {
			return kind
		}
	}
	return ""
}
