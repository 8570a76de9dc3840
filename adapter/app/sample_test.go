package app_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/resource"
)

// sampler makes resources that search parameters find, out of the paths of the
// parameters and the structure of R4. Every value it gives out is its own.
type sampler struct {
	n int
	// template is what a type has beyond the structure of R4, as JSON.
	template map[string]string
}

// sample is a resource with a value at one search parameter.
type sample struct {
	resource *element.Value
	hit      string // a search value that finds it
	miss     string // one that does not
}

// number is the next number, which makes values of a sample its own.
func (s *sampler) number() int { s.n++; return s.n }

// minimal is a resource that R4 and the house take, with nothing to spare.
func (s *sampler) minimal(typ string) (*element.Value, error) {
	v := element.NewObject(element.S("resourceType", typ))
	if t := s.template[typ]; t != "" {
		var err error
		if v, err = element.Parse([]byte(t), element.Limits{}); err != nil {
			return nil, err
		}
	}
	return v, s.complete(v)
}

// find makes a resource that the parameter finds; target is what a reference
// points to.
func (s *sampler) find(typ string, p *resource.Parameter, target string) (out sample, err error) {
	for _, path := range p.Paths {
		if out, err = s.at(typ, p, path.Text, target); err == nil {
			return out, nil
		}
	}
	return out, fmt.Errorf("%s %s: %w", typ, p.Name, err)
}

func (s *sampler) at(typ string, p *resource.Parameter, path, target string) (sample, error) {
	v, err := s.minimal(typ)
	if err != nil {
		return sample{}, err
	}
	if fixed := cmp.Or(v.TextAt(path), v.TextAt(path+".coding.code")); p.Kind == resource.Token && fixed != "" {
		return sample{v, fixed, "none"}, s.complete(v) // what must be there
	}
	root, _ := fhir.TypeOf(typ)
	var hit, miss string
	if p.Kind == resource.Composite {
		base := &spot{typ, "", root, v}
		if path != "$this" {
			if base, err = base.walk(path, resource.Composite); err != nil {
				return sample{}, err
			}
		}
		var hits, misses []string
		for _, c := range p.Components {
			h, m, err := s.place(base, c.Kind, c.Paths[0].Text, target)
			if err != nil {
				return sample{}, err
			}
			hits, misses = append(hits, h), append(misses, m)
		}
		hit, miss = strings.Join(hits, "$"), strings.Join(append(misses[:1:1], hits[1:]...), "$")
	} else if hit, miss, err = s.place(&spot{typ, "", root, v}, p.Kind, path, target); err != nil {
		return sample{}, err
	}
	return sample{v, hit, miss}, s.complete(v)
}

// spot is a place in a resource.
type spot struct {
	typ   string // of the resource
	path  string // with the names of choices as they are written
	of    fhir.Type
	value *element.Value
}

// choices are the types of a choice that are taken for a kind of parameter, the
// best first.
var sampleChoices = map[resource.Kind][]string{
	resource.Token:     {"CodeableConcept", "Coding", "Boolean", "String"},
	resource.Date:      {"DateTime", "Date", "Period", "Timing"},
	resource.Reference: {"Reference", "Canonical"},
	resource.String:    {"String"},
	resource.URI:       {"Uri", "Canonical"},
	resource.Quantity:  {"Quantity", "Age", "Range"},
}

// element finds the element of a name, of a choice the best one for the kind.
func (at *spot) element(name, as string, kind resource.Kind) (fhir.Element, error) {
	if as != "" {
		if e, ok := at.of.Element(name + strings.ToUpper(as[:1]) + as[1:]); ok {
			return e, nil
		}
	}
	if e, ok := at.of.Element(name); ok {
		return e, nil
	}
	for _, as := range sampleChoices[kind] {
		if e, ok := at.of.Element(name + as); ok {
			return e, nil
		}
	}
	return fhir.Element{}, fmt.Errorf("%s has no element %s for a %s", at.of.Name(), name, kind)
}

// walk goes to a complex element, making what is missing on the way.
func (at *spot) walk(path string, kind resource.Kind) (*spot, error) {
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, ".")
		e, err := at.element(name, "", kind)
		if err != nil {
			return nil, err
		}
		at = at.into(e)
	}
	return at, nil
}

