package profile

import (
	"maps"
	"slices"
	"strconv"

	"github.com/linkloop/linkloop/adapter/element"
)

// Code is a code in its system.
type Code struct{ System, Code string }

// maxLookups bounds how many definitions one value set may need that somebody
// may have written who means no good.
const maxLookups = 200

// Codes lists every code of a value set: of v, or where that is nil of the one
// with the canonical. Held finds ValueSets and CodeSystems by type and
// canonical that are not in the packages; nil: there are none. Of a value set
// that cannot be listed from its definition the codes of its own expansion
// count, where it has a whole one, and note says so. Else there are none, and
// why says the reason.
func (g *Gate) Codes(v *element.Value, canonical string, held func(typ, canonical string) *element.Value) (codes []Code, note, why string) {
	l := &Library{compiled: map[*element.Value]*valueSet{}, held: held, left: maxLookups}
	if g != nil {
		l.sets, l.systems = g.library.sets, g.library.systems
	}
	if v == nil {
		if v = l.find(l.sets, "ValueSet", canonical); v == nil {
			return nil, "", "this value set is neither loaded nor held here"
		}
	}
	s := l.compileValueSet(v, 0)
	if why = s.unlisted(); why != "" {
		if s = expanded(v); s == nil {
			return nil, "", why
		}
		note = "the value set cannot be listed from its definition; the codes of its expansion counted"
	}
	for _, system := range slices.Sorted(maps.Keys(s.codes)) {
		for _, code := range slices.Sorted(maps.Keys(s.codes[system])) {
			codes = append(codes, Code{system, code})
		}
	}
	return codes, note, ""
}

// unlisted says why not all codes are known, or nothing.
func (s *valueSet) unlisted() string {
	if s.any != "" || len(s.open) == 0 {
		return s.any
	}
	return s.open[slices.Min(slices.Collect(maps.Keys(s.open)))]
}

// expanded is the value set as its expansion lists it, nil when there is no
// expansion, or only a part of it.
func expanded(v *element.Value) *valueSet {
	x := v.Get("expansion")
	s := &valueSet{url: v.Str("url"), codes: map[string]map[string]bool{}, open: map[string]string{}}
	s.expansion(x.List("contains"), 0)
	total := x.Get("total")
	switch {
	case len(s.order) == 0, s.any != "", x.Get("offset") != nil && x.Get("offset").Text != "0":
		return nil
	case total != nil && total.Text != strconv.Itoa(len(s.order)):
		return nil
	}
	return s
}
