package profile

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// Library is what resources can be held against beside the base of R4: the
// profiles, value sets and code systems of packages, found by their canonical
// url, with or without |version. It is made once and not changed after that.
// https://hl7.org/fhir/R4/references.html#canonical
type Library struct {
	profiles map[string][]*Profile // by url, newest first
	sets     map[string][]definition
	systems  map[string][]definition
	compiled map[*element.Value]*valueSet
	unusable []Unusable
	// structures are the profiles as they came, which others may be based on.
	structures map[string][]definition

	lists *listing // what is listed for a search; nil: value sets are what codes are held against
}

type definition struct {
	version string
	v       *element.Value
}

// Unusable is a profile that is in a package and cannot be held against, and
// why.
type Unusable struct{ Canonical, Why string }

// NewLibrary reads the definitions of packages. What stands in several is
// taken from the first. Profiles that cannot be used are no error: Unusable
// names them.
func NewLibrary(packages ...*Package) *Library {
	l := &Library{
		profiles: map[string][]*Profile{}, sets: map[string][]definition{}, systems: map[string][]definition{},
		compiled: map[*element.Value]*valueSet{}, structures: map[string][]definition{},
	}
	var structures []*element.Value
	for _, p := range packages {
		for _, v := range p.Definitions {
			switch v.ResourceType() {
			case "ValueSet":
				keep(l.sets, v)
			case "CodeSystem":
				keep(l.systems, v)
			case "StructureDefinition":
				structures = append(structures, v)
				keep(l.structures, v)
			}
		}
	}
	for _, v := range structures {
		l.structure(v)
	}
	l.structures = nil
	for _, list := range l.profiles {
		slices.SortStableFunc(list, func(a, b *Profile) int { return -compareVersions(a.Version, b.Version) })
	}
	return l
}

func keep(into map[string][]definition, v *element.Value) {
	url, version := v.Str("url"), v.Str("version")
	if url == "" || slices.ContainsFunc(into[url], func(d definition) bool { return d.version == version }) {
		return
	}
	into[url] = append(into[url], definition{version, v})
	slices.SortStableFunc(into[url], func(a, b definition) int { return -compareVersions(a.version, b.version) })
}

// structure compiles a StructureDefinition that constrains a resource type or
// a datatype. Those that define the types themselves are the base, which
// fhir.Check knows.
func (l *Library) structure(v *element.Value) {
	if v.Str("derivation") != "constraint" {
		return
	}
	p, why := l.compile(v)
	url, version := v.Str("url"), v.Str("version")
	canonical := url
	if version != "" {
		canonical += "|" + version
	}
	if why != "" {
		l.unusable = append(l.unusable, Unusable{canonical, why})
		return
	}
	if !slices.ContainsFunc(l.profiles[url], func(o *Profile) bool { return o.Version == version }) {
		l.profiles[url] = append(l.profiles[url], p)
	}
}

// Unusable lists profiles that were found and cannot be used, by canonical.
func (l *Library) Unusable() []Unusable {
	out := slices.Clone(l.unusable)
	slices.SortFunc(out, func(a, b Unusable) int { return cmp.Compare(a.Canonical, b.Canonical) })
	return out
}

// Profiles lists the profiles that can be used, by canonical.
func (l *Library) Profiles() []*Profile {
	var out []*Profile
	for _, list := range l.profiles {
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b *Profile) int { return cmp.Compare(a.Canonical(), b.Canonical()) })
	return out
}

// Profile finds a profile by its canonical; without a version it is the newest
// one. Otherwise why says that there is none, or that it cannot be used.
func (l *Library) Profile(canonical string) (p *Profile, why string) {
	url, version, pinned := strings.Cut(canonical, "|")
	for _, p := range l.profiles[url] {
		if !pinned || p.Version == version {
			return p, ""
		}
	}
	for _, u := range l.unusable {
		if u.Canonical == canonical || !pinned && strings.HasPrefix(u.Canonical, url+"|") {
			return nil, u.Why
		}
	}
	if list := l.profiles[url]; len(list) > 0 {
		return nil, "of this profile version " + list[0].Version + " is loaded, not the one named"
	}
	return nil, "this profile is not loaded"
}

// Count says how many profiles, value sets and code systems there are.
func (l *Library) Count() (profiles, valueSets, codeSystems int) {
	for _, list := range l.profiles {
		profiles += len(list)
	}
	return profiles, len(l.sets), len(l.systems)
}

func find(in map[string][]definition, canonical string) *element.Value {
	url, version, pinned := strings.Cut(canonical, "|")
	for _, d := range in[url] {
		if !pinned || d.version == version {
			return d.v
		}
	}
	return nil
}

// find looks into the packages, then for what is held elsewhere.
func (l *Library) find(in map[string][]definition, typ, canonical string) *element.Value {
	if v := find(in, canonical); v != nil || l.lists == nil {
		return v
	}
	return l.lists.look(typ, canonical)
}

// valueSet finds a ValueSet and lists it, nil when it is not loaded.
func (l *Library) valueSet(canonical string, depth int) *valueSet {
	v := l.find(l.sets, "ValueSet", canonical)
	if v == nil {
		return nil
	}
	if s := l.compiled[v]; s != nil {
		return s
	}
	s := l.compileValueSet(v, depth)
	if depth == 0 || s.lists != nil && !s.ended() { // what stopped at the depth of another is not the whole
		l.compiled[v] = s
	}
	return s
}

func (l *Library) codeSystem(url, version string) *element.Value {
	if version != "" {
		url += "|" + version
	}
	return l.find(l.systems, "CodeSystem", url)
}

// compareVersions orders 2.10.0 behind 2.9.1; parts that are no numbers are
// compared as text.
func compareVersions(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		n, errN := strconv.Atoi(x)
		m, errM := strconv.Atoi(y)
		c := cmp.Compare(x, y)
		if errN == nil && errM == nil {
			c = cmp.Compare(n, m)
		}
		if c != 0 {
			return c
		}
	}
	return 0
}
