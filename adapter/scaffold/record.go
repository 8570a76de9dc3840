package scaffold

import (
	"slices"
	"strings"
)

// place is an item of a list.
type place struct{ list, item string }

// several is the path of a list of which each item is a referral by itself, or
// "": the items have persons of their own, each with an NHS number and a name or
// a birth date. A person is of the innermost item that has all of it, so that
// the questions of a form, the kinds of a number and a list of lists are none.
func several(all []field) string {
	persons, order := personsIn(all)
	for _, list := range order {
		whole := 0
		for _, p := range persons[list] {
			if p.own {
				whole++
			}
		}
		if whole > 1 {
			return list
		}
	}
	return ""
}

// person is what stands of a person in an item of a list.
type person struct{ number, name, born, own bool }

func (p *person) whole() bool { return p.number && (p.name || p.born) }

// personsIn are the persons in the items of lists, and the lists, the outermost
// first.
func personsIn(all []field) (persons map[string]map[string]*person, order []string) {
	all = slices.Clone(all)
	ask(all, forms(all))
	persons = map[string]map[string]*person{}
	for _, f := range all {
		k := kindOf(f)
		if f.about() != ofPatient || !slices.Contains([]kind{nhsNumber, familyName, fullName, birthDate}, k) || f.asked != nil && f.asked.describes {
			continue
		}
		for _, in := range f.within {
			if strings.ContainsAny(in.list, "`[") || f.asked != nil && in.list == f.asked.list {
				continue
			}
			if persons[in.list] == nil {
				persons[in.list] = map[string]*person{}
				order = append(order, in.list)
			}
			p := persons[in.list][in.item]
			if p == nil {
				p = &person{}
				persons[in.list][in.item] = p
			}
			p.number, p.name, p.born = p.number || k == nhsNumber, p.name || k == familyName || k == fullName, p.born || k == birthDate
		}
	}
	for _, f := range all {
		if kindOf(f) != nhsNumber {
			continue
		}
		for _, in := range slices.Backward(f.within) {
			if p := persons[in.list][in.item]; p != nil && p.whole() {
				p.own = true
				break
			}
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return strings.Count(a, ".") - strings.Count(b, ".") })
	return persons, order
}

// recorded notes of which record each field is, and where it stands within that.
func recorded(all []field, each string) {
	if each == "" {
		return
	}
	for i := range all {
		f := &all[i]
		at := slices.IndexFunc(f.within, func(p place) bool { return p.list == each })
		if at < 0 {
			continue
		}
		f.record = f.within[at].item
		if at == len(f.within)-1 {
			f.list, f.item, f.below = "", "", ""
		}
	}
}

// split notes the records of a sample: the items of a list of a document, of
// which the first stands for all, or the messages that came with it.
func (w *writer) split(every []field) {
	var items []string
	for _, f := range every {
		if f.record != "" && !slices.Contains(items, f.record) {
			items = append(items, f.record)
			w.each = f.within[slices.IndexFunc(f.within, func(p place) bool { return p.item == f.record })].list
		}
	}
	if len(items) == 0 {
		w.all = proposable(every)
		for _, t := range w.Records[:min(len(w.Records), maxRecords)] {
			w.records = append(w.records, fields(t, false))
		}
		w.unsplit(every)
		return
	}
	of := func(item string) []field {
		return slices.DeleteFunc(slices.Clone(every), func(f field) bool { return f.record != item && f.record != "" })
	}
	w.all = proposable(of(items[0]))
	for _, item := range items[:min(len(items), maxRecords)] {
		w.records = append(w.records, proposable(of(item)))
	}
}

// unsplit says which list of a document looks like one of referrals and is not
// taken apart.
func (w *writer) unsplit(every []field) {
	if w.Format != "json" && w.Format != "xml" {
		return
	}
	persons, order := personsIn(every)
	numbers := map[string]int{}
	for _, f := range every {
		if n := len(f.within); n > 0 && strings.Count(f.below, ".") == 1 && (kindOf(f) == referralID || f.last() == "id") {
			numbers[f.within[n-1].list]++
		}
	}
	for _, list := range order {
		some, whole := 0, false
		for _, p := range persons[list] {
			whole = whole || p.own
			if p.own || p.name && p.born {
				some++
			}
		}
		outside := slices.ContainsFunc(every, func(f field) bool { // of whom the items are the family
			item, _ := f.itemOf(list)
			return item == "" && kindOf(f) == nhsNumber
		})
		if !outside && (some > 1 || whole && numbers[list] > 1) {
			w.first = append(w.first, "SEVERAL ITEMS STAND IN "+list+", and the document is read as one referral. If each of them is a referral by itself, say so with each under "+w.Format+" (see the handbook)")
			return
		}
	}
}

// oneOf tells which members that stand alone are items of a list that has more
// elsewhere: those at the path of a list, and in XML those called like the
// elements of a form. It is nil where there are no lists.
func oneOf(all []field) func(path, name string) bool {
	paths, names := map[string]bool{}, map[string]bool{}
	for _, f := range all {
		for _, p := range f.within {
			paths[p.list] = true
		}
	}
	if len(paths) == 0 {
		return nil
	}
	for _, f := range forms(all) {
		if f.inside {
			names[lastName(f.list)] = true
		}
	}
	return func(path, name string) bool { return paths[path] || names[name] }
}
