package resource

import (
	"slices"
	"strings"
	"sync"

	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// canonical writes a system the standard way, and NHS numbers and ODS codes
// too, so that a search finds what is meant however either side spells it: the
// same systems stand in real data in several cases and with both schemes.
func canonical(system, code string) (string, string) {
	if system == "" {
		return system, code
	}
	system, _ = nhs.CanonicalSystem(system)
	parse := nhs.ParseODS
	switch system {
	case nhs.SystemNHSNumber:
		parse = nhs.ParseNumber
	case nhs.SystemODSOrganization, nhs.SystemODSSite:
	default:
		return system, code
	}
	if normal, reason := parse(code); reason == nhs.Valid {
		code = normal
	}
	return system, code
}

// plain reports whether the parameter, or the first part of a composite, is over
// elements of type code or boolean, which have one system, so that what is said
// before the bar is not looked at.
func (d *Parameter) plain() bool { return plainParameters()[d] }

var plainParameters = sync.OnceValue(func() map[*Parameter]bool {
	out := map[*Parameter]bool{}
	for i := range definitions {
		typ, _ := fhir.TypeOf(definitions[i].Type)
		for j := range definitions[i].Parameters {
			d := &definitions[i].Parameters[j]
			switch d.Kind {
			case Token:
				out[d] = allPlain(typ, d.Paths)
			case Composite:
				first := d.Components[0].Paths
				out[d] = !slices.ContainsFunc(d.Paths, func(p Path) bool {
					part, ok := p.in(typ)
					return !ok || !allPlain(part, first)
				})
			}
		}
	}
	return out
})

// codes are all codes that the elements of a token parameter may have, where each
// has a required binding; nil: any.
func (d *Parameter) codes() []string { return boundParameters()[d] }

var boundParameters = sync.OnceValue(func() map[*Parameter][]string {
	out := map[*Parameter][]string{}
	for i := range definitions {
		typ, _ := fhir.TypeOf(definitions[i].Type)
		for j := range definitions[i].Parameters {
			d := &definitions[i].Parameters[j]
			var all []string
			for _, p := range d.Paths {
				of, ok := p.in(typ)
				if !ok || !of.Primitive() || !of.Bound() {
					all = nil
					break
				}
				all = append(all, of.Codes()...)
			}
			if d.Kind == Token && len(all) > 0 {
				slices.Sort(all)
				out[d] = slices.Compact(all)
			}
		}
	}
	return out
})

func allPlain(typ fhir.Type, paths []Path) bool {
	return !slices.ContainsFunc(paths, func(p Path) bool {
		of, ok := p.in(typ)
		return !ok || of.Name() != "Code" && of.Name() != "Boolean"
	})
}

// in is the type of what stands at the path in a type; ok is false where there
// is no one type.
func (p Path) in(typ fhir.Type) (of fhir.Type, ok bool) {
	for _, s := range p.steps {
		if s.name == "" {
			continue
		}
		name := s.name
		if s.as != "" {
			name += strings.ToUpper(s.as[:1]) + s.as[1:]
		}
		e, ok := typ.Element(name)
		if !ok {
			return fhir.Type{}, false
		}
		typ = e.Type()
	}
	return typ, typ.Is() && p.flag == ""
}
