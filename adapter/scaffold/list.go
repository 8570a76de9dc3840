package scaffold

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/message"
)

// proposable are the values of a sample with the paths by which a mapping finds
// them. Of a list the first item speaks for the others, except where the items
// are numbers or ways to reach somebody: those are told apart by what stands
// beside them (ids[where kind = "NHS"].value), never by their position unless
// there is nothing else.
func proposable(t *message.Tree) []field {
	all := fields(t, true)
	apart := map[string]bool{} // lists whose items are different things
	first := map[string]string{}
	for _, f := range all {
		if f.list == "" || f.asked != nil {
			continue
		}
		if first[f.list] == "" {
			first[f.list] = f.item
		}
		switch k := kindOf(f); {
		case k == nhsNumber, f.below != "." && (k == phone || k == email || k == contacts):
			apart[f.list] = true
		}
	}
	delete(apart, several(all))
	var out []field
	answered, names := map[string]bool{}, nameWords(all)
	for _, f := range all {
		switch {
		case f.asked != nil:
			if !f.asked.describes && !f.asked.again && !f.asked.lost && !named(f.asked.value, names) && (f.depth == 1 || !answered[f.outerItem+f.path]) {
				answered[f.outerItem+f.path] = true
				out = append(out, f.answer())
			}
		case f.list == "":
			out = append(out, f)
		case !apart[f.list]:
			if f.item == first[f.list] {
				out = append(out, f)
			}
		default:
			if g, ok := singled(f, all, first[f.list]); ok {
				out = append(out, g)
			}
		}
	}
	return out
}

// several is the path of a list of which each item is a referral by itself, or
// "": the items have persons of their own, each with name and NHS number.
func several(all []field) string {
	type person struct{ number, name bool }
	items := map[string]map[string]*person{}
	order := []string{}
	for _, f := range all {
		k := kindOf(f)
		if f.list == "" || strings.ContainsAny(f.list, "`[") || f.about() != ofPatient || k != nhsNumber && k != familyName && k != fullName {
			continue
		}
		if items[f.list] == nil {
			items[f.list] = map[string]*person{}
			order = append(order, f.list)
		}
		p := items[f.list][f.item]
		if p == nil {
			p = &person{}
			items[f.list][f.item] = p
		}
		p.number = p.number || k == nhsNumber
		p.name = p.name || k != nhsNumber
	}
	for _, list := range order {
		whole := 0
		for _, p := range items[list] {
			if p.number && p.name {
				whole++
			}
		}
		if whole > 1 {
			return list
		}
	}
	return ""
}

// singled is a value of a list whose items are different things, with the path
// that finds it and no other.
func singled(f field, all []field, first string) (field, bool) {
	if kind, ok := kindBeside(f, all); ok {
		if kind.where == f.where {
			return f, false // the condition reads it
		}
		// Of two with the same kind the first is found.
		for _, g := range all {
			if g.list == f.list && g.below == f.below && g.item != f.item {
				if other, ok := kindBeside(g, all); ok && other.value == kind.value {
					if slices.IndexFunc(all, func(x field) bool { return x.where == g.where }) < slices.IndexFunc(all, func(x field) bool { return x.where == f.where }) {
						return f, false
					}
				}
			}
		}
		f.path = fmt.Sprintf("%s[where %s = %s]%s", bracketable(f.list), strings.TrimPrefix(kind.below, "."), strconv.Quote(kind.value), f.below)
		f.words = append(append([]string(nil), f.words...), words(kind.value)...)
		f.list, f.below = "", ""
		return f, true
	}
	if f.item == first {
		return f, true
	}
	if k := kindOf(f); k != nhsNumber {
		return f, false
	}
	i := strings.LastIndexByte(f.item, '[')
	if i < 0 || !strings.HasSuffix(f.item, "]") {
		return f, false
	}
	f.path = bracketable(f.list) + f.item[i:] + strings.TrimSuffix(f.below, ".")
	if f.below != "." {
		f.path = bracketable(f.list) + f.item[i:] + f.below
	}
	f.list, f.below, f.placed = "", "", true
	return f, true
}

// kindBeside is the member of the same item that says of what kind it is.
func kindBeside(f field, all []field) (field, bool) {
	for _, g := range all {
		if g.list == f.list && g.item == f.item && strings.Count(g.below, ".") == 1 && g.below != "." && g.says(append([]string{"name", "authority", "t", "k"}, kindNames...)...) &&
			kindOf(g) != nhsNumber && speaksOfKinds(g.value) && len(g.value) <= 40 && !strings.ContainsAny(g.value, "\"\\\n]") {
			return g, true
		}
	}
	return field{}, false
}
