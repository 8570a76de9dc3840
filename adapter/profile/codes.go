package profile

import (
	"maps"
	"slices"
	"strconv"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// Code is a code in its system.
type Code struct{ System, Code string }

// Bounds of what one Lister does for somebody who may mean no good.
const (
	maxLookups = 200       // definitions looked up
	maxListing = 2_000_000 // codes gone through, those of value sets within others again
)

// Held finds ValueSets and CodeSystems by type and canonical that are not in the
// packages; nil: there is none. An error ends the listing.
type Held func(typ, canonical string) (*element.Value, error)

// Lister lists value sets for one request. What it looked up once it keeps, and
// its bounds are for all that it lists.
type Lister struct {
	library *Library
	most    int
}

// Lister returns a lister of value sets of at most so many codes.
func (g *Gate) Lister(held Held, most int) *Lister {
	l := &Library{compiled: map[*element.Value]*valueSet{}, lists: &listing{
		held: held, found: map[string]*element.Value{}, most: most, lookups: maxLookups, codes: maxListing}}
	if g != nil {
		l.sets, l.systems = g.library.sets, g.library.systems
	}
	return &Lister{library: l, most: most}
}

// Codes lists every code of a value set: of v, or where that is nil of the one
// with the canonical. Of a value set that cannot be listed from its definition
// the codes of its own expansion count, where it has a whole one, and note says
// so. Else there are none, and why says the reason. Errors: what the lookup
// returned, and fault.TooLarge beyond the bounds.
func (x *Lister) Codes(v *element.Value, canonical string) (codes []Code, note, why string, err error) {
	l := x.library
	if v == nil {
		v = l.find(l.sets, "ValueSet", canonical)
		if l.lists.err != nil {
			return nil, "", "", l.lists.err
		}
		if v == nil {
			return nil, "", "this value set is neither loaded nor held here", nil
		}
	}
	s := l.compileValueSet(v, 0)
	if why = s.unlisted(); why != "" && l.lists.err == nil && !s.full {
		if s = l.expanded(v); s == nil {
			return nil, "", why, nil
		}
		note = "the value set cannot be listed from its definition; the codes of its expansion counted"
	}
	switch {
	case l.lists.err != nil:
		return nil, "", "", l.lists.err
	case s.full:
		return nil, "", "", tooCostly("a value set has more than " + strconv.Itoa(x.most) + " codes, which is what a search looks for")
	}
	for _, system := range slices.Sorted(maps.Keys(s.codes)) {
		for _, code := range slices.Sorted(maps.Keys(s.codes[system])) {
			codes = append(codes, Code{system, code})
		}
	}
	return codes, note, "", nil
}

// listing is what a Lister has found, and what it may still do.
type listing struct {
	held           Held
	found          map[string]*element.Value // by type and canonical; nil: there is none
	most           int                       // codes of a value set
	lookups, codes int                       // that are left
	err            error                     // why it ended
}

func (x *listing) look(typ, canonical string) (v *element.Value) {
	key := typ + " " + canonical
	v, known := x.found[key]
	if known || x.err != nil {
		return v
	}
	if x.lookups--; x.lookups < 0 {
		x.err = tooCostly("value sets that need more than " + strconv.Itoa(maxLookups) + " definitions")
		return nil
	}
	v, x.err = x.held(typ, canonical)
	x.found[key] = v
	return v
}

// goThrough counts a code, and reports whether another one may be gone through.
func (x *listing) goThrough() bool {
	if x.codes--; x.codes < 0 && x.err == nil {
		x.err = tooCostly("value sets within value sets that have too many codes together")
	}
	return x.err == nil
}

func tooCostly(text string) error {
	return &fault.Fault{Kind: fault.TooLarge, Issues: []fault.Issue{{Code: "too-costly", Text: text + "; narrow the search"}}}
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
func (l *Library) expanded(v *element.Value) *valueSet {
	x := v.Get("expansion")
	s := l.newValueSet(v)
	s.expansion(x.List("contains"), 0)
	total := x.Get("total")
	switch {
	case s.full:
		return s
	case len(s.order) == 0, s.any != "", x.Get("offset") != nil && x.Get("offset").Text != "0":
		return nil
	case total != nil && total.Text != strconv.Itoa(len(s.order)):
		return nil
	}
	return s
}
