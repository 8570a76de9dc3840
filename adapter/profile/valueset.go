package profile

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// member is the answer to whether a code is in a value set.
type member uint8

const (
	outside member = iota
	inside
	unknown // the value set has parts that cannot be listed from here
)

// valueSet is a ValueSet as far as its codes can be listed from what is
// loaded. https://hl7.org/fhir/R4/valueset.html#composition
type valueSet struct {
	url   string
	codes map[string]map[string]bool // by system
	open  map[string]string          // systems of which not all codes are known, and why
	any   string                     // why nothing that is not listed can be said to be outside
	order []string                   // the codes listed, for people
	lists *listing                   // what it is listed for; nil: to hold codes against
	full  bool                       // it has more codes than are listed
}

// maxValueSetCodes bounds what is listed of one value set.
const maxValueSetCodes = 100_000

// maxValueSetDepth bounds value sets that include each other.
const maxValueSetDepth = 8

// compileValueSet lists what a ValueSet includes. It is never an error: what
// cannot be listed is remembered with the reason.
func (l *Library) compileValueSet(v *element.Value, depth int) *valueSet {
	s := l.newValueSet(v)
	compose := v.Get("compose")
	for _, in := range compose.List("include") {
		s.include(l, in, depth)
	}
	if l.lists == nil { // an expansion may be older than what the value set says now
		s.expansion(v.Get("expansion").List("contains"), 0)
	}
	if compose == nil {
		// An expansion alone may be of a moment, of a page or without
		// inactive codes.
		s.any = "it has no definition, only an expansion"
	}
	for _, ex := range compose.List("exclude") {
		s.exclude(ex)
	}
	return s
}

func (l *Library) newValueSet(v *element.Value) *valueSet {
	return &valueSet{url: v.Str("url"), codes: map[string]map[string]bool{}, open: map[string]string{}, lists: l.lists}
}

// ended reports whether listing for a search goes no further: there are too many
// codes, or some that are not known.
func (s *valueSet) ended() bool {
	return s.lists != nil && (s.full || s.any != "" || len(s.open) > 0 || s.lists.err != nil)
}

func (s *valueSet) add(system, code string) {
	most := maxValueSetCodes
	if s.lists != nil {
		if most = s.lists.most; s.ended() || !s.lists.goThrough() {
			return
		}
	}
	if code == "" || len(s.order) >= most && !s.codes[system][code] {
		if code != "" {
			s.any, s.full = "it has more codes than are listed", true
		}
		return
	}
	if s.codes[system] == nil {
		s.codes[system] = map[string]bool{}
	}
	if !s.codes[system][code] {
		s.codes[system][code] = true
		s.order = append(s.order, code)
	}
}

func (s *valueSet) include(l *Library, in *element.Value, depth int) {
	system, sets := in.Str("system"), in.List("valueSet")
	switch {
	case s.ended():
	case system != "" && len(sets) > 0 || len(sets) > 1:
		s.any = "it is an intersection of value sets"
	case len(sets) == 1:
		s.merge(l, sets[0].Text, depth)
	case system == "":
		s.any = "it includes codes without naming their system"
	case in.Get("filter") != nil:
		s.open[system] = "codes of " + short(system) + " are chosen by a rule, which needs a terminology server"
	case in.Get("concept") != nil:
		for _, c := range in.List("concept") {
			s.add(system, c.Str("code"))
		}
	default:
		cs := l.codeSystem(system, in.Str("version"))
		if cs == nil || cs.Str("content") != "complete" {
			s.open[system] = "the codes of " + short(system) + " are not in a loaded package"
			return
		}
		s.concepts(system, cs.List("concept"), 0)
	}
}

// merge adds the codes of another value set.
func (s *valueSet) merge(l *Library, canonical string, depth int) {
	if depth >= maxValueSetDepth {
		s.any = "value sets include each other too deeply"
		return
	}
	o := l.valueSet(canonical, depth+1)
	if o == nil {
		s.any = "it includes " + short(canonical) + ", which is not loaded"
		return
	}
	for system, codes := range o.codes {
		for code := range codes {
			s.add(system, code)
		}
	}
	s.full = s.full || o.full
	for system, why := range o.open {
		s.open[system] = why
	}
	if o.any != "" {
		s.any = o.any
	}
}

// concepts adds the concepts of a CodeSystem and those below them.
func (s *valueSet) concepts(system string, list []*element.Value, depth int) {
	for _, c := range list {
		s.add(system, c.Str("code"))
		if depth < element.DefaultLimits.Depth {
			s.concepts(system, c.List("concept"), depth+1)
		}
	}
}

// expansion adds codes that were in the value set when somebody expanded it.
// They close nothing: a newer edition of a code system has more.
func (s *valueSet) expansion(list []*element.Value, depth int) {
	for _, c := range list {
		if a := c.Get("abstract"); a == nil || a.Text != "true" {
			s.add(c.Str("system"), c.Str("code"))
		}
		if depth < element.DefaultLimits.Depth {
			s.expansion(c.List("contains"), depth+1)
		}
	}
}

// exclude takes codes away; where which ones cannot be listed, nothing listed
// of the system is certain any more.
func (s *valueSet) exclude(ex *element.Value) {
	system := ex.Str("system")
	if system == "" || ex.Get("valueSet") != nil || ex.Get("filter") != nil || ex.Get("concept") == nil {
		s.codes[system] = nil
		s.open[system] = "codes are excluded by a rule, which needs a terminology server"
		if system == "" {
			s.any = s.open[system]
			s.codes = map[string]map[string]bool{}
		}
		return
	}
	for _, c := range ex.List("concept") {
		delete(s.codes[system], c.Str("code"))
	}
}

// has reports whether a code is in the value set; why says what cannot be
// known. Without a system, as of a code element, every system counts.
func (s *valueSet) has(system, code string) (is member, why string) {
	if system == "" {
		for _, codes := range s.codes {
			if codes[code] {
				return inside, ""
			}
		}
		if len(s.open) > 0 {
			return unknown, s.open[slices.Min(slices.Collect(maps.Keys(s.open)))]
		}
	}
	if s.codes[system][code] {
		return inside, ""
	}
	if why, open := s.open[system]; open {
		return unknown, why
	}
	if s.any != "" {
		return unknown, s.any
	}
	return outside, ""
}

// short is an address as it is quoted: anybody may have written it, of any
// length.
func short(canonical string) string {
	const most = 200
	if r := []rune(canonical); len(r) > most {
		return string(r[:most]) + "…"
	}
	return canonical
}

// says lists the codes for a person.
func (s *valueSet) says() string {
	const few = 20
	var list []string
	for _, code := range s.order {
		for _, codes := range s.codes {
			if codes[code] && !slices.Contains(list, code) { // two systems may have it
				list = append(list, code)
				break
			}
		}
		if len(list) > few {
			return strconv.Itoa(len(s.order)) + " codes of the value set " + short(s.url)
		}
	}
	if len(list) == 0 || len(s.open) > 0 || s.any != "" {
		return "the codes of the value set " + short(s.url)
	}
	return strings.Join(list, ", ") + " (value set " + short(s.url) + ")"
}