// into is the first item of an element, made when it is missing.
func (at *spot) into(e fhir.Element) *spot {
	x := at.value.Get(e.Name())
	if x == nil {
		x = element.NewObject()
		if e.Repeats() {
			at.value.Append(e.Name(), x)
		} else {
			at.value.Set(e.Name(), x)
		}
	} else if x.Kind == element.Array {
		x = x.Items[0]
	}
	return &spot{at.typ, strings.TrimPrefix(at.path+"."+e.Name(), "."), e.Type(), x}
}

// place puts a value at a path, and returns how it is searched for.
func (s *sampler) place(at *spot, kind resource.Kind, path, target string) (hit, miss string, err error) {
	if name, _, ok := strings.Cut(path, ".exists() and "); ok {
		at.value.Set(name+"Boolean", element.NewBool(true))
		return "true", "false", nil
	}
	system := ""
	var names [][2]string // and the type of a choice
	for rest := path; rest != ""; {
		var one string
		if strings.HasPrefix(rest, "where(") {
			end := strings.LastIndexByte(rest, ')') + 1
			one, rest = rest[:end], strings.TrimPrefix(rest[end:], ".")
			if v, ok := strings.CutPrefix(one, "where(system='"); ok {
				system = strings.TrimSuffix(v, "')")
			}
			continue
		}
		one, rest, _ = strings.Cut(rest, ".")
		if as, ok := strings.CutPrefix(one, "ofType("); ok {
			names[len(names)-1][1] = strings.TrimSuffix(as, ")")
			continue
		}
		names = append(names, [2]string{one, ""})
	}
	for i, n := range names {
		e, err := at.element(n[0], n[1], kind)
		if err != nil {
			return "", "", err
		}
		if i < len(names)-1 {
			at = at.into(e)
			continue
		}
		_, _, codes, _, _ := fhir.Schema{}.Shape(at.typ, strings.TrimPrefix(at.path+"."+e.Name(), "."))
		v, hit, miss, err := s.value(e.Type(), codes, target)
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", n[0], err)
		}
		if system != "" {
			v.SetString("system", system)
		}
		if at.value.Get(e.Name()) != nil {
			at.value.Remove(e.Name())
		}
		if e.Repeats() {
			at.value.Append(e.Name(), v)
		} else {
			at.value.Set(e.Name(), v)
		}
		return hit, miss, nil
	}
	return "", "", fmt.Errorf("%q names no element", path)
}

// value makes a value of a type, with how it is searched for.
func (s *sampler) value(t fhir.Type, codes []string, target string) (v *element.Value, hit, miss string, err error) {
	n := s.number()
	word := "w" + strconv.Itoa(n)
	day := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n).Format(time.DateOnly)
	coding := element.NewObject(element.S("system", "urn:sample:"+word), element.S("code", word))
	token := "urn:sample:" + word + "|" + word
	amount := func() *element.Value {
		return element.NewObject(element.F("value", element.NewNumber(strconv.Itoa(n))))
	}
	switch t.Name() {
	case "CodeableConcept":
		return element.NewObject(element.F("coding", element.NewArray(coding))), token, "none", nil
	case "Coding":
		return coding, token, "none", nil
	case "Identifier":
		return element.NewObject(element.S("system", "urn:sample:"+word), element.S("value", word)), token, "none", nil
	case "ContactPoint":
		return element.NewObject(element.S("system", "phone"), element.S("value", word)), word, "none", nil
	case "HumanName":
		return element.NewObject(element.S("family", word)), word, "none", nil
	case "Address":
		return element.NewObject(element.S("city", word)), word, "none", nil
	case "Reference":
		return element.NewObject(element.S("reference", target)), target, target + "-not", nil
	case "Period":
		return element.NewObject(element.S("start", day), element.S("end", day)), day, "1999", nil
	case "Timing":
		return element.NewObject(element.F("event", element.NewArray(element.NewString(day)))), day, "1999", nil
	case "Quantity", "SimpleQuantity", "Age", "Duration":
		v := amount()
		v.SetString("system", "http://unitsofmeasure.org")
		v.SetString("code", "a")
		return v, fmt.Sprintf("%d|http://unitsofmeasure.org|a", n), "-1", nil
	case "Range":
		return element.NewObject(element.F("low", amount()), element.F("high", amount())), strconv.Itoa(n), "-1", nil
	case "Position":
		return element.NewObject(element.F("longitude", element.NewNumber("-1.5")), element.F("latitude", element.NewNumber("53."+strconv.Itoa(n)))),
			"53." + strconv.Itoa(n) + "|-1.5|1|km", "10|10|1|km", nil
	}
	if !t.Primitive() {
		return nil, "", "", fmt.Errorf("no value of %s is made", t.Name())
	}
	switch t.Name() {
	case "Boolean":
		return element.NewBool(true), "true", "false", nil
	case "Date":
		return element.NewString(day), day, "1999", nil
	case "DateTime", "Instant":
		return element.NewString(day + "T10:00:00Z"), day + "T10:00:00Z", "1999", nil
	case "Canonical", "Uri", "Url":
		if target != "" {
			return element.NewString(canonicalOf(target)), canonicalOf(target), canonicalOf(target) + "-not", nil
		}
		u := "http://example.org/" + word
		return element.NewString(u), u, u + "-not", nil
	case "Code":
		if len(codes) > 0 {
			return element.NewString(codes[0]), codes[0], "none", nil
		}
	case "Decimal", "Integer", "PositiveInt", "UnsignedInt":
		return element.NewNumber(strconv.Itoa(n)), strconv.Itoa(n), "-1", nil
	case "Base64Binary":
		return element.NewString("aGVsbG8="), "", "", nil
	}
	return element.NewString(word), word, "none", nil
}

