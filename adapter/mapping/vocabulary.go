package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// target is what a code translates to.
type target struct {
	system, code, display string
}

// entry is what a table says of one code. None says outright that there is no
// target (http://hl7.org/fhir/concept-map-equivalence unmatched or disjoint), as
// against a code that nobody has looked up yet.
type entry struct {
	target
	none bool
}

// table is one ConceptMap, read for translation
// (https://hl7.org/fhir/R4/conceptmap.html). A code found in several groups
// takes the first, because a sender's code does not say which system it means.
type table struct {
	name     string
	file     string // vocabulary/sex.json, or shared/vocabulary/sex.json
	codes    map[string]entry
	order    []string                         // the codes as they stand in the file
	unmapped func(code string) (target, bool) // nil: no translation
}

// Codes are the codes of the sender that the tables of the mapping know, in
// small letters.
func (m *Mapping) Codes() map[string]bool {
	out := map[string]bool{}
	for _, t := range m.tableList {
		for _, code := range t.order {
			out[strings.ToLower(code)] = true
		}
	}
	return out
}

// lookup translates a code; false: the table has nothing to say about it. The
// target is empty where the table says that there is none.
func (t *table) lookup(code string) (target, bool) {
	if to, ok := t.codes[code]; ok {
		return to.target, to.code != "" || to.none
	}
	if t.unmapped != nil {
		return t.unmapped(code)
	}
	return target{}, false
}

// parseTable reads a ConceptMap; report gets each problem, line 0 when the
// place in the file is not known.
func parseTable(name string, data []byte, report func(line, column int, text string)) *table {
	v, err := element.Parse(data, element.Limits{})
	if err != nil {
		line, column := 0, 0
		for _, is := range fault.Of(err).Issues {
			if _, err := fmt.Sscanf(is.Place, "line %d, column %d", &line, &column); err != nil {
				line, column = 0, 0
			}
			report(line, column, is.Text)
		}
		return nil
	}
	if v.ResourceType() != "ConceptMap" {
		report(0, 0, "a vocabulary file is a FHIR ConceptMap (resourceType ConceptMap)")
		return nil
	}
	t := &table{name: name, codes: make(map[string]entry)}
	if len(v.List("group")) == 0 {
		report(0, 0, "the ConceptMap has no group")
	}
	for i, g := range v.List("group") {
		at := fmt.Sprintf("group[%d]", i)
		for j, el := range g.List("element") {
			t.addElement(g.Str("target"), el, fmt.Sprintf("%s.element[%d]", at, j), report)
		}
		t.addUnmapped(g, at, report)
	}
	return t
}

// equivalences that mean "there is a target"; the others of
// http://hl7.org/fhir/concept-map-equivalence say that there is none.
var equivalences = []string{"", "relatedto", "equivalent", "equal", "wider", "subsumes", "narrower", "specializes", "inexact"}

var noEquivalences = []string{"unmatched", "disjoint"}

func (t *table) addElement(system string, el *element.Value, at string, report func(int, int, string)) {
	code := el.Str("code")
	if code == "" {
		report(0, 0, at+" has no code")
		return
	}
	var to entry
	for _, tg := range el.List("target") {
		eq := tg.Str("equivalence")
		if !slices.Contains(equivalences, eq) {
			if !slices.Contains(noEquivalences, eq) {
				report(0, 0, at+" has an unknown equivalence")
			}
			to.none = true
			continue
		}
		if tg.Str("code") == "" {
			report(0, 0, at+" has a target without a code")
			continue
		}
		to.target = target{system, tg.Str("code"), tg.Str("display")}
		break
	}
	if _, twice := t.codes[code]; !twice {
		t.codes[code] = to
		t.order = append(t.order, code)
	}
}

func (t *table) addUnmapped(g *element.Value, at string, report func(int, int, string)) {
	u := g.Get("unmapped")
	if u == nil || t.unmapped != nil {
		return
	}
	system, fixed, display := g.Str("target"), u.Str("code"), u.Str("display")
	switch u.Str("mode") {
	case "provided":
		t.unmapped = func(code string) (target, bool) { return target{system: system, code: code}, true }
	case "fixed":
		if fixed == "" {
			report(0, 0, at+".unmapped is fixed but has no code")
			return
		}
		t.unmapped = func(string) (target, bool) { return target{system, fixed, display}, true }
	default:
		report(0, 0, at+".unmapped knows the modes provided and fixed only")
	}
}
