package profile

import (
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// A profile that comes as a differential alone is made whole: what it says is
// put over the elements of its base, which is another profile or a type of R4.
// Of a type only the elements are there that the differential is about: the
// structure of R4 is checked by fhir.Check, and what is not written is what R4
// has. Where that would take more than the definitions at hand, the profile is
// unusable, and why says so.
// https://hl7.org/fhir/R4/profiling.html#snapshot

// Bounds on what is grown.
const (
	maxBases       = 8  // profiles of profiles
	maxIDParts     = 40 // elements within elements
	needsSnapshots = "; a package with snapshots is needed"
)

// elements are those of the snapshot of a StructureDefinition, or what they come
// to. Bare says that its base is a type of R4, whose own rules are not among
// them.
func (l *Library) elements(v *element.Value, depth int) (list []*element.Value, bare bool, why string) {
	if list = v.At("snapshot").List("element"); len(list) > 0 {
		return list, false, ""
	}
	differential := v.At("differential").List("element")
	typ := v.Str("type")
	base, _, _ := strings.Cut(v.Str("baseDefinition"), "|")
	switch {
	case len(differential) == 0:
		return nil, false, "it has neither a snapshot nor a differential"
	case len(differential) > maxElements:
		return nil, false, "its differential has more than " + strconv.Itoa(maxElements) + " elements"
	case depth > maxBases:
		return nil, false, "its bases are too many, or go in a circle" + needsSnapshots
	}
	g := &growing{l: l, typ: typ, byID: map[string]*element.Value{}}
	var known bool
	if g.root, known = rootType(typ); !known {
		return nil, false, "it has no snapshot, and is one of " + typ + ", which is no resource and no Extension" + needsSnapshots
	}
	if base == baseProfiles+typ {
		bare = true
		g.add(element.NewObject(element.S("id", typ), element.S("path", typ)))
	} else {
		of := find(l.structures, v.Str("baseDefinition"))
		if of == nil || of.Str("type") != typ {
			return nil, false, "it has no snapshot, and its base " + base + " is not loaded as a profile of " + typ + needsSnapshots
		}
		if list, bare, why = l.elements(of, depth+1); why != "" {
			return nil, false, "of its base " + base + ": " + why
		}
		for _, e := range list {
			g.add(e.Clone())
		}
	}
	for _, d := range differential {
		if why := g.put(d); why != "" {
			return nil, false, "it has no snapshot, and of its differential " + why + needsSnapshots
		}
	}
	return g.list, bare, ""
}

// rootType is the type that a profile is one of.
func rootType(name string) (fhir.Type, bool) {
	if name != "Extension" {
		return fhir.TypeOf(name)
	}
	patient, _ := fhir.TypeOf("Patient")
	e, ok := patient.Element("extension")
	if !ok {
		return fhir.Type{}, false
	}
	return e.Type(), true
}

// growing is a snapshot while it is made.
type growing struct {
	l    *Library
	typ  string
	root fhir.Type
	list []*element.Value
	byID map[string]*element.Value
	// repeating says that what is made stands between an element and its own
	// content again, as answer does of QuestionnaireResponse.item.answer.item.
	repeating bool
}

func (g *growing) add(e *element.Value) {
	id := e.Str("id")
	if id == "" {
		id = e.Str("path")
	}
	g.list = append(g.list, e)
	g.byID[id] = e
}

// put lays one element of the differential over what is there.
func (g *growing) put(d *element.Value) (why string) {
	id := d.Str("id")
	if id == "" && d.Str("sliceName") == "" {
		id = d.Str("path")
	}
	if id == "" || len(g.list) > maxElements || strings.Count(id, ".") >= maxIDParts {
		return "an element has no id, or there are too many"
	}
	if why := g.ensure(id); why != "" {
		return why
	}
	over := g.byID[id]
	based := over.Str("max")
	for _, f := range d.Fields {
		switch {
		case f.Name == "id" || f.Name == "path":
		case f.Name == "constraint" && over.Get("constraint") != nil:
			all := over.Get("constraint").Clone()
			all.Items = append(all.Items, f.Value.Items...)
			over.Set("constraint", all)
		default:
			over.Set(f.Name, f.Value.Clone())
		}
	}
	if types := d.List("type"); d.Get("max") == nil && strings.Contains(id, ":") && len(types) == 1 && len(types[0].List("profile")) == 1 {
		// A slice is as often there as its own profile has it, such as an
		// extension that is there once.
		// Never more often than the base has the slice.
		if most := fewer(based, g.l.most(types[0].List("profile")[0].Text)); most != "" {
			over.SetString("max", most)
		}
	}
	return ""
}

// fewer is the smaller of two values of max; what is no number, as a star, is
// larger than any, and "" says nothing.
func fewer(a, b string) string {
	n, errA := strconv.Atoi(a)
	m, errB := strconv.Atoi(b)
	if b == "" || errA == nil && (errB != nil || n <= m) {
		return a
	}
	return b
}

// most is the max of the root of a profile, "" when that is not loaded or does
// not say.
func (l *Library) most(canonical string) string {
	v := find(l.structures, canonical)
	for _, list := range []string{"snapshot", "differential"} {
		if elements := v.Get(list).List("element"); len(elements) > 0 && !strings.Contains(elements[0].Str("path"), ".") {
			return elements[0].Str("max")
		}
	}
	return ""
}

// ensure makes an element, and what it stands in, as the base has it.
func (g *growing) ensure(id string) (why string) {
	if g.byID[id] != nil {
		return ""
	}
	at := strings.LastIndexByte(id, '.')
	if at < 0 {
		return id + " is not the root, which is " + g.typ
	}
	above, last := id[:at], id[at+1:]
	if why := g.ensure(above); why != "" {
		return why
	}
	if g.byID[above].Get("contentReference") != nil {
		return id + " is within what has its content from elsewhere"
	}
	if name, slice, sliced := strings.Cut(last, ":"); sliced {
		return g.slice(id, above+"."+name, slice)
	}
	of, why := g.typeAt(above)
	if why != "" {
		return why
	}
	e := element.NewObject(element.S("id", id), element.S("path", plainPath(id)))
	minimum, maximum := 0, "1"
	choice, isChoice := strings.CutSuffix(last, "[x]")
	field, known := of.Element(last)
	switch {
	case isChoice && of.HasChoice(choice):
	case !known:
		return id + " is no element of R4"
	case field.Choice() != "":
		return id + " is to be written as " + field.Choice() + "[x]:" + last
	case field.Repeats():
		maximum = "*"
	}
	if of.Requires(strings.TrimSuffix(last, "[x]")) {
		minimum = 1
	}
	e.Set("min", element.NewNumber(strconv.Itoa(minimum)))
	e.SetString("max", maximum)
	g.add(e)
	if known && field.Type().Is() && field.Type().Backbone() && !g.repeating {
		return g.repeat(id, field.Type())
	}
	return ""
}

// slice makes a slice of an element.
func (g *growing) slice(id, sliced, name string) (why string) {
	if up := strings.LastIndexByte(name, '/'); up > 0 {
		sliced += ":" + name[:up]
	}
	if why := g.ensure(sliced); why != "" {
		return why
	}
	of := g.byID[sliced]
	extension := strings.HasSuffix(sliced, ".extension") || strings.HasSuffix(sliced, ".modifierExtension")
	switch {
	case of.Get("slicing") != nil || strings.HasSuffix(sliced, "[x]"):
	case extension: // extensions are told apart by their url, whoever says so
		of.Set("slicing", element.NewObject(element.S("rules", "open"), element.F("discriminator", element.NewArray(
			element.NewObject(element.S("type", "value"), element.S("path", "url"))))))
	default:
		return id + " is a slice, and nothing says what tells the slices apart"
	}
	e := element.NewObject(element.S("id", id), element.S("path", plainPath(id)), element.S("sliceName", name), element.F("min", element.NewNumber("0")))
	for _, same := range []string{"max", "type"} {
		if x := of.Get(same); x != nil {
			e.Set(same, x.Clone())
		}
	}
	if strings.HasSuffix(sliced, "[x]") {
		above, why := g.typeAt(sliced[:strings.LastIndexByte(sliced, '.')])
		if why != "" {
			return why
		}
		if field, known := above.Element(name); known {
			e.Set("type", element.NewArray(element.NewObject(element.S("code", field.Type().Name()))))
		}
	}
	g.add(e)
	return ""
}

// repeat says of the elements below one that have its own content, as
// Questionnaire.item.item has, that they do.
func (g *growing) repeat(id string, t fhir.Type) (why string) {
	g.repeating = true
	defer func() { g.repeating = false }()
	seen := map[fhir.Type]bool{t: true}
	var visit func(at string, u fhir.Type) (why string)
	visit = func(at string, u fhir.Type) (why string) {
		for _, e := range u.Elements() {
			below := at + "." + e.Name()
			switch {
			case !e.Type().Is():
			case e.Type() == t:
				if why := g.ensure(at); why != "" {
					return why
				}
				g.add(element.NewObject(element.S("id", below), element.S("path", plainPath(below)), element.F("min", element.NewNumber("0")),
					element.S("max", "*"), element.S("contentReference", "#"+id)))
			case e.Type().Backbone() && !seen[e.Type()]:
				seen[e.Type()] = true
				if why := visit(below, e.Type()); why != "" {
					return why
				}
			}
		}
		return ""
	}
	return visit(id, t)
}

// typeAt is the type of an element by its id. The type of a choice is that of
// its slice, or the one that is left of it.
func (g *growing) typeAt(id string) (t fhir.Type, why string) {
	t = g.root
	parts := strings.Split(id, ".")
	at := parts[0]
	for _, part := range parts[1:] {
		at += "." + part
		name, slice, _ := strings.Cut(part, ":")
		if choice, is := strings.CutSuffix(name, "[x]"); is {
			name = slice
			if types := g.byID[at].List("type"); len(types) == 1 && types[0].Str("code") != "" {
				code := types[0].Str("code")
				name = choice + strings.ToUpper(code[:1]) + code[1:]
			}
		}
		e, known := t.Element(name)
		if !known {
			return t, at + " has no one type"
		}
		if t = e.Type(); !t.Is() || t.AnyResource() {
			return t, "what is below " + at + " depends on the resource there"
		}
	}
	return t, ""
}

// plainPath is the path of an id: without the names of slices.
func plainPath(id string) string {
	parts := strings.Split(id, ".")
	for i := range parts {
		parts[i], _, _ = strings.Cut(parts[i], ":")
	}
	return strings.Join(parts, ".")
}