// canonicalOf is the address that the sample of a definition is published under.
func canonicalOf(target string) string { return "http://example.org/" + target }

// complete adds what the structure of R4 finds missing, until it finds nothing.
func (s *sampler) complete(v *element.Value) error {
	for range 20 {
		issues := fhir.Check(v)
		if len(issues) == 0 {
			return nil
		}
		for _, is := range issues {
			if err := s.mend(v, is.Code, is.Expression, is.Text); err != nil {
				return fmt.Errorf("%s: %s: %w", is.Expression, is.Text, err)
			}
		}
	}
	return fmt.Errorf("%s is never complete", v.ResourceType())
}

// invariantNeeds is the element that meets an invariant of R4.
var invariantNeeds = map[string]string{
	"ppc-1": "policyRule", "org-1": "name", "att-1": "contentType", "prr-1": "code", "qty-3": "system",
	"app-1": "actor", "app-2": "end", "app-3": "start",
}

func (s *sampler) mend(v *element.Value, code, expression, text string) error {
	steps := strings.Split(expression, ".")
	missing := ""
	if code == "required" {
		missing, steps = steps[len(steps)-1], steps[:len(steps)-1]
	} else {
		for rule, name := range invariantNeeds {
			if strings.Contains(text, "("+rule+")") {
				missing = name
			}
		}
	}
	if missing == "" {
		return fmt.Errorf("no way to mend this is known")
	}
	root, _ := fhir.TypeOf(v.ResourceType())
	at := &spot{v.ResourceType(), "", root, v}
	for _, step := range steps[1:] {
		name, _, _ := strings.Cut(step, "[")
		e, ok := at.of.Element(name)
		if !ok {
			return fmt.Errorf("%s has no element %s", at.of.Name(), name)
		}
		at = at.into(e)
	}
	if at.value.Get(missing) != nil {
		return nil
	}
	e, err := at.element(missing, "", resource.Token)
	if err != nil {
		if e, err = at.element(missing, "", resource.Date); err != nil {
			return err
		}
	}
	_, _, codes, targets, _ := fhir.Schema{}.Shape(at.typ, strings.TrimPrefix(at.path+"."+e.Name(), "."))
	target := "Patient/nobody"
	if len(targets) > 0 && !slices.Contains(targets, "Patient") {
		target = targets[0] + "/nobody"
	}
	x, _, _, err := s.value(e.Type(), codes, target)
	if err != nil {
		if e.Type().Primitive() {
			return err
		}
		x = element.NewObject(element.F("extension", element.NewArray(element.NewObject( // its own elements are mended next
			element.S("url", "http://example.org/sample"), element.S("valueString", "s"+strconv.Itoa(s.number()))))))
	}
	if e.Repeats() {
		at.value.Append(e.Name(), x)
	} else {
		at.value.Set(e.Name(), x)
	}
	return nil
}
