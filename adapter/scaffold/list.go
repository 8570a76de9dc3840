package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// proposable are the values of a sample with the paths by which a mapping finds
// them. Of a list the first item speaks for the others, except where the items
// are numbers or ways to reach somebody: those are told apart by what stands
// beside them (ids[where kind = "NHS"].value), never by their position unless
// there is nothing else.
func proposable(all []field) []field {
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
	var out []field
	answered, names := map[string]bool{}, nameWords(all)
	for _, f := range all {
		switch {
		case f.asked != nil:
			item, direct := f.itemOf(f.asked.list)
			if !f.asked.describes && !f.asked.again && !f.asked.lost && !named(f.asked.value, names) && (direct || !answered[item+f.path]) {
				answered[item+f.path] = true
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
		if !shortCode.MatchString(f.value) || strings.Contains(f.below, "$text") { // a code beside the kind is no content of it
			f.words = append(append([]string(nil), f.words...), words(kind.value)...)
		}
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

var (
	// shortCode is what senders call a question or a place of a form: F007.
	shortCode = regexp.MustCompile(`^[A-Z]{1,3}[-_]?[0-9]{1,4}$`)
	// besideNames are those of members that say of what kind their neighbours are,
	// in every message: how things stand is another word in the next.
	besideNames = []string{"name", "authority", "t", "k", "kind", "type", "code", "scheme", "system", "use", "category", "label"}
)

// kindBeside is the member of the same item that says of what kind it is.
func kindBeside(f field, all []field) (field, bool) {
	for _, g := range all {
		if g.list == f.list && g.item == f.item && strings.Count(g.below, ".") == 1 && g.below != "." && g.says(besideNames...) &&
			kindOf(g) != nhsNumber && speaksOfKinds(g.value) && len(g.value) <= 40 && !strings.ContainsAny(g.value, "\"\\\n]") {
			return g, true
		}
	}
	return field{}, false
}
