package profile

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// typeOf holds a value against the types that a profile allows, their profiles
// and what references may point to.
func (w *walk) typeOf(n *node, it part) {
	if len(n.types) == 0 || it.v == nil && it.beside == nil {
		return
	}
	var profiles []string
	fits, names := false, []string{}
	for _, t := range n.types {
		names = append(names, t.code)
		// Types that are not of FHIR are those of ids and urls, and Resource is
		// any; only a choice and a resource can have another type at all.
		if it.choice == "" && !(it.t.Is() && it.t.Resource()) || strings.EqualFold(t.code, it.code()) || t.code == "Resource" || t.code == "DomainResource" {
			fits = true
			profiles = append(profiles, t.profiles...)
			if len(t.profiles) == 0 {
				profiles = append(profiles, "") // the type as it is will do
			}
			if t.code == "Reference" {
				w.target(it, n.types)
			}
		}
	}
	if !fits {
		w.report("error", "structure", "", "must be "+strings.Join(names, " or "))
		return
	}
	if !slices.Contains(profiles, "") {
		w.oneOf(it, profiles)
	}
}

// oneOf holds a value against profiles of which it must meet one.
func (w *walk) oneOf(it part, canonicals []string) {
	var known []*Profile
	for _, c := range canonicals {
		p, why := w.l.Profile(c)
		if p == nil {
			if !strings.HasPrefix(c, baseProfiles) || strings.ContainsAny(c[len(baseProfiles):], "-") {
				w.note(c + ": " + why)
			}
			return // one that might be met
		}
		known = append(known, p)
	}
	if len(known) == 1 {
		w.held(it, known[0])
		return
	}
	for _, p := range known {
		if w.conforms(it, p) {
			return
		}
	}
	w.report("error", "structure", "", "must meet one of "+strings.Join(canonicals, ", "))
}

// baseProfiles is where the types of R4 themselves are defined.
const baseProfiles = "http://hl7.org/fhir/StructureDefinition/"

// target holds a literal reference against the types that may be referred to.
func (w *walk) target(it part, types []allowedType) {
	var targets []string
	for _, t := range types {
		for _, c := range t.targets {
			typ := w.l.typeOf(c)
			if typ == "" || typ == "Resource" {
				return // one that is not known here might be it
			}
			if !slices.Contains(targets, typ) {
				targets = append(targets, typ)
			}
		}
	}
	if typ := w.referred(it); len(targets) > 0 && typ != "" && !slices.Contains(targets, typ) {
		w.push("reference", -1)
		w.report("error", "value", "", "must point to "+strings.Join(targets, " or "))
		w.pop()
	}
}

// typeOf is the resource type of a canonical, "" when it is not known.
func (l *Library) typeOf(canonical string) string {
	if p, _ := l.Profile(canonical); p != nil {
		return p.Type
	}
	url, _, _ := strings.Cut(canonical, "|")
	if typ, ok := strings.CutPrefix(url, baseProfiles); ok && (fhir.Known(typ) || typ == "Resource") {
		return typ
	}
	return ""
}

// referred is the type of what a reference points to, as far as the reference,
// or what is contained, tells.
func (w *walk) referred(it part) string {
	if target := w.resolve(it); target != nil {
		return target.ResourceType()
	}
	ref := it.v.Str("reference")
	list := strings.Split(ref, "/")
	if i := slices.Index(list, "_history"); i > 0 {
		list = list[:i]
	}
	if n := len(list); n >= 2 && fhir.Known(list[n-2]) && !strings.ContainsAny(ref, "?#") {
		return list[n-2]
	}
	if typ := it.v.Str("type"); fhir.Known(typ) {
		return typ
	}
	return ""
}

// resolve finds what a reference points to within the same resource or Bundle,
// nil when it is elsewhere.
func (w *walk) resolve(it part) *element.Value {
	if it.v == nil {
		return nil
	}
	ref := it.v.Str("reference")
	if id, ok := strings.CutPrefix(ref, "#"); ok {
		for _, c := range w.resource.List("contained") {
			if c.ID() == id {
				return c
			}
		}
		return nil
	}
	if ref == "" || w.root.ResourceType() != "Bundle" {
		return nil
	}
	for _, e := range w.root.List("entry") {
		w.steps--
		r := e.Get("resource")
		if r != nil && (e.Str("fullUrl") == ref || r.ResourceType()+"/"+r.ID() == ref) {
			return r
		}
	}
	return nil
}
